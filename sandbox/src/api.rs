//! The API: what programs ask.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use serde_json::{Value, json};

use crate::account::{Account, SCOPES, Workspace};
use crate::bearer::bearer;
use crate::config::Config;
use crate::digest::Digest;
use crate::envelope::{Refusal, json_response};
use crate::key::Key;
use crate::limit::{POLLS, REQUESTS_OF_A_KEY};
use crate::moment::{DAY, HOUR, Moment};
use crate::pages::REDIRECTED;
use crate::pairing::{Phase, REPEAT, is_device_id};
use crate::state::State;

const NOT_PAIRED_YET: Refusal =
    Refusal::new(404, "not_paired_yet", "Nobody has authorized this device, or its time is over.");
const INVALID_KEY: Refusal =
    Refusal::new(401, "invalid_api_key", "The API key is missing, unknown or revoked.");
const NOT_FOUND: Refusal = Refusal::new(404, "not_found", "There is no such resource.");
const WRONG_METHOD: Refusal =
    Refusal::new(405, "method_not_allowed", "The resource does not know this method.");

/// Where programs ask whether they were authorized.
pub(crate) const POLL: &str = "/auth/terminal/poll";
/// Leads elsewhere; a client must not follow with its credential.
const REDIRECT: &str = "/v1/redirect";

/// Answers a request to the API.
pub(crate) fn respond(
    state: &mut State,
    config: &Config,
    now: Moment,
    request: &HttpRequest,
) -> HttpResponse {
    if request.url.path() == REDIRECT {
        let target = config.app.join(REDIRECTED);
        return json_response(307, &json!({})).header("location", target.to_string());
    }
    let answer = match (request.url.path(), request.method) {
        (POLL, Method::Get) => poll(state, config, now, request),
        ("/v1/usage", Method::Get) => with_key(state, config, now, request).map(|caller| caller.usage(now)),
        ("/v1/profile", Method::Get) => with_key(state, config, now, request).map(|caller| caller.profile()),
        ("/v1/scans", Method::Get) => with_key(state, config, now, request).map(|caller| caller.scans(now)),
        ("/v1/keys/current", Method::Delete) => {
            with_key(state, config, now, request).map(|caller| caller.revoke(now))
        }
        (POLL | "/v1/usage" | "/v1/profile" | "/v1/scans" | "/v1/keys/current", _) => Err(WRONG_METHOD),
        // An unknown path must not tell more to somebody without a key.
        (path, _) if path.starts_with("/v1/") => with_key(state, config, now, request).and(Err(NOT_FOUND)),
        _ => Err(NOT_FOUND),
    };
    match answer {
        Ok(body) => json_response(200, &body),
        Err(refusal) => refusal.into_response(request, now),
    }
}

/// A terminal asks whether it was authorized.
fn poll(state: &mut State, config: &Config, now: Moment, request: &HttpRequest) -> Result<Value, Refusal> {
    if config.rate_limit {
        state.polls.admit(now, config.speed, POLLS).map_err(Refusal::too_fast)?;
    }
    let device_id = request.url.query_value("device_id").filter(|id| is_device_id(id)).ok_or(
        Refusal::new(400, "validation_error", "device_id must be 32 bytes in base64url without padding."),
    )?;
    let State { pairings, ratchet, .. } = state;
    let pairing = pairings.get_mut(&Digest::of(device_id)).ok_or(NOT_PAIRED_YET)?;
    let device_name = pairing.device_name.clone();
    match pairing.phase.clone() {
        Phase::Denied => Err(Refusal::new(403, "access_denied", "The request was denied in the browser.")),
        Phase::Waiting => Err(NOT_PAIRED_YET),
        Phase::Approved { .. } if pairing.is_over(now) => Err(NOT_PAIRED_YET),
        Phase::Approved { account, workspace } => {
            let salt = ratchet.next();
            let token = Key::mint(salt, device_id);
            let key = Key::new(&token, &device_name, &account, &workspace, now);
            let body = minted(&token, &key);
            pairing.phase = Phase::Delivered { account, workspace, at: now, salt: Some(salt) };
            state.add_key(Digest::of(token.expose_secret()), key, now);
            body
        }
        Phase::Delivered { account, workspace, at, salt: Some(salt) }
            if now.since(at) <= REPEAT && !config.strict_poll =>
        {
            let token = Key::mint(salt, device_id);
            minted(&token, &Key::new(&token, &device_name, &account, &workspace, at))
        }
        Phase::Delivered { .. } => {
            Err(Refusal::new(410, "pairing_consumed", "The key of this pairing was given out already."))
        }
    }
}

fn minted(token: &Secret, key: &Key) -> Result<Value, Refusal> {
    let (account, workspace) = key.holder().ok_or(NOT_PAIRED_YET)?;
    Ok(json!({
        "token": token.expose_secret(),
        "workspace": workspace_json(workspace),
        "user": {"email": account.email},
        "scopes": SCOPES,
        "key_name": key.name,
    }))
}

/// A request with a key that is good.
struct Caller<'a> {
    key: &'a mut Key,
    account: &'static Account,
    workspace: &'static Workspace,
}

fn with_key<'a>(
    state: &'a mut State,
    config: &Config,
    now: Moment,
    request: &HttpRequest,
) -> Result<Caller<'a>, Refusal> {
    let token = bearer(request).ok_or(INVALID_KEY)?;
    let key = state.keys.get_mut(&Digest::of(token)).ok_or(INVALID_KEY)?;
    if key.revoked.is_some() {
        return Err(INVALID_KEY);
    }
    let (account, workspace) = key.holder().ok_or(INVALID_KEY)?;
    if config.rate_limit {
        key.window.admit(now, config.speed, REQUESTS_OF_A_KEY).map_err(Refusal::too_fast)?;
    }
    key.last_used = Some(now);
    Ok(Caller { key, account, workspace })
}

impl Caller<'_> {
    fn usage(self, now: Moment) -> Value {
        let (start, end) = now.month();
        json!({
            "workspace": workspace_json(self.workspace),
            "tokens": {"balance": self.workspace.balance, "used": 42},
            "period": {"start": start, "end": end},
        })
    }

    fn profile(self) -> Value {
        json!({
            "user": {"id": self.account.id, "email": self.account.email, "name": self.account.name},
            "workspace": workspace_json(self.workspace),
            "key": {
                "prefix": self.key.prefix,
                "name": self.key.name,
                "scopes": SCOPES,
                "created_at": self.key.created.to_rfc3339(),
            },
        })
    }

    /// A few scans, the same for everyone but for their targets.
    fn scans(self, now: Moment) -> Value {
        let slug = self.workspace.slug;
        let scans: Vec<Value> = [
            ("scan_0003", "api", "quick", "running", HOUR),
            ("scan_0002", "www", "full", "completed", 2 * DAY),
            ("scan_0001", "www", "quick", "completed", 9 * DAY),
        ]
        .into_iter()
        .map(|(id, host, scan_type, status, ago)| {
            json!({
                "id": id,
                "target": format!("https://{host}.{slug}.example"),
                "scan_type": scan_type,
                "status": status,
                "created_at": now.minus(ago).to_rfc3339(),
            })
        })
        .collect();
        json!({"data": scans, "next_cursor": null})
    }

    fn revoke(self, now: Moment) -> Value {
        self.key.revoked = Some(now);
        json!({"revoked": true, "prefix": self.key.prefix})
    }
}

fn workspace_json(workspace: &Workspace) -> Value {
    json!({"id": workspace.id, "name": workspace.name, "slug": workspace.slug})
}
