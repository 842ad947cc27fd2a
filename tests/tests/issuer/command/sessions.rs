//! One session, from its login to its end.

use doorkey_blocking::Transport as _;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_tests::browser::Browser;
use doorkey_tests::doorkey::{DeviceCode, SESSIONS, SETTINGS};
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Client, Issuer, Options, Person, What};
use doorkey_tests::scratch::Scratch;
use doorkey_tests::{PATIENCE, wait_for};

use super::token;

#[test]
fn it_is_signed_in_refreshed_and_revoked() {
    let home = Home::new("doorkey-session");
    let issuer = Issuer::start(&Options { access_lifetime: 5, ..Options::default() });
    let browser = Browser::start("doorkey-session");
    let person = Person { browser: &browser, account: "somebody" };

    let signed_in = home.sign_in_at(&issuer, person, &[]);
    assert_eq!(signed_in["event"], "signed_in");
    assert_eq!(signed_in["profile"], issuer.at.issuer.as_str());
    assert_eq!(signed_in["backend"], "file");
    assert_eq!(signed_in["renewable"], true);

    let (code, status) = home.doorkey_json(&["status"]);
    assert_eq!((code, &status["signed_in"]), (0, &true.into()), "{status}");
    assert_eq!(status["issuer"], issuer.at.issuer.as_str());
    let first = token(&home, &[]);
    // Here the token may be dead already on a slow machine; the next one tells whether it was good for anything.
    let renewed = wait_for("another token", || Some(token(&home, &[])).filter(|token| *token != first));
    let userinfo = userinfo(&issuer, &renewed);
    assert!(userinfo == 200 || token(&home, &[]) != renewed, "userinfo answers {userinfo}");

    let stored = std::fs::read_to_string(home.folder().join(SESSIONS)).unwrap();
    assert!(stored.contains("refresh"), "the store is where the contract says");
    let last = token(&home, &[]);
    let (code, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
    assert_eq!((code, &signed_out["revocation"]), (0, &"done".into()), "{signed_out}");
    assert_eq!(issuer.resource(&last).status, 401);
    let events = issuer.events();
    assert!(events.iter().any(|event| matches!(event.what, What::GrantRevoked { .. })), "{events:?}");
    let bad = |what: &What| matches!(what, What::Reused { .. } | What::Fault { .. });
    assert!(!events.iter().any(|event| bad(&event.what)), "{events:?}");
    assert_eq!(home.doorkey(&["token"]).code, 3);
    assert_eq!(home.doorkey(&["status"]).code, 3);
}

#[test]
fn a_denied_login_ends_with_5_and_one_that_nobody_saw_with_4() {
    let home = Home::new("doorkey-denied");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-denied");
    let mut login = home.start_doorkey_login(&issuer, &[]);
    let DeviceCode { page, code, .. } = DeviceCode::of(&mut login);
    Person { browser: &browser, account: "somebody" }.deny(&page, &code);
    let failure = login.end().expect(5).json();
    assert_eq!(failure["error"]["code"], "access_denied", "{failure}");

    let in_a_hurry = Issuer::start(&Options { device_code_lifetime: 4, ..Options::default() });
    let failure = home.start_doorkey_login(&in_a_hurry, &[]).end().expect(4).json();
    assert_eq!(failure["error"]["code"], "expired_token", "{failure}");
    let (_, profiles) = home.doorkey_json(&["list"]);
    assert_eq!(profiles["profiles"], serde_json::json!([]), "nothing is remembered");
    assert!(!home.folder().join(SESSIONS).exists());
}

/// RFC 6749 §3.3 leaves it to the issuer what a request without a scope is for. For this one it is for nothing: it lets
/// the person approve, and then denies.
#[test]
fn who_names_no_scope_asks_for_openid() {
    let home = Home::new("doorkey-nothing");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-nothing");
    let mut login = home.start_doorkey(&[
        "login",
        &issuer.at.issuer,
        "--client-id",
        &issuer.at.client_id,
        "--no-browser",
        "--json",
    ]);
    let DeviceCode { page, code, .. } = DeviceCode::of(&mut login);
    Person { browser: &browser, account: "somebody" }.connect(&page, &code);
    let signed_in = login.end().expect(0).json();
    assert_eq!(signed_in["event"], "signed_in", "{signed_in}");
    let settings = std::fs::read_to_string(home.folder().join(SETTINGS)).unwrap();
    assert!(settings.contains("scope = \"openid\""), "{settings}");
}

fn userinfo(issuer: &Issuer, access: &Secret) -> u16 {
    let folder = Scratch::new("userinfo");
    let request =
        HttpRequest::new(Method::Get, Url::parse(&issuer.at.userinfo_endpoint).unwrap()).bearer(access);
    Client::discover(&issuer.at, &folder).transport().send(&request, PATIENCE).unwrap().status
}
