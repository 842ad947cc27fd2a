//! Authorized calls: where the token comes from, retries, and the 401.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::cell::Cell;
use std::rc::Rc;

use doorkey_core::call::{Call, Called, ORIGIN_NOT_ALLOWED};
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::nobody_finds;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, Method};
use doorkey_core::machine::{Disposition, Machine, Outcome};
use doorkey_core::record::Slot;
use doorkey_core::resolve::{Given, Resolved, Source};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailureKind;
use doorkey_core::task::Task;
use doorkey_core::text::is_treacherous;
use doorkey_core::time::Now;
use doorkey_core::trace::{Recorder, replay};
use doorkey_core::url::Url;
use world::{FILE, KEYCHAIN, World, elsewhere, envelope, record, server, usage};

fn call(world: &mut World, method: Method, given: Given) -> Outcome<Called> {
    let request = HttpRequest::new(method, world.service.api.join("/v1/scans"));
    let task = Task::Call { given: given.clone(), request: request.clone() };
    world.run(&task, Call::new(given, request)).unwrap()
}

fn get(world: &mut World) -> Outcome<Called> {
    call(world, Method::Get, Given::default())
}

fn bearers(world: &World) -> Vec<&str> {
    world.sent.iter().filter_map(|(_, request)| request.header_value("authorization")).collect()
}

#[test]
fn flag_before_variable_before_store() {
    let (flag, variable) = (Some("pt_live_a".into()), Some("pt_live_b".into()));
    for (given, bearer, source) in [
        (Given { flag, variable: variable.clone(), workspace: None }, "Bearer pt_live_a", Source::Flag),
        (Given { flag: None, variable, workspace: None }, "Bearer pt_live_b", Source::Variable),
        (
            Given { variable: Some("".into()), ..Given::default() },
            "Bearer pt_live_old",
            Source::Store(KEYCHAIN),
        ),
    ] {
        let mut world = World::new(|_| Ok(usage("acme")));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        let called = call(&mut world, Method::Get, given).unwrap();
        assert_eq!((bearers(&world), called.source), (vec![bearer], source));
        assert_eq!(world.ops.is_empty(), !matches!(source, Source::Store(_)));
    }
}

#[test]
fn a_malformed_token_is_an_error_before_any_request() {
    for token in ["hello", "pt_live_a b", "pt_live_\u{1b}[31m", "pt_live_"] {
        let mut world = World::new(|_| Ok(usage("acme")));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        let given = Given { variable: Some(token.into()), ..Given::default() };
        let failure = call(&mut world, Method::Get, given).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Usage, "malformed_token"));
        assert!(failure.message.contains("PENTIFY_API_TOKEN") && !failure.message.contains("hello"));
        assert!(world.sent.is_empty() && world.ops.is_empty());
    }
}

#[test]
fn a_workspace_is_found_by_slug_or_name_for_this_call_only() {
    let mut world = World::new(|_| Ok(usage("acme")));
    world.put(KEYCHAIN, "acme", "pt_live_a", true);
    world.put(FILE, "blue", "pt_live_b", false);
    for name in ["blue", "BLUE"] {
        let given = Given { workspace: Some(name.into()), ..Given::default() };
        call(&mut world, Method::Get, given).unwrap();
        assert_eq!(bearers(&world), ["Bearer pt_live_b"]);
    }
    get(&mut world).unwrap();
    assert_eq!(bearers(&world), ["Bearer pt_live_a"]);
    let given = Given { workspace: Some("red".into()), ..Given::default() };
    let failure = call(&mut world, Method::Get, given).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::NotSignedIn, "not_signed_in"));
    assert!(failure.message.contains("\"red\""), "{}", failure.message);
}

#[test]
fn another_origin_gets_no_token() {
    let mut world = World::new(|_| Ok(usage("acme")));
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    world.service = elsewhere();
    let failure = get(&mut world).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::NotSignedIn, "other_issuer"));
    assert!(world.sent.is_empty());
}

#[test]
fn a_token_goes_nowhere_but_to_the_service() {
    for variable in [None, Some("pt_live_given".into())] {
        for url in ["https://api.pentify.io:8443/v1", "https://app.pentify.io/v1", "https://evil.example/v1"]
        {
            let mut world = World::new(|_| panic!("nothing is sent"));
            world.put(KEYCHAIN, "acme", "pt_live_old", true);
            let request = HttpRequest::new(Method::Get, Url::parse(url).unwrap());
            let given = Given { variable: variable.clone(), ..Given::default() };
            let task = Task::Call { given: given.clone(), request: request.clone() };
            let failure = world.run(&task, Call::new(given, request)).unwrap().unwrap_err();
            assert_eq!((failure.exit, &*failure.code), (Exit::Usage, ORIGIN_NOT_ALLOWED), "{url}");
            assert!(world.ops.is_empty(), "nothing is read");
        }
    }
}

