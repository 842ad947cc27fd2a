//! WorkOS as a standard authorization server: metadata, forms, and answers with all that the RFCs ask for.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_sandbox::Rule;
use doorkey_sandbox::pensar::{CLIENT_ID, account};
use serde_json::json;

use super::*;

const DEVICE: &str = "/user_management/authorize/device";

fn post_form(world: &mut World, path: &str, fields: &[(&str, &str)]) -> HttpResponse {
    let request = form_request(world.pensar().workos.join(path), fields);
    world.send(&request)
}

#[test]
fn metadata_name_the_endpoints() {
    let mut world = World::new();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let request = HttpRequest::new(Method::Get, world.pensar().workos.join(path));
        let answer = world.send(&request);
        let expected = json!({
            "issuer": "http://127.0.0.1:8006",
            "device_authorization_endpoint": "http://127.0.0.1:8006/user_management/authorize/device",
            "token_endpoint": "http://127.0.0.1:8006/user_management/authenticate",
            "grant_types_supported": [DEVICE_GRANT, "refresh_token"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["none"],
        });
        assert_eq!((answer.status, json_of(&answer)), (200, expected));
    }
    let mut older = World::apex(Settings { legacy: true, ..Settings::default() });
    let request =
        HttpRequest::new(Method::Get, older.pensar().workos.join("/.well-known/oauth-authorization-server"));
    assert_eq!(older.send(&request).status, 404);
}

#[test]
fn a_client_that_sends_forms_logs_in_and_refreshes() {
    let mut world = World::new();
    let begun = json_of(&post_form(&mut world, DEVICE, &[("client_id", CLIENT_ID), ("scope", "openid")]));
    let code = begun["device_code"].as_str().unwrap();
    let poll = [("client_id", CLIENT_ID), ("grant_type", DEVICE_GRANT), ("device_code", code)];
    assert_eq!(oauth_error(&post_form(&mut world, AUTHENTICATE, &poll)), error(400, "authorization_pending"));
    world.approve_code(account::SOLO, &url(begun["verification_uri_complete"].as_str().unwrap()));
    world.wait(5_000);
    let answer = post_form(&mut world, AUTHENTICATE, &poll);
    let tokens = json_of(&answer);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&"Bearer".into(), &300.into()));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refresh = [("client_id", CLIENT_ID), ("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let tokens = tokens_in(&post_form(&mut world, AUTHENTICATE, &refresh));
    assert_eq!(world.ask("/api/cli/workspaces", &tokens.access).status, 200);
    assert!(world.service.grade().is_clean());
    // The rules are the same ones, and so is the state: the token is spent for both kinds of clients.
    world.wait(20_000);
    assert_eq!(oauth_error(&world.refresh(refresh[2].1)), error(400, "invalid_grant"));
    assert_eq!(world.service.grade().count(Rule::RefreshReplayed), 1);
}

#[test]
fn json_is_answered_as_before() {
    let mut world = World::new();
    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    let answer = json_of(&world.poll_code(&authorization.device_code));
    let mut names: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "refresh_token", "user"]);
}

#[test]
fn no_parameter_comes_twice_and_forms_are_for_oauth_alone() {
    let mut world = World::new();
    let twice = [("client_id", CLIENT_ID), ("client_id", CLIENT_ID)];
    assert_eq!(oauth_error(&post_form(&mut world, DEVICE, &twice)), error(400, "invalid_request"));
    let Tokens { access, .. } = world.log_in_as(account::SOLO);
    let select = form_request(world.pensar().api.join("/api/cli/select-workspace"), &[("workspaceId", "x")]);
    assert_eq!(oauth_error(&world.send(&with_token(select, &access))), error(400, "invalid_request"));
}
