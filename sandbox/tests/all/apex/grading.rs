//! For each rule a client of Pensar that breaks it, and one that breaks none.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_sandbox::pensar::{Settings, account};
use doorkey_sandbox::{Fault, Person, Quirks, Rule, Verdict};

use super::*;

fn broken(world: &World) -> Vec<(Rule, u64)> {
    let grade = world.service.grade();
    let broken = grade.rules.iter().filter(|finding| finding.count > 0);
    broken
        .inspect(|finding| {
            let example = finding.first.as_ref().unwrap().to_string();
            assert!(!example.contains("psr_") && !example.contains("eyJ"), "{example}");
        })
        .map(|finding| (finding.rule, finding.count))
        .collect()
}

#[test]
fn a_good_client_is_clean_whatever_goes_wrong_around_it() {
    let mut world = World::new();
    let authorization = world.authorize();
    let request = world.device_request(&authorization.device_code);
    for fault in
        [None, Some(Fault::HtmlError), Some(Fault::Reset), Some(Fault::LostAnswer), Some(Fault::Truncate)]
    {
        world.wait(5_000);
        if let Some(answer) = world.send_with(&request, fault).complete() {
            assert!(answer.header_value("date").is_some(), "{fault:?}");
        }
    }
    world.wait(5_000);
    let refused = world.send_with(&request, Some(Fault::TooManyRequests)).complete().unwrap();
    assert_eq!((refused.status, refused.header_value("retry-after")), (429, Some("1")));
    assert!(refused.header_value("date").is_some());
    // Answers went astray, so the server takes a poll for early that is not; the client obeys.
    world.wait(5_000);
    world.send(&request);
    world.approve_code(account::SOLO, &authorization.complete);
    world.wait(10_000);
    let mut tokens = tokens_in(&world.send(&request));
    for fault in [Fault::LostAnswer, Fault::Truncate, Fault::Slow, Fault::Reset] {
        let request = world.refresh_request(&tokens.refresh);
        let answer = world.send_with(&request, Some(fault)).complete().unwrap_or_else(|| {
            world.wait(1_000);
            world.send(&request)
        });
        tokens = tokens_in(&answer);
        world.ask("/api/cli/workspaces", &tokens.access);
    }
    assert_eq!(broken(&world), []);
}

#[test]
fn early_poll() {
    for (wait, expected) in [(4_749, vec![(Rule::EarlyPoll, 1)]), (4_750, vec![])] {
        let mut world = World::new();
        let code = world.authorize().device_code;
        world.poll_code(&code);
        world.wait(wait);
        world.poll_code(&code);
        assert_eq!(broken(&world), expected);
    }
    // Where no interval is named, it is 5 s.
    let quirks = Quirks { hides_interval: true, ..Quirks::default() };
    let mut world = World::with(doorkey_sandbox::Config { quirks, ..config() });
    let client_id = world.client_id();
    let begun =
        json_of(&world.workos("/user_management/authorize/device", &json!({ "client_id": client_id })));
    assert_eq!(begun.get("interval"), None);
    let code = begun["device_code"].as_str().unwrap();
    world.poll_code(code);
    world.wait(1_000);
    world.poll_code(code);
    assert_eq!(broken(&world), [(Rule::EarlyPoll, 1)]);
}

#[test]
fn retry_after_ignored() {
    let fast = Settings { device_interval: std::time::Duration::from_secs(1), ..Settings::default() };
    for (wait, expected) in [(3_749, vec![(Rule::RetryAfterIgnored, 1)]), (3_750, vec![])] {
        let mut config = config();
        config.pensar.as_mut().unwrap().settings = fast;
        config.quirks.retry_after = 4;
        let mut world = World::with(config);
        let code = world.authorize().device_code;
        let request = world.device_request(&code);
        let answer = world.send_with(&request, Some(Fault::TooManyRequests)).complete().unwrap();
        assert_eq!(answer.header_value("retry-after"), Some("4"));
        world.wait(wait);
        world.send(&request);
        assert_eq!(broken(&world), expected);
        // It counts once.
        world.wait(1_000);
        world.send(&request);
        assert_eq!(broken(&world), expected);
    }
}

#[test]
fn slow_down_ignored() {
    for (wait, expected) in
        [(9_749, vec![(Rule::EarlyPoll, 1), (Rule::SlowDownIgnored, 1)]), (9_750, vec![(Rule::EarlyPoll, 1)])]
    {
        let mut world = World::new();
        let code = world.authorize().device_code;
        world.poll_code(&code);
        assert_eq!(oauth_error(&world.poll_code(&code)), error(400, "slow_down"));
        world.wait(wait);
        world.poll_code(&code);
        assert_eq!(broken(&world), expected);
    }
    // A client cannot obey an answer that it never got.
    let mut world = World::new();
    let code = world.authorize().device_code;
    world.poll_code(&code);
    let request = world.device_request(&code);
    world.send_with(&request, Some(Fault::LostAnswer));
    world.wait(5_000);
    world.poll_code(&code);
    assert_eq!(broken(&world), [(Rule::EarlyPoll, 1)]);
}

