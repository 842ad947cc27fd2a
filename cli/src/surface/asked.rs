//! What a question says, wherever it is asked.

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
}

#[cfg(test)]
mod tests {
    use doorkey_core::oauth::OAuth;
    use doorkey_core::url::Url;

    use super::*;

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
