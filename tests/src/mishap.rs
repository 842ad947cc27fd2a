//! What can happen to a request on its way.

use doorkey_core::http::{FailureKind, HttpResponse, RequestFailure};

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Mishap {
    /// Nothing.
    None,
    /// It reaches the issuer; the answer is lost.
    AnswerLost,
    /// It does not leave.
    NotSent,
    /// Something in between answers this, and the issuer never hears of it.
    Intercepted(u16, &'static str),
    /// The issuer's answer without its refresh token.
    WithoutRefreshToken,
    /// 429 with this `Retry-After`.
    Later(u64),
}

/// What comes back of a request.
pub type Answer = Result<HttpResponse, RequestFailure>;

impl Mishap {
    /// What comes back instead of the issuer's answer, if the request does not get as far as that.
    pub fn instead(&self) -> Option<Answer> {
        match self {
            Self::None | Self::AnswerLost | Self::WithoutRefreshToken => None,
            Self::NotSent => Some(failed(FailureKind::NotSent)),
            Self::Intercepted(status, body) => Some(Ok(HttpResponse::new(*status, *body))),
            Self::Later(seconds) => {
                Some(Ok(HttpResponse::new(429, "").header("retry-after", seconds.to_string())))
            }
        }
    }

    /// What becomes of the issuer's answer.
    ///
    /// # Panics
    /// If it is not the JSON object that it would have to be.
    pub fn befall(&self, answer: HttpResponse) -> Answer {
        match self {
            Self::AnswerLost => failed(FailureKind::AnswerLost),
            Self::WithoutRefreshToken => {
                let mut body: serde_json::Value = serde_json::from_slice(answer.body.as_bytes()).unwrap();
                body.as_object_mut().unwrap().remove("refresh_token");
                Ok(HttpResponse { body: body.to_string().into(), ..answer })
            }
            _ => Ok(answer),
        }
    }
}

fn failed(kind: FailureKind) -> Answer {
    Err(RequestFailure { kind, detail: "a wire was cut".into() })
}
