//! What the issuer says of itself, and what it does not.

use std::collections::BTreeMap;

use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Metadata, Options, Person, Place};
use serde_json::{Value, json};

use super::token;

fn issuer(metadata: Metadata) -> Issuer {
    Issuer::start(&Options { metadata, ..Options::default() })
}

/// A login that comes to nothing; the code of its failure.
fn refused(home: &Home, issuer: &Issuer) -> String {
    let ended = home.start_doorkey_login(issuer, &[]).end().expect(8);
    assert!(issuer.events().is_empty(), "nobody was asked for anything: {:?}", issuer.events());
    ended.json()["error"]["code"].as_str().unwrap().to_owned()
}

fn instead(name: &'static str, value: impl Into<Value>) -> Issuer {
    issuer(Metadata { instead: BTreeMap::from([(name, value.into())]), ..Metadata::default() })
}

#[test]
fn flags_say_what_the_metadata_does_not() {
    let home = Home::new("doorkey-flags");
    let browser = Browser::start("doorkey-flags");
    let person = Person { browser: &browser, account: "somebody" };

    let gaps = vec!["device_authorization_endpoint", "revocation_endpoint"];
    let partial = issuer(Metadata { places: vec![Place::OpenId], without: gaps, ..Metadata::default() });
    let device = ["--device-authorization-endpoint", &partial.at.device_authorization_endpoint];
    home.sign_in_at(&partial, person, &device);
    assert_eq!(partial.resource(&token(&home, &[])).status, 200);
    let (code, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
    assert_eq!((code, &signed_out["revocation"]), (0, &json!("not_offered")), "{signed_out}");

    let silent = issuer(Metadata { places: vec![], ..Metadata::default() });
    assert_eq!(refused(&home, &silent), "no_metadata");
    let at = &silent.at;
    let all = [
        "--device-authorization-endpoint",
        &at.device_authorization_endpoint,
        "--token-endpoint",
        &at.token_endpoint,
        "--revocation-endpoint",
        &at.revocation_endpoint,
    ];
    home.sign_in_at(&silent, person, &all);
    let last = token(&home, &[]);
    assert_eq!(silent.resource(&last).status, 200);
    let (code, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
    assert_eq!((code, &signed_out["revocation"]), (0, &json!("done")), "{signed_out}");
    assert_eq!(silent.resource(&last).status, 401);
}

#[test]
fn who_answers_in_the_name_of_another_is_not_believed() {
    let home = Home::new("doorkey-mixed-up");
    let other = instead("issuer", "https://auth.example.com");
    assert_eq!(refused(&home, &other), "other_issuer");
    // Not even by a slash (RFC 8414 §3.3).
    let honest = issuer(Metadata::default());
    let slash = format!("{}/", honest.at.issuer);
    let (code, failure) = home.doorkey_json(&["login", &slash, "--client-id", &honest.at.client_id]);
    assert_eq!((code, &failure["error"]["code"]), (8, &json!("other_issuer")), "{failure}");
}

#[test]
fn nothing_is_sent_where_others_can_listen() {
    let home = Home::new("doorkey-plain");
    let plain = instead("token_endpoint", "http://auth.example.com/token");
    assert_eq!(refused(&home, &plain), "unsafe_endpoint");
    let plain = instead("device_authorization_endpoint", "http://auth.example.com/device");
    assert_eq!(refused(&home, &plain), "unsafe_endpoint");
    let whole = issuer(Metadata::default());
    let flag = ["--token-endpoint", "http://auth.example.com/token"];
    let failure = home.start_doorkey_login(&whole, &flag).end().expect(2).json();
    assert_eq!(failure["error"]["code"], "unusable_endpoint", "{failure}");
}
