//! What may come to the listener of a login in the browser: whose answer it is, and what it says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod issuer;
mod listener;
mod timetable;

use cases::cases;
use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::command::Command;
use doorkey_core::failure::Exit;
use doorkey_core::machine::{Disposition, WakeReason};
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::redirect::{RedirectPage, RedirectRequest};
use issuer::tokens;
use listener::{
    CODE, HOST, ISSUER, STATE, answer, bring_code, expect_answer, expect_stop, get, right_answer, service,
    visit, waiting, waiting_for,
};
use proptest::prelude::*;
use timetable::Timetable;

const ISS: &str = "iss=https%3A%2F%2Fapi.workos.com";

fn request(method: &str, host: Option<&str>, target: &str) -> RedirectRequest {
    RedirectRequest { method: method.into(), host: host.map(Into::into), ..get(target) }
}

/// The wait goes on, as long as it would have, and the right answer is still taken.
fn goes_on(mut table: Timetable<BrowserGrant>) {
    table.expect_nothing_left();
    assert_eq!(table.next_wake(), Some((300_000, WakeReason::RedirectExpiry)));
    let (id, _) = bring_code(&mut table);
    table.reply(id, tokens());
    expect_stop(&mut table, RedirectPage::SignedIn);
    table.success();
}

#[test]
fn what_is_not_the_answer_to_this_login_gets_a_400_and_changes_nothing() {
    let right = right_answer();
    let right = right.target.expose_secret();
    let at = |target: &str| get(target);
    let with = |query: &str| get(&format!("/callback?{query}"));
    for not_awaited in [
        // Methods: scanners, previews, forms of any page.
        request("HEAD", Some(HOST), right),
        request("POST", Some(HOST), right),
        request("OPTIONS", Some(HOST), right),
        request("get", Some(HOST), right),
        // Hosts: names that somebody made point here.
        request("GET", None, right),
        request("GET", Some("127.0.0.1"), right),
        request("GET", Some("127.0.0.1:4712"), right),
        request("GET", Some("localhost:4711"), right),
        request("GET", Some("[::1]:4711"), right),
        request("GET", Some("evil.example:4711"), right),
        request("GET", Some("127.0.0.1:4711.evil.example"), right),
        // Paths.
        at("/"),
        at("/favicon.ico"),
        at(&right.replace("/callback", "/")),
        at(&right.replace("/callback", "/callback/")),
        at(&right.replace("/callback", "//callback")),
        at(&right.replace("/callback", "/Callback")),
        at(&right.replace("/callback", "/%63allback")),
        at(&right.replace("/callback", "http://127.0.0.1:4711/callback")),
        at("*"),
        at(""),
        at("/callback"),
        at("/callback?"),
        // States.
        with(&format!("code={CODE}&{ISS}")),
        with(&format!("code={CODE}&{ISS}&state=")),
        with(&format!("code={CODE}&{ISS}&state=AQEB")),
        with(&format!("code={CODE}&{ISS}&state={STATE}x")),
        with(&format!("code={CODE}&{ISS}&state={}", STATE.to_lowercase())),
        with(&format!("code={CODE}&{ISS}&State={STATE}")),
        with(&format!("error=access_denied&{ISS}&state=guessed")),
        with("error=access_denied"),
        // Another issuer's answer with another state ends nothing.
        with("code=c&iss=https%3A%2F%2Fevil.example&state=guessed"),
        // Twice, if only once with the same value.
        with(&format!("code={CODE}&{ISS}&state={STATE}&state={STATE}")),
        with(&format!("code={CODE}&{ISS}&state={STATE}&state=x")),
        with(&format!("code={CODE}&code=x&{ISS}&state={STATE}")),
        with(&format!("code={CODE}&{ISS}&{ISS}&state={STATE}")),
        with(&format!("error=access_denied&error=x&{ISS}&state={STATE}")),
        with(&format!("error=x&error_description=a&error_description=b&{ISS}&state={STATE}")),
        // Both, neither, or nothing that could be sent.
        answer(&format!("code={CODE}&error=access_denied")),
        answer("scope=x"),
        answer("code="),
        answer("code=a%20b"),
        answer("code=a%0d%0ab"),
        answer("code=%C3%BC"),
        answer("code=%ff"),
        answer("error="),
        answer("error=a%1b%5b2J"),
    ] {
        let mut table = waiting();
        let target = not_awaited.target.expose_secret().to_owned();
        assert_eq!(visit(&mut table, 9, not_awaited), Disposition::Used);
        assert!(table.outcome().is_none(), "{target}");
        expect_answer(&mut table, 9, RedirectPage::NotAwaited);
        assert_eq!(RedirectPage::NotAwaited.status(), 400);
        goes_on(table);
    }
}

