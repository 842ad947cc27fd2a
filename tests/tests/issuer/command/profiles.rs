//! Two issuers side by side.

use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Metadata, Options, Person, Place};
use serde_json::Value;

use super::token;

#[test]
fn each_has_its_own_session() {
    let home = Home::new("doorkey-profiles");
    let first = Issuer::start(&Options::default());
    // One with a path, which says of itself what it has to say before that.
    let metadata = Metadata { places: vec![Place::Rfc8414], ..Metadata::default() };
    let second = Issuer::start(&Options { path: "/tenant", metadata, ..Options::default() });
    let browser = Browser::start("doorkey-profiles");
    let person = Person { browser: &browser, account: "somebody" };
    assert_eq!(home.sign_in_at(&first, person, &[])["profile"], first.at.issuer.as_str());
    assert_eq!(home.sign_in_at(&second, person, &["--profile", "work"])["profile"], "work");

    let (_, list) = home.doorkey_json(&["list"]);
    let lines: Vec<(&str, bool, &str)> = list["profiles"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [(first.at.issuer.as_str(), false, "signed_in"), ("work", true, "signed_in")],
        "{list}"
    );

    let at_second = token(&home, &[]);
    assert_eq!((first.resource(&at_second).status, second.resource(&at_second).status), (401, 200));
    let at_first = token(&home, &["--profile", &first.at.issuer]);
    assert_eq!((first.resource(&at_first).status, second.resource(&at_first).status), (200, 401));
    let home = home.with("DOORKEY_PROFILE", first.at.issuer.as_str());
    assert_eq!(token(&home, &[]), at_first);
    assert_eq!(token(&home, &["--profile", "work"]), at_second);
    let home = home.with("DOORKEY_PROFILE", "");

    let _ = home.doorkey(&["switch", &first.at.issuer]).expect(0);
    assert_eq!(token(&home, &[]), at_first);
    let _ = home.doorkey(&["switch", "nobody"]).expect(2);

    let (code, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
    assert_eq!((code, &signed_out["profile"]), (0, &first.at.issuer.as_str().into()), "{signed_out}");
    assert_eq!(first.resource(&at_first).status, 401);
    assert_eq!(token(&home, &["--profile", "work"]), at_second, "the other one is untouched");
    assert_eq!(second.resource(&at_second).status, 200);

    let (_, signed_out) = home.doorkey_json(&["logout", "--profile", "work"]);
    assert_eq!(signed_out["revocation"], "not_asked", "{signed_out}");
    assert_eq!(second.resource(&at_second).status, 200, "only this machine has forgotten it");
    let _ = home.doorkey(&["token", "--profile", "work"]).expect(3);
}

fn line(profile: &Value) -> (&str, bool, &str) {
    let text = |name: &str| profile[name].as_str().unwrap();
    (text("profile"), profile["active"].as_bool().unwrap(), text("state"))
}
