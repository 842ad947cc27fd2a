//! Links that lead nowhere any more.

use doorkey_tests::audit::check_page;
use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::login::{SOLO, approve};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// Checks that a page offers no decision.
fn assert_nothing_to_decide(browser: &Browser) {
    assert!(browser.session.find("//button[@name='decision']").is_empty(), "{}", browser.text());
}

#[test]
fn a_used_link_says_so() {
    let sandbox = Sandbox::start("used", &[]);
    let home = Home::new("used").with_sandbox(&sandbox);
    let login = home.start(&["login", "--no-browser"]);
    let link = login.invitation().link;
    approve(&link, SOLO, "acme");
    let _ = login.end().expect(0);

    let browser = Browser::start("used");
    browser.open(&link);
    browser.await_heading("This link was already used");
    assert_nothing_to_decide(&browser);
    assert_eq!(browser.answers().last().unwrap().status, 410);
    browser.open(&link);
    check_page(&browser, "used");
    // Nobody lost anything by it.
    let _ = home.pentify(&["scans", "list"]).expect(0);
}

#[test]
fn an_expired_link_says_so() {
    // Five minutes pass in five seconds.
    let sandbox = Sandbox::start("expired", &["--speed", "60"]);
    let home = Home::new("expired").with_sandbox(&sandbox);
    let mut login = home.start(&["login", "--no-browser"]);
    let link = login.invitation().link;
    let browser = Browser::start("expired");
    wait_for("the link expires", || {
        browser.open(&link);
        (browser.heading() == "This link has expired").then_some(())
    });
    assert_nothing_to_decide(&browser);
    assert_eq!(browser.answers().last().unwrap().status, 410);
    browser.open(&link);
    check_page(&browser, "expired");
    assert!(login.is_running(), "its own five minutes are not over");
}

#[test]
fn other_addresses_are_pages_too() {
    let sandbox = Sandbox::start("notes", &[]);
    let browser = Browser::start("notes");
    for (path, heading, status, name) in [
        ("/nowhere", "Page not found", 404, "not-found"),
        ("/auth/terminal-pair?device_name=x", "This link is not valid", 400, "not-valid"),
        ("/redirected", "Request refused", 404, "refused"),
    ] {
        browser.open(&format!("{}{path}", sandbox.app));
        browser.await_heading(heading);
        assert_eq!(browser.answers().last().unwrap().status, status, "{path}");
        browser.open(&format!("{}{path}", sandbox.app));
        check_page(&browser, name);
    }
}
