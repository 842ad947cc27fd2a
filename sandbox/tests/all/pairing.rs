//! Pairing, in the pure service: the answers of the poll, and what became of the key.

use std::convert::Infallible;

use crate::world::*;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::time::WallTime;
use doorkey_sandbox::{Config, LastPage, Person, PersonError, Service, Speed, State, check_code};
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

#[test]
fn every_answer_of_the_poll() {
    let mut world = World::new();
    let poll = |world: &mut World, target: &str| {
        let request = HttpRequest::new(Method::Get, url(&format!("http://127.0.0.1:8001{target}")));
        refusal(&world.send(&request))
    };
    let whole = device_id(1);
    for (device_id, expected) in [
        (whole.as_str(), (404, "not_paired_yet")),
        ("", (400, "validation_error")),
        (&whole[1..], (400, "validation_error")),
        (&format!("{whole}="), (400, "validation_error")),
        (&whole.replace('A', "+"), (400, "validation_error")),
        (&"B".repeat(43), (400, "validation_error")),
        (&"A".repeat(10_000), (400, "validation_error")),
    ] {
        let answer = poll(&mut world, &format!("/auth/terminal/poll?device_id={device_id}"));
        assert_eq!((answer.0, answer.1.as_str()), expected, "{device_id}");
    }
    assert_eq!(poll(&mut world, "/auth/terminal/poll"), (400, "validation_error".to_owned()));

    let denied = device_id(2);
    let link = world.link(&denied, "laptop");
    Person::new(SOLO).deny(&link, |request| Ok::<_, Infallible>(world.send(request))).unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(&world.poll(&denied)), (403, "access_denied".to_owned()));
    }
    let link = world.link(&denied, "laptop");
    let again = Person::new(SOLO).approve(&link, |request| Ok::<_, Infallible>(world.send(request)));
    let used = LastPage { status: 410, heading: "This link was already used".to_owned() };
    assert_eq!(again, Err(PersonError::Elsewhere(used)));
    let post = HttpRequest::new(Method::Post, world.config.api.join("/auth/terminal/poll"));
    assert_eq!(refusal(&world.send(&post)), (405, "method_not_allowed".to_owned()));
}

#[test]
fn the_same_answer_is_repeated_for_thirty_seconds() {
    let mut world = World::new();
    let id = device_id(1);
    world.approve(&mut Person::new(SOLO), &id, "laptop");
    let first = world.poll(&id);
    assert_eq!(first.status, 200);
    world.wait(30_000);
    assert_eq!(world.poll(&id), first);
    world.wait(1);
    assert_eq!(refusal(&world.poll(&id)), (410, "pairing_consumed".to_owned()));
}

#[test]
fn a_strict_service_gives_a_token_once() {
    let mut world = World::with(Config { strict_poll: true, ..config() });
    let id = device_id(1);
    world.approve(&mut Person::new(SOLO), &id, "laptop");
    assert_eq!(world.poll(&id).status, 200);
    assert_eq!(refusal(&world.poll(&id)), (410, "pairing_consumed".to_owned()));
}

#[test]
fn a_link_works_for_five_minutes() {
    for (wait, works) in [(300_000, true), (300_001, false)] {
        let mut world = World::new();
        let id = device_id(1);
        let (link, mut person) = (world.link(&id, "laptop"), Person::new(SOLO));
        let cookie = world.sign_in(SOLO);
        let opened = world.get(link.expose_target().expose_secret(), &cookie);
        assert_eq!(opened.status, 200);
        world.wait(wait);
        let walk = person.approve(&link, |request| Ok::<_, Infallible>(world.send(request)));
        let posted = world.post(
            "/auth/terminal-pair",
            &cookie,
            &[
                ("form_token", &form_token(&opened)),
                ("device_id", &id),
                ("workspace", "acme"),
                ("decision", "deny"),
            ],
        );
        if works {
            assert_eq!((walk.unwrap().status, posted.status), (200, 410));
            assert_eq!(world.poll(&id).status, 200);
        } else {
            let expired = LastPage { status: 410, heading: "This link has expired".to_owned() };
            assert_eq!((walk, posted.status), (Err(PersonError::Elsewhere(expired)), 410));
            assert_eq!(refusal(&world.poll(&id)), (404, "not_paired_yet".to_owned()));
        }
    }
}

