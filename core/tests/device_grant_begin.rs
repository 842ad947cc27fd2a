//! How a device grant begins: the client's id, the device code, older deployments, and what goes over the wire.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod timetable;
mod wire;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::device_grant::{DeviceGrant, Granted};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::{Disposition, WakeReason};
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::oauth::Dialect;
use doorkey_core::secret::Secret;
use issuer::{USUAL, code, config, error, json, known_client, legacy_code, page, pending, tokens};
use timetable::{Timetable, envelope, pensar, url};
use wire::{canonical, fixture};

const VALUES: &[(&str, &str)] = &[
    ("api.pensar.dev", "api"),
    ("api.workos.com", "workos"),
    ("client_01", "client-id"),
    ("dev-code-1", "device-code"),
    ("legacy-code-1", "device-code"),
];

fn start() -> Timetable<DeviceGrant> {
    Timetable::grant(pensar(), false)
}

/// Takes the next request, which must be the one of the fixture.
fn expect(table: &mut Timetable<DeviceGrant>, name: &str) -> CommandId {
    let (id, request) = table.take_request();
    assert_eq!(canonical(&request, VALUES), fixture(name), "{name}");
    id
}

fn expect_poll(table: &mut Timetable<DeviceGrant>, name: &str) -> CommandId {
    let (id, request) = table.next_poll();
    assert_eq!(canonical(&request, VALUES), fixture(name), "{name}");
    id
}

#[test]
fn a_whole_grant_on_the_wire() {
    let mut table = start();
    let id = expect(&mut table, "config");
    table.reply(id, config());
    let id = expect(&mut table, "device-authorization");
    table.reply(id, code(USUAL));
    table.expect_silence_until(5_000);
    let id = expect_poll(&mut table, "device-poll");
    table.reply(id, pending());
    table.expect_silence_until(10_000);
    let id = expect_poll(&mut table, "device-poll");
    table.reply(id, tokens());
    let Granted::Tokens { client_id, tokens, .. } = table.success() else { panic!("tokens") };
    assert_eq!(client_id, "client_01");
    assert_eq!(tokens.access, Secret::from("access-minted-1"));
    assert_eq!(tokens.refresh, Some(Secret::from("refresh-minted-1")));
    table.expect_nothing_left();
    assert!(!table.notices.contains(&Notice::LegacyService));
}

#[test]
fn a_client_known_beforehand_is_not_asked_for() {
    let mut table = Timetable::grant(known_client(Dialect::Json), false);
    expect(&mut table, "device-authorization");
}

#[test]
fn the_standards_own_form_goes_the_same_way() {
    let mut table = Timetable::grant(known_client(Dialect::Form), false);
    let (id, request) = table.take_request();
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(
        (request.header_value("content-type"), request.body.as_bytes()),
        (form, &b"client_id=client_01"[..])
    );
    table.reply(id, code(USUAL));
    table.expect_silence_until(5_000);
    let (id, request) = table.expect_poll_now();
    assert_eq!(request.header_value("content-type"), form);
    assert_eq!(
        std::str::from_utf8(request.body.as_bytes()).unwrap(),
        "client_id=client_01&device_code=dev-code-1\
         &grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
    );
    table.reply(id, pending());
    table.expect_silence_until(10_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, tokens());
    assert!(matches!(table.success(), Granted::Tokens { .. }));
}

#[test]
fn the_person_sees_the_code_and_the_page() {
    let mut table = start();
    let (id, _) = table.take_request();
    table.reply(id, config());
    let (id, _) = table.take_request();
    table.jump_to(700);
    table.reply(id, code(USUAL));
    let [Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, expires_at }, waiting] =
        table.notices.as_slice()
    else {
        panic!("{:?}", table.notices)
    };
    assert_eq!(user_code, &Secret::from("ABCD-EFGH"));
    assert_eq!(verification_uri, &url("https://auth.pensar.dev/device"));
    let complete = verification_uri_complete.as_ref().unwrap();
    assert_eq!(complete.query_value("user_code"), Some("ABCD-EFGH"));
    assert_eq!(table.real(*expires_at), 300_700);
    let Notice::Waiting { last_poll: PollState::None, next_poll: Some(at), .. } = waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(table.real(*at), 5_700);
    assert_eq!(table.next_wake(), Some((5_700, WakeReason::NextPoll)), "no browser was asked for");
    table.expect_nothing_left();
}

