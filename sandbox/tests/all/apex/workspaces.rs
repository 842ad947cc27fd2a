//! Workspaces: who has which, and settling on one.

use doorkey_sandbox::pensar::account;
use serde_json::json;

use super::*;

#[test]
fn everybody_sees_their_own_workspaces() {
    let mut world = World::new();
    for (email, expected) in [
        (account::SOLO, vec![("acme", 42.0, true)]),
        (account::MULTI, vec![("acme", 42.0, true), ("blue-team", 7.5, true), ("client-labs", 0.25, true)]),
        (account::NEW, vec![]),
        (account::LOW, vec![("frugal", 0.4, true)]),
        (account::UNPAID, vec![("fresh-start", 0.0, false)]),
        (account::OFF, vec![("quiet", 25.0, true)]),
    ] {
        let tokens = world.log_in_as(email);
        let answer = world.ask("/api/cli/workspaces", &tokens.access);
        let body = json_of(&answer);
        assert_eq!((answer.status, &body["consoleUrl"]), (200, &"http://127.0.0.1:8005".into()));
        let listed: Vec<(&str, f64, bool)> = body["workspaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    it["slug"].as_str().unwrap(),
                    it["balance"].as_f64().unwrap(),
                    it["hasPaymentMethod"].as_bool().unwrap(),
                )
            })
            .collect();
        assert_eq!(listed, expected, "{email}");
    }
}

#[test]
fn settling_on_a_workspace_says_whether_it_can_pay() {
    let mut world = World::new();
    for (email, slug, billing, page) in [
        (account::SOLO, "acme", json!({"balance": 42.0, "hasPaymentMethod": true, "ready": true}), None),
        (account::LOW, "frugal", json!({"balance": 0.4, "hasPaymentMethod": true, "ready": true}), None),
        (
            account::UNPAID,
            "fresh-start",
            json!({"balance": 0.0, "hasPaymentMethod": false, "ready": false}),
            Some("http://127.0.0.1:8005/fresh-start/settings/billing"),
        ),
        (
            account::OFF,
            "quiet",
            json!({"balance": 25.0, "hasPaymentMethod": true, "ready": false}),
            Some("http://127.0.0.1:8005/quiet/settings/billing"),
        ),
    ] {
        let tokens = world.log_in_as(email);
        let id = format!("wks_{}", slug.replace('-', "_"));
        let answer = world.tell("/api/cli/select-workspace", &tokens.access, &json!({ "workspaceId": id }));
        let body = json_of(&answer);
        assert_eq!((answer.status, &body["confirmed"], &body["billing"]), (200, &true.into(), &billing));
        assert_eq!((&body["workspace"]["id"], &body["workspace"]["slug"]), (&id.into(), &slug.into()));
        assert_eq!(body["billingUrl"].as_str(), page);
        assert_eq!(body["gatewayUrl"], "http://127.0.0.1:8004");
        assert!(body["signingKey"].as_str().unwrap().starts_with("psr_sign_"));
    }
}

#[test]
fn only_members_settle_on_a_workspace() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    for (body, expected) in [
        (json!({"workspaceId": "wks_quiet"}), error(404, "workspace_not_found")),
        (json!({"workspaceId": "acme"}), error(404, "workspace_not_found")),
        (json!({"workspaceId": 1}), error(400, "invalid_request")),
        (json!({}), error(400, "invalid_request")),
    ] {
        let answer = world.tell("/api/cli/select-workspace", &tokens.access, &body);
        assert_eq!(oauth_error(&answer), expected, "{body}");
    }
}

#[test]
fn the_api_asks_for_a_token_that_is_good() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let expired = "Bearer error=\"invalid_token\"";
    for (token, challenge, name) in [
        ("", "Bearer", "unauthorized"),
        ("nonsense", expired, "invalid_token"),
        (tokens.refresh.as_str(), expired, "invalid_token"),
        (&format!("{}x", tokens.access), expired, "invalid_token"),
    ] {
        let answer = world.ask("/api/cli/workspaces", token);
        assert_eq!(oauth_error(&answer), error(401, name), "{token}");
        assert_eq!(answer.header_value("www-authenticate"), Some(challenge), "{token}");
    }
    // The lifetime is counted from a moment rounded down, so for up to a second it is longer.
    world.wait(300_000);
    assert_eq!(world.ask("/api/cli/workspaces", &tokens.access).status, 200);
    world.wait(1_000);
    assert_eq!(oauth_error(&world.ask("/api/cli/workspaces", &tokens.access)), error(401, "invalid_token"));
    assert_eq!(oauth_error(&world.ask("/api/cli/other", "")), error(404, "not_found"));
    assert_eq!(
        oauth_error(&world.tell("/api/cli/workspaces", "", &json!({}))),
        error(405, "method_not_allowed")
    );
}