#[test]
fn an_unreadable_store_is_told_unless_there_never_was_one() {
    for (kind, remembered, exit) in [
        (StoreFailureKind::Absent, false, Exit::NotSignedIn),
        (StoreFailureKind::Absent, true, Exit::Store),
        (StoreFailureKind::Locked, false, Exit::Store),
        (StoreFailureKind::TimedOut, true, Exit::Store),
    ] {
        let mut world = World::new(|_| Ok(usage("acme")));
        world.broken.insert(KEYCHAIN, kind);
        world.ledger.backend = remembered.then_some(KEYCHAIN);
        assert_eq!(get(&mut world).unwrap_err().exit, exit, "{kind:?} {remembered}");
    }
}

/// The times at which requests left, in milliseconds.
fn times(world: &World) -> Vec<u64> {
    world.sent.iter().map(|(at, _)| *at).collect()
}

#[test]
fn get_and_delete_are_tried_five_times_with_growing_waits() {
    let html = || HttpResponse::new(502, "<html>");
    for (method, failing, exit, tries) in [
        (Method::Get, Ok(html()), Exit::Server, 5),
        (Method::Delete, Ok(envelope(500, "server_error")), Exit::Server, 5),
        (Method::Get, Err(FailureKind::AnswerLost), Exit::Network, 5),
        (Method::Get, Err(FailureKind::NotSent), Exit::Network, 5),
        (Method::Get, Err(FailureKind::Misconfigured), Exit::Usage, 1),
        (Method::Post, Err(FailureKind::NotSent), Exit::Network, 1),
        (Method::Post, Ok(html()), Exit::Server, 1),
        (Method::Get, Ok(envelope(404, "not_found")), Exit::RefusedByApi, 1),
    ] {
        let mut world = World::new(move |_| failing.clone());
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        assert_eq!(call(&mut world, method, Given::default()).unwrap_err().exit, exit);
        let times = times(&world);
        assert_eq!(times.len(), tries);
        for (wait, nominal) in times.windows(2).map(|w| w[1] - w[0]).zip([1_000u64, 2_000, 4_000, 8_000]) {
            assert!((nominal * 3 / 4..=nominal * 5 / 4).contains(&wait), "{times:?}");
        }
    }
}

#[test]
fn retry_after_wins_and_is_not_waited_for_for_ever() {
    for (seconds, tries) in [("7", 5), ("120", 5), ("121", 1), ("99999", 1)] {
        let answer = envelope(429, "rate_limited").header("retry-after", seconds);
        let mut world = World::new(move |_| Ok(answer.clone()));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        let failure = get(&mut world).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Server, "rate_limited"));
        assert_eq!(world.sent.len(), tries, "{seconds}");
        let wait = seconds.parse::<u64>().unwrap() * 1000;
        assert!(times(&world).windows(2).all(|w| w[1] - w[0] == wait));
    }
}

#[test]
fn trouble_that_passes_ends_well() {
    let tries = Rc::new(Cell::new(0));
    let mut world = World::new(move |_| {
        tries.set(tries.get() + 1);
        if tries.get() < 4 { Err(FailureKind::AnswerLost) } else { Ok(usage("acme")) }
    });
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    get(&mut world).unwrap();
    assert_eq!(world.sent.len(), 4);
}

#[test]
fn a_refused_stored_token_is_read_again_once() {
    // Another shell has paired again meanwhile.
    let mut world = World::new(server("acme", "", &["pt_live_new"]));
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    world.meddling = Some((3, |world| {
        world.stores.get_mut(&KEYCHAIN).unwrap().insert(Slot::Active, record("acme", "pt_live_new"));
    }));
    get(&mut world).unwrap();
    assert_eq!(bearers(&world), ["Bearer pt_live_old", "Bearer pt_live_new"]);
    // Nobody has: one request, and what to do.
    let mut world = World::new(server("acme", "", &[]));
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    let failure = get(&mut world).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::NotSignedIn, "invalid_api_key"));
    assert_eq!(failure.next.as_deref(), Some("run `pentify login`"));
    assert_eq!(failure.request_id.as_deref(), Some("req_1"));
    assert_eq!(world.sent.len(), 1);
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_old"), "kept");
}

#[test]
fn a_refused_variable_names_itself_and_touches_no_store() {
    let mut world = World::new(server("acme", "", &[]));
    let given = Given { variable: Some("pt_live_b".into()), ..Given::default() };
    let failure = call(&mut world, Method::Get, given).unwrap_err();
    assert_eq!(failure.exit, Exit::NotSignedIn);
    assert!(failure.next.unwrap().contains("PENTIFY_API_TOKEN"));
    assert!(world.ops.is_empty());
}

