//! An older Pensar: device codes of the API's own, which end in an API key.

use std::convert::Infallible;

use doorkey_sandbox::pensar::{Settings, account};
use doorkey_sandbox::{Fault, Person, Rule, Service};
use serde_json::json;

use super::*;

fn older() -> World {
    World::apex(Settings { legacy: true, ..Settings::default() })
}

impl World {
    fn begin_in_the_older_way(&mut self) -> (String, Url) {
        let begun = json_of(&self.tell("/auth/device/code", "", &json!({})));
        (
            begun["deviceCode"].as_str().unwrap().to_owned(),
            url(begun["verificationUriComplete"].as_str().unwrap()),
        )
    }

    fn poll_in_the_older_way(&mut self, code: &str) -> Value {
        let answer = self.tell("/auth/device/token", "", &json!({ "deviceCode": code }));
        assert_eq!(answer.status, 200);
        json_of(&answer)
    }
}

#[test]
fn each_deployment_knows_its_own_way_only() {
    let mut world = older();
    assert_eq!(oauth_error(&world.ask("/api/cli/config", "")), error(404, "not_found"));
    let begin = json!({"client_id": "x"});
    assert_eq!(world.workos("/user_management/authorize/device", &begin).status, 404);
    let mut world = World::new();
    for path in ["/auth/device/code", "/auth/device/token"] {
        assert_eq!(oauth_error(&world.tell(path, "", &json!({}))), error(404, "not_found"));
    }
}

#[test]
fn a_code_of_one_way_is_none_in_the_other() {
    let mut world = older();
    let (code, link) = world.begin_in_the_older_way();
    world.approve_code(account::SOLO, &link);
    let body = json!({
        "client_id": World::new().client_id(), "grant_type": DEVICE_GRANT, "device_code": code,
    });
    assert_eq!(oauth_error(&world.workos(AUTHENTICATE, &body)), error(400, "invalid_grant"));
    // A deployment that was of today, and is an older one since.
    let mut world = World::new();
    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    let mut config = world.config.clone();
    config.pensar.as_mut().unwrap().settings.legacy = true;
    world.service = Service::with_state(config, world.service.state().clone());
    assert_eq!(world.poll_in_the_older_way(&authorization.device_code), json!({"status": "not_found"}));
}

#[test]
fn a_code_is_approved_for_a_workspace_of_ones_own_only() {
    let mut world = older();
    let (code, link) = world.begin_in_the_older_way();
    let cookie = world.sign_in_to_console(account::SOLO);
    let token = form_token(&world.console(link.expose_target().expose_secret(), &cookie));
    let user_code = link.query_value("user_code").unwrap();
    for (workspace, status, expected) in
        [("blue-team", 400, "pending"), ("", 400, "pending"), ("acme", 200, "complete")]
    {
        let fields = [
            ("form_token", token.as_str()),
            ("user_code", user_code),
            ("workspace", workspace),
            ("decision", "approve"),
        ];
        assert_eq!(world.post_to_console("/device", &cookie, &fields).status, status, "{workspace}");
        assert_eq!(world.poll_in_the_older_way(&code)["status"], expected, "{workspace}");
    }
}