#[test]
fn the_browser_gets_the_complete_page_if_there_is_one() {
    let without =
        r#"{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://auth.pensar.dev/device"}"#;
    for (answer, shown) in [
        (code(USUAL), "https://auth.pensar.dev/device?user_code=…"),
        (json(200, without), "https://auth.pensar.dev/device"),
    ] {
        let mut table = Timetable::grant(known_client(Dialect::Json), true);
        let (id, _) = table.take_request();
        table.reply(id, answer);
        let Command::OpenPage { id, url } = table.take() else { panic!("a page") };
        assert_eq!(url.to_string(), shown);
        let other = CommandId(id.0 + 50);
        let reason = || "no\u{1b}[2J display".to_owned();
        assert!(matches!(
            table.event(Event::PageNotOpened { id: other, reason: reason() }),
            Disposition::Ignored(_)
        ));
        table.event(Event::PageNotOpened { id, reason: reason() });
        let told = Notice::PageNotOpened { reason: "no\u{fffd}[2J display".into() };
        assert_eq!(table.notices.last(), Some(&told));
        assert!(matches!(table.event(Event::PageOpened { id }), Disposition::Ignored(_)), "once is enough");
        assert_eq!(table.next_wake(), Some((5_000, WakeReason::NextPoll)));
        table.expect_nothing_left();
    }
}

/// The trace, which is replayed and searched for secrets, must not have it either.
#[test]
fn a_code_in_the_pages_path_is_as_secret_as_in_its_query() {
    let body = r#"{"device_code":"dev-code-1","user_code":"ABCD-EFGH","verification_uri":"https://auth.pensar.dev/device",
        "verification_uri_complete":"https://auth.pensar.dev/device/ABCD-EFGH?ABCD-EFGH&from=cli"}"#;
    let mut table = Timetable::grant(known_client(Dialect::Json), true);
    let (id, _) = table.take_request();
    table.reply(id, json(200, body));
    let Command::OpenPage { url, .. } = table.take() else { panic!("a page") };
    assert_eq!(url.path(), "/device/ABCD-EFGH");
}

#[test]
fn a_page_that_opens_during_a_poll_is_no_surprise() {
    let mut table = Timetable::grant(known_client(Dialect::Json), true);
    let (id, _) = table.take_request();
    table.reply(id, code(USUAL));
    let Command::OpenPage { id: page, .. } = table.take() else { panic!("a page") };
    let (id, _) = table.next_poll();
    assert_eq!(table.event(Event::PageOpened { id: page }), Disposition::Used);
    table.reply(id, tokens());
    table.success();
}

#[test]
fn what_may_not_be_opened_ends_it() {
    for uri in
        ["https://evil.example/device", "http://auth.pensar.dev/device", "https://pensar.dev.evil.example/"]
    {
        for field in ["verification_uri", "verification_uri_complete"] {
            let other =
                if field == "verification_uri" { "verification_uri_complete" } else { "verification_uri" };
            let body = format!(
                r#"{{"device_code":"d","user_code":"ABCD-EFGH","{field}":"{uri}","{other}":"https://auth.pensar.dev/"}}"#
            );
            let mut table = Timetable::grant(known_client(Dialect::Json), true);
            let (id, _) = table.take_request();
            table.reply(id, json(200, &body));
            assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, "unsafe_page"));
            table.expect_nothing_left();
            assert_eq!(table.notices, []);
        }
    }
}

