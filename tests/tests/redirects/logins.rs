//! What becomes of logins.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::device_grant::Granted;
use doorkey_core::failure::Exit;
use doorkey_core::machine::Outcome;

use crate::for_both;
use crate::issuer::Issuer;
use crate::login::Kind;
use crate::visitor::{Visitor, browsers_request};

for_both![
    the_page_waits_for_the_tokens,
    the_redirect_comes_over_ipv6,
    the_login_does_not_end_before_its_page_is_out,
    a_second_tab_gets_the_same_page,
    a_refused_code_is_told_in_the_window,
    a_denial_is_the_end,
    another_issuers_code_is_sent_nowhere,
    a_lost_answer_leads_to_a_new_login,
    an_interrupt_is_told_in_the_window,
];

fn is_signed_in(outcome: &Outcome<Granted>) -> bool {
    matches!(outcome, Ok(Granted::Tokens { tokens, .. }) if tokens.access.expose_secret() == "access-1")
}

fn the_page_waits_for_the_tokens(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    assert_eq!(BASE64URL_NOPAD.decode(link.value("state").as_bytes()).unwrap().len(), 32);
    assert_ne!(link.value("state"), link.value("code_challenge"));
    let mut browser = Visitor::get(link.address, &link.redirect("code=code-1"));
    let asked = issuer.asked();
    assert_eq!(
        (asked.field("grant_type"), asked.field("code")),
        ("authorization_code".into(), "code-1".into())
    );
    assert_eq!(asked.field("redirect_uri"), link.value("redirect_uri"));
    assert_eq!(asked.field("client_id"), link.value("client_id"));
    let verifier = BASE64URL_NOPAD.decode(asked.field("code_verifier").as_bytes()).unwrap();
    assert_eq!(verifier.len(), 32);
    assert!(browser.waits(), "nothing is said before the tokens are here");
    asked.answer_tokens();
    let page = browser.answer();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("You can close this window"), "{page}");
    assert!(page.contains("\r\nConnection: close\r\n") && page.contains("\r\nCache-Control: no-store\r\n"));
    assert!(page.contains("\r\nContent-Security-Policy: default-src 'none';"), "{page}");
    assert!(!page.contains("code-1") && !page.contains(link.value("state")), "{page}");
    assert!(is_signed_in(&login.end(&link)));
    assert!(!link.is_open() && !issuer.was_asked());
}

fn the_redirect_comes_over_ipv6(kind: Kind) {
    let probe = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    drop(probe.expect("this machine has no ::1, so that a redirect over IPv6 cannot be tested on it"));
    let issuer = Issuer::open();
    let login = kind.login_over(Ipv6Addr::LOCALHOST.into(), &issuer);
    let link = login.link();
    let target = link.redirect("code=code-1");
    let mut stranger = Visitor::come(link.address);
    stranger.say(browsers_request(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), link.address.port()), &target));
    assert!(stranger.answer().starts_with("HTTP/1.1 400 "), "it came by another name");
    let browser = Visitor::get(link.address, &target);
    let asked = issuer.asked();
    let redirect = format!("http://[::1]:{}/callback", link.address.port());
    assert_eq!(link.value("redirect_uri"), redirect);
    assert_eq!(asked.field("redirect_uri"), redirect);
    asked.answer_tokens();
    assert!(browser.answer().contains("<h1>You are signed in</h1>"));
    assert!(is_signed_in(&login.end(&link)));
    assert!(!link.is_open() && !issuer.was_asked());
}

/// The program may end next, and its threads with it.
fn the_login_does_not_end_before_its_page_is_out(kind: Kind) {
    for _ in 0..20 {
        let issuer = Issuer::open();
        let login = kind.login(&issuer);
        let link = login.link();
        let tabs: Vec<Visitor> =
            (0..8).map(|_| Visitor::get(link.address, &link.redirect("code=code-1"))).collect();
        login.hears(tabs.len());
        issuer.asked().answer_tokens();
        assert!(is_signed_in(&login.end(&link)));
        for tab in tabs {
            assert!(tab.is_answered());
        }
    }
}

fn a_second_tab_gets_the_same_page(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let first = Visitor::get(link.address, &link.redirect("code=code-1"));
    let asked = issuer.asked();
    let mut second = Visitor::get(link.address, &link.redirect("code=code-1"));
    login.hears(2);
    // A tab that is closed while it waits.
    drop(Visitor::get(link.address, &link.redirect("code=code-1")));
    let icon = Visitor::get(link.address, "/favicon.ico").answer();
    assert!(icon.starts_with("HTTP/1.1 400 "), "{icon}");
    assert!(second.waits());
    asked.answer_tokens();
    for tab in [first, second] {
        assert!(tab.answer().contains("<h1>You are signed in</h1>"));
    }
    assert!(is_signed_in(&login.end(&link)));
    assert!(!issuer.was_asked(), "a code is sent once");
}

fn a_refused_code_is_told_in_the_window(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let browser = Visitor::get(link.address, &link.redirect("code=code-1"));
    issuer.asked().answer(400, r#"{"error":"invalid_grant"}"#);
    let page = browser.answer();
    assert!(page.starts_with("HTTP/1.1 502 ") && page.contains("<h1>Not signed in</h1>"), "{page}");
    assert_eq!(login.end(&link).unwrap_err().code, "invalid_grant");
    assert!(!link.is_open());
}

fn a_denial_is_the_end(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let page = Visitor::get(link.address, &link.redirect("error=access_denied")).answer();
    assert!(page.starts_with("HTTP/1.1 403 ") && page.contains("was denied"), "{page}");
    assert_eq!(login.end(&link).unwrap_err().exit, Exit::Denied);
    assert!(!link.is_open() && !issuer.was_asked());
}

fn another_issuers_code_is_sent_nowhere(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let state = link.value("state");
    let target = format!("/callback?code=code-1&state={state}&iss=https%3A%2F%2Fevil.example");
    let page = Visitor::get(link.address, &target).answer();
    assert!(page.starts_with("HTTP/1.1 400 ") && page.contains("it was not used"), "{page}");
    assert_eq!(login.end(&link).unwrap_err().code, "other_issuer");
    assert!(!issuer.was_asked());
}

fn a_lost_answer_leads_to_a_new_login(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let first = login.link();
    let browser = Visitor::get(first.address, &first.redirect("code=code-1"));
    issuer.asked().hang_up();
    let page = browser.answer();
    assert!(page.starts_with("HTTP/1.1 502 ") && page.contains("<h1>Not signed in yet</h1>"), "{page}");
    let second = login.link();
    assert_ne!(first.value("state"), second.value("state"));
    assert_ne!(first.value("code_challenge"), second.value("code_challenge"));
    let browser = Visitor::get(second.address, &second.redirect("code=code-2"));
    let asked = issuer.asked();
    assert_eq!(asked.field("code"), "code-2");
    asked.answer_tokens();
    assert!(browser.answer().contains("<h1>You are signed in</h1>"));
    assert!(is_signed_in(&login.end(&second)));
}

fn an_interrupt_is_told_in_the_window(kind: Kind) {
    let issuer = Issuer::open();
    let login = kind.login(&issuer);
    let link = login.link();
    let browser = Visitor::get(link.address, &link.redirect("code=code-1"));
    let asked = issuer.asked();
    login.interrupt();
    assert_eq!(login.end(&link).unwrap_err().exit, Exit::Interrupted);
    let page = browser.answer();
    assert!(page.starts_with("HTTP/1.1 410 ") && page.contains("was interrupted"), "{page}");
    drop(asked);
}
