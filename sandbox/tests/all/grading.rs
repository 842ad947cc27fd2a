//! For each rule a client that breaks it, and one that breaks none.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_sandbox::{Fault, Person, Rule};

use crate::world::*;

/// A login as the contract has it, with what `meanwhile` does between approval and the poll that gets the key.
fn log_in(world: &mut World, id: &str) -> String {
    let link = world.link(id, "laptop");
    world.get(link.expose_target().expose_secret(), "");
    world.wait(2_000);
    assert_eq!(world.poll(id).status, 404);
    world.wait(2_500);
    world.approve(&mut Person::new(SOLO), id, "laptop");
    token_in(&world.poll(id))
}

fn broken(world: &World) -> Vec<(Rule, u64)> {
    let grade = world.service.grade();
    for finding in &grade.rules {
        let example = finding.first.clone().unwrap_or_default();
        assert_eq!(example.is_empty(), finding.count == 0);
        assert!(!example.contains("pt_live_") && !example.contains(&device_id(1)), "{example}");
    }
    grade
        .rules
        .iter()
        .filter(|finding| finding.count > 0)
        .map(|finding| (finding.rule, finding.count))
        .collect()
}

#[test]
fn a_good_client_is_clean_whatever_goes_wrong_around_it() {
    let mut world = World::new();
    let id = device_id(1);
    world.wait(2_000);
    for fault in
        [None, Some(Fault::HtmlError), Some(Fault::Reset), Some(Fault::LostAnswer), Some(Fault::Truncate)]
    {
        let request = world.poll_request(&id);
        world.send_with(&request, fault);
        world.wait(2_500);
    }
    let request = world.poll_request(&id);
    let refused = world.send_with(&request, Some(Fault::TooManyRequests)).complete().unwrap();
    assert_eq!((refused.status, refused.header_value("retry-after")), (429, Some("1")));
    world.wait(3_750);
    world.approve(&mut Person::new(SOLO), &id, "laptop");
    // The answer with the key is lost and asked for again.
    for fault in [Fault::LostAnswer, Fault::Truncate] {
        assert_eq!(world.send_with(&request, Some(fault)).complete(), None);
        world.wait(3_750);
    }
    let key = token_in(&world.poll(&id));
    for path in ["/v1/usage", "/v1/scans", "/v1/redirect"] {
        world.api(Method::Get, path, &key);
    }
    // The person opens the used link once more; that is not the client.
    let link = world.link(&id, "laptop");
    assert_eq!(world.get(link.expose_target().expose_secret(), "").status, 410);
    assert_eq!(broken(&world), []);
    assert_eq!(world.service.grade().requests, 12);
    assert!(world.service.grade().is_clean());
}

#[test]
fn early_poll() {
    for (wait, expected) in [(2_249, vec![(Rule::EarlyPoll, 1)]), (2_250, vec![])] {
        let mut world = World::new();
        world.poll(&device_id(1));
        world.wait(wait);
        world.poll(&device_id(1));
        assert_eq!(broken(&world), expected);
    }
}

#[test]
fn early_poll_after_being_told_to_wait() {
    // Slower by half after a 429, and never before Retry-After is over.
    for (retry_after, wait, expected) in [(1, 3_499, 1), (1, 3_500, 0), (40, 39_000, 1), (40, 39_800, 0)] {
        let mut world = World::new();
        let request = world.poll_request(&device_id(1));
        if retry_after == 1 {
            world.send_with(&request, Some(Fault::TooManyRequests));
        } else {
            for other in 0..30 {
                world.poll(&device_id(100 + other));
            }
            world.wait(20_000);
            assert_eq!(world.poll(&device_id(1)).header_value("retry-after"), Some("40"));
        }
        world.wait(wait);
        world.poll(&device_id(1));
        assert_eq!(world.service.grade().count(Rule::EarlyPoll), expected, "{retry_after} {wait}");
    }
}

#[test]
fn poll_after_final() {
    let mut world = World::new();
    log_in(&mut world, &device_id(1));
    world.wait(2_500);
    world.poll(&device_id(1));
    world.wait(60_000);
    world.poll(&device_id(1));
    assert_eq!(broken(&world), [(Rule::PollAfterFinal, 2)]);
}

