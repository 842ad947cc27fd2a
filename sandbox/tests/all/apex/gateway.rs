//! The gateway: who may use it, signatures, and what inference costs.

use data_encoding::{BASE64, HEXLOWER};
use doorkey_sandbox::pensar::account;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

const BODY: &str = "{\"messages\":[]}";

/// A signed request, whose parts can be spoiled one by one.
#[derive(Clone)]
struct Message {
    key: String,
    token: String,
    workspace: String,
    timestamp: String,
    nonce: String,
    model: String,
    body: String,
    signature: Option<String>,
}

impl Message {
    fn of(world: &mut World, email: &str, workspace: &str) -> Self {
        let token = world.log_in_as(email).access;
        let body = json!({ "workspaceId": workspace });
        let selected = json_of(&world.tell("/api/cli/select-workspace", &token, &body));
        Self {
            key: selected["signingKey"].as_str().unwrap().to_owned(),
            token,
            workspace: workspace.to_owned(),
            timestamp: (world.now / 1_000).to_string(),
            nonce: "0b7a8f3e-52b5-4c9e-9a55-0123456789ab".to_owned(),
            model: "apex-large".to_owned(),
            body: BODY.to_owned(),
            signature: None,
        }
    }

    fn signature(&self) -> String {
        let body = HEXLOWER.encode(&Sha256::digest(self.body.as_bytes()));
        let text = format!("{}\n{}\n{}\n{body}", self.timestamp, self.nonce, self.model);
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).unwrap();
        BASE64.encode(&mac.chain_update(text).finalize().into_bytes())
    }

    fn send(&self, world: &mut World) -> HttpResponse {
        let url = world.pensar().gateway.join("/v1/messages");
        let signature = self.signature.clone().unwrap_or_else(|| self.signature());
        let request = HttpRequest::new(Method::Post, url)
            .body("application/json", self.body.as_str())
            .header("x-workspace-id", self.workspace.as_str())
            .header("x-pensar-timestamp", self.timestamp.as_str())
            .header("x-pensar-nonce", self.nonce.as_str())
            .header("x-pensar-model", self.model.as_str())
            .header("x-pensar-signature", signature);
        world.send(&with_token(request, &self.token))
    }
}

fn validate(world: &mut World, token: &str, workspace: &str) -> HttpResponse {
    let url = world.pensar().gateway.join("/gateway/validate");
    let request = HttpRequest::new(Method::Get, url);
    let request = if workspace.is_empty() { request } else { request.header("x-workspace-id", workspace) };
    world.send(&with_token(request, token))
}

#[test]
fn a_token_is_validated_for_a_workspace() {
    let mut world = World::new();
    let token = world.log_in_as(account::MULTI).access;
    let selected = world.tell("/api/cli/select-workspace", &token, &json!({"workspaceId": "wks_blue_team"}));
    let answer = validate(&mut world, &token, "wks_blue_team");
    let expected = json!({
        "workspace": {"name": "Blue Team"},
        "credits": {"balance": 7.5},
        "signingKey": json_of(&selected)["signingKey"],
        "gatewayUrl": "http://127.0.0.1:8004",
    });
    assert_eq!((answer.status, json_of(&answer)), (200, expected));
    for (token, workspace, expected) in [
        (token.as_str(), "", error(400, "workspace_required")),
        (token.as_str(), "wks_quiet", error(404, "workspace_not_found")),
        ("", "wks_blue_team", error(401, "unauthorized")),
        ("nonsense", "wks_blue_team", error(401, "invalid_token")),
    ] {
        assert_eq!(oauth_error(&validate(&mut world, token, workspace)), expected, "{workspace}");
    }
}

