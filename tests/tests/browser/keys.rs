//! The list of keys.

use doorkey_tests::audit::check_page;
use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::login::{SOLO, approve};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

#[test]
fn a_key_revoked_in_the_browser_is_refused_at_once() {
    let sandbox = Sandbox::start("revoke", &[]);
    let home = Home::new("revoke").with_sandbox(&sandbox);
    let browser = Browser::start("revoke");
    browser.open(&format!("{}/settings/api-keys", sandbox.app));
    browser.press("Continue as Solo");
    browser.await_heading("API keys");
    assert!(browser.text().contains("There are no keys yet"), "{}", browser.text());
    check_page(&browser, "keys-none");

    let login = home.start(&["login", "--no-browser"]);
    approve(&login.invitation().link, SOLO, "acme");
    let _ = login.end().expect(0);
    let (_, status) = home.pentify_json(&["status"]);
    let _ = home.pentify(&["scans", "list"]).expect(0);

    browser.open(&format!("{}/settings/api-keys", sandbox.app));
    let text = browser.text();
    for shown in ["Pentify Terminal · ", "Acme", "scans:write", status["key"]["prefix"].as_str().unwrap()] {
        assert!(text.contains(shown), "{shown} is missing: {text}");
    }
    check_page(&browser, "keys");
    browser.press("Revoke");
    wait_for("the key is shown as revoked", || browser.text().contains("Revoked").then_some(()));
    assert!(browser.session.find("//button[contains(., 'Revoke')]").is_empty(), "{}", browser.text());
    check_page(&browser, "keys-revoked");

    let (code, refused) = home.pentify_json(&["scans", "list"]);
    assert_eq!((code, &refused["error"]["code"]), (3, &"invalid_api_key".into()), "{refused}");
    assert_eq!(refused["error"]["next"], "run `pentify login`");

    browser.press("Sign out");
    browser.await_heading("Sign in");
}