#[test]
fn an_approval_that_nobody_fetched_in_time_gives_no_key() {
    let mut world = World::new();
    let id = device_id(1);
    world.approve(&mut Person::new(SOLO), &id, "laptop");
    world.wait(300_001);
    assert_eq!(refusal(&world.poll(&id)), (404, "not_paired_yet".to_owned()));
}

#[test]
fn pairing_again_revokes_the_key_of_the_same_device_and_workspace() {
    let mut world = World::new();
    let mut multi = Person::new(MULTI).choosing("acme");
    let old = world.pair(&mut multi, &device_id(1), "laptop");
    let other_device = world.pair(&mut multi, &device_id(2), "desktop");
    let other_workspace = world.pair(&mut Person::new(MULTI).choosing("blue-team"), &device_id(3), "laptop");
    let other_person = world.pair(&mut Person::new(SOLO), &device_id(4), "laptop");
    let status = |world: &mut World, key: &str| world.api(Method::Get, "/v1/usage", key).status;
    assert_eq!(status(&mut world, &old), 200);
    world.approve(&mut multi, &device_id(5), "laptop");
    assert_eq!(status(&mut world, &old), 200, "approved, but not fetched");
    let new = token_in(&world.poll(&device_id(5)));
    assert_eq!(refusal(&world.api(Method::Get, "/v1/usage", &old)), (401, "invalid_api_key".to_owned()));
    for key in [new, other_device, other_workspace, other_person] {
        assert_eq!(status(&mut world, &key), 200);
    }
}

#[test]
fn the_api_answers_as_agreed() {
    let mut world = World::new();
    let key = world.pair(&mut Person::new(MULTI).choosing("client-labs"), &device_id(1), "laptop");
    let workspace = json!({"id": "ws_client_labs", "name": "Client Labs", "slug": "client-labs"});
    let usage = json_of(&world.api(Method::Get, "/v1/usage", &key));
    assert_eq!(
        usage,
        json!({
            "workspace": workspace,
            "tokens": {"balance": 75, "used": 42},
            "period": {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"},
        })
    );
    let profile = json_of(&world.api(Method::Get, "/v1/profile", &key));
    assert_eq!(profile["user"], json!({"id": "user_multi", "email": MULTI, "name": "Multi"}));
    assert_eq!(profile["workspace"], workspace);
    let scans = json_of(&world.api(Method::Get, "/v1/scans", &key));
    assert_eq!((scans["data"].as_array().unwrap().len(), &scans["next_cursor"]), (3, &json!(null)));
    for field in ["id", "target", "scan_type", "status", "created_at"] {
        assert!(scans["data"][0][field].is_string(), "{field}");
    }
    assert_eq!(refusal(&world.api(Method::Get, "/v1/nothing", &key)), (404, "not_found".to_owned()));
    assert_eq!(refusal(&world.api(Method::Post, "/v1/usage", &key)), (405, "method_not_allowed".to_owned()));
    let wrong = [format!("{key}x"), "pt_live_unknown".to_owned(), String::new(), "\u{1b}[2J".to_owned()];
    for wrong in wrong {
        for path in ["/v1/usage", "/v1/profile", "/v1/scans", "/v1/nothing"] {
            assert_eq!(refusal(&world.api(Method::Get, path, &wrong)), (401, "invalid_api_key".to_owned()));
        }
    }
    assert_eq!(world.api(Method::Delete, "/v1/keys/current", &key).status, 200);
    assert_eq!(refusal(&world.api(Method::Get, "/v1/usage", &key)), (401, "invalid_api_key".to_owned()));
}

#[test]
fn keys_are_limited_to_sixty_requests_a_minute_each() {
    let mut world = World::new();
    let mut person = Person::new(SOLO);
    let key = world.pair(&mut person, &device_id(1), "laptop");
    let other = world.pair(&mut person, &device_id(2), "desktop");
    for _ in 0..60 {
        assert_eq!(world.api(Method::Get, "/v1/usage", &key).status, 200);
        world.wait(100);
    }
    let refused = world.api(Method::Get, "/v1/usage", &key);
    assert_eq!(refusal(&refused), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header_value("retry-after"), Some("54"));
    assert_eq!(world.api(Method::Get, "/v1/usage", &other).status, 200);
    world.wait(54_000);
    assert_eq!(world.api(Method::Get, "/v1/usage", &key).status, 200);
}

#[test]
fn a_client_that_keeps_to_the_contract_is_never_refused_for_its_pace() {
    for speed in ["1", "60", "0.1"] {
        let speed: Speed = speed.parse().unwrap();
        let mut world = World::with(Config { speed, ..config() });
        world.wait(speed.sandbox_millis(2_000));
        for poll in 0..119 {
            assert_eq!(world.poll(&device_id(1)).status, 404, "poll {poll} at speed {speed}");
            world.wait(speed.sandbox_millis(2_500));
        }
        assert!(world.service.grade().is_clean(), "{:?}", world.service.grade());
    }
}

#[test]
fn the_thirty_first_poll_of_a_minute_is_refused() {
    for (rate_limit, status) in [(true, 429), (false, 404)] {
        let mut world = World::with(Config { rate_limit, ..config() });
        for poll in 0..30 {
            // Whoever asks: all come from one address.
            assert_eq!(world.poll(&device_id(poll)).status, 404);
        }
        world.wait(59_001);
        let answer = world.poll(&device_id(31));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header_value("retry-after"), rate_limit.then_some("1"));
        world.wait(999);
        assert_eq!(world.poll(&device_id(31)).status, 404);
    }
}

