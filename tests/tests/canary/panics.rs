//! Panics with secrets in hand: whatever is said of them, it is none.

use doorkey_tests::canary::canaries;
use doorkey_tests::running::Running;

use crate::place::Place;

/// The program panics there, with all that it can say of what it holds.
fn expect_no_secret(driver: &str, wher: &str, expected: &[&str]) {
    let place = Place::new(&format!("canary-panics-{driver}-{wher}"), "file", "pensar");
    let mut command = place.command(driver, "file", &[wher]);
    let program = Running::start({
        command.env("RUST_BACKTRACE", "full");
        command
    });
    place.approve();
    let ended = program.end();
    assert_eq!(ended.code, 101, "{ended:?}");
    for word in expected {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert_eq!(canaries(&ended.stderr), [""; 0]);
    for secret in place.secrets() {
        assert!(!ended.stderr.contains(&secret), "a part of {}…", &secret[..4]);
    }
}

#[test]
fn a_transport_that_panics() {
    let expected = ["HttpRequest", "/user_management/authenticate", "stack backtrace"];
    expect_no_secret("blocking", "transport", &expected);
    expect_no_secret("async", "transport", &expected);
}

#[test]
fn an_observer_that_panics() {
    let expected = ["Response", "Write", "[secret]"];
    expect_no_secret("blocking", "observer", &expected);
}

#[test]
fn a_program_that_panics_with_a_client_in_hand() {
    let expected = ["Client", "Driver", "HttpResponse", "[secret]"];
    expect_no_secret("blocking", "client", &expected);
    expect_no_secret("async", "client", &expected);
}
