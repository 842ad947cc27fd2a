//! The login in the browser on a timetable: from the listener to the tokens, and every way in between.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod listener;
mod timetable;

use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::command::{Command, CommandId, Question};
use doorkey_core::device_grant::Granted;
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse, Method};
use doorkey_core::machine::{Disposition, WakeReason};
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::oauth::Dialect;
use doorkey_core::redirect::RedirectPage;
use issuer::{error, json, page, tokens};
use listener::{
    CHALLENGE, CODE, LISTENER, PORT, STATE, VERIFIER, answer, bring_code, expect_answer, expect_stop,
    give_entropy, listen, right_answer, service, visit, waiting, waiting_for,
};
use timetable::{Timetable, pensar, url};

const REDIRECT_URI: &str = "http%3A%2F%2F127.0.0.1%3A4711%2Fcallback";

fn link(table: &Timetable<BrowserGrant>) -> String {
    let link = table.notices.iter().rev().find_map(|notice| match notice {
        Notice::AuthorizationRequest { link, .. } => Some(link.expose().expose_secret().to_owned()),
        _ => None,
    });
    link.unwrap()
}

fn last_poll(table: &Timetable<BrowserGrant>) -> &PollState {
    let Some(Notice::Waiting { last_poll, next_poll: None, expires_at }) = table.notices.last() else {
        panic!("{:?}", table.notices)
    };
    assert_eq!(table.real(*expires_at), 300_000);
    last_poll
}

#[test]
fn a_whole_login() {
    let mut table = Timetable::browser(service(), true);
    let Command::Listen { id, address } = table.take() else { panic!("it listens first") };
    assert_eq!((id, address.to_string().as_str()), (LISTENER, "127.0.0.1"));
    table.expect_nothing_left();
    table.event(Event::Listening { id, port: PORT });
    give_entropy(&mut table);
    let expected = format!(
        "https://api.workos.com/authorize?response_type=code&client_id=client_01&redirect_uri={REDIRECT_URI}\
         &state={STATE}&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    assert_eq!(link(&table), expected);
    assert_eq!(*last_poll(&table), PollState::None);
    let Command::OpenPage { id: page, url } = table.take() else { panic!("the link is opened") };
    assert_eq!(url.expose().expose_secret(), expected);
    table.event(Event::PageOpened { id: page });
    table.expect_silence_until(60_000);

    visit(&mut table, 1, right_answer());
    let (id, request) = table.take_request();
    // The page waits for the tokens.
    table.expect_nothing_left();
    assert_eq!((request.method, request.url.to_string().as_str()), (Method::Post, TOKEN_ENDPOINT));
    assert_eq!(request.header_value("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        std::str::from_utf8(request.body.as_bytes()).unwrap(),
        format!(
            "client_id=client_01&code={CODE}&code_verifier={VERIFIER}&grant_type=authorization_code\
             &redirect_uri={REDIRECT_URI}"
        )
    );
    table.reply(id, tokens());
    expect_stop(&mut table, RedirectPage::SignedIn);
    table.expect_nothing_left();
    let Granted::Tokens { client_id, tokens, .. } = table.success() else { panic!("tokens") };
    assert_eq!(client_id, "client_01");
    assert_eq!(tokens.access.expose_secret(), "access-minted-1");
    assert_eq!(tokens.refresh.as_ref().unwrap().expose_secret(), "refresh-minted-1");
}

const TOKEN_ENDPOINT: &str = "https://api.workos.com/user_management/authenticate";

#[test]
fn scope_and_the_endpoints_own_query_are_in_the_link() {
    let mut service = service();
    if let Some(oauth) = &mut service.oauth {
        oauth.scope = Some("openid offline_access".into());
        oauth.authorization_endpoint = Some(url("https://api.workos.com/authorize?tenant=a%20b"));
    }
    let link = link(&waiting_for(service));
    assert!(link.starts_with("https://api.workos.com/authorize?tenant=a%20b&response_type=code&"), "{link}");
    assert!(link.contains(&format!("&scope=openid%20offline_access&state={STATE}&")), "{link}");
}

#[test]
fn the_same_request_as_json() {
    let mut service = service();
    if let Some(oauth) = &mut service.oauth {
        oauth.dialect = Dialect::Json;
    }
    let (_, request) = bring_code(&mut waiting_for(service));
    let body: serde_json::Value = serde_json::from_slice(request.body.as_bytes()).unwrap();
    assert_eq!(body["code"], CODE);
    assert_eq!(body["code_verifier"], VERIFIER);
    assert_eq!(body["redirect_uri"], "http://127.0.0.1:4711/callback");
}

#[test]
fn a_short_code_is_in_no_trace_either() {
    for dialect in [Dialect::Form, Dialect::Json] {
        let mut service = service();
        service.oauth.as_mut().unwrap().dialect = dialect;
        let mut table = waiting_for(service);
        visit(&mut table, 1, answer("code=~c~"));
        let (_, request) = table.take_request();
        let body = String::from_utf8(request.body.as_bytes().to_vec()).unwrap();
        assert!(body.contains("~c~") || body.contains("%7Ec%7E"), "{body}");
    }
}

#[test]
fn without_a_browser_the_link_is_shown_and_works() {
    for opened in [false, true] {
        let mut table = Timetable::browser(service(), opened);
        listen(&mut table);
        give_entropy(&mut table);
        if opened {
            let Command::OpenPage { id, .. } = table.take() else { panic!("the link is opened") };
            let reason = "there is no\u{1b} display here".to_owned();
            table.event(Event::PageNotOpened { id, reason: reason.clone() });
            let shown = Notice::PageNotOpened { reason: reason.replace('\u{1b}', "\u{fffd}") };
            assert_eq!(table.notices.last(), Some(&shown));
            // Told once.
            let again = table.event(Event::PageNotOpened { id, reason });
            assert_eq!(again, Disposition::Ignored("not waited for"));
        }
        table.expect_nothing_left();
        assert!(link(&table).contains(STATE));
        let (id, _) = bring_code(&mut table);
        table.reply(id, tokens());
        expect_stop(&mut table, RedirectPage::SignedIn);
        table.success();
    }
}

#[test]
fn the_wait_for_the_browser_ends_after_five_minutes() {
    let mut table = waiting();
    assert_eq!(table.next_wake(), Some((300_000, WakeReason::RedirectExpiry)));
    table.expect_silence_until(300_000);
    table.event(Event::Woke);
    expect_stop(&mut table, RedirectPage::TimedOut);
    let failure = table.failure();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::TimedOut, "login_timed_out"));
    table.expect_nothing_left();
}