#[test]
fn the_workspace_that_the_terminal_asked_for_is_preselected() {
    let mut world = World::new();
    let cookie = world.sign_in(MULTI);
    let mut heading = |asked: &str, who: &str| {
        let cookie = if who == SOLO { world.sign_in(SOLO) } else { cookie.clone() };
        let target =
            format!("/auth/terminal-pair?device_id={}&device_name=laptop&workspace={asked}", device_id(1));
        let page = text_of(&world.get(&target, &cookie));
        let (_, rest) = page.split_once("<h1>").unwrap();
        (rest.split_once("</h1>").unwrap().0.to_owned(), page)
    };
    for (asked, who, expected, workspace, warned) in [
        ("blue-team", MULTI, "Authorize this device?", "Blue Team", false),
        ("Client%20Labs", MULTI, "Authorize this device?", "Client Labs", false),
        ("", MULTI, "Choose a workspace", "Blue Team", false),
        ("elsewhere", MULTI, "Choose a workspace", "Blue Team", true),
        ("elsewhere", SOLO, "Authorize this device?", "Acme", true),
    ] {
        let (found, page) = heading(asked, who);
        assert_eq!(found, expected, "{asked} {who}");
        assert!(page.contains(workspace));
        assert_eq!(page.contains("You are not a member of the workspace"), warned, "{asked} {who}");
    }
}

#[test]
fn the_page_shows_what_is_to_be_decided() {
    let mut world = World::new();
    let cookie = world.sign_in(SOLO);
    let id = device_id(0);
    let link = world.link(&id, "my-laptop");
    let page = text_of(&world.get(link.expose_target().expose_secret(), &cookie));
    // SHA-256 of 43 times "A", in base32.
    let code = check_code(&id);
    assert_eq!(code, "B4AH-HBNW");
    for shown in
        ["my-laptop", "Acme", SOLO, &code, "Only if you started this just now", "reports:read", "Deny"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    let text = page.replace(&format!("value=\"{id}\""), "");
    assert!(!text.contains(&id), "the device id is a hidden field and nothing else");
}

#[test]
fn the_state_survives_being_saved_and_holds_no_secret() {
    let mut world = World::new();
    let id = device_id(1);
    let key = world.pair(&mut Person::new(SOLO), &id, "laptop");
    let cookie = world.sign_in(SOLO);
    let saved = serde_json::to_string(world.service.state()).unwrap();
    let loaded: State = serde_json::from_str(&saved).unwrap();
    assert_eq!(&loaded, world.service.state());
    let (_, cookie) = cookie.split_once('=').unwrap();
    let body = key.strip_prefix("pt_live_").unwrap();
    for secret in [&id, body, cookie] {
        assert!(!saved.contains(secret));
    }
    let now = WallTime::from_unix_millis(world.now);
    let poll = world.poll_request(&id);
    let mut other = Service::with_state(config(), loaded);
    assert_eq!(token_in(&other.handle(now, &poll)), key, "within the window the answer is the same");
    // After the window, what is needed to make the key again is gone as well.
    assert_eq!(saved.matches("\"salt\":\"").count(), 1);
    world.wait(31_001);
    world.poll(&device_id(2));
    let saved = serde_json::to_string(world.service.state()).unwrap();
    assert_eq!(saved.matches("\"salt\":\"").count(), 0);
}
