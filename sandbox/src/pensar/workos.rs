//! WorkOS: device authorization (RFC 8628) and refresh tokens (RFC 6749 §6), with JSON in both directions.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

use super::body::Body;
use super::device::Phase;
use super::refusal::{INVALID_CLIENT, INVALID_GRANT, NOT_FOUND, Refusal, WRONG_METHOD};
use super::rotation::{Pair, Refreshed};
use super::state::State;
use super::token_request::{Grant, Outcome, TokenRequest};
use super::{Desk, pages};
use crate::digest::Digest;
use crate::envelope::json_response;
use crate::grade::Rule;
use crate::state::State as WholeState;

/// Where a device code is asked for.
const DEVICE: &str = "/user_management/authorize/device";
/// The token endpoint.
const AUTHENTICATE: &str = "/user_management/authenticate";
/// Names the device grant (RFC 8628 §3.4).
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The one client that WorkOS knows here.
pub(super) const CLIENT_ID: &str = "client_pensar_apex_sandbox";

const PENDING: Refusal =
    Refusal::new(400, "authorization_pending", "Nobody has decided about this code yet.");
const SLOW_DOWN: Refusal =
    Refusal::new(400, "slow_down", "That poll came too early: wait 5 s longer from now on.");
const ACCESS_DENIED: Refusal = Refusal::new(400, "access_denied", "The request was refused in the browser.");
const EXPIRED: Refusal = Refusal::new(400, "expired_token", "The time of this code is over.");
const UNSUPPORTED: Refusal = Refusal::new(400, "unsupported_grant_type", "This grant is not known.");

/// Answers a request to WorkOS, and says what a request for tokens came to.
pub(super) fn respond(desk: &mut Desk<'_>, request: &HttpRequest) -> (HttpResponse, Option<TokenRequest>) {
    let knows_devices = !desk.pensar.settings.legacy;
    let (answer, told) = match (request.url.path(), request.method) {
        (DEVICE, Method::Post) if knows_devices => (authorize_device(desk, request), None),
        (AUTHENTICATE, Method::Post) => {
            let mut told = told(&desk.state.pensar, request, Outcome::InvalidRequest);
            (authenticate(desk, request, &mut told), Some(told))
        }
        (AUTHENTICATE, _) => (Err(WRONG_METHOD), None),
        (DEVICE, _) if knows_devices => (Err(WRONG_METHOD), None),
        _ => (Err(NOT_FOUND), None),
    };
    let response = answer.map_or_else(Refusal::into_response, |body| json_response(200, &body));
    (response, told)
}

/// What is known of a request for tokens before it is handled; `None` if it is another request.
pub(super) fn not_handled(state: &State, request: &HttpRequest) -> Option<TokenRequest> {
    let is_one = request.url.path() == AUTHENTICATE && request.method == Method::Post;
    is_one.then(|| told(state, request, Outcome::NotHandled))
}

/// The device code that a request polls for.
pub(super) fn polled_code(request: &HttpRequest) -> Option<Digest> {
    let body = Body::of(request).ok().filter(|_| request.url.path() == AUTHENTICATE)?;
    body.text("device_code").ok().map(Digest::of)
}

/// The refresh token that a request presents.
pub(super) fn presented_token(request: &HttpRequest) -> Option<String> {
    let body = Body::of(request).ok().filter(|_| request.url.path() == AUTHENTICATE)?;
    body.text("refresh_token").ok().map(str::to_owned)
}

fn told(state: &State, request: &HttpRequest, outcome: Outcome) -> TokenRequest {
    let body = Body::of(request).ok();
    let grant = body.as_ref().and_then(|body| match body.text("grant_type").ok()? {
        DEVICE_GRANT => Some(Grant::DeviceCode),
        "refresh_token" => Some(Grant::RefreshToken),
        _ => None,
    });
    let place = body.as_ref().and_then(|body| state.place_of(body.text("refresh_token").ok()?));
    TokenRequest {
        id: state.tally.values().sum::<u64>() + 1,
        grant,
        outcome,
        family: place.map(|(family, _)| family.short()),
        number: place.map(|(_, number)| number),
        issued: None,
    }
}

