//! Pairing, in the pure service: the answers of the poll, and what became of the key.

use crate::world::*;
use doorkey_core::http::Method;
use doorkey_sandbox::Person;
use serde_json::json;

#[test]
fn a_click_turns_into_a_key() {
    let mut world = World::new();
    let id = device_id(1);
    assert_eq!(refusal(&world.poll(&id)), (404, "not_paired_yet".to_owned()));
    world.approve(&mut Person::new(SOLO), &id, "my-laptop");
    let answer = world.poll(&id);
    let body = json_of(&answer);
    assert_eq!(
        (&body["workspace"], &body["user"], &body["key_name"]),
        (
            &json!({"id": "ws_acme", "name": "Acme", "slug": "acme"}),
            &json!({"email": SOLO}),
            &json!("Pentify Terminal · my-laptop")
        )
    );
    let scopes = "scans:read scans:write targets:read targets:write reports:read usage:read";
    assert_eq!(body["scopes"], json!(scopes.split(' ').collect::<Vec<_>>()));
    let token = token_in(&answer);
    assert!(token.starts_with("pt_live_") && token.len() == 51, "{token}");
    let profile = json_of(&world.api(Method::Get, "/v1/profile", &token));
    assert_eq!(profile["key"]["prefix"], json!(token[..12]));
    assert_eq!(profile["key"]["created_at"], json!("2026-01-01T00:00:00Z"));
}
