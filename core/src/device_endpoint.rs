//! The two kinds of deployments that grant to devices: what they are sent, and what their answers mean.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;

use crate::device_code::Spelling;
use crate::device_grant::{Granted, LegacyGrant};
use crate::envelope::{Envelope, json_object};
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::money::Money;
use crate::notice::PollState;
use crate::oauth::{DEVICE_CODE_GRANT, Dialect, OAuthError, TokenReply, is_given, token_in};
use crate::record::Gateway;
use crate::secret::Secret;
use crate::service::Service;
use crate::text::harmless;
use crate::time::Now;
use crate::url::{Text, Url};
use crate::workspace_answers::read_workspace;

/// Where the API tells its client's id, beside [`OAuth::client_id`].
const CONFIG: &str = "/api/cli/config";
/// The older deployments' own endpoints.
const LEGACY_CODE: &str = "/auth/device/code";
const LEGACY_TOKEN: &str = "/auth/device/token";

/// Who is asked for a device code and polled with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// The service's issuer (RFC 8628).
    Issuer { client_id: String },
    /// An older deployment of the API, which mints API keys. It wants to be told the client's id if that is known.
    Legacy { api: Url, client_id: Option<String> },
}

/// What one poll's answer means.
pub(crate) enum Verdict {
    /// Tokens, or a key.
    Granted(Granted),
    /// Nobody has decided yet.
    Pending,
    /// The polls come too fast; at least so much is to be between them, if the answer says so.
    SlowDown(Option<Duration>),
    /// Nothing definite. `lost`: it may stand for the answer with the tokens.
    Unclear { state: PollState, lost: bool },
    /// The code is unknown, or used up.
    Spent,
    /// Another definite answer.
    Failed(Failure),
}

/// The request for the client's id.
pub(crate) fn config_request(service: &Service) -> HttpRequest {
    HttpRequest::new(Method::Get, service.api.join(CONFIG)).header("accept", "application/json")
}