#[test]
fn poll_after_final() {
    let mut world = World::new();
    let authorization = world.authorize();
    let send = |request: &HttpRequest| Ok::<_, Infallible>(world.send(request));
    Person::new(account::SOLO).deny(&authorization.complete, send).unwrap();
    world.poll_code(&authorization.device_code);
    assert_eq!(broken(&world), []);
    world.wait(5_000);
    world.poll_code(&authorization.device_code);
    assert_eq!(broken(&world), [(Rule::PollAfterFinal, 1)]);
}

#[test]
fn poll_after_expiry() {
    for (wait, expected) in [(300_250, vec![]), (300_251, vec![(Rule::PollAfterExpiry, 1)])] {
        let mut world = World::new();
        let code = world.authorize().device_code;
        world.wait(wait);
        world.poll_code(&code);
        assert_eq!(broken(&world), expected);
    }
}

#[test]
fn code_reused() {
    let mut world = World::new();
    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    let request = world.device_request(&authorization.device_code);
    world.send_with(&request, Some(Fault::LostAnswer));
    world.wait(5_000);
    assert_eq!(oauth_error(&world.send(&request)), error(400, "invalid_grant"));
    assert_eq!(broken(&world), [], "its tokens never came");

    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    let request = world.device_request(&authorization.device_code);
    tokens_in(&world.send(&request));
    world.service.undelivered(&request);
    world.wait(5_000);
    world.send(&request);
    assert_eq!(broken(&world), [], "its tokens never came either");

    let authorization = world.authorize();
    world.approve_code(account::SOLO, &authorization.complete);
    tokens_in(&world.poll_code(&authorization.device_code));
    world.wait(5_000);
    world.poll_code(&authorization.device_code);
    assert_eq!(broken(&world), [(Rule::CodeReused, 1)]);
}

#[test]
fn refresh_replayed() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&tokens.refresh);
    world.send_with(&request, Some(Fault::LostAnswer));
    world.wait(20_000);
    world.send(&request);
    world.send(&request);
    assert_eq!(broken(&world), [(Rule::RefreshReplayed, 1)], "a revoked family is revoked once");
}

#[test]
fn refresh_raced() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&tokens.refresh);
    world.send_with(&request, Some(Fault::LostAnswer));
    world.send_with(&request, Some(Fault::Truncate));
    world.send(&request);
    assert_eq!(broken(&world), []);
    world.send(&request);
    assert_eq!(broken(&world), [(Rule::RefreshRaced, 1)]);
    // An answer that did not reach its client after all does not count as delivered.
    world.service.undelivered(&request);
    world.send(&request);
    assert_eq!(broken(&world), [(Rule::RefreshRaced, 1)]);
}

#[test]
fn token_to_wrong_host() {
    let mut world = World::new();
    let Tokens { access, refresh } = world.log_in_as(account::SOLO);
    let pensar = world.pensar().clone();
    let bearer = |url: Url, token: &str| HttpRequest::new(Method::Get, url).bearer(&Secret::from(token));
    let refresh_body = json!({ "refresh_token": refresh });
    let pentify_key = "pt_live_abcdefgh";
    for (request, is_wrong) in [
        (bearer(pensar.api.join("/api/cli/workspaces"), &access), false),
        (bearer(pensar.gateway.join("/gateway/validate"), &access), false),
        (bearer(pensar.workos.join(AUTHENTICATE), &access), true),
        (bearer(pensar.console.join("/device"), &access), true),
        (bearer(world.config.api.join("/v1/usage"), &access), true),
        (bearer(pensar.api.join("/api/cli/workspaces"), &refresh), true),
        (bearer(pensar.api.join("/api/cli/workspaces"), pentify_key), true),
        (post_json(pensar.api.join("/api/cli/select-workspace"), &refresh_body), true),
        (post_json(pensar.gateway.join("/v1/messages"), &refresh_body), true),
        (post_json(world.config.api.join("/v1/usage"), &refresh_body), true),
        (bearer(pensar.api.join("/api/cli/workspaces"), &access).header("host", "evil.example"), true),
    ] {
        let before = world.service.grade().count(Rule::TokenToWrongHost);
        world.send(&request);
        let after = world.service.grade().count(Rule::TokenToWrongHost);
        assert_eq!(after - before, u64::from(is_wrong), "{request:?}");
    }
}

#[test]
fn token_in_url() {
    let mut world = World::new();
    let authorization = world.authorize();
    let Tokens { access, refresh } = world.log_in_as(account::SOLO);
    for token in [access.as_str(), &refresh, &authorization.device_code] {
        let url = world.pensar().api.join("/api/cli/workspaces").with("token", token);
        world.send(&HttpRequest::new(Method::Get, url));
    }
    assert_eq!(broken(&world), [(Rule::TokenInUrl, 3)]);
}

