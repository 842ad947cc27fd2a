//! What is left in memory after everything was dropped: of what our code held, nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use doorkey_sandbox::pensar::account;
use doorkey_tests::canary::canaries;
use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::Home;
use doorkey_tests::login::{self, approve};
use doorkey_tests::measured;
use doorkey_tests::memory::{Copy, Memory};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// What the client says that it keeps.
const CONTROL: &str = "mlkjihgfedcba-9876543210-yromem-ni-dnuof-si-siht";
/// Of a JWT, before its signature: what comes before is in traces, too, where only the times are looked at.
const PAYLOAD: usize = 100;

/// A program that signs in, uses its session, renews it and drops everything.
struct Client {
    process: Child,
    input: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    sandbox: Sandbox,
    service: &'static str,
    home: Home,
    // Ends last: it has the keychain.
    _desktop: Option<Desktop>,
}

impl Client {
    fn start(driver: &str, store: &str, service: &'static str) -> Self {
        let name = format!("canary-{driver}-{store}-{service}");
        let sandbox = Sandbox::start(&name, &["--device-interval", "1"]);
        let desktop = (store == "keychain")
            .then(|| Desktop::start(&format!("{name}-desktop"), Services::None).with_unlocked_keyring());
        let home = desktop.iter().fold(Home::new(&name).with_sandbox(&sandbox), Home::with_desktop);
        let folder = home.folder().join("canary");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("key"), [7; 64]).unwrap();
        for (path, mode) in [(&folder, 0o700), (&folder.join("key"), 0o600)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let args = [driver, store, service, folder.to_str().unwrap()];
        let mut command = home.command(env!("CARGO_BIN_EXE_canary-client"), &args);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, input, said, sandbox, service, home, _desktop: desktop }
    }

    /// Everything that went over the wire.
    fn wire(&self) -> String {
        fs::read_to_string(self.home.folder().join("canary/wire")).unwrap_or_default()
    }

    /// The page where its person authorizes it.
    fn link(&self) -> String {
        wait_for("a login is begun", || {
            let wire = self.wire();
            if self.service == "pentify" {
                let id = wire.split_once("device_id=")?.1.get(..43)?;
                let page = format!("{}/auth/terminal-pair?device_name=canary", self.sandbox.app);
                return Some(format!("{page}&device_id={id}"));
            }
            let (_, link) = wire.split_once("\"verification_uri_complete\":\"")?;
            Some(link.split_once('"')?.0.to_owned())
        })
    }

    /// All secrets so far, or what is secret of them.
    fn secrets(&self) -> BTreeSet<String> {
        let wire = self.wire();
        let user_codes = wire.match_indices("\"user_code\":\"").map(|(at, key)| &wire[at + key.len()..][..9]);
        let all = canaries(&wire).into_iter().chain(user_codes);
        let secret =
            |text: &str| text.rfind('.').map_or(text.to_owned(), |at| text[at - PAYLOAD..].to_owned());
        all.map(secret).collect()
    }

    /// Waits until it says that it has done this.
    fn expect(&mut self, step: &str) -> Memory {
        assert_eq!(self.said.next().unwrap().unwrap(), step);
        Memory::of(self.process.id())
    }

    fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    /// What is found while it holds everything, and after it has dropped that.
    fn run(mut self) -> (Vec<Copy>, Vec<Copy>) {
        let person = if self.service == "pentify" { login::SOLO } else { account::SOLO };
        approve(&self.link(), person, "acme");
        let held = self.expect("used").copies(&self.secrets());
        self.go_on();
        let memory = self.expect("dropped");
        assert_eq!(memory.copies(&[CONTROL.to_owned()].into()).len(), 1, "the memory is not looked into");
        let secrets = self.secrets();
        let expected = if self.service == "pentify" { 2 } else { 7 };
        assert_eq!(secrets.len(), expected, "{secrets:?}");
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
