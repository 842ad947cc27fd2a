//! The device grant: its answers, its page, its times.

use std::convert::Infallible;
use std::time::Duration;

use doorkey_core::http::{HttpRequest, Method};
use doorkey_sandbox::pensar::{Settings, account};
use doorkey_sandbox::{LastPage, Person, PersonError};
use serde_json::json;

use super::*;

#[test]
fn the_answer_to_a_terminal_that_begins() {
    let mut world = World::new();
    let client_id = world.client_id();
    let answer = world.workos("/user_management/authorize/device", &json!({ "client_id": client_id }));
    let body = json_of(&answer);
    let code = body["user_code"].as_str().unwrap();
    assert_eq!((code.len(), &code[4..5]), (9, "-"));
    assert!(code.replace('-', "").bytes().all(|letter| b"BCDFGHJKLMNPQRSTVWXZ".contains(&letter)), "{code}");
    let page = "http://127.0.0.1:8005/device";
    let expected = json!({
        "device_code": body["device_code"],
        "user_code": code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={code}"),
        "expires_in": 300,
        "interval": 5,
    });
    assert_eq!((answer.status, body), (200, expected));
    assert_eq!(answer.header_value("date"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    let settings = Settings {
        device_interval: Duration::from_secs(1),
        device_lifetime: Duration::from_secs(60),
        ..Settings::default()
    };
    let mut world = World::apex(settings);
    let answer = world.workos("/user_management/authorize/device", &json!({ "client_id": client_id }));
    let body = json_of(&answer);
    assert_eq!((&body["expires_in"], &body["interval"]), (&60.into(), &1.into()));
}

#[test]
fn a_person_approves_and_the_code_is_exchanged_once() {
    let mut world = World::new();
    let authorization = world.authorize();
    assert_eq!(
        oauth_error(&world.poll_code(&authorization.device_code)),
        error(400, "authorization_pending")
    );
    world.approve_code(account::SOLO, &authorization.complete);
    world.wait(5_000);
    let answer = world.poll_code(&authorization.device_code);
    let tokens = tokens_in(&answer);
    assert_eq!(json_of(&answer)["user"]["email"], account::SOLO);
    assert_eq!(answer.header_value("cache-control"), Some("no-store"));
    let claims: Vec<&str> = tokens.access.split('.').collect();
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims[1].as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let iat = world.now / 1_000;
    assert_eq!((&claims["iat"], &claims["exp"]), (&iat.into(), &(iat + 300).into()));
    assert_eq!(claims["sub"], "user_solo");
    assert!(!claims["sid"].as_str().unwrap().is_empty());
    world.wait(5_000);
    assert_eq!(oauth_error(&world.poll_code(&authorization.device_code)), error(400, "invalid_grant"));
    assert_eq!(world.ask("/api/cli/workspaces", &tokens.access).status, 200, "the tokens live on");
}

#[test]
fn a_person_denies() {
    let mut world = World::new();
    let authorization = world.authorize();
    let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
    let page = Person::new(account::SOLO).deny(&authorization.complete, send).unwrap();
    assert_eq!((page.status, page.heading.as_str()), (200, "Request denied"));
    for _ in 0..2 {
        world.wait(5_000);
        assert_eq!(oauth_error(&world.poll_code(&authorization.device_code)), error(400, "access_denied"));
    }
}

#[test]
fn a_code_can_be_typed() {
    let mut world = World::new();
    let authorization = world.authorize();
    let typed = authorization.user_code.to_lowercase().replace('-', " ");
    let page = world.pensar().console.join("/device");
    let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
    Person::new(account::SOLO).entering(&typed).approve(&page, send).unwrap();
    world.wait(5_000);
    tokens_in(&world.poll_code(&authorization.device_code));
}

#[test]
fn wrong_codes_are_told_and_cannot_be_tried_for_ever() {
    let mut world = World::new();
    let authorization = world.authorize();
    let page = world.pensar().console.join("/device");
    let attempt = |world: &mut World, code: &str| {
        let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
        match Person::new(account::SOLO).entering(code).approve(&page, send) {
            Ok(page) | Err(PersonError::Elsewhere(page)) => page,
            Err(other) => panic!("{other:?}"),
        }
    };
    let not_known = LastPage { status: 404, heading: "This code is not known".to_owned() };
    for number in 0..10 {
        let code = if number == 0 { "nonsense" } else { "BCDF-GHJK" };
        assert_eq!(attempt(&mut world, code), not_known);
    }
    let too_many = LastPage { status: 429, heading: "Too many wrong codes".to_owned() };
    assert_eq!(attempt(&mut world, &authorization.user_code), too_many);
    world.wait(60_000);
    assert_eq!(attempt(&mut world, &authorization.user_code).heading, "Device authorized");
}

#[test]
fn opening_a_link_approves_nothing() {
    let mut world = World::new();
    let authorization = world.authorize();
    let cookie = world.sign_in_to_console(account::SOLO);
    let link = authorization.complete.clone().with("decision", "approve");
    let page = world.console(link.expose_target().expose_secret(), &cookie);
    let text = text_of(&page);
    for shown in [&authorization.user_code, account::SOLO, "Only if you started this just now"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(
        oauth_error(&world.poll_code(&authorization.device_code)),
        error(400, "authorization_pending")
    );
    // Nor does a form that is not ours.
    let fields = [("user_code", authorization.user_code.as_str()), ("decision", "approve")];
    let url = world.pensar().console.join("/device");
    for origin in ["http://127.0.0.1:8005", "http://127.0.0.1:8002"] {
        let forged = form_request(url.clone(), &fields).header("origin", origin);
        assert_eq!(world.send(&forged.header("cookie", cookie.as_str())).status, 403);
    }
    world.wait(5_000);
    assert_eq!(
        oauth_error(&world.poll_code(&authorization.device_code)),
        error(400, "authorization_pending")
    );
}

#[test]
fn a_used_code_decides_nothing_more() {
    let mut world = World::new();
    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    for exchanged in [false, true] {
        let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
        let walk = Person::new(account::MULTI).deny(&authorization.complete, send);
        let used = LastPage { status: 410, heading: "This code was already used".to_owned() };
        assert!(matches!(walk, Err(PersonError::Elsewhere(page)) if page == used));
        if !exchanged {
            tokens_in(&world.poll_code(&authorization.device_code));
        }
    }
}

#[test]
fn a_code_expires() {
    for (wait, expected) in [(299_999, "authorization_pending"), (300_000, "expired_token")] {
        let mut world = World::new();
        let authorization = world.authorize();
        world.wait(wait);
        assert_eq!(oauth_error(&world.poll_code(&authorization.device_code)), error(400, expected));
    }
    // Approved in time and asked for too late is too late.
    let mut world = World::new();
    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    world.wait(300_000);
    assert_eq!(oauth_error(&world.poll_code(&authorization.device_code)), error(400, "expired_token"));
    let authorization = world.authorize();
    world.wait(300_000);
    let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
    let walk = Person::new(account::SOLO).approve(&authorization.complete, send);
    let expired = LastPage { status: 410, heading: "This code has expired".to_owned() };
    assert!(matches!(walk, Err(PersonError::Elsewhere(page)) if page == expired));
}

#[test]
fn early_polls_are_slowed_down_for_good() {
    let mut world = World::new();
    let code = world.authorize().device_code;
    // The wait before each poll, and whether it was long enough.
    for (wait, expected) in [
        (0, "authorization_pending"),
        (4_749, "slow_down"),
        (9_749, "slow_down"),
        (14_750, "authorization_pending"),
        (14_749, "slow_down"),
        (20_000, "authorization_pending"),
    ] {
        world.wait(wait);
        assert_eq!(oauth_error(&world.poll_code(&code)), error(400, expected), "after {wait}");
    }
    // Another login is not slowed down by it.
    let other = world.authorize().device_code;
    for _ in 0..2 {
        world.wait(5_000);
        assert_eq!(oauth_error(&world.poll_code(&other)), error(400, "authorization_pending"));
    }
}

#[test]
fn an_early_poll_that_was_approved_is_answered() {
    let mut world = World::new();
    let authorization = world.authorize();
    world.poll_code(&authorization.device_code);
    world.approve_code(account::SOLO, &authorization.complete);
    tokens_in(&world.poll_code(&authorization.device_code));
}

#[test]
fn whatever_is_wrong_with_a_request_is_told() {
    let mut world = World::new();
    let (client_id, code) = (world.client_id(), world.authorize().device_code);
    let device = json!({"client_id": client_id, "grant_type": DEVICE_GRANT, "device_code": code});
    let with = |name: &str, value: Value| {
        let mut body = device.clone();
        body[name] = value;
        body
    };
    for (body, expected) in [
        (with("client_id", "client_of_others".into()), error(401, "invalid_client")),
        (with("client_id", Value::Null), error(400, "invalid_request")),
        (with("grant_type", "password".into()), error(400, "unsupported_grant_type")),
        (with("grant_type", 5.into()), error(400, "invalid_request")),
        (with("device_code", "psr_device_unknown".into()), error(400, "invalid_grant")),
        (with("device_code", Value::Null), error(400, "invalid_request")),
        (with("grant_type", "refresh_token".into()), error(400, "invalid_request")),
        (json!([]), error(400, "invalid_request")),
    ] {
        let answer = world.workos(AUTHENTICATE, &body);
        assert_eq!(oauth_error(&answer), expected, "{body}");
        assert!(answer.header_value("date").is_some());
    }
    let url = world.pensar().workos.join(AUTHENTICATE);
    let form = form_request(url.clone(), &[("client_id", &client_id)]);
    assert_eq!(oauth_error(&world.send(&form)), error(400, "invalid_request"));
    let untold = HttpRequest::new(Method::Post, url.clone()).body("text/plain", device.to_string());
    assert_eq!(oauth_error(&world.send(&untold)), error(400, "invalid_request"));
    assert_eq!(
        oauth_error(&world.send(&HttpRequest::new(Method::Get, url))),
        error(405, "method_not_allowed")
    );
    let begin = "/user_management/authorize/device";
    assert_eq!(oauth_error(&world.workos(begin, &json!({"client_id": "x"}))), error(401, "invalid_client"));
    assert_eq!(oauth_error(&world.workos(begin, &json!({}))), error(400, "invalid_request"));
    assert_eq!(oauth_error(&world.workos("/user_management/other", &json!({}))), error(404, "not_found"));
}

#[test]
fn the_state_holds_no_code_and_no_token() {
    let mut world = World::new();
    let waiting = world.authorize();
    let tokens = world.log_in_as(account::SOLO);
    let saved = serde_json::to_string(world.service.state()).unwrap();
    let signature = tokens.access.rsplit_once('.').unwrap().1;
    for secret in [&waiting.device_code, &waiting.user_code, &tokens.refresh, signature] {
        assert!(!saved.contains(secret.trim_start_matches("psr_device_").trim_start_matches("psr_refresh_")));
    }
    assert_eq!(&serde_json::from_str::<doorkey_sandbox::State>(&saved).unwrap(), world.service.state());
}
