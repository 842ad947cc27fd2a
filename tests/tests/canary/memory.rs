//! What is left in memory after everything was dropped: of what our code held, nothing.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use doorkey_tests::measured;
use doorkey_tests::memory::{Copy, Memory};

use crate::place::Place;

/// What the client says that it keeps.
const CONTROL: &str = "mlkjihgfedcba-9876543210-yromem-ni-dnuof-si-siht";

/// A program that signs in, uses its session, renews it and drops everything.
struct Client {
    process: Child,
    input: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    place: Place,
}

impl Client {
    fn start(driver: &str, store: &str, service: &'static str) -> Self {
        let place = Place::new(&format!("canary-{driver}-{store}-{service}"), store, service);
        let mut command = place.command(driver, store, &[]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, input, said, place }
    }

    /// Waits until it says that it has done this.
    fn expect(&mut self, step: &str) -> Memory {
        assert_eq!(self.said.next().unwrap().unwrap(), step);
        Memory::of(self.process.id())
    }

    /// What is found while it holds everything, and after it has dropped that.
    fn run(mut self) -> (Vec<Copy>, Vec<Copy>) {
        self.place.approve();
        let held = self.expect("used").copies(&self.place.secrets());
        self.input.write_all(b"\n").unwrap();
        let memory = self.expect("dropped");
        assert_eq!(memory.copies(&[CONTROL.to_owned()].into()).len(), 1, "the memory is not looked into");
        let secrets = self.place.secrets();
        assert_eq!(secrets.len(), self.place.most_secrets(), "{secrets:?}");
        (held, memory.copies(&secrets))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Nothing is left, neither of ours nor of what our dependencies held.
fn expect_nothing(driver: &str, store: &str, service: &'static str) {
    let (held, left) = Client::start(driver, store, service).run();
    assert!(!held.is_empty(), "the session is in memory as long as it is used");
    measured::told(format_args!("{driver}, {service}, {store}: {} copies", left.len()));
    assert!(left.is_empty(), "{} copies: {left:#?}", left.len());
}

/// What never went to the keychain is gone. What did is left in the messages of libdbus and in what is made of them before
/// we get it, none of which is ours to wipe.
fn expect_what_the_bus_keeps(driver: &str, service: &'static str) {
    let (_, left) = Client::start(driver, "keychain", service).run();
    let kept =
        |copy: &Copy| ["psr_refresh_", "psr_sign_", "pt_live_"].iter().any(|of| copy.secret.starts_with(of));
    let (kept, ours): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|copy| kept(copy) || copy.secret.contains('.'));
    measured::told(format_args!("{driver}, {service}, keychain: {} copies left by D-Bus", kept.len()));
    assert!(ours.is_empty(), "{} copies: {ours:#?}", ours.len());
}

#[test]
fn a_session_in_a_file_leaves_nothing_with_the_blocking_driver() {
    expect_nothing("blocking", "file", "pensar");
}

#[test]
fn a_session_in_a_file_leaves_nothing_with_the_async_driver() {
    expect_nothing("async", "file", "pensar");
}

#[test]
fn a_session_in_an_encrypted_file_leaves_nothing_with_the_blocking_driver() {
    expect_nothing("blocking", "encrypted", "pensar");
}

#[test]
fn a_session_in_an_encrypted_file_leaves_nothing_with_the_async_driver() {
    expect_nothing("async", "encrypted", "pensar");
}

#[test]
fn a_pairing_leaves_nothing_with_the_blocking_driver() {
    expect_nothing("blocking", "file", "pentify");
}

#[test]
fn a_pairing_leaves_nothing_with_the_async_driver() {
    expect_nothing("async", "file", "pentify");
}

#[test]
fn a_session_in_a_keychain_leaves_what_the_bus_keeps() {
    expect_what_the_bus_keeps("blocking", "pensar");
    expect_what_the_bus_keeps("async", "pensar");
}

#[test]
fn a_pairing_in_a_keychain_leaves_what_the_bus_keeps() {
    expect_what_the_bus_keeps("blocking", "pentify");
}
