//! WorkOS: device authorization (RFC 8628) and refresh tokens (RFC 6749 §6), with JSON in both directions.
//!
//! To clients that send forms, as the RFCs have it, it is a standard authorization server with metadata (RFC 8414): the
//! same endpoints, the same state, and answers with all that RFC 6749 §5.1 demands.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use serde::Serialize;
use serde_json::{Value, json};

use super::device::Phase;
use super::refusal::{INVALID_CLIENT, INVALID_GRANT, INVALID_REQUEST, NOT_FOUND, Refusal, WRONG_METHOD};
use super::rotation::{Pair, Refreshed};
use super::state::State;
use super::token_request::{Grant, Outcome, TokenRequest};
use super::{Desk, Presented, pages};
use crate::asked::Asked;
use crate::digest::Digest;
use crate::envelope::json_response;
use crate::rule::Rule;
use crate::state::State as WholeState;
use crate::watch::Seen;

/// Where a device code is asked for.
const DEVICE: &str = "/user_management/authorize/device";
/// The token endpoint.
pub(super) const AUTHENTICATE: &str = "/user_management/authenticate";
/// What is said about the server (RFC 8414 §3, OpenID Connect Discovery 1.0 §4).
const METADATA: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
/// Names the device grant (RFC 8628 §3.4).
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The id of the one client that WorkOS knows here.
pub const CLIENT_ID: &str = "client_pensar_apex_sandbox";

const PENDING: Refusal =
    Refusal::new(400, "authorization_pending", "Nobody has decided about this code yet.");
const SLOW_DOWN: Refusal =
    Refusal::new(400, "slow_down", "That poll came too early: wait 5 s longer from now on.");
const ACCESS_DENIED: Refusal = Refusal::new(400, "access_denied", "The request was refused in the browser.");
const EXPIRED: Refusal = Refusal::new(400, "expired_token", "The time of this code is over.");
const UNSUPPORTED: Refusal = Refusal::new(400, "unsupported_grant_type", "This grant is not known.");

/// What a grant comes to: what WorkOS says, and to a form all that RFC 6749 §5.1 demands.
#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    user: User<'a>,
}

/// Whose they are.
#[derive(Serialize)]
struct User<'a> {
    email: &'a str,
    id: Option<&'a str>,
    object: &'static str,
}

/// Answers a request to WorkOS, and says what a request for tokens came to.
pub(super) fn respond(desk: &mut Desk<'_>, asked: &Asked<'_>) -> (HttpResponse, Option<TokenRequest>) {
    let knows_devices = !desk.pensar.settings.legacy;
    let (answer, told) = match (asked.request.url.path(), asked.request.method) {
        (path, Method::Get) if knows_devices && METADATA.contains(&path) => {
            (Ok(json_response(200, &metadata(desk))), None)
        }
        (DEVICE, Method::Post) if knows_devices => {
            let codes = authorize_device(desk, &asked.presented);
            (codes.map(|codes| json_response(200, &codes)), None)
        }
        (AUTHENTICATE, Method::Post) => {
            let mut told = told(&desk.state.pensar, &asked.presented, Outcome::InvalidRequest);
            (authenticate(desk, asked, &mut told), Some(told))
        }
        (AUTHENTICATE, _) => (Err(WRONG_METHOD), None),
        (DEVICE, _) if knows_devices => (Err(WRONG_METHOD), None),
        _ => (Err(NOT_FOUND), None),
    };
    (answer.unwrap_or_else(Refusal::into_response), told)
}

/// What is known of a request for tokens before it is handled; `None` if it is another request.
pub(super) fn not_handled(state: &State, asked: &Asked<'_>) -> Option<TokenRequest> {
    let Asked { request, presented, .. } = asked;
    let is_one = request.url.path() == AUTHENTICATE && request.method == Method::Post;
    is_one.then(|| told(state, presented, Outcome::NotHandled))
}

/// Whether a request asks for a code or for tokens, so that its client has to be named.
pub(super) fn is_for_a_client(request: &HttpRequest) -> bool {
    matches!(request.url.path(), DEVICE | AUTHENTICATE) && request.method == Method::Post
}

/// What is wrong with how such a request names its client.
pub(super) fn misnamed_client(presented: &Presented) -> Option<&'static str> {
    match presented.body().and_then(|body| body.text("client_id")).ok() {
        None => Some("there is no client_id in the body"),
        Some(id) if id != CLIENT_ID => Some("the client_id is not the one that this client was given"),
        Some(_) => None,
    }
}

fn told(state: &State, presented: &Presented, outcome: Outcome) -> TokenRequest {
    let grant = match presented.body().and_then(|body| body.text("grant_type")) {
        Ok(DEVICE_GRANT) => Some(Grant::DeviceCode),
        Ok("refresh_token") => Some(Grant::RefreshToken),
        _ => None,
    };
    let place = presented.refresh_token.and_then(|token| state.place_of(token));
    TokenRequest {
        id: state.tally.values().sum::<u64>() + 1,
        grant,
        outcome,
        family: place.map(|(family, _)| family.short()),
        number: place.map(|(_, number)| number),
        issued: None,
    }
}

