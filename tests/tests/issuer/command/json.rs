//! `--json` of every command of `doorkey`, in the documented shapes; and the login in the browser of this machine.

use doorkey_tests::browser::Browser;
use doorkey_tests::doorkey::{DeviceCode, authorization_link};
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Options, Person};
use serde_json::Value;

#[path = "../../../../cli/tests/sealed/shape.rs"]
mod shape;

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_shape_is_as_documented() {
    let shapes = shape::Shapes::read();
    let home = Home::new("doorkey-json");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-json");
    let person = Person { browser: &browser, account: "somebody" };
    let at = [&issuer.at.issuer, "--client-id", &issuer.at.client_id, "--scope", "openid", "--json"];

    let mut login = home.start_doorkey(&[&["login", "--browser", "--profile", "here"], &at[..]].concat());
    person.authorize(&authorization_link(&mut login));
    browser.await_heading("You are signed in");
    let login = lines(&login.end().expect(0).stdout);
    assert_eq!(login.len(), 2, "{login:?}");
    shapes.check("doorkey: authorization request", &login[0]);
    shapes.check("doorkey: login", &login[1]);

    let mut login = home.start_doorkey(&[&["login", "--start", "--profile", "begun"], &at[..]].concat());
    let code = DeviceCode::of(&mut login);
    let begun = lines(&login.end().expect(0).stdout);
    shapes.check("pensar: device code", &begun[0]);
    shapes.check("doorkey: login started", &begun[1]);
    person.connect(&code.page, &code.code);
    let handle = begun[1]["handle"].as_str().unwrap();
    shapes.check("doorkey: login", &home.doorkey_json(&["login", "--finish", handle]).1);

    let (_, list) = home.doorkey_json(&["list"]);
    shapes.check("doorkey: list", &list);
    for profile in list["profiles"].as_array().unwrap() {
        shapes.check("doorkey: profile", profile);
    }
    shapes.check("doorkey: switch", &home.doorkey_json(&["switch", "here"]).1);
    shapes.check("doorkey: token", &home.doorkey_json(&["token"]).1);
    let (_, status) = home.doorkey_json(&["status", "--explain"]);
    shapes.check("doorkey: status", &status);
    shapes.check("doorkey: another backend", &status["elsewhere"][0]);
    let (_, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
    shapes.check("doorkey: logout", &signed_out);
    assert_eq!(signed_out["revocation"], "done");
    let (code, status) = home.doorkey_json(&["status"]);
    shapes.check("doorkey: status", &status);
    assert_eq!((code, &status["state"]), (3, &"signed_out".into()), "{status}");
    let (code, error) = home.doorkey_json(&["token"]);
    shapes.check("error", &error);
    assert_eq!((code, &error["error"]["code"]), (3, &"not_signed_in".into()));
    shapes.expect_all_seen(|heading| heading.starts_with("doorkey: "));
}
