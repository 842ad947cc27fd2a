//! A login by the browser of this machine.

use doorkey_tests::browser::Browser;
use doorkey_tests::doorkey::authorization_link;
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Options, Person, What};
use doorkey_tests::running::Running;

use super::token;

fn login(home: &Home, issuer: &Issuer) -> Running {
    let at = [&issuer.at.issuer, "--client-id", &issuer.at.client_id, "--scope", "openid", "--json"];
    home.start_doorkey(&[&["login", "--browser"], &at[..]].concat())
}

#[test]
fn the_page_tells_the_end_and_so_does_the_command() {
    let home = Home::new("doorkey-in-browser");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-in-browser");
    let person = Person { browser: &browser, account: "somebody" };

    let mut granted = login(&home, &issuer);
    person.authorize(&authorization_link(&mut granted));
    browser.await_heading("You are signed in");
    assert_eq!(granted.end().expect(0).json()["event"], "signed_in");
    assert_eq!(issuer.resource(&token(&home, &[])).status, 200);

    let mut refused = login(&home, &issuer);
    person.refuse(&authorization_link(&mut refused));
    let failure = refused.end().expect(5).json();
    assert_eq!(failure["error"]["code"], "access_denied", "{failure}");
    assert_eq!(issuer.resource(&token(&home, &[])).status, 200, "the login before is as it was");
    let by_code =
        |what: &What| matches!(what, What::Granted { grant_type, .. } if grant_type == "authorization_code");
    assert_eq!(issuer.events().iter().filter(|event| by_code(&event.what)).count(), 1);
}