#[test]
fn a_denial_ends_it_at_once() {
    let mut table = waiting();
    visit(&mut table, 1, answer("error=access_denied&error_description=no+thanks"));
    expect_stop(&mut table, RedirectPage::Denied);
    assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Denied, "access_denied"));
    table.expect_nothing_left();
}

#[test]
fn another_error_ends_it_with_its_own_message() {
    for code in ["invalid_scope", "unauthorized_client", "login_required", "Access_denied", "authorization"] {
        let mut table = waiting();
        visit(&mut table, 1, answer(&format!("error={code}&error_description=as%20it%1b%5b2J%20is")));
        expect_stop(&mut table, RedirectPage::Failed);
        let failure = table.failure();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Server, code));
        assert!(failure.message.ends_with(&format!("({code}): as it\u{fffd}[2J is")), "{}", failure.message);
        table.expect_nothing_left();
    }
}

#[test]
fn an_error_that_repeats_a_secret_is_in_no_trace() {
    let mut table = waiting();
    visit(&mut table, 1, answer(&format!("error={STATE}&error_description={STATE}")));
    expect_stop(&mut table, RedirectPage::Failed);
    assert_eq!(table.failure().code, STATE, "its own word, of a login that is over");
}

#[test]
fn trouble_of_the_issuer_passes() {
    for code in ["temporarily_unavailable", "server_error"] {
        let mut table = waiting();
        table.expect_silence_until(30_000);
        visit(&mut table, 7, answer(&format!("error={code}")));
        expect_answer(&mut table, 7, RedirectPage::Trouble);
        let Some(Notice::Waiting { last_poll, expires_at, .. }) = table.notices.last() else {
            panic!("told")
        };
        assert_eq!(*last_poll, PollState::Trouble(code.into()));
        assert_eq!(table.real(*expires_at), 300_000);
        goes_on(table);
    }
}

/// What comes of answers with this `iss`, at an issuer with this identifier that announces `iss` or not.
fn attributed(issuer: Option<&str>, names_issuer: bool, iss: Option<&str>) -> bool {
    let mut other = None;
    for said in [format!("code={CODE}"), "error=access_denied".into(), "error=server_error".into()] {
        let mut service = service();
        let oauth = service.oauth.as_mut().unwrap();
        (oauth.issuer, oauth.names_issuer) = (issuer.map(Into::into), names_issuer);
        let mut table = waiting_for(service);
        let iss = iss.map(|iss| format!("&iss={}", iss.replace('\u{1b}', "%1b"))).unwrap_or_default();
        visit(&mut table, 1, get(&format!("/callback?{said}&state={STATE}{iss}")));
        let is_other =
            table.outcome().is_some_and(|end| end.as_ref().is_err_and(|f| f.code == "other_issuer"));
        if is_other {
            // The code is in no request.
            expect_stop(&mut table, RedirectPage::OtherIssuer);
            assert_eq!(table.failure().exit, Exit::Server);
            assert!(!table.failure().message.contains(['\u{1b}', '\n']), "{}", table.failure().message);
            table.expect_nothing_left();
        } else {
            assert!(table.next_command().is_some());
        }
        assert_eq!(*other.get_or_insert(is_other), is_other, "an error is not exempt: {said}");
    }
    other == Some(false)
}