fn authorize_device(desk: &mut Desk<'_>, presented: &Presented) -> Result<Value, Refusal> {
    if presented.body()?.text("client_id")? != CLIENT_ID {
        return Err(INVALID_CLIENT);
    }
    let settings = &desk.pensar.settings;
    let WholeState { ratchet, pensar, watch, .. } = &mut *desk.state;
    let codes = pensar.open_device(ratchet, settings, false, desk.now);
    watch.codes.issued(&codes.device_code, settings, desk.now);
    let page = desk.pensar.console.join(pages::DEVICE);
    let complete = page.clone().with("user_code", codes.user_code.as_str());
    let mut answer = json!({
        "device_code": codes.device_code.expose_secret(),
        "user_code": codes.user_code,
        "verification_uri": page.to_string(),
        "verification_uri_complete": complete.to_string(),
        "expires_in": settings.device_lifetime.as_secs(),
        "interval": settings.device_interval.as_secs(),
    });
    if let Some(answer) = answer.as_object_mut().filter(|_| desk.config.quirks.hides_interval) {
        answer.remove("interval");
    }
    Ok(answer)
}

fn metadata(desk: &Desk<'_>) -> Value {
    let at = |path: &str| desk.pensar.workos.join(path).to_string();
    json!({
        "issuer": desk.pensar.workos.origin().to_string(),
        "device_authorization_endpoint": at(DEVICE),
        "token_endpoint": at(AUTHENTICATE),
        "grant_types_supported": [DEVICE_GRANT, "refresh_token"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}

fn authenticate(
    desk: &mut Desk<'_>,
    asked: &Asked<'_>,
    told: &mut TokenRequest,
) -> Result<HttpResponse, Refusal> {
    let presented = &asked.presented;
    let body = presented.body()?;
    if body.text("client_id")? != CLIENT_ID {
        told.outcome = Outcome::InvalidClient;
        return Err(INVALID_CLIENT);
    }
    body.text("grant_type")?;
    let pair = match told.grant {
        Some(Grant::DeviceCode) => exchange(desk, presented.device_code.ok_or(INVALID_REQUEST)?, told),
        Some(Grant::RefreshToken) => {
            let name = presented.refresh_token.ok_or(INVALID_REQUEST)?;
            refresh(desk, body.text("refresh_token")?, name, told, asked)
        }
        None => Err(UNSUPPORTED),
    }?;
    told.issued = Some(pair.number);
    let id = desk.state.pensar.accounts.get(&pair.account).map(|profile| profile.id.as_str());
    let answer = Tokens {
        access_token: pair.access_token.expose_secret(),
        expires_in: body.is_form.then_some(desk.pensar.settings.access_lifetime.as_secs()),
        refresh_token: pair.refresh_token.expose_secret(),
        token_type: body.is_form.then_some("Bearer"),
        user: User { email: &pair.account, id, object: "user" },
    };
    Ok(json_response(200, &answer))
}

/// A terminal asks whether its device code was approved (RFC 8628 §3.4, §3.5).
fn exchange(desk: &mut Desk<'_>, device_code: Digest, told: &mut TokenRequest) -> Result<Pair, Refusal> {
    let WholeState { ratchet, pensar, .. } = &mut *desk.state;
    let device = pensar.devices.get_mut(&device_code).filter(|device| !device.legacy);
    let (outcome, refusal) = match device {
        None => (Outcome::Invalid, INVALID_GRANT),
        Some(device) => {
            let is_early = device.poll(desk.now, desk.config.speed);
            match device.phase.clone() {
                Phase::Exchanged | Phase::Delivered { .. } => (Outcome::Invalid, INVALID_GRANT),
                Phase::Denied => (Outcome::Denied, ACCESS_DENIED),
                _ if device.is_over(desk.now) => (Outcome::Expired, EXPIRED),
                Phase::Waiting if is_early => {
                    device.slow_down();
                    (Outcome::SlowDown, SLOW_DOWN)
                }
                Phase::Waiting => (Outcome::Pending, PENDING),
                Phase::Approved { account, .. } => {
                    device.phase = Phase::Exchanged;
                    let (family, pair) =
                        pensar.open_family(ratchet, &desk.pensar.settings, &account, desk.now);
                    told.outcome = Outcome::Issued;
                    told.family = Some(family.short());
                    return Ok(pair);
                }
            }
        }
    };
    told.outcome = outcome;
    Err(refusal)
}

fn refresh(
    desk: &mut Desk<'_>,
    token: &str,
    name: Digest,
    told: &mut TokenRequest,
    asked: &Asked<'_>,
) -> Result<Pair, Refusal> {
    let seen = Seen { asked, now: desk.now, speed: desk.config.speed };
    let WholeState { ratchet, pensar, watch, .. } = &mut *desk.state;
    let (family, number) = (told.family.as_deref().unwrap_or("?"), told.number.unwrap_or_default());
    let which = || format!("family {family}, refresh token {number}");
    if pensar.was_refreshed(name) {
        watch.occasion(Rule::RefreshReplayed);
    }
    let (outcome, pair) = match pensar.refresh(ratchet, &desk.pensar.settings, token, name, desk.now) {
        Refreshed::Rotated(pair) => (Outcome::Rotated, Some(pair)),
        Refreshed::Repeated { pair, raced } => {
            if raced {
                watch.broke(Rule::RefreshRaced, seen, || {
                    format!("{}: presented again though its answer had been delivered", which())
                });
            }
            (Outcome::Repeated, Some(pair))
        }
        Refreshed::Reuse => {
            watch.broke(Rule::RefreshReplayed, seen, || format!("{}: had been spent before", which()));
            (Outcome::ReuseRevoked, None)
        }
        Refreshed::Revoked => (Outcome::Revoked, None),
        Refreshed::Unknown => (Outcome::Invalid, None),
    };
    told.outcome = outcome;
    pair.ok_or(INVALID_GRANT)
}
