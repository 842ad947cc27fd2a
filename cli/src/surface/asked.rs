//! What a question says, wherever it is asked.

use doorkey_core::command::Question;

/// A question with the answers yes and no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub text: String,
    /// The answer of who only presses Enter.
    pub otherwise: bool,
}

impl Asked {
    /// What is asked about the service of that name; `None` if that is not known here: the answer is no then.
    pub fn of(question: Question, service: &str) -> Option<Self> {
        Some(match question {
            Question::PairAgain => Self {
                text: "The token was handed out already, probably in an answer that got lost. Pair again?"
                    .to_owned(),
                otherwise: true,
            },
            Question::Reconnect => {
                Self { text: format!("Already connected to {service}. Sign in again?"), otherwise: false }
            }
            _ => return None,
        })
    }
}