#[test]
fn every_refusal_has_its_exit_code_and_its_hint() {
    let top_up = HttpResponse::new(
        402,
        r#"{"error":{"code":"insufficient_tokens","message":"m","details":{"top_up_url":"https://app.pentify.io/top-up"},"request_id":"r"}}"#,
    );
    let forged = HttpResponse::new(
        402,
        r#"{"error":{"code":"insufficient_tokens","message":"m","details":{"top_up_url":"javascript:alert(1)"},"request_id":"r"}}"#,
    );
    let steering = HttpResponse::new(
        402,
        r#"{"error":{"code":"insufficient_tokens","message":"m","details":{"top_up_url":"https://app.pentify.io/#\u001b[2J"},"request_id":"r"}}"#,
    );
    for (answer, exit, code, next) in [
        (envelope(401, "invalid_api_key"), Exit::NotSignedIn, "invalid_api_key", "pentify login"),
        (HttpResponse::new(401, ""), Exit::NotSignedIn, "unauthorized", "pentify login"),
        (top_up, Exit::RefusedByApi, "insufficient_tokens", "https://app.pentify.io/top-up"),
        (forged, Exit::RefusedByApi, "insufficient_tokens", "top up at https://app.pentify.io"),
        (steering, Exit::RefusedByApi, "insufficient_tokens", "top up at https://app.pentify.io"),
        (envelope(403, "insufficient_scope"), Exit::RefusedByApi, "insufficient_scope", "settings/api-keys"),
        (
            envelope(403, "target_not_verified"),
            Exit::RefusedByApi,
            "target_not_verified",
            "verify at https://",
        ),
        (envelope(409, "conflict"), Exit::RefusedByApi, "conflict", "try again"),
        (envelope(422, "unprocessable"), Exit::RefusedByApi, "unprocessable", "correct the request"),
        (envelope(418, "teapot"), Exit::RefusedByApi, "teapot", "correct the request"),
        (
            HttpResponse::new(307, "").header("location", "https://evil.example"),
            Exit::Server,
            "redirect_refused",
            "PENTIFY_API_URL",
        ),
    ] {
        let mut world = World::new(move |_| Ok(answer.clone()));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        let failure: Failure = get(&mut world).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (exit, code));
        let said = failure.next.expect("a next step");
        assert!(said.contains(next), "{code}: {said}");
        assert!(!said.chars().any(is_treacherous), "{said:?}");
    }
}

/// What a shared call does between the driver's answers: the token is asked for, and again after a refusal, with it.
#[test]
fn a_shared_call_asks_its_driver_for_tokens() {
    let service = World::new(|_| Ok(usage("acme"))).service;
    let request = HttpRequest::new(Method::Get, service.api.join("/v1/scans"));
    let mut recorder = Recorder::default();
    let mut trace = vec![recorder.begin(&Task::SharedCall { request: request.clone() }, &service)];
    let mut machine = Machine::new(service, Call::shared(request));
    let mut tell = |event: Event| -> Vec<Command> {
        let disposition = machine.handle_event(Now::default(), event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
        trace.push(recorder.line(Now::default(), &event, disposition, &commands));
        commands
    };
    let found = |token: &str| {
        let record = record("acme", token);
        Ok(Some(Box::new(Resolved { source: Source::Store(KEYCHAIN), record })))
    };
    let asked = tell(Event::Started { jitter_seed: 1 });
    let [Command::FindToken { id, refusal: None }] = asked[..] else { panic!("{asked:?}") };
    let sent = tell(Event::TokenFound { id, found: found("pt_live_old") });
    let [Command::Send { id, request, .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(request.header_value("authorization"), Some("Bearer pt_live_old"));
    let refused =
        HttpResponse::new(401, r#"{"error":{"code":"invalid_token","message":"m","request_id":"r"}}"#);
    let asked = tell(Event::Response { id: *id, response: refused });
    let [Command::FindToken { id, refusal: Some(refusal) }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(refusal.token, Secret::from("pt_live_old").fingerprint());
    let sent = tell(Event::TokenFound { id: *id, found: found("pt_live_new") });
    let [Command::Send { id, request, .. }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(request.header_value("authorization"), Some("Bearer pt_live_new"));
    tell(Event::Response { id: *id, response: usage("acme") });
    assert_eq!(machine.outcome().unwrap().as_ref().unwrap().response.status, 200);
    let lines: Vec<&str> = trace.iter().map(String::as_str).collect();
    assert_eq!(replay(&lines).unwrap().unwrap().events, 5);
    assert!(!trace.concat().contains("pt_live_old"));
}

#[test]
fn what_finding_the_token_fails_with_is_the_calls_failure() {
    let service = World::new(|_| Ok(usage("acme"))).service;
    let request = HttpRequest::new(Method::Get, service.api.join("/v1/scans"));
    let mut machine = Machine::new(service, Call::shared(request));
    machine.handle_event(Now::default(), Event::Started { jitter_seed: 1 });
    let Some(Command::FindToken { id, .. }) = machine.poll_command() else { panic!("no search") };
    assert_eq!(machine.handle_event(Now::default(), nobody_finds(id)), Disposition::Used);
    assert_eq!(machine.outcome().unwrap().as_ref().unwrap_err().exit, Exit::Internal);
}