#[test]
fn an_answer_of_another_issuer_is_refused_and_its_code_sent_nowhere() {
    for (issuer, names_issuer, iss, is_taken) in [
        (Some(ISSUER), true, Some(ISSUER), true),
        (Some(ISSUER), false, Some(ISSUER), true),
        (Some(ISSUER), false, None, true),
        (None, false, None, true),
        (Some(ISSUER), true, None, false),
        (None, true, None, false),
        (Some(ISSUER), true, Some("https://evil.example"), false),
        (Some(ISSUER), false, Some("https://evil.example"), false),
        (None, false, Some("https://evil.example"), false),
        // No normalization (RFC 9207 §2.4).
        (Some(ISSUER), true, Some("https://api.workos.com/"), false),
        (Some(ISSUER), true, Some("https://API.workos.com"), false),
        (Some(ISSUER), true, Some("https://api.workos.com:443"), false),
        (Some(ISSUER), true, Some(""), false),
        (Some(ISSUER), true, Some("\u{1b}[2J"), false),
    ] {
        assert_eq!(attributed(issuer, names_issuer, iss), is_taken, "{issuer:?} {names_issuer} {iss:?}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(STATE.to_owned()),
        Just(String::new()),
        "[ -~]{0,12}",
        "\\PC{0,6}",
        "[\\x00-\\x1f\u{80}-\u{9f}\u{202e}]{1,3}",
    ]
}

fn any_request() -> impl Strategy<Value = RedirectRequest> {
    let name = prop_oneof![
        6 => Just("state".to_owned()), 3 => Just("code".to_owned()), 3 => Just("iss".to_owned()),
        2 => Just("error".to_owned()), 1 => Just("error_description".to_owned()), 2 => text(),
    ];
    let path = prop_oneof![8 => Just("/callback".to_owned()), 1 => "/[!-~]{0,9}", 1 => text()];
    let method = prop_oneof![8 => Just("GET".to_owned()), 1 => "[A-Z]{1,7}"];
    let host = prop_oneof![8 => Just(Some(HOST.to_owned())), 1 => proptest::option::of("[!-~]{0,20}")];
    let own = prop_oneof![Just(("code", CODE)), Just(("iss", ISSUER)), Just(("error", "access_denied"))];
    let own = own.prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let pair = prop_oneof![3 => (name, text()), 1 => own];
    (method, host, path, proptest::collection::vec(pair, 0..5), any::<bool>()).prop_map(
        |(method, host, path, pairs, raw)| {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(&pairs);
            let query = match raw {
                true => pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&"),
                false => form.finish(),
            };
            RedirectRequest { method, host, ..get(&format!("{path}?{query}")) }
        },
    )
}

proptest! {
    #![proptest_config(cases(200))]

    /// Only who has the state can end anything or have anything sent; everybody else gets the one page, and no trace has
    /// what they brought (the timetable looks, and replays).
    #[test]
    fn no_stranger_ends_it(requests in proptest::collection::vec(any_request(), 1..8)) {
        let mut table = waiting();
        for (number, request) in (10..).zip(requests) {
            let knows = request.query().iter().any(|(name, value)| {
                name == "state" && value.expose_secret() == STATE
            });
            let is_before = matches!(table.next_wake(), Some((_, WakeReason::RedirectExpiry)));
            visit(&mut table, number, request.clone());
            if knows && request.path() == "/callback" && request.method == "GET"
                && request.host.as_deref() == Some(HOST) {
                while table.next_command().is_some() {}
                continue;
            }
            if is_before {
                expect_answer(&mut table, number, RedirectPage::NotAwaited);
            } else {
                let answered = table.next_command();
                let is_refusal = |command: &Command| {
                    matches!(command, Command::AnswerRedirect { page: RedirectPage::NotAwaited, .. })
                };
                prop_assert!(answered.is_none_or(|command| is_refusal(&command)));
            }
            prop_assert_eq!(table.next_command(), None);
        }
    }
}