#[test]
fn an_answer_counts_until_the_end_and_not_after() {
    let mut table = waiting();
    table.expect_silence_until(299_999);
    let (id, _) = bring_code(&mut table);
    // The exchange is not cut short by the end of the wait.
    table.jump_to(305_000);
    assert_eq!(table.event(Event::Woke), Disposition::Ignored("nothing is due"));
    table.reply(id, tokens());
    expect_stop(&mut table, RedirectPage::SignedIn);
    table.success();

    let mut table = waiting();
    // A suspended machine wakes up with the answer.
    table.jump_to(300_000);
    visit(&mut table, 1, right_answer());
    expect_stop(&mut table, RedirectPage::TimedOut);
    assert_eq!(table.failure().code, "login_timed_out");
}

#[test]
fn where_127_0_0_1_cannot_be_bound_it_is_the_other_loopback_address() {
    let mut table = Timetable::browser(service(), false);
    let Command::Listen { id, .. } = table.take() else { panic!("a listener") };
    table.event(Event::NotListening { id, reason: "no such address".into() });
    let Command::Listen { id: second, address } = table.take() else { panic!("another listener") };
    assert_eq!(address.to_string(), "::1");
    // A late word about the first one.
    assert_eq!(table.event(Event::Listening { id, port: 1 }), Disposition::Ignored("not waited for"));
    table.event(Event::Listening { id: second, port: PORT });
    give_entropy(&mut table);
    assert!(link(&table).contains("&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%3A4711%2Fcallback&"));
    let mut request = right_answer();
    request.host = Some("[::1]:4711".into());
    table.event(Event::Redirected { id: second, visit: 1, request });
    let (id, request) = table.take_request();
    let body = String::from_utf8(request.body.as_bytes().to_vec()).unwrap();
    assert!(body.ends_with("&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%3A4711%2Fcallback"), "{body}");
    table.reply(id, tokens());
    assert_eq!(table.take(), Command::StopListening { id: second, page: RedirectPage::SignedIn });
    table.success();
}

#[test]
fn without_any_port_there_is_no_login() {
    let mut table = Timetable::browser(service(), true);
    for _ in 0..2 {
        let Command::Listen { id, .. } = table.take() else { panic!("a listener") };
        table.event(Event::NotListening { id, reason: "not\u{202e} permitted".into() });
    }
    let failure = table.failure();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Network, "not_listening"));
    assert!(failure.message.ends_with("not\u{fffd} permitted"), "{}", failure.message);
    table.expect_nothing_left();
}

#[test]
fn a_service_without_such_a_login_says_so() {
    let mut without_client = service();
    without_client.oauth.as_mut().unwrap().client_id = None;
    for service in [pensar(), without_client, timetable::service()] {
        let table = Timetable::browser(service, true);
        assert_eq!(table.failure().code, "no_issuer");
        table.expect_nothing_left();
    }
}

