//! Tokens where scripts need them, at an issuer that others wrote.

use doorkey_core::secret::Secret;
use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Options, Person};
use serde_json::Value;

#[test]
fn what_scripts_are_handed_is_what_the_issuer_takes() {
    let home = Home::new("doorkey-scripts");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-scripts");
    home.sign_in_at(&issuer, Person { browser: &browser, account: "somebody" }, &[]);

    let ended = home.doorkey(&["api", &issuer.at.userinfo_endpoint]).expect(0);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["sub"], "somebody", "{told}");
    let ended = home.doorkey(&["exec", "--", "printenv", "DOORKEY_ACCESS_TOKEN"]).expect(0);
    assert_eq!(issuer.resource(&Secret::from(ended.stdout.trim_end())).status, 200);
    let ended = home.doorkey(&["credential", "kubectl"]).expect(0);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let token = Secret::from(told["status"]["token"].as_str().unwrap());
    assert_eq!(issuer.resource(&token).status, 200);

    // Another place of the same host is another place.
    let elsewhere = issuer.at.userinfo_endpoint.replacen("127.0.0.1", "127.0.0.2", 1);
    let failure = home.doorkey(&["api", &elsewhere, "--json"]).expect(2).json();
    assert_eq!(failure["error"]["code"], "origin_not_allowed", "{failure}");
}
