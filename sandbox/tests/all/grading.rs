//! For each rule a client that breaks it, and one that breaks none.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_sandbox::{Fault, Person, Rule, Verdict};

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
        let example = finding.first.as_ref().map(ToString::to_string).unwrap_or_default();
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
fn polls_after_being_told_to_wait() {
    // Slower by half after a 429, and never before Retry-After is over.
    let (early, ignored) = (Rule::EarlyPoll, Rule::RetryAfterIgnored);
    for (retry_after, wait, expected) in [
        (1, 749, vec![(early, 1), (ignored, 1)]),
        (1, 3_499, vec![(early, 1)]),
        (1, 3_500, vec![]),
        (40, 39_000, vec![(ignored, 1)]),
        (40, 39_800, vec![]),
    ] {
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
        assert_eq!(broken(&world), expected, "{retry_after} {wait}");
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
        "early-poll, slow-down-ignored, retry-after-ignored, poll-after-final, poll-after-expiry, \
         login-given-up, code-reused, refresh-replayed, refresh-raced, refresh-after-refusal, session-lost, \
         client-not-named, token-to-wrong-host, token-in-url, redirect-followed"
    );
    assert_eq!(rules, Rule::ALL.map(Rule::id));
    let early = &grade["rules"][0];
    assert_eq!((&grade["requests"], &early["count"], &early["occasions"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!((&early["verdict"], &early["level"]), (&"failed".into(), &"must".into()));
    assert_eq!(early["source"], "RFC 8628 §3.5");
    let first = &early["first"];
    assert_eq!(first["request"], "GET http://127.0.0.1:8001/auth/terminal/poll");
    assert_eq!(first["at"], "2026-01-01T00:00:00.000Z");
    let found = first["found"].as_str().unwrap();
    assert!(found.ends_with("0 ms after the poll before; 2500 ms are the least"), "{found}");
    assert_eq!(
        (&grade["rules"][1]["verdict"], &grade["rules"][1]["first"]),
        (&"not_exercised".into(), &().into())
    );
}

#[test]
fn a_login_is_given_up_or_goes_on() {
    for (fault, goes_on, expected) in [
        (None, false, (Verdict::NotExercised, Verdict::NotExercised)),
        (Some(Fault::HtmlError), false, (Verdict::Failed, Verdict::NotExercised)),
        (Some(Fault::TooManyRequests), false, (Verdict::Failed, Verdict::NotExercised)),
        (Some(Fault::LostAnswer), false, (Verdict::Failed, Verdict::NotExercised)),
        (Some(Fault::Truncate), true, (Verdict::Passed, Verdict::Passed)),
        (Some(Fault::Reset), true, (Verdict::Passed, Verdict::Passed)),
    ] {
        let mut world = World::new();
        let request = world.poll_request(&device_id(1));
        world.send_with(&request, fault);
        if goes_on {
            // To the end of its time.
            world.wait(298_000);
            world.send(&request);
        }
        let verdicts = |at: u64| {
            let grade = world.service.grade_at(WallTime::from_unix_millis(at));
            (grade.verdict(Rule::LoginGivenUp), grade.verdict(Rule::PollAfterExpiry))
        };
        assert_eq!(verdicts(world.now + 302_000), expected, "{fault:?}");
        // As long as the login has time, nothing is known.
        assert_ne!(verdicts(world.now + 1_000).0, Verdict::Failed, "{fault:?}");
    }
}

#[test]
fn what_had_no_occasion_is_not_passed() {
    let mut world = World::new();
    let all = |world: &World, verdict| world.service.grade().tally(verdict);
    assert_eq!(all(&world, Verdict::NotExercised), Rule::ALL.len());
    let key = log_in(&mut world, &device_id(1));
    world.api(Method::Get, "/v1/redirect", &key);
    let passed: Vec<_> = Rule::ALL
        .into_iter()
        .filter(|rule| world.service.grade().verdict(*rule) == Verdict::Passed)
        .collect();
    let expected = [
        Rule::EarlyPoll,
        Rule::PollAfterFinal,
        Rule::CodeReused,
        Rule::TokenToWrongHost,
        Rule::TokenInUrl,
        Rule::RedirectFollowed,
    ];
    assert_eq!(passed, expected);
    assert_eq!(all(&world, Verdict::Failed), 0);
}

#[test]
fn the_document_has_every_rule_as_it_is_reported() {
    let document = include_str!("../../../docs/grading.md");
    for finding in World::new().service.grade().rules {
        let words = finding.words;
        let level = format!("{:?}", words.level).to_lowercase();
        let row = format!("| `{}` | {} | {} ({level}) |", finding.rule.id(), words.means, words.source);
        assert!(document.contains(&row), "{row}");
    }
}
