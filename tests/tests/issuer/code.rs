//! The authorization code grant with a real browser (RFC 8252, 7636, 9207): as the issuer has it, and as our machine does
//! it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

use doorkey_blocking::Transport as _;
use doorkey_core::device_grant::Granted;
use doorkey_core::failure::Exit;
use doorkey_core::oauth::TokenReply;
use doorkey_core::url::{Text, Url};
use doorkey_tests::PATIENCE;
use doorkey_tests::browser::Browser;
use doorkey_tests::issuer::{Client, Issuer, Options, Person, What};
use doorkey_tests::scratch::Scratch;

use crate::logins::{DRIVERS, Login};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Somebody who waits for one redirect; where to send it, and what comes.
fn listen() -> (String, JoinHandle<Url>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let redirect = format!("http://127.0.0.1:{}/callback", listener.local_addr().unwrap().port());
    let base = redirect.clone();
    let heard = thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            // The browser may ask for other things, too, or connect for later.
            if let Some(query) = line.split(' ').nth(1).and_then(|target| target.strip_prefix("/callback?")) {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    .unwrap();
                return Url::parse(&format!("{base}?{query}")).unwrap();
            }
        }
    });
    (redirect, heard)
}

fn authorization_request(issuer: &Issuer, redirect: &str) -> String {
    let request = Url::parse(&issuer.at.authorization_endpoint).unwrap();
    let request = request
        .with("response_type", "code")
        .with("client_id", issuer.at.client_id.as_str())
        .with("redirect_uri", redirect)
        .with("scope", "openid")
        .with("state", "the-state")
        .with("code_challenge", CHALLENGE)
        .with("code_challenge_method", "S256");
    request.expose().expose_secret().to_owned()
}

#[test]
fn a_code_is_good_once_and_only_with_its_verifier() {
    let folder = Scratch::new("code");
    let issuer = Issuer::start(&Options::default());
    let client = Client::discover(&issuer.at, &folder);
    let browser = Browser::start("code");
    let person = Person { browser: &browser, account: "somebody" };
    let answered = || {
        let (redirect, heard) = listen();
        person.authorize(&authorization_request(&issuer, &redirect));
        let url = heard.join().unwrap();
        let value =
            |name: &str| url.query_value(name).unwrap_or_else(|| panic!("{name}: {url:?}")).to_owned();
        assert_eq!((value("state"), value("iss")), ("the-state".to_owned(), issuer.at.issuer.clone()));
        (redirect, value("code"))
    };
    let exchange = |redirect: &str, code: &str, verifier: &str| {
        let oauth = client.oauth();
        let parameters = [
            ("client_id", Text::from(issuer.at.client_id.as_str())),
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", redirect.into()),
            ("code_verifier", verifier.into()),
        ];
        let request = oauth.dialect.request(&oauth.token_endpoint, &parameters);
        TokenReply::read(&client.transport().send(&request, PATIENCE).unwrap())
    };

    let (redirect, code) = answered();
    let wrong = VERIFIER.replace('d', "e");
    let TokenReply::Refused(error) = exchange(&redirect, &code, &wrong) else { panic!("not its verifier") };
    assert_eq!(error.code, "invalid_grant");

    let (redirect, code) = answered();
    let TokenReply::Tokens(tokens) = exchange(&redirect, &code, VERIFIER) else { panic!("no tokens") };
    assert!(tokens.refresh.is_some());
    assert_eq!(issuer.resource(&tokens.access).status, 200);
    let TokenReply::Refused(error) = exchange(&redirect, &code, VERIFIER) else {
        panic!("a code is good once")
    };
    assert_eq!(error.code, "invalid_grant");
    assert_eq!(issuer.resource(&tokens.access).status, 401, "who uses it again revokes what came of it");
}

#[test]
fn a_login_in_the_browser_ends_with_the_page_that_says_so() {
    let (folder, issuer) = (Scratch::new("in-browser"), Issuer::start(&Options::default()));
    let client = Client::discover(&issuer.at, &folder);
    assert!(client.oauth().names_issuer, "so that no answer without its name is taken");
    let browser = Browser::start("in-browser");
    let person = Person { browser: &browser, account: "somebody" };
    for runtime in DRIVERS {
        let login = Login::in_browser(&client, runtime);
        person.authorize(&login.link());
        browser.await_heading("You are signed in");
        let Granted::Tokens { tokens, .. } = login.end().unwrap() else { panic!("no tokens") };
        assert!(tokens.refresh.is_some());
        assert_eq!(issuer.resource(&tokens.access).status, 200);

        let login = Login::in_browser(&client, runtime);
        person.refuse(&login.link());
        browser.await_heading("Not signed in");
        let failure = login.end().unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Denied, "access_denied"), "{failure:?}");
    }
    let granted =
        |what: &What| matches!(what, What::Granted { grant_type, .. } if grant_type == "authorization_code");
    let events = issuer.events();
    assert_eq!(events.iter().filter(|event| granted(&event.what)).count(), 2, "{events:?}");
    assert_eq!(events.len(), 2, "{events:?}");
}
