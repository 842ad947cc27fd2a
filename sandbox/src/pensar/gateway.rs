//! The gateway: who may use it, and inference that is paid for.

use data_encoding::{BASE64, HEXLOWER};
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use hmac::Mac;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Desk;
use super::caller::Caller;
use super::jwt::hmac;
use super::money::Money;
use super::refusal::{NOT_FOUND, Refusal, WRONG_METHOD};
use super::workspace::Workspace;
use crate::digest::Digest;
use crate::envelope::json_response;
use crate::moment::{MINUTE, Moment, SECOND};
use crate::state::forget_oldest;

const VALIDATE: &str = "/gateway/validate";
const MESSAGES: &str = "/v1/messages";
/// Names the workspace that pays.
const WORKSPACE: &str = "x-workspace-id";
/// What one request costs.
const COST: Money = Money::cents(1);
/// How far a request's clock may be off.
const SKEW: u64 = 5 * MINUTE;
/// How long a nonce is remembered: as long as a request with it could be in time.
const NONCES_KEPT: u64 = 2 * SKEW;
/// The most nonces that are remembered at once.
const MOST_NONCES: usize = 100_000;

const WORKSPACE_REQUIRED: Refusal =
    Refusal::new(400, "workspace_required", "The header X-Workspace-Id names no workspace.");
const NOT_SIGNED: Refusal =
    Refusal::new(400, "unsigned_request", "A header that the signature needs is missing or malformed.");
const WRONG_SIGNATURE: Refusal =
    Refusal::new(403, "invalid_signature", "The signature does not fit the request.");
const STALE: Refusal =
    Refusal::new(403, "stale_timestamp", "The request's time is more than five minutes off.");
const NONCE_REUSED: Refusal = Refusal::new(409, "nonce_reused", "A request with this nonce came before.");
const SWITCHED_OFF: Refusal =
    Refusal::new(403, "inference_disabled", "Apex Inference is switched off on Settings > Usage.");
const TOO_POOR: Refusal =
    Refusal::new(402, "insufficient_credits", "The workspace's balance does not cover this request.");

/// Answers a request to the gateway.
pub(super) fn respond(desk: &mut Desk<'_>, request: &HttpRequest) -> HttpResponse {
    let answer = match (request.url.path(), request.method) {
        (VALIDATE, Method::Get) => validate(desk, request),
        (MESSAGES, Method::Post) => messages(desk, request),
        (VALIDATE | MESSAGES, _) => Err(WRONG_METHOD),
        _ => Err(NOT_FOUND),
    };
    answer.map_or_else(Refusal::into_response, |body| json_response(200, &body))
}

/// Forgets nonces whose requests would be refused for their time.
pub(super) fn is_nonce_over(seen: Moment, now: Moment) -> bool {
    now.since(seen) > NONCES_KEPT
}

fn validate(desk: &mut Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let (caller, workspace) = paying(desk, request)?;
    Ok(json!({
        "workspace": {"name": workspace.name},
        "credits": {"balance": workspace.balance.dollars()},
        "signingKey": desk.signing_key(&caller.account, &workspace.id),
        "gatewayUrl": desk.pensar.gateway.origin().to_string(),
    }))
}

/// Inference: the answer is always the same, what matters is who may ask.
fn messages(desk: &mut Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let (caller, workspace) = paying(desk, request)?;
    let signed = Signed::of(request)?;
    let key = desk.signing_key(&caller.account, &workspace.id);
    signed.check(&key, request.body.as_bytes(), desk.now)?;
    let pensar = &mut desk.state.pensar;
    if pensar.nonces.len() >= MOST_NONCES {
        forget_oldest(&mut pensar.nonces, |seen| *seen);
    }
    if pensar.nonces.insert(Digest::of(&signed.nonce.to_ascii_lowercase()), desk.now).is_some() {
        return Err(NONCE_REUSED);
    }
    let workspace = pensar.workspaces.get_mut(&workspace.slug).ok_or(NOT_FOUND)?;
    if !workspace.inference {
        return Err(SWITCHED_OFF);
    }
    workspace.balance = workspace.balance.minus(COST).ok_or(TOO_POOR)?;
    workspace.spent = workspace.spent.plus(COST);
    Ok(json!({
        "id": format!("msg_{}", Digest::of(signed.nonce).short()),
        "model": signed.model,
        "content": [{"type": "text", "text": "This is the sandbox: nothing was inferred."}],
        "credits": {"balance": workspace.balance.dollars()},
    }))
}

/// The caller, and the workspace that the request names.
fn paying(desk: &Desk<'_>, request: &HttpRequest) -> Result<(Caller, Workspace), Refusal> {
    let pensar = &desk.state.pensar;
    let caller = Caller::of(request, pensar, desk.now)?;
    let id = request.header_value(WORKSPACE);
    let workspace = match (id, &caller.workspace) {
        (None, None) => return Err(WORKSPACE_REQUIRED),
        (None, Some(slug)) => pensar.workspaces.get(slug),
        (Some(id), _) => pensar.workspaces.values().find(|workspace| workspace.id == id),
    };
    let workspace = workspace.filter(|workspace| caller.may_use(workspace));
    Ok((caller, workspace.ok_or(super::api::NO_WORKSPACE)?.clone()))
}

/// What a signed request says about itself.
struct Signed<'a> {
    timestamp: &'a str,
    nonce: &'a str,
    model: &'a str,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn of(request: &'a HttpRequest) -> Result<Self, Refusal> {
        let header = |name: &str| request.header_value(name).filter(|value| !value.is_empty());
        let nonce = header("x-pensar-nonce").filter(|nonce| is_uuid(nonce)).ok_or(NOT_SIGNED)?;
        let signature = header("x-pensar-signature").ok_or(NOT_SIGNED)?;
        Ok(Self {
            timestamp: header("x-pensar-timestamp").ok_or(NOT_SIGNED)?,
            nonce,
            model: header("x-pensar-model").ok_or(NOT_SIGNED)?,
            signature: BASE64.decode(signature.as_bytes()).map_err(|_| NOT_SIGNED)?,
        })
    }

    fn check(&self, key: &str, body: &[u8], now: Moment) -> Result<(), Refusal> {
        let body = HEXLOWER.encode(&Sha256::digest(body));
        let text = format!("{}\n{}\n{}\n{body}", self.timestamp, self.nonce, self.model);
        let signature = hmac(key.as_bytes(), text.as_bytes());
        signature.verify_slice(&self.signature).map_err(|_| WRONG_SIGNATURE)?;
        let seconds: u64 = self.timestamp.parse().map_err(|_| NOT_SIGNED)?;
        let is_near = seconds.abs_diff(now.as_seconds()) <= SKEW / SECOND;
        is_near.then_some(()).ok_or(STALE)
    }
}

/// Whether a text is a UUID as RFC 9562 §4 writes it.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups.iter().all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