#[test]
fn poll_after_denial() {
    let mut world = World::new();
    let id = device_id(1);
    let link = world.link(&id, "laptop");
    Person::new(SOLO).deny(&link, |request| Ok::<HttpResponse, ()>(world.send(request))).unwrap();
    world.poll(&id);
    world.wait(2_500);
    world.poll(&id);
    assert_eq!(broken(&world), [(Rule::PollAfterFinal, 1)]);
}

#[test]
fn poll_after_expiry() {
    for (wait, expected) in [(300_251, vec![(Rule::PollAfterExpiry, 1)]), (300_250, vec![])] {
        let mut world = World::new();
        world.poll(&device_id(1));
        world.wait(wait);
        world.poll(&device_id(1));
        assert_eq!(broken(&world), expected);
    }
}

#[test]
fn token_to_wrong_host() {
    let mut world = World::new();
    let key = log_in(&mut world, &device_id(1));
    let app = world.config.app.join("/v1/usage");
    world.send(&HttpRequest::new(Method::Get, app.clone()).bearer(&Secret::from(key.as_str())));
    world.send(&HttpRequest::new(Method::Post, app).body("text/plain", key.as_str()));
    let rebound = HttpRequest::new(Method::Get, world.config.api.join("/v1/usage"))
        .header("host", "evil.example")
        .bearer(&Secret::from(key));
    world.send(&rebound);
    assert_eq!(broken(&world), [(Rule::TokenToWrongHost, 3)]);
}

#[test]
fn token_in_url() {
    let mut world = World::new();
    let key = log_in(&mut world, &device_id(1));
    let usage = world.config.api.join("/v1/usage").with("api_key", key.as_str());
    world.send(&HttpRequest::new(Method::Get, usage));
    world.send(&HttpRequest::new(Method::Get, world.config.api.join(&format!("/v1/keys/{key}"))));
    assert_eq!(broken(&world), [(Rule::TokenInUrl, 2)]);
}

#[test]
fn redirect_followed() {
    let mut world = World::new();
    let key = log_in(&mut world, &device_id(1));
    let redirect = world.api(Method::Get, "/v1/redirect", &key);
    let target = redirect.header_value("location").unwrap().to_owned();
    assert_eq!((redirect.status, target.as_str()), (307, "http://127.0.0.1:8002/redirected"));
    world.send(&HttpRequest::new(Method::Get, url(&target)));
    assert_eq!(broken(&world), [(Rule::RedirectFollowed, 1)]);
    world.send(&HttpRequest::new(Method::Get, url(&target)).bearer(&Secret::from(key)));
    assert_eq!(broken(&world), [(Rule::TokenToWrongHost, 1), (Rule::RedirectFollowed, 2)]);
}

#[test]
fn code_reused() {
    let mut world = World::new();
    let id = device_id(1);
    log_in(&mut world, &id);
    world.wait(60_000);
    let link = world.link(&id, "laptop");
    world.get(link.expose_target().expose_secret(), "");
    world.wait(2_000);
    assert_eq!(world.poll(&id).status, 410);
    assert_eq!(broken(&world), [(Rule::CodeReused, 1)]);
}

#[test]
fn a_grade_is_written_with_every_rule() {
    let mut world = World::new();
    world.poll(&device_id(1));
    world.poll(&device_id(1));
    let grade = serde_json::to_value(world.service.grade()).unwrap();
    let rules: Vec<&str> =
        grade["rules"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!(
        rules.join(", "),
        "early-poll, slow-down-ignored, poll-after-final, poll-after-expiry, refresh-replayed, refresh-raced, \
         token-to-wrong-host, token-in-url, redirect-followed, code-reused"
    );
    assert_eq!((&grade["requests"], &grade["rules"][0]["count"]), (&2.into(), &1.into()));
    let first = grade["rules"][0]["first"].as_str().unwrap();
    assert!(first.ends_with("0 ms after the poll before; 2500 ms are the least"), "{first}");
}