#[test]
fn a_signed_request_is_answered_and_paid_for() {
    let mut world = World::new();
    let message = Message::of(&mut world, account::SOLO, "wks_acme");
    let answer = message.send(&mut world);
    let body = json_of(&answer);
    assert_eq!((answer.status, &body["model"]), (200, &"apex-large".into()), "{body}");
    assert_eq!(body["credits"]["balance"], 41.99);
    assert_eq!(oauth_error(&message.send(&mut world)), error(409, "nonce_reused"));
    let next = Message { nonce: "11111111-2222-4333-8444-555555555555".into(), ..message };
    assert_eq!(json_of(&next.send(&mut world))["credits"]["balance"], 41.98);
    let cookie = world.sign_in_to_console(account::SOLO);
    assert!(text_of(&world.console("/acme/settings/usage", &cookie)).contains("$0.02"));
}

#[test]
fn whatever_is_not_as_it_was_signed_is_refused() {
    let mut world = World::new();
    let good = Message::of(&mut world, account::SOLO, "wks_acme");
    let signed = Some(good.signature());
    let now = world.now / 1_000;
    let changed = |change: fn(&mut Message)| {
        let mut message = Message { signature: signed.clone(), ..good.clone() };
        change(&mut message);
        message
    };
    let at = |seconds: u64| Message { timestamp: seconds.to_string(), ..good.clone() };
    for (case, message, expected) in [
        ("body", changed(|it| it.body = "{}".into()), error(403, "invalid_signature")),
        ("model", changed(|it| it.model = "apex-small".into()), error(403, "invalid_signature")),
        ("nonce", changed(|it| it.nonce = it.nonce.replace('0', "1")), error(403, "invalid_signature")),
        ("time", changed(|it| it.timestamp = "1".into()), error(403, "invalid_signature")),
        ("key", Message { key: "psr_sign_other".into(), ..good.clone() }, error(403, "invalid_signature")),
        ("no signature", changed(|it| it.signature = Some(String::new())), error(400, "unsigned_request")),
        ("no base64", changed(|it| it.signature = Some("?".into())), error(400, "unsigned_request")),
        ("no uuid", changed(|it| it.nonce = "1234".into()), error(400, "unsigned_request")),
        ("no model", changed(|it| it.model = String::new()), error(400, "unsigned_request")),
        ("no number", Message { timestamp: "soon".into(), ..good.clone() }, error(400, "unsigned_request")),
        ("early", at(now - 301), error(403, "stale_timestamp")),
        ("late", at(now + 301), error(403, "stale_timestamp")),
        (
            "other workspace",
            changed(|it| it.workspace = "wks_quiet".into()),
            error(404, "workspace_not_found"),
        ),
        ("no token", changed(|it| it.token = String::new()), error(401, "unauthorized")),
    ] {
        assert_eq!(oauth_error(&message.send(&mut world)), expected, "{case}");
    }
    // None of them cost anything, nor used up the nonce.
    assert_eq!(json_of(&at(now - 300).send(&mut world))["credits"]["balance"], 41.99);
}

#[test]
fn inference_needs_a_balance_and_the_switch() {
    let mut world = World::new();
    let off = Message::of(&mut world, account::OFF, "wks_quiet");
    assert_eq!(oauth_error(&off.send(&mut world)), error(403, "inference_disabled"));
    let unpaid = Message::of(&mut world, account::UNPAID, "wks_fresh_start");
    let other = Message { nonce: "11111111-2222-4333-8444-555555555555".into(), ..unpaid };
    assert_eq!(oauth_error(&other.send(&mut world)), error(402, "insufficient_credits"));
}

#[test]
fn a_nonce_is_remembered_as_long_as_it_matters() {
    let mut world = World::new();
    let ahead = Message::of(&mut world, account::SOLO, "wks_acme");
    let ahead = Message { timestamp: (world.now / 1_000 + 300).to_string(), ..ahead };
    assert_eq!(ahead.send(&mut world).status, 200);
    world.wait(290_000);
    assert_eq!(oauth_error(&ahead.send(&mut world)), error(409, "nonce_reused"));
}
