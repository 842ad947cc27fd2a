//! `doorkey api`: requests with the profile's token, to where it may go and nowhere else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::time::Duration;

use sealed::hostile::{Answer, Hostile};
use sealed::issuer::{Asked, Home, Issuer, presented};

/// Far from just minted, and far from its end.
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

fn echo(asked: &Asked) -> Answer {
    let body = String::from_utf8(asked.body.clone()).unwrap();
    Answer::json(
        200,
        serde_json::json!({"method": asked.method, "target": asked.target, "body": body}).to_string(),
    )
}

#[test]
fn requests_go_to_the_issuer_and_to_named_apis() {
    let (issuer, api) = (Issuer::start(echo), Issuer::start(echo));
    let home = Home::signed_in("api", &issuer, &["--api", &api.url()]);
    // Byte for byte, as it was typed.
    for target in ["/userinfo?x=1", "/a%2fb;c?flag&q=a+b%20c%2f&&x=%ff&filter[y]='(1)'", "/userinfo?"] {
        let ended = home.doorkey(&["api", &format!("{}{target}", issuer.url())]).expect(0);
        assert_eq!(ended.json()["target"], target);
    }
    assert_eq!(presented(&issuer.asked()[0]).unwrap(), "access-1");

    // A path alone is the API's.
    let ended = home.doorkey(&["api", "/v1/things"]).expect(0);
    assert_eq!(ended.json()["method"], "GET");
    let ended = home.doorkey_with_input(
        &["api", "/v1/things", "--data", "-", "--header", "X-One: two", "--header", "accept:text/plain"],
        b"{\"a\":1}",
    );
    assert_eq!(ended.expect(0).json()["body"], "{\"a\":1}");
    let merged = ["--header", "content-type: application/merge-patch+json"];
    home.doorkey(&[&["api", "patch", "/v1/things/1", "--data", "{}"], &merged[..]].concat()).expect(0);
    let asked = api.asked();
    assert_eq!(asked.iter().map(|a| &*a.method).collect::<Vec<_>>(), ["GET", "POST", "PATCH"]);
    assert_eq!(asked[0].header("accept"), Some("application/json"));
    assert_eq!((asked[1].header("x-one"), asked[1].header("accept")), (Some("two"), Some("text/plain")));
    assert_eq!(asked[1].header("content-type"), Some("application/json"));
    assert_eq!(asked[2].header("content-type"), Some("application/merge-patch+json"));
}

#[test]
fn an_answer_as_json_is_as_it_came_on_one_line() {
    let number = "12345678901234567890123";
    let issuer = Issuer::start(move |asked| match asked.path() {
        "/nothing" => Answer::json(200, ""),
        "/broken" => Answer::json(200, "{\"a\":"),
        _ => Answer::json(200, format!("\n{{\"b\":{number},\r\n\t\"a\":1e400, \"a\":\"\u{202e}\"}}\n")),
    });
    let home = Home::signed_in("api-json", &issuer, &[]);
    let ended = home.doorkey(&["api", "/v1", "--json"]).expect(0);
    assert_eq!(ended.stdout, format!("{{\"b\":{number},   \"a\":1e400, \"a\":\"\\u202e\"}}\n"));
    assert_eq!(home.doorkey(&["api", "/nothing", "--json"]).expect(0).stdout, "null\n");
    home.doorkey(&["api", "/broken", "--json"]).expect(8);
}

#[test]
fn a_refused_token_is_renewed_once() {
    let old = |asked: &Asked| presented(asked).as_deref() == Some("access-1");
    let issuer = Issuer::start(move |asked| match old(asked) {
        true => Answer::with_headers(401, "www-authenticate: Bearer error=\"invalid_token\"\r\n", ""),
        false => echo(asked),
    });
    let home = Home::signed_in("api-401", &issuer, &[]);
    home.age(&issuer.url(), HALF_AN_HOUR);
    home.doorkey(&["api", "/v1/things"]).expect(0);
    let tokens: Vec<_> = issuer.asked().iter().filter_map(presented).collect();
    assert_eq!((tokens, issuer.issued()), (vec!["access-1".to_owned(), "access-2".to_owned()], 2));
}

