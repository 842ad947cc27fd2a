//! What a browser brought back from an authorization endpoint (RFC 6749 §4.1.2), judged.
//!
//! The order is part of the safety: who has not seen the `state` of this login learns nothing and ends nothing; and whose
//! answer it is comes before what it says, an error included (RFC 9207 §2.4).

use alloc::format;

use crate::failure::{Exit, Failure};
use crate::oauth::{OAuth, OAuthError};
use crate::redirect::{REDIRECT_PATH, RedirectRequest};
use crate::secret::Secret;
use crate::service::Service;
use crate::text::harmless;

/// What an answer must fit to.
pub(crate) struct Expected<'a> {
    /// The listener, as browsers write it in `Host`.
    pub(crate) host: &'a str,
    pub(crate) state: &'a Secret,
    pub(crate) oauth: &'a OAuth,
}

/// What a request to the listener is.
pub(crate) enum AuthorizationResponse {
    /// Something else, or nothing that this login can have caused.
    NotAwaited,
    /// An answer to this login that another issuer gave, or may have given.
    OtherIssuer(Failure),
    /// The issuer's error (RFC 6749 §4.1.2.1).
    Refused(OAuthError),
    /// The authorization code.
    Code(Secret),
}

impl AuthorizationResponse {
    pub(crate) fn read(request: &RedirectRequest, expected: &Expected<'_>, service: &Service) -> Self {
        Self::of(request, expected, service).unwrap_or(Self::NotAwaited)
    }

    /// `None`: not awaited.
    fn of(request: &RedirectRequest, expected: &Expected<'_>, service: &Service) -> Option<Self> {
        // A page that had its own name point here would say that name (DNS rebinding).
        if request.method != "GET"
            || request.host.as_deref() != Some(expected.host)
            || request.path() != REDIRECT_PATH
        {
            return None;
        }
        let query = request.query();
        // No parameter may come twice (RFC 6749 §3.1): who reads the first and who reads the last must agree.
        let only = |name: &str| {
            let mut values = query.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
            (values.next(), values.next().is_some())
        };
        let [state, issuer, error, description, code] =
            ["state", "iss", "error", "error_description", "code"].map(only);
        if [state, issuer, error, description, code].iter().any(|(_, is_repeated)| *is_repeated) {
            return None;
        }
        if state.0? != expected.state {
            return None;
        }
        if let Some(failure) = other_issuer(issuer.0, expected.oauth, service) {
            return Some(Self::OtherIssuer(failure));
        }
        match (error.0, code.0) {
            (Some(error), None) => Some(Self::Refused(OAuthError {
                code: Some(harmless(error.expose_secret())).filter(|_| is_visible(error))?,
                description: description
                    .0
                    .map(|said| harmless(said.expose_secret()))
                    .filter(|said| !said.is_empty()),
                interval: None,
            })),
            (None, Some(code)) => Some(Self::Code(code.clone())).filter(|_| is_visible(code)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

/// RFC 9207 §2.4: compared as it is, without any normalization.
fn other_issuer(named: Option<&Secret>, oauth: &OAuth, service: &Service) -> Option<Failure> {
    let what = match (named, &oauth.issuer) {
        (Some(named), Some(issuer)) if named.expose_secret() == issuer => return None,
        (None, _) if !oauth.names_issuer => return None,
        (None, _) => format!("the browser brought an answer that does not say that it is {}'s", service.name),
        (Some(named), _) => {
            let named = harmless(named.expose_secret());
            format!("the browser brought an answer of {named:?}, not of {}", service.name)
        }
    };
    let failure = Failure::new(Exit::Server, "other_issuer", format!("{what}; its code was sent nowhere"));
    Some(failure.next(format!("{} again, and open no other link meanwhile", service.login_command())))
}

/// Visible ASCII, and not empty: less than RFC 6749 appendix A allows by the space, which no issuer uses.
fn is_visible(value: &Secret) -> bool {
    let text = value.expose_secret();
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}