#[test]
fn a_page_on_this_machine_is_for_an_issuer_on_this_machine() {
    let mut service = service();
    for here in
        ["https://localhost:8080", "https://[::ffff:127.0.0.1]", "https://10.0.0.1", "http://127.0.0.1:8080"]
    {
        service.oauth.as_mut().unwrap().authorization_endpoint = Some(url(here).join("/authorize"));
        let table = Timetable::browser(service.clone(), true);
        assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, "unsafe_page"));
        table.expect_nothing_left();
    }
    service.oauth.as_mut().unwrap().token_endpoint = url("http://127.0.0.1:8080/token");
    service.issuer = "https://api.pensar.dev via http://127.0.0.1:8080".into();
    assert!(link(&waiting_for(service)).starts_with("http://127.0.0.1:8080/authorize?"));
}

/// How an answer to the code ends the login.
fn ends(answer: HttpResponse, exit: Exit, code: &str) {
    let mut table = waiting();
    let (id, _) = bring_code(&mut table);
    table.reply(id, answer);
    expect_stop(&mut table, RedirectPage::Failed);
    let failure = table.failure();
    assert_eq!((failure.exit, failure.code.as_ref()), (exit, code), "{}", failure.message);
    assert!(failure.next.is_some() && !failure.message.contains('\u{1b}'), "{failure:?}");
    table.expect_nothing_left();
}

#[test]
fn a_definite_refusal_of_the_code_is_the_end() {
    for status in [200, 400, 401, 403] {
        ends(error(status, "invalid_grant"), Exit::Denied, "invalid_grant");
        ends(error(status, "invalid_client"), Exit::Server, "invalid_client");
        ends(error(status, "unauthorized_client"), Exit::Server, "unauthorized_client");
    }
    ends(json(400, r#"{"error":"x\u001b[2J"}"#), Exit::Server, "x\u{fffd}[2J");
    ends(json(200, r#"{"access_token":"a b"}"#), Exit::Server, "unexpected_answer");
}

/// The person is asked after something that may have used the code up.
fn asks_after(table: &mut Timetable<BrowserGrant>) -> CommandId {
    expect_stop(table, RedirectPage::AnswerLost);
    let Command::Ask { id, question } = table.take() else { panic!("a question") };
    assert_eq!(question, Question::PairAgain);
    table.expect_nothing_left();
    assert_eq!(table.next_wake(), None, "the code is not sent again");
    id
}

#[test]
fn what_may_have_used_the_code_up_is_told_and_never_repeated() {
    let no_body = |answer: HttpResponse| {
        let said = format!("got lost (HTTP {} with no usable body)", answer.status);
        (answer, said)
    };
    let without_body = [
        page(200),
        json(200, "{}"),
        page(400),
        page(403),
        page(302).header("location", "https://evil.example/"),
        page(500),
        page(503).header("retry-after", "1"),
        error(503, "temporarily_unavailable"),
    ];
    let codes = ["temporarily_unavailable", "server_error", "authorization_pending", "slow_down"];
    let with_code = codes.map(|code| (error(400, code), format!("got lost (HTTP 400, {code})")));
    for (answer, said) in without_body.into_iter().map(no_body).chain(with_code) {
        let mut table = waiting();
        let (id, _) = bring_code(&mut table);
        table.reply(id, answer);
        let id = asks_after(&mut table);
        table.event(Event::Answered { id, yes: false });
        let failure = table.failure();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Network, "answer_lost"));
        assert!(failure.message.contains(&said), "{}: {said}", failure.message);
        table.expect_nothing_left();
    }
    for kind in [FailureKind::AnswerLost, FailureKind::BodyTooLarge] {
        let mut table = waiting();
        let (id, _) = bring_code(&mut table);
        table.lose(id, kind);
        asks_after(&mut table);
    }
}

#[test]
fn a_new_login_has_a_new_state_and_listener() {
    let mut table = waiting();
    let (id, _) = bring_code(&mut table);
    table.lose(id, FailureKind::AnswerLost);
    let id = asks_after(&mut table);
    // The old listener's last visitors change nothing.
    assert_eq!(visit(&mut table, 2, right_answer()), Disposition::Ignored("not waited for"));
    table.jump_to(200_000);
    table.event(Event::Answered { id, yes: true });
    let second = listen(&mut table);
    assert_ne!(second, LISTENER);
    table.give_entropy_of(3);
    table.give_entropy_of(4);
    assert!(!link(&table).contains(STATE) && !link(&table).contains(CHALLENGE));
    assert_eq!(table.next_wake(), Some((500_000, WakeReason::RedirectExpiry)));
    assert_eq!(visit(&mut table, 3, right_answer()), Disposition::Ignored("not waited for"));
    // The old state is nobody's any more.
    table.event(Event::Redirected { id: second, visit: 4, request: right_answer() });
    let page = RedirectPage::NotAwaited;
    assert_eq!(table.take(), Command::AnswerRedirect { id: second, visit: 4, page });
}

#[test]
fn what_surely_never_left_is_sent_again_as_it_was() {
    let mut table = waiting();
    let (mut id, first) = bring_code(&mut table);
    for _ in 0..4 {
        let left = table.millis();
        table.lose(id, FailureKind::NotSent);
        let Some(Notice::Retrying { wait, .. }) = table.notices.last() else { panic!("it is told") };
        let (at, why) = table.next_wake().unwrap();
        assert_eq!((at, why), (left + u64::try_from(wait.as_millis()).unwrap(), WakeReason::Retry));
        table.expect_silence_until(at);
        let (again, request) = table.expect_poll_now();
        assert_eq!(request, first);
        id = again;
    }
    table.lose(id, FailureKind::NotSent);
    expect_stop(&mut table, RedirectPage::Failed);
    assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Network, "network"));
    table.expect_nothing_left();
}