#[test]
fn slow_down_out_of_the_blue() {
    let mut world = World::new();
    let code = world.authorize().device_code;
    let request = world.device_request(&code);
    world.send(&request);
    world.wait(5_000);
    let told = world.send_with(&request, Some(Fault::SlowDown)).complete().unwrap();
    assert_eq!(oauth_error(&told), error(400, "slow_down"));
    world.wait(9_749);
    assert_eq!(oauth_error(&world.send(&request)), error(400, "slow_down"), "the server means it");
    assert_eq!(broken(&world), [(Rule::SlowDownIgnored, 1)]);
    // Other requests it does not concern.
    let tokens = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&tokens.refresh);
    tokens_in(&world.send_with(&request, Some(Fault::SlowDown)).complete().unwrap());
}

#[test]
fn login_given_up() {
    let end = |world: &World| WallTime::from_unix_millis(world.now + 301_000);
    for fault in [Fault::HtmlError, Fault::TooManyRequests, Fault::LostAnswer, Fault::Reset, Fault::SlowDown]
    {
        let mut world = World::new();
        let authorization = world.authorize();
        let request = world.device_request(&authorization.device_code);
        world.send_with(&request, Some(fault));
        assert_eq!(broken(&world), []);
        let grade = world.service.grade_at(end(&world));
        assert_eq!(
            (grade.count(Rule::LoginGivenUp), grade.verdict(Rule::PollAfterExpiry)),
            (1, Verdict::NotExercised)
        );
        // One that goes on gets there.
        world.approve_code(account::SOLO, &authorization.complete);
        world.wait(10_000);
        tokens_in(&world.send(&request));
        let grade = world.service.grade_at(end(&world));
        assert_eq!(grade.verdict(Rule::LoginGivenUp), Verdict::Passed, "{fault:?}");
    }
}

#[test]
fn refresh_after_refusal() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&tokens.refresh);
    tokens_in(&world.send(&request));
    world.wait(20_000);
    assert_eq!(oauth_error(&world.send(&request)), error(400, "invalid_grant"));
    // Another process may have been about to.
    world.wait(5_000);
    world.send(&request);
    assert_eq!(broken(&world), [(Rule::RefreshReplayed, 1)]);
    world.wait(1);
    world.send(&request);
    assert_eq!(broken(&world), [(Rule::RefreshReplayed, 1), (Rule::RefreshAfterRefusal, 1)]);
}

#[test]
fn session_lost() {
    for fault in [Fault::HtmlError, Fault::TooManyRequests, Fault::LostAnswer, Fault::Truncate, Fault::Reset]
    {
        let mut world = World::new();
        let tokens = world.log_in_as(account::SOLO);
        let request = world.refresh_request(&tokens.refresh);
        world.send_with(&request, Some(fault));
        let lost = |world: &World| {
            let end = WallTime::from_unix_millis(world.now + 3_601_000);
            (
                world.service.grade().count(Rule::SessionLost),
                world.service.grade_at(end).verdict(Rule::SessionLost),
            )
        };
        assert_eq!(lost(&world), (0, Verdict::Failed), "{fault:?}");
        // One that asks again has it back.
        world.wait(5_000);
        tokens_in(&world.send(&request));
        assert_eq!(lost(&world), (0, Verdict::Passed), "{fault:?}");
    }
    // Too late, it is refused.
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&tokens.refresh);
    world.send_with(&request, Some(Fault::LostAnswer));
    world.wait(25_000);
    assert_eq!(oauth_error(&world.send(&request)), error(400, "invalid_grant"));
    let end = WallTime::from_unix_millis(world.now + 3_601_000);
    assert_eq!(world.service.grade_at(end).verdict(Rule::SessionLost), Verdict::Failed);
}

#[test]
fn client_not_named() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    assert_eq!(world.service.grade().verdict(Rule::ClientNotNamed), Verdict::Passed);
    let body = json!({"grant_type": "refresh_token", "refresh_token": tokens.refresh});
    assert_eq!(oauth_error(&world.workos(AUTHENTICATE, &body)), error(400, "invalid_request"));
    world.workos("/user_management/authorize/device", &json!({"client_id": "another"}));
    assert_eq!(broken(&world), [(Rule::ClientNotNamed, 2)]);
}

#[test]
fn redirect_followed() {
    let mut world = World::new();
    let Tokens { access, .. } = world.log_in_as(account::SOLO);
    let listing = HttpRequest::new(Method::Get, world.pensar().api.join("/api/cli/workspaces"));
    let listing = listing.bearer(&Secret::from(access.as_str()));
    let answer = world.send_with(&listing, Some(Fault::Redirect)).complete().unwrap();
    assert_eq!(
        (answer.status, world.service.grade().verdict(Rule::RedirectFollowed)),
        (307, Verdict::Passed)
    );
    let target = url(answer.header_value("location").unwrap());
    world.send(&HttpRequest::new(Method::Get, target.clone()));
    assert_eq!(broken(&world), [(Rule::RedirectFollowed, 1)]);
    world.send(&HttpRequest::new(Method::Post, target).bearer(&Secret::from(access)));
    assert_eq!(broken(&world), [(Rule::TokenToWrongHost, 1), (Rule::RedirectFollowed, 2)]);
}
