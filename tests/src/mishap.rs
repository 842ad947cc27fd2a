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
    /// What comes back of a request, where `ask` is the way to the issuer.
    ///
    /// # Panics
    /// If the issuer's answer is not the JSON object that it would have to be.
    pub fn befall(&self, ask: impl FnOnce() -> Answer) -> Answer {
        let failed = |kind| Err(RequestFailure { kind, detail: "a wire was cut".into() });
        match self {
            Self::None => ask(),
            Self::AnswerLost => {
                ask()?;
                failed(FailureKind::AnswerLost)
            }
            Self::NotSent => failed(FailureKind::NotSent),
            Self::Intercepted(status, body) => Ok(HttpResponse::new(*status, *body)),
            Self::WithoutRefreshToken => {
                let mut body: serde_json::Value = serde_json::from_slice(ask()?.body.as_bytes()).unwrap();
                body.as_object_mut().unwrap().remove("refresh_token");
                Ok(HttpResponse::new(200, body.to_string()))
            }
            Self::Later(seconds) => Ok(HttpResponse::new(429, "").header("retry-after", seconds.to_string())),
        }
    }
}