fn authorize_device(desk: &mut Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    if Body::of(request)?.text("client_id")? != CLIENT_ID {
        return Err(INVALID_CLIENT);
    }
    let settings = &desk.pensar.settings;
    let WholeState { ratchet, pensar, watch, .. } = &mut *desk.state;
    let codes = pensar.open_device(ratchet, settings, false, desk.now);
    watch.codes.issued(&codes.device_code, settings, desk.now);
    let page = desk.pensar.console.join(pages::DEVICE);
    let complete = page.clone().with("user_code", codes.user_code.as_str());
    Ok(json!({
        "device_code": codes.device_code.expose_secret(),
        "user_code": codes.user_code,
        "verification_uri": page.to_string(),
        "verification_uri_complete": complete.to_string(),
        "expires_in": settings.device_lifetime.as_secs(),
        "interval": settings.device_interval.as_secs(),
    }))
}

fn authenticate(
    desk: &mut Desk<'_>,
    request: &HttpRequest,
    told: &mut TokenRequest,
) -> Result<Value, Refusal> {
    let body = Body::of(request)?;
    if body.text("client_id")? != CLIENT_ID {
        told.outcome = Outcome::InvalidClient;
        return Err(INVALID_CLIENT);
    }
    body.text("grant_type")?;
    match told.grant {
        Some(Grant::DeviceCode) => exchange(desk, body.text("device_code")?, told),
        Some(Grant::RefreshToken) => refresh(desk, body.text("refresh_token")?, told),
        None => Err(UNSUPPORTED),
    }
}

/// A terminal asks whether its device code was approved (RFC 8628 §3.4, §3.5).
fn exchange(desk: &mut Desk<'_>, device_code: &str, told: &mut TokenRequest) -> Result<Value, Refusal> {
    let WholeState { ratchet, pensar, .. } = &mut *desk.state;
    let device = pensar.devices.get_mut(&Digest::of(device_code)).filter(|device| !device.legacy);
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
                    return Ok(given(pensar, &pair, told));
                }
            }
        }
    };
    told.outcome = outcome;
    Err(refusal)
}

fn refresh(desk: &mut Desk<'_>, token: &str, told: &mut TokenRequest) -> Result<Value, Refusal> {
    let WholeState { ratchet, pensar, watch, .. } = &mut *desk.state;
    let which = format!(
        "family {}, refresh token {}",
        told.family.as_deref().unwrap_or("?"),
        told.number.unwrap_or_default()
    );
    let (outcome, pair) = match pensar.refresh(ratchet, &desk.pensar.settings, token, desk.now) {
        Refreshed::Rotated(pair) => (Outcome::Rotated, Some(pair)),
        Refreshed::Repeated { pair, raced } => {
            if raced {
                watch.broke(Rule::RefreshRaced, || {
                    format!("{which}: presented again though its answer had been delivered")
                });
            }
            (Outcome::Repeated, Some(pair))
        }
        Refreshed::Reuse => {
            watch.broke(Rule::RefreshReplayed, || format!("{which}: had been spent before"));
            (Outcome::ReuseRevoked, None)
        }
        Refreshed::Revoked => (Outcome::Revoked, None),
        Refreshed::Unknown => (Outcome::Invalid, None),
    };
    told.outcome = outcome;
    let pair = pair.ok_or(INVALID_GRANT)?;
    Ok(given(pensar, &pair, told))
}

fn given(state: &State, pair: &Pair, told: &mut TokenRequest) -> Value {
    told.issued = Some(pair.number);
    let id = state.accounts.get(&pair.account).map(|profile| profile.id.as_str());
    json!({
        "user": {"object": "user", "id": id, "email": pair.account},
        "access_token": pair.access_token.expose_secret(),
        "refresh_token": pair.refresh_token.expose_secret(),
    })
}