/// What an answer at the beginning leads to.
enum Then {
    Legacy,
    Again,
    Ends(&'static str),
}

fn beginnings() -> Vec<(HttpResponse, Then)> {
    use Then::{Again, Ends, Legacy};
    vec![
        (page(404), Legacy),
        (envelope(404, "not_found"), Legacy),
        (page(405), Legacy),
        (page(501), Legacy),
        (page(200), Legacy),
        (json(200, "{}"), Legacy),
        (json(200, "[]"), Legacy),
        (json(204, ""), Legacy),
        (page(429), Again),
        (page(500), Again),
        (error(503, "temporarily_unavailable"), Again),
        (page(302).header("location", "https://evil.example/"), Ends("redirect_refused")),
        (page(400), Ends("refused")),
        (page(403), Ends("refused")),
        (error(401, "invalid_client"), Ends("invalid_client")),
        (error(400, "unauthorized_client"), Ends("unauthorized_client")),
        (envelope(403, "blocked"), Ends("blocked")),
    ]
}

#[test]
fn each_answer_to_the_first_request() {
    let ids = [r#""""#, "7", "null", r#""a b""#, r#""\u001b[2J""#];
    let unusable = ids.map(|id| (json(200, &format!(r#"{{"workosClientId":{id}}}"#)), Then::Legacy));
    for (answer, then) in beginnings().into_iter().chain(unusable) {
        let mut table = start();
        let id = expect(&mut table, "config");
        let shown = format!("{answer:?}");
        table.reply(id, answer);
        match then {
            Then::Legacy => {
                expect(&mut table, "legacy-code");
            }
            Then::Again => {
                let (at, why) = table.next_wake().unwrap();
                assert_eq!(why, WakeReason::Retry);
                table.expect_silence_until(at);
                table.event(Event::Woke);
                expect(&mut table, "config");
            }
            Then::Ends(code) => {
                assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, code))
            }
        }
        assert!(
            !table.notices.contains(&Notice::LegacyService),
            "{shown}: nobody has answered in the old way yet"
        );
    }
}

#[test]
fn each_answer_to_the_second_request() {
    let unusable = [
        r#"{"device_code":"d","user_code":"A"}"#,
        r#"{"device_code":"d","user_code":"A\u001b[2J","verification_uri":"https://auth.pensar.dev/"}"#,
        r#"{"device_code":7,"user_code":"A","verification_uri":"https://auth.pensar.dev/"}"#,
    ];
    let unusable = unusable.map(|body| (json(200, body), Then::Legacy));
    let elsewhere =
        r#"{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://evil.example/device"}"#;
    let definite = [
        (error(200, "invalid_client"), Then::Ends("invalid_client")),
        // A refusal is one, whatever else it says.
        (HttpResponse { status: 400, ..code(USUAL) }, Then::Ends("refused")),
        (json(400, elsewhere), Then::Ends("refused")),
    ];
    for (answer, then) in beginnings().into_iter().chain(unusable).chain(definite) {
        let mut table = start();
        let id = expect(&mut table, "config");
        table.reply(id, config());
        let id = expect(&mut table, "device-authorization");
        table.reply(id, answer);
        match then {
            Then::Legacy => {
                expect(&mut table, "legacy-code-with-client-id");
            }
            Then::Again => {
                let (at, why) = table.next_wake().unwrap();
                assert_eq!(why, WakeReason::Retry);
                table.expect_silence_until(at);
                table.event(Event::Woke);
                expect(&mut table, "device-authorization");
            }
            Then::Ends(code) => {
                assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, code));
                let message = &table.failure().message;
                assert!(message.contains("https://api.workos.com"), "{message}");
            }
        }
    }
}

#[test]
fn an_issuer_without_an_older_form_has_no_other_way() {
    for (answer, code) in
        [(page(404), "refused"), (page(200), "unexpected_answer"), (json(200, "{}"), "unexpected_answer")]
    {
        let mut table = Timetable::grant(known_client(Dialect::Json), false);
        let (id, _) = table.take_request();
        table.reply(id, answer);
        assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, code));
    }
}

#[test]
fn no_network_is_no_older_deployment() {
    for answered in [0, 1] {
        let mut table = start();
        let name = ["config", "device-authorization"][answered];
        if answered == 1 {
            let id = expect(&mut table, "config");
            table.reply(id, config());
        }
        for kind in
            [FailureKind::NotSent, FailureKind::AnswerLost, FailureKind::NotSent, FailureKind::AnswerLost]
        {
            let id = expect(&mut table, name);
            table.lose(id, kind);
            let (at, _) = table.next_wake().unwrap();
            table.expect_silence_until(at);
            table.event(Event::Woke);
        }
        let id = expect(&mut table, name);
        table.lose(id, FailureKind::NotSent);
        assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Network, "network"));
    }
}

#[test]
fn unusable_settings_end_it_at_once() {
    let mut table = start();
    let (id, _) = table.take_request();
    table.lose(id, FailureKind::Misconfigured);
    assert_eq!(table.failure().exit, Exit::Usage);
    let mut table = issuer::begun(USUAL);
    let (id, _) = table.next_poll();
    table.lose(id, FailureKind::Misconfigured);
    assert_eq!(table.failure().exit, Exit::Usage);
}

/// A legacy grant whose code is here, with the client's id known or not.
fn legacy(with_client_id: bool) -> Timetable<DeviceGrant> {
    let mut table = start();
    let id = expect(&mut table, "config");
    if with_client_id {
        table.reply(id, config());
        let (id, _) = table.take_request();
        table.reply(id, page(404));
        let id = expect(&mut table, "legacy-code-with-client-id");
        table.reply(id, legacy_code());
    } else {
        table.reply(id, page(404));
        let id = expect(&mut table, "legacy-code");
        table.reply(id, legacy_code());
    }
    table
}

