//! What programs that ours start find in their arguments and environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use doorkey_tests::canary::canaries;
use doorkey_tests::home::Home;
use doorkey_tests::login::{SOLO, approve, pair};
use doorkey_tests::pensar::DeviceCode;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// Tokens for every command, as somebody has them in the environment.
const TOKENS: [(&str, &str); 3] = [
    ("PENTIFY_API_TOKEN", "pt_live_of-the-environment-which-no-child-may-have"),
    ("PENSAR_ACCESS_TOKEN", "psr_key_of-the-environment-which-no-child-may-have"),
    ("DOORKEY_TOKEN", "psr_key_another-one-which-no-child-may-have"),
];
/// Writes down what a process is given: first its arguments, then its environment, then the arguments of who started it.
const WITNESS: &str = "{ cat /proc/$$/cmdline; echo; cat /proc/$$/environ; echo; cat /proc/$PPID/cmdline; } \
                       > $HOME/run/witness.new; mv $HOME/run/witness.new $HOME/run/witness";

/// What it has written.
struct Given {
    arguments: String,
    environment: String,
    starter: String,
}

impl Given {
    fn of(home: &Home) -> Self {
        let file = home.folder().join("run/witness");
        let text = wait_for("the child is started", || fs::read_to_string(&file).ok());
        fs::remove_file(file).unwrap();
        let mut parts = text.splitn(3, '\n').map(|part| part.replace('\0', "\n"));
        let mut next = || parts.next().unwrap();
        Self { arguments: next(), environment: next(), starter: next() }
    }
}

/// A home with tokens in its environment, and a browser that writes down what it is given.
fn home(name: &str, sandbox: &Sandbox) -> Home {
    let home = Home::new(name).with_sandbox(sandbox);
    let browser: PathBuf = home.folder().join("browser");
    fs::write(&browser, format!("#!/bin/sh\n{WITNESS}\n")).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    home.with("BROWSER", browser.to_str().unwrap())
}

fn with_tokens(home: Home) -> Home {
    TOKENS.iter().fold(home, |home, (name, value)| home.with(name, *value))
}

/// A browser finds the link, which has one secret at most, and no other.
fn expect_link_alone(given: &Given, link: &str) {
    let Given { arguments, environment, starter } = given;
    let words: Vec<&str> = arguments.lines().filter(|word| !word.is_empty()).collect();
    assert_eq!(words.last(), Some(&link), "{words:?}");
    assert_eq!(canaries(arguments), canaries(link), "nothing but the link");
    assert_eq!(canaries(environment), [""; 0]);
    assert_eq!(canaries(starter), [""; 0]);
    assert!(environment.contains("BROWSER=") && starter.contains("login"), "{environment} {starter}");
}

#[test]
fn a_browser_finds_the_link_and_no_other_secret() {
    let sandbox = Sandbox::start("canary-children", &["--device-interval", "1"]);
    let home = with_tokens(home("canary-children", &sandbox));
    let login = home.start_pensar_on_terminal(&["login"]);
    let link = DeviceCode::of(&login).link;
    expect_link_alone(&Given::of(&home), &link);
    drop(login);
    let login = home.start_on_terminal(&["login", "--re-pair"]);
    let link = login.invitation().link;
    assert_eq!(canaries(&link).len(), 1);
    expect_link_alone(&Given::of(&home), &link);
}

#[test]
fn exec_hands_its_program_the_token_and_no_other() {
    let sandbox = Sandbox::start("canary-exec", &["--device-interval", "1"]);
    let home = Home::new("canary-exec").with_sandbox(&sandbox);
    let login = home.start_pensar(&["login", "--no-browser"]);
    approve(&DeviceCode::of(&login).link, doorkey_sandbox::pensar::account::SOLO, "acme");
    let _ = login.end().expect(0);
    pair(&home, SOLO, "acme");
    let session = home.json_file(".pensar/auth.json");
    let key = home.credentials();
    let home = with_tokens(home);
    let _ = home.pensar(&["exec", "--", "sh", "-c", WITNESS]).expect(0);
    expect_token_alone(&Given::of(&home), "PENSAR_ACCESS_TOKEN", session["accessToken"].as_str().unwrap());
    // What is in the environment goes before what is stored.
    let home = home.with("PENTIFY_API_TOKEN", "");
    let _ = home.pentify(&["exec", "--", "sh", "-c", WITNESS]).expect(0);
    let stored = key["records"]["acme"]["token"].as_str().unwrap();
    expect_token_alone(&Given::of(&home), "PENTIFY_API_TOKEN", stored);
}

fn expect_token_alone(given: &Given, variable: &str, token: &str) {
    assert_eq!(canaries(&given.environment), [token], "{variable} alone");
    assert!(given.environment.lines().any(|line| line == format!("{variable}={token}")));
    assert_eq!(canaries(&given.arguments), [""; 0]);
    assert_eq!(canaries(&given.starter), [""; 0]);
}