#[test]
fn a_login_ends_in_an_api_key() {
    let mut world = older();
    for body in [json!({}), json!({"client_id": "anything"})] {
        let answer = json_of(&world.tell("/auth/device/code", "", &body));
        let (code, user_code) = (answer["deviceCode"].clone(), answer["userCode"].as_str().unwrap());
        let page = "http://127.0.0.1:8005/device";
        let expected = json!({
            "deviceCode": code, "userCode": user_code, "verificationUri": page,
            "verificationUriComplete": format!("{page}?user_code={user_code}"), "expiresIn": 300, "interval": 5,
        });
        assert_eq!(answer, expected);
    }
    let (code, link) = world.begin_in_the_older_way();
    assert_eq!(world.poll_in_the_older_way(&code), json!({"status": "pending"}));
    let mut person = Person::new(account::MULTI).choosing("blue-team");
    person.approve(&link, |request| Ok::<_, Infallible>(world.send(request))).unwrap();
    world.wait(5_000);
    let complete = world.poll_in_the_older_way(&code);
    let key = complete["apiKey"].as_str().unwrap();
    assert!(key.starts_with("psr_key_"));
    let workspace = json!({"id": "wks_blue_team", "name": "Blue Team", "slug": "blue-team"});
    let expected = json!({
        "status": "complete", "apiKey": key, "workspace": workspace, "credits": {"balance": 7.5},
        "signingKey": complete["signingKey"], "gatewayUrl": "http://127.0.0.1:8004",
    });
    assert_eq!(complete, expected);

    let validated = world.ask("/auth/validate", key);
    assert_eq!((validated.status, json_of(&validated)), (200, json!({ "workspace": workspace })));
    let listed = json_of(&world.ask("/api/cli/workspaces", key));
    assert_eq!(listed["workspaces"].as_array().unwrap().len(), 1, "a key is for one workspace");
    assert_eq!(listed["workspaces"][0]["slug"], "blue-team");
    let gateway = HttpRequest::new(Method::Get, world.pensar().gateway.join("/gateway/validate"));
    let validated = json_of(&world.send(&with_token(gateway.clone(), key)));
    assert_eq!(validated["signingKey"], complete["signingKey"]);
    let acme = with_token(gateway.header("x-workspace-id", "wks_acme"), key);
    assert_eq!(oauth_error(&world.send(&acme)), error(404, "workspace_not_found"));
    assert!(world.service.grade().is_clean());
}

#[test]
fn the_key_is_repeated_for_half_a_minute() {
    let mut world = older();
    let (code, link) = world.begin_in_the_older_way();
    world.approve_code(account::SOLO, &link);
    let request = post_json(world.pensar().api.join("/auth/device/token"), &json!({ "deviceCode": code }));
    assert_eq!(world.send_with(&request, Some(Fault::LostAnswer)).complete(), None);
    world.wait(30_000);
    let complete = world.poll_in_the_older_way(&code);
    assert_eq!((&complete["status"], &complete["workspace"]["slug"]), (&"complete".into(), &"acme".into()));
    assert_eq!(world.ask("/auth/validate", complete["apiKey"].as_str().unwrap()).status, 200);
    assert!(world.service.grade().is_clean());
    world.wait(1_000);
    assert_eq!(world.poll_in_the_older_way(&code), json!({"status": "not_found"}));
    assert_eq!(world.service.grade().count(Rule::CodeReused), 1);
    let saved = serde_json::to_string(world.service.state()).unwrap();
    assert!(!saved.contains(complete["apiKey"].as_str().unwrap().strip_prefix("psr_key_").unwrap()));
}

#[test]
fn refusal_and_expiry() {
    let mut world = older();
    let (code, link) = world.begin_in_the_older_way();
    Person::new(account::SOLO).deny(&link, |request| Ok::<_, Infallible>(world.send(request))).unwrap();
    assert_eq!(world.poll_in_the_older_way(&code), json!({"status": "not_found"}));
    let (code, _) = world.begin_in_the_older_way();
    world.wait(300_000);
    assert_eq!(world.poll_in_the_older_way(&code), json!({"status": "expired"}));
    assert_eq!(world.poll_in_the_older_way("psr_device_unknown"), json!({"status": "not_found"}));
    assert_eq!(world.service.grade().count(Rule::EarlyPoll), 0);
    let answer = world.tell("/auth/device/token", "", &json!({}));
    assert_eq!(oauth_error(&answer), error(400, "invalid_request"));
}

#[test]
fn somebody_without_a_workspace_creates_one_first() {
    let mut world = older();
    let (code, link) = world.begin_in_the_older_way();
    let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
    let mut person = Person::new(account::NEW);
    let page = person.create_workspace(&link, "Night Shift", send);
    // Once there is one, the page asks for the decision.
    assert!(page.is_err(), "{page:?}");
    world.approve_code(account::NEW, &link);
    let complete = world.poll_in_the_older_way(&code);
    assert_eq!(complete["workspace"]["slug"], "night-shift");
}