fn status(fields: &str) -> HttpResponse {
    json(200, &format!(r#"{{"status":{fields}}}"#))
}

#[test]
fn a_whole_legacy_grant_on_the_wire() {
    for (with_client_id, poll) in [(false, "legacy-poll"), (true, "legacy-poll-with-client-id")] {
        let mut table = legacy(with_client_id);
        assert!(matches!(
            table.notices.as_slice(),
            [Notice::LegacyService, Notice::DeviceCode { .. }, Notice::Waiting { .. }]
        ));
        table.expect_silence_until(5_000);
        let id = expect_poll(&mut table, poll);
        table.reply(id, status(r#""pending""#));
        table.expect_silence_until(10_000);
        let id = expect_poll(&mut table, poll);
        table.reply(
            id,
            status(
                r#""complete","apiKey":"pk-legacy-1","workspace":{"id":"w1","name":"My Team","slug":"my-team"},
                    "credits":{"balance":12.5},"signingKey":"sign-1","gatewayUrl":"https://eu.gateway.pensar.dev/v2""#,
            ),
        );
        let Granted::ApiKey(grant) = table.success() else { panic!("a key") };
        assert_eq!(grant.key, Secret::from("pk-legacy-1"));
        assert_eq!(grant.workspace.as_ref().unwrap().slug, "my-team");
        assert_eq!(grant.balance.unwrap().as_units(), 125_000);
        assert_eq!(grant.gateway.url, Some(url("https://eu.gateway.pensar.dev/v2")));
        assert_eq!(grant.gateway.signing_key, Some(Secret::from("sign-1")));
        table.expect_nothing_left();
    }
}

#[test]
fn each_legacy_answer() {
    for (answer, end) in [
        (status(r#""complete","apiKey":"pk-legacy-1""#), Some(Ok(()))),
        (
            status(r#""complete","apiKey":"pk-legacy-1","workspace":7,"credits":[],"gatewayUrl":null"#),
            Some(Ok(())),
        ),
        (status(r#""complete""#), Some(Err((Exit::Server, "unexpected_answer")))),
        (status(r#""complete","apiKey":"a\nb""#), Some(Err((Exit::Server, "unexpected_answer")))),
        (
            status(r#""complete","apiKey":"k","gatewayUrl":"https://evil.example""#),
            Some(Err((Exit::Server, "unsafe_gateway"))),
        ),
        (status(r#""complete","apiKey":"k","gatewayUrl":7"#), Some(Err((Exit::Server, "unsafe_gateway")))),
        (status(r#""expired""#), Some(Err((Exit::TimedOut, "expired_token")))),
        (status(r#""not_found""#), Some(Err((Exit::Denied, "invalid_grant")))),
        (error(403, "access_denied"), Some(Err((Exit::Denied, "access_denied")))),
        (status(r#""later""#), None),
        (status("7"), None),
        (error(400, "authorization_pending"), None),
        (envelope(404, "not_found"), None),
        (page(404), None),
        (page(503), None),
        // Tokens are nothing that an older deployment has.
        (tokens(), None),
    ] {
        let mut table = legacy(false);
        let (id, _) = table.next_poll();
        let shown = format!("{:?} {:?}", answer.status, std::str::from_utf8(answer.body.as_bytes()));
        table.reply(id, answer);
        match end {
            None => {
                table.expect_silence_until(10_000);
                table.expect_poll_now();
            }
            Some(Ok(())) => assert!(matches!(table.success(), Granted::ApiKey(_)), "{shown}"),
            Some(Err(end)) => {
                assert_eq!((table.failure().exit, table.failure().code.as_ref()), end, "{shown}")
            }
        }
    }
}

#[test]
fn a_host_that_answers_in_neither_way_is_named() {
    for (answer, code) in
        [(page(200), "unexpected_answer"), (page(404), "refused"), (json(200, "{}"), "unexpected_answer")]
    {
        let mut table = start();
        let id = expect(&mut table, "config");
        table.reply(id, page(404));
        let id = expect(&mut table, "legacy-code");
        table.reply(id, answer);
        assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, code));
        let message = &table.failure().message;
        assert!(message.contains("https://api.pensar.dev"), "{message}");
        assert!(table.failure().next.as_ref().unwrap().contains("PENSAR_API_URL"));
        assert!(!table.notices.contains(&Notice::LegacyService));
    }
}