#[test]
fn another_host_hears_nothing() {
    let (issuer, foreign) = (Issuer::start(echo), Hostile::start(vec![Answer::json(200, "{}")]));
    let mut home = Home::signed_in("api-foreign", &issuer, &[]);
    // Whoever reads this fails in another way.
    fs::write(home.sealed.home.join(".config/doorkey/credentials"), "{").unwrap();
    let url = foreign.url();
    for variable in ["", "given-1"] {
        home.sealed.set("DOORKEY_TOKEN", variable);
        let ended = home.doorkey(&["api", &format!("{url}/v1"), "--json"]).expect(2);
        let error = &ended.json()["error"];
        assert_eq!(error["code"], "origin_not_allowed");
        let next = error["next"].as_str().unwrap();
        assert!(next.contains(&format!("add \"{url}\" to `api`")), "{next}");
        assert!(next.contains(&format!("doorkey login {} --api {url}`", issuer.url())), "{next}");
    }
    assert_eq!(foreign.connections(), 0);
    assert!(issuer.asked().is_empty());
}

#[test]
fn a_redirect_is_not_followed() {
    let foreign = Hostile::start(vec![Answer::json(200, "{}")]);
    let location = format!("location: {}/v1\r\n", foreign.url());
    let issuer = Issuer::start(move |_| Answer::with_headers(302, &location, ""));
    let home = Home::signed_in("api-redirect", &issuer, &[]);
    let ended = home.doorkey(&["api", "/v1", "--json"]).expect(8);
    assert_eq!(ended.json()["error"]["code"], "redirect_refused");
    assert_eq!(foreign.connections(), 0);
}

#[test]
fn what_makes_no_sense_is_not_sent() {
    let issuer = Issuer::start(echo);
    let home = Home::signed_in("api-bad", &issuer, &[]);
    let base = issuer.url();
    let (host, dots, backslash) =
        (base.replace("http://", "http://user@"), format!("{base}/v1/%2e./x"), format!("{base}\\x"));
    for args in [
        &["api", "HEAD", "/v1"][..],
        &["api", "things"],
        &["api", "//evil.example/v1"],
        &["api", &host],
        &["api", &dots],
        &["api", &backslash],
        &["api", "http://localhost/v1"],
        &["api", "/v1", "--data", "{"],
        &["api", "/v1", "--header", "no colon"],
        &["api", "/v1", "--header", "two words: x"],
        &["api", "/v1", "--header", "x: a\u{7}b"],
        &["api", "/v1", "--header", "Authorization: Basic x"],
        &["api", "/v1", "--header", "host: evil.example"],
        &["api", "/v1", "--header", "Transfer-Encoding: chunked"],
    ] {
        let ended = home.doorkey(&[args, &["--json"]].concat()).expect(2);
        assert_eq!(ended.json()["error"]["code"], "bad_request", "{args:?}");
    }
    assert!(issuer.asked().is_empty());
}

#[test]
fn apis_are_remembered_with_the_profile() {
    let issuer = Issuer::start(echo);
    let home = Home::signed_in("api-kept", &issuer, &["--api", "https://api.example.com"]);
    let url = issuer.url();
    home.doorkey(&["login", &url, "--no-browser", "--api", "https://two.example.com:8443/"]).expect(0);
    let config = home.sealed.file(".config/doorkey/config.toml");
    let line = "api = [\"https://api.example.com\", \"https://two.example.com:8443\"]";
    assert!(config.contains(line), "{config}");
    for wrong in ["\"https://two.example.com\"", "[1]", "[\"https://two.example.com/v1\"]"] {
        let edited = config.replace(line, &format!("api = {wrong}"));
        fs::write(home.sealed.home.join(".config/doorkey/config.toml"), edited).unwrap();
        let ended = home.doorkey(&["api", "/v1", "--json"]).expect(2);
        assert_eq!(ended.json()["error"]["code"], "unusable_profile", "{wrong}");
    }
    fs::write(home.sealed.home.join(".config/doorkey/config.toml"), config).unwrap();
    for wrong in ["https://api.example.com/v1", "http://api.example.com", "api.example.com"] {
        let ended = home.doorkey(&["login", &url, "--api", wrong, "--json"]).expect(2);
        assert_eq!(ended.json()["error"]["code"], "unusable_api", "{wrong}");
    }
}
