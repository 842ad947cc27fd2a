//! What a question says, wherever it is asked.

use std::io::{BufRead, Write};

use doorkey_core::command::Question;
use doorkey_core::service::Service;

/// A question with the answers yes and no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub text: String,
    /// The answer of who only presses Enter.
    pub otherwise: bool,
}

impl Asked {
    /// What is asked about the service; `None` if that is not known here: the answer is no then.
    pub fn of(question: Question, service: &Service) -> Option<Self> {
        Some(match question {
            Question::PairAgain => {
                let again = if service.oauth.is_some() { "Sign in" } else { "Pair" };
                Self {
                    text: format!(
                        "The token was handed out already, probably in an answer that got lost. {again} again?"
                    ),
                    otherwise: true,
                }
            }
            Question::Reconnect => Self {
                text: format!("Already connected to {}. Sign in again?", service.name),
                otherwise: false,
            },
            _ => return None,
        })
    }

    /// Asks in lines until the answer is yes or no.
    pub fn read(&self, input: &mut impl BufRead, output: &mut impl Write) -> bool {
        let choice = if self.otherwise { "[Y/n]" } else { "[y/N]" };
        let mut again = "";
        loop {
            let _ = write!(output, "{again}{} {choice} ", self.text).and_then(|()| output.flush());
            let mut line = Vec::new();
            if !input.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                // Without an answer nothing is done. The question's line is still open.
                let _ = writeln!(output);
                return false;
            }
            match String::from_utf8_lossy(&line).trim().to_ascii_lowercase().as_str() {
                "" => return self.otherwise,
                "y" | "yes" => return true,
                "n" | "no" => return false,
                _ => again = "Please answer y or n.\n",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::oauth::OAuth;
    use doorkey_core::url::Url;

    use super::*;

    #[test]
    fn only_yes_and_no_are_answers() {
        for (otherwise, typed, yes, asked) in [
            (false, "\n", false, 1),
            (true, "\n", true, 1),
            (false, "Yes\n", true, 1),
            (true, " n \n", false, 1),
            (false, "maybe\nyo\ny\n", true, 3),
            (true, "q\nNO\n", false, 2),
            (true, "", false, 1),
            (true, "yep\n", false, 2),
        ] {
            let mut output = Vec::new();
            let question = Asked { text: "Again?".to_owned(), otherwise };
            assert_eq!(question.read(&mut typed.as_bytes(), &mut output), yes, "{typed:?}");
            let output = String::from_utf8(output).unwrap();
            assert_eq!(output.matches("Again? [").count(), asked, "{typed:?}");
            assert_eq!(output.matches("Please answer y or n.\n").count(), asked - 1, "{typed:?}");
        }
    }

    #[test]
    fn who_never_paired_is_not_asked_to_pair_again() {
        let url = Url::parse("https://auth.example.com").unwrap();
        let pentify = Service::pentify(url.clone(), url.clone(), String::new());
        let issuer = Service::issuer("https://auth.example.com", "work", String::new()).unwrap();
        let issuer = issuer.with_oauth(OAuth::new(url));
        let ends = |service, end| Asked::of(Question::PairAgain, service).unwrap().text.ends_with(end);
        assert!(ends(&pentify, " Pair again?") && ends(&issuer, " Sign in again?"));
    }
}
