//! The older way of logging in: device codes of the API's own, which end in an API key.

use serde_json::{Value, json};

use super::api_key::ApiKey;
use super::device::Phase;
use super::refusal::Refusal;
use super::{Desk, Presented, pages};
use crate::digest::Digest;
use crate::moment::{Moment, SECOND};
use crate::state::State;

/// Where a device code is asked for.
pub(super) const CODE: &str = "/auth/device/code";
/// Where it is polled for.
pub(super) const TOKEN: &str = "/auth/device/token";
/// How long the answer with the key is repeated.
const REPEAT: u64 = 30 * SECOND;

/// A terminal begins.
pub(super) fn authorize(desk: &mut Desk<'_>, presented: &Presented) -> Result<Value, Refusal> {
    presented.body()?;
    let settings = &desk.pensar.settings;
    let State { ratchet, pensar, watch, .. } = &mut *desk.state;
    let codes = pensar.open_device(ratchet, settings, true, desk.now);
    watch.codes.issued(&codes.device_code, settings, desk.now);
    let page = desk.pensar.console.join(pages::DEVICE);
    let complete = page.clone().with("user_code", codes.user_code.as_str());
    Ok(json!({
        "deviceCode": codes.device_code.expose_secret(),
        "userCode": codes.user_code,
        "verificationUri": page.to_string(),
        "verificationUriComplete": complete.to_string(),
        "expiresIn": settings.device_lifetime.as_secs(),
        "interval": settings.device_interval.as_secs(),
    }))
}

/// A terminal asks whether its code was approved. Whatever the answer is, its status is 200.
pub(super) fn token(desk: &mut Desk<'_>, presented: &Presented) -> Result<Value, Refusal> {
    let code = presented.body()?.text("deviceCode")?;
    let now = desk.now;
    let State { ratchet, pensar, .. } = &mut *desk.state;
    let device = pensar.devices.get_mut(&Digest::of(code)).filter(|device| device.legacy);
    let Some(device) = device else { return Ok(status("not_found")) };
    let (account, workspace, salt) = match device.phase.clone() {
        // This protocol has no word for a refusal: the code is just gone.
        Phase::Denied | Phase::Exchanged => return Ok(status("not_found")),
        Phase::Delivered { account, workspace, at, salt: Some(salt) } if repeats(at, now) => {
            (account, workspace, salt)
        }
        Phase::Delivered { .. } => return Ok(status("not_found")),
        _ if device.is_over(now) => return Ok(status("expired")),
        Phase::Waiting | Phase::Approved { workspace: None, .. } => return Ok(status("pending")),
        Phase::Approved { account, workspace: Some(workspace) } => {
            let salt = ratchet.next();
            device.phase = Phase::Delivered {
                account: account.clone(),
                workspace: workspace.clone(),
                at: now,
                salt: Some(salt),
            };
            (account, workspace, salt)
        }
    };
    let key = ApiKey::mint(salt, code);
    let known = ApiKey { account: account.clone(), workspace: workspace.clone() };
    pensar.keys.insert(Digest::of(key.expose_secret()), known);
    let Some(workspace) = pensar.workspaces.get(&workspace).cloned() else {
        return Ok(status("not_found"));
    };
    Ok(json!({
        "status": "complete",
        "apiKey": key.expose_secret(),
        "workspace": workspace.named(),
        "credits": {"balance": workspace.balance.dollars()},
        "signingKey": desk.signing_key(&account, &workspace.id),
        "gatewayUrl": desk.pensar.gateway.origin().to_string(),
    }))
}

/// Whether a key that was given out at `at` is given out again.
pub(super) fn repeats(at: Moment, now: Moment) -> bool {
    now.since(at) <= REPEAT
}

fn status(status: &str) -> Value {
    json!({ "status": status })
}