#[test]
fn a_429_is_obeyed() {
    let mut table = waiting();
    let (id, first) = bring_code(&mut table);
    table.reply(id, error(429, "slow_down").header("retry-after", "7"));
    table.expect_silence_until(7_000);
    let (id, again) = table.expect_poll_now();
    assert_eq!(again, first);
    table.reply(id, page(429).header("retry-after", "3600"));
    expect_stop(&mut table, RedirectPage::Failed);
    assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, "rate_limited"));
}

#[test]
fn an_unusable_setting_is_told_at_once() {
    let mut table = waiting();
    let (id, _) = bring_code(&mut table);
    table.lose(id, FailureKind::Misconfigured);
    expect_stop(&mut table, RedirectPage::Failed);
    assert_eq!(table.failure().exit, Exit::Usage);
}

#[test]
fn who_brings_the_same_again_waits_for_the_same_end() {
    let mut table = waiting();
    let (id, _) = bring_code(&mut table);
    visit(&mut table, 2, right_answer());
    table.expect_nothing_left();
    for (number, other) in [(3, answer("code=another")), (4, answer("error=access_denied"))] {
        visit(&mut table, number, other);
        expect_answer(&mut table, number, RedirectPage::NotAwaited);
    }
    table.lose(id, FailureKind::NotSent);
    visit(&mut table, 5, right_answer());
    table.expect_nothing_left();
    let (at, _) = table.next_wake().unwrap();
    table.jump_to(at);
    let (id, _) = table.expect_poll_now();
    table.reply(id, tokens());
    expect_stop(&mut table, RedirectPage::SignedIn);
    table.success();
}

#[test]
fn nothing_is_awaited_before_there_is_a_link() {
    let mut table = Timetable::browser(service(), false);
    let stranger = || listener::get("/callback?code=another&state=guessed");
    let early = visit(&mut table, 1, stranger());
    assert_eq!(early, Disposition::Ignored("not waited for"), "nobody listens yet");
    listen(&mut table);
    let draw = |table: &mut Timetable<BrowserGrant>, byte| {
        let Command::DrawEntropy { id } = table.take() else { panic!("a draw") };
        visit(table, u32::from(byte), stranger());
        expect_answer(table, u32::from(byte), RedirectPage::NotAwaited);
        let entropy = doorkey_core::secret::Entropy::new([byte; 32]);
        table.event(Event::Entropy { id, entropy });
    };
    draw(&mut table, 1);
    draw(&mut table, 2);
    bring_code(&mut table);
}

#[test]
fn an_interrupt_closes_the_listener_wherever_it_comes() {
    let interrupted = |mut table: Timetable<BrowserGrant>| {
        while table.next_command().is_some() {}
        table.event(Event::Cancelled);
        expect_stop(&mut table, RedirectPage::Interrupted);
        table.expect_nothing_left();
        assert_eq!(table.failure().exit, Exit::Interrupted);
    };
    interrupted(Timetable::browser(service(), false));
    let mut drawing = Timetable::browser(service(), false);
    listen(&mut drawing);
    interrupted(drawing);
    interrupted(waiting());
    let mut exchanging = waiting();
    bring_code(&mut exchanging);
    interrupted(exchanging);
    // Closed already.
    let mut asking = waiting();
    let (id, _) = bring_code(&mut asking);
    asking.lose(id, FailureKind::AnswerLost);
    asks_after(&mut asking);
    asking.event(Event::Cancelled);
    asking.expect_nothing_left();
}

#[test]
fn nothing_secret_is_printed() {
    let mut table = waiting();
    let request = right_answer();
    let mut seen = format!("{request:?}");
    visit(&mut table, 1, request);
    seen += &format!("{:?}", table.machine);
    let (_, request) = table.take_request();
    seen += &format!("{request:?}{:?}", table.notices);
    for secret in [STATE, VERIFIER, CHALLENGE, CODE] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}