/// The client's id from that request's answer.
pub(crate) fn client_id(response: &HttpResponse) -> Option<String> {
    let body = json_object(response)?;
    let id = body.get("workosClientId")?.as_str()?;
    let fits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

/// Whether a status says that the deployment is an older one, which does not know the request.
pub(crate) fn is_unknown(status: u16) -> bool {
    matches!(status, 404 | 405 | 501)
}

impl Endpoint {
    /// The request for a device code (RFC 8628 §3.1); `None` if the issuer has none.
    pub(crate) fn code_request(&self, service: &Service) -> Option<HttpRequest> {
        match self {
            Self::Issuer { client_id } => {
                let oauth = service.oauth.as_ref()?;
                let id = ("client_id", Text::from(client_id.as_str()));
                let scope = oauth.scope.as_deref().map(|scope| ("scope", Text::from(scope)));
                let parameters: Vec<_> = core::iter::once(id).chain(scope).collect();
                Some(oauth.dialect.request(oauth.device_authorization_endpoint.as_ref()?, &parameters))
            }
            Self::Legacy { api, client_id } => {
                let id = client_id.as_deref().map(|id| ("client_id", Text::from(id)));
                Some(Dialect::Json.request(&api.join(LEGACY_CODE), id.as_slice()))
            }
        }
    }

    /// The poll (RFC 8628 §3.4); `None` if the service has no issuer.
    pub(crate) fn poll_request(&self, service: &Service, device_code: &Secret) -> Option<HttpRequest> {
        Some(match self {
            Self::Issuer { client_id } => {
                let oauth = service.oauth.as_ref()?;
                oauth.dialect.request(
                    &oauth.token_endpoint,
                    &[
                        ("client_id", client_id.as_str().into()),
                        ("device_code", device_code.clone().into()),
                        ("grant_type", DEVICE_CODE_GRANT.into()),
                    ],
                )
            }
            Self::Legacy { api, client_id } => {
                let code = ("deviceCode", Text::from(device_code.clone()));
                let id = client_id.as_deref().map(|id| ("client_id", Text::from(id)));
                let parameters: Vec<_> = id.into_iter().chain([code]).collect();
                Dialect::Json.request(&api.join(LEGACY_TOKEN), &parameters)
            }
        })
    }

    /// How it spells the fields of a device code.
    pub(crate) fn spelling(&self) -> Spelling {
        match self {
            Self::Issuer { .. } => Spelling::Standard,
            Self::Legacy { .. } => Spelling::Camel,
        }
    }

    /// What the answer to a poll that left at `sent` means. An error's body decides, whether it came with 200, 400, 401, 403, 404 or 428;
    /// only 429 and 5xx never end anything (invariants 2 and 3).
    pub(crate) fn judge(&self, service: &Service, response: &HttpResponse, sent: Now) -> Verdict {
        let is_success = (200..300).contains(&response.status);
        let object = json_object(response).filter(|_| is_success).unwrap_or_default();
        match (self, TokenReply::read(response)) {
            (_, TokenReply::Refused(error)) if response.status != 429 || error.code == "slow_down" => {
                refused(service, &error)
            }
            (Self::Issuer { client_id }, TokenReply::Tokens(tokens)) => {
                Verdict::Granted(Granted::Tokens { client_id: client_id.clone(), tokens, sent })
            }
            (Self::Issuer { .. }, _) if is_given(&object, "access_token") => {
                Verdict::Failed(unusable(service))
            }
            (Self::Legacy { .. }, _) => legacy(service, &object).unwrap_or_else(|| unclear(response.status)),
            _ => unclear(response.status),
        }
    }
}

/// The code has run out, whoever says so.
pub(crate) fn expired(service: &Service) -> Failure {
    Failure::new(Exit::TimedOut, "expired_token", "the code expired before anybody approved it")
        .next(format!("{} for a new one", service.login_command()))
}

/// An answer to the first requests that is neither what was asked for nor an older deployment's.
pub(crate) fn not_begun(service: &Service, asked: &Url, response: &HttpResponse) -> Failure {
    let host = asked.origin();
    let (code, said) = match (TokenReply::read(response), Envelope::read(response)) {
        (TokenReply::Refused(error), _) => (Some(error.code), error.description),
        (_, Some(envelope)) => (Some(envelope.code), envelope.message),
        _ => (None, None),
    };
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    let failure = match (response.status, code) {
        (300..=399, _) => Failure::new(
            Exit::Server,
            "redirect_refused",
            format!("{host} answers with a redirect, which is never followed"),
        ),
        (status, Some(code)) => Failure::new(
            Exit::Server,
            code.clone(),
            format!("{host} refused to begin a login (HTTP {status}, {code}){said}"),
        ),
        (200..=299, None) => Failure::new(
            Exit::Server,
            "unexpected_answer",
            format!("{host} does not answer like {}", service.name),
        ),
        (status, None) => {
            Failure::new(Exit::Server, "refused", format!("{host} refused to begin a login (HTTP {status})"))
        }
    };
    match failure.code.as_ref() {
        code if blames_registration(service, code) => failure.next(check_registration(service)),
        _ => failure.next(format!("check {} and the proxy settings", service.api_variable)),
    }
}

/// Whether an error says that the issuer knows the client otherwise (RFC 6749 §5.2), where it was a person who named it.
fn blames_registration(service: &Service, code: &str) -> bool {
    let codes = ["invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"];
    service.oauth.as_ref().is_some_and(|oauth| oauth.client_id.is_some()) && codes.contains(&code)
}

fn check_registration(service: &Service) -> String {
    format!("check how the client is registered, then {} again", service.login_command())
}

fn refused(service: &Service, error: &OAuthError) -> Verdict {
    let said = error.description.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
    Verdict::Failed(match error.code.as_str() {
        "authorization_pending" => return Verdict::Pending,
        "slow_down" => return Verdict::SlowDown(error.interval),
        code if error.is_transient() => {
            return Verdict::Unclear { state: PollState::Trouble(code.to_owned()), lost: false };
        }
        "invalid_grant" => return Verdict::Spent,
        "expired_token" => expired(service),
        "access_denied" => Failure::new(
            Exit::Denied,
            "access_denied",
            "this login was denied in the browser, or its code is no longer valid",
        )
        .next(format!("{} again if that was a mistake", service.login_command())),
        code => Failure::new(
            Exit::Server,
            code.to_string(),
            format!("{} refused the login ({code}){said}", service.name),
        )
        .next(match blames_registration(service, code) {
            true => check_registration(service),
            false => format!("{} again; update {} if it goes on", service.login_command(), service.command),
        }),
    })
}

fn unclear(status: u16) -> Verdict {
    let (what, lost) = match status {
        429 => return Verdict::Unclear { state: PollState::SlowedDown, lost: false },
        200..=299 => ("an answer that is not from the API".to_owned(), true),
        500..=599 => (format!("HTTP {status}"), true),
        _ => (format!("HTTP {status} that is not from the API"), false),
    };
    Verdict::Unclear { state: PollState::Trouble(what), lost }
}

fn unusable(service: &Service) -> Failure {
    Failure::new(
        Exit::Server,
        "unexpected_answer",
        format!("{} approved this login, but its answer has no usable token", service.name),
    )
    .next(format!("{} again", service.login_command()))
}

/// The older deployments' answer: `None` if it is none.
fn legacy(service: &Service, object: &Value) -> Option<Verdict> {
    Some(match object.get("status")?.as_str()? {
        "pending" => Verdict::Pending,
        "complete" => match legacy_grant(service, object) {
            Ok(grant) => Verdict::Granted(Granted::ApiKey(grant)),
            Err(failure) => Verdict::Failed(failure),
        },
        "expired" => Verdict::Failed(expired(service)),
        "not_found" => Verdict::Spent,
        other => {
            let what = format!("unknown status {:?}", harmless(other));
            Verdict::Unclear { state: PollState::Trouble(what), lost: false }
        }
    })
}

fn legacy_grant(service: &Service, object: &Value) -> Result<LegacyGrant, Failure> {
    let url = object.get("gatewayUrl").filter(|url| !url.is_null());
    Ok(LegacyGrant {
        key: token_in(object, "apiKey").ok_or_else(|| unusable(service))?,
        workspace: object.get("workspace").and_then(read_workspace),
        balance: object.get("credits").and_then(|credits| credits.get("balance")).and_then(Money::from_json),
        gateway: Gateway {
            url: url.map(|url| gateway(service, url)).transpose()?,
            signing_key: token_in(object, "signingKey"),
        },
    })
}

/// A gateway that the service named, if its credentials may be sent there.
fn gateway(service: &Service, value: &Value) -> Result<Url, Failure> {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    url.filter(|url| service.has_gateway(url)).ok_or_else(|| {
        Failure::new(
            Exit::Server,
            "unsafe_gateway",
            format!("{} names a gateway that is not its own; no credential is sent there", service.name),
        )
        .next(format!("check the network, {} and the proxy settings", service.api_variable))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::OAuth;

    #[test]
    fn who_named_the_client_is_told_to_look_at_its_registration() {
        let url = Url::parse("https://auth.example.com/device").unwrap();
        let issuer = Service::issuer("https://auth.example.com", "work", String::new()).unwrap();
        let named = |client_id: Option<&str>| {
            let client_id = client_id.map(str::to_owned);
            issuer.clone().with_oauth(OAuth { client_id, ..OAuth::new(url.clone()) })
        };
        for (code, client_id, blames) in [
            ("invalid_client", Some("cli"), true),
            ("unauthorized_client", Some("cli"), true),
            ("invalid_scope", Some("cli"), true),
            ("invalid_request", Some("cli"), false),
            // The service itself says which one this is.
            ("invalid_client", None, false),
        ] {
            let service = named(client_id);
            let answer = HttpResponse::new(401, format!("{{\"error\":\"{code}\"}}"))
                .header("content-type", "application/json");
            let begun = not_begun(&service, &url, &answer);
            let TokenReply::Refused(error) = TokenReply::read(&answer) else { panic!("{answer:?}") };
            let Verdict::Failed(polled) = refused(&service, &error) else { panic!("{code}") };
            for failure in [begun, polled] {
                assert_eq!(&*failure.code, code);
                let next = failure.next.unwrap();
                assert_eq!(next.starts_with("check how the client is registered"), blames, "{next}");
                assert!(next.contains("login") || !blames, "{next}");
            }
        }
    }
}
