//! Every example of both runtimes, as `tests/run` built it, with a sandbox and a person who approves.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use doorkey_sandbox::pensar::{Settings, account};
use doorkey_sandbox::{Options, Person, serve};
use doorkey_tests::home::Home;
use doorkey_tests::login::{SOLO, approve_as};
use doorkey_tests::running::{Ended, Running};
use doorkey_tests::wait_for;

/// Where an example keeps things, below its home.
const PLACE: &str = "place";

/// An example as `tests/run` built it.
fn example(name: &str) -> PathBuf {
    let folder = std::env::var_os("DOORKEY_EXAMPLE_DIR").expect(
        "DOORKEY_EXAMPLE_DIR is not set: run tests/run, or build with `cargo build --examples -p doorkey-blocking -p \
         doorkey-async` and set it to the folder with the examples (an absolute path)",
    );
    let path = PathBuf::from(folder).join(name);
    assert!(
        path.is_file(),
        "{} is missing; DOORKEY_EXAMPLE_DIR must name the folder with it",
        path.display()
    );
    path
}

/// Runs an example to its end, with a person who approves and then types something; nothing may be graded badly.
fn run(name: &str, home: &Home, person: impl FnOnce(&str) -> Person, typed: Option<&str>) -> Ended {
    // The person is quick, and so are the polls.
    let pensar = Settings { device_interval: Duration::from_secs(1), ..Settings::default() };
    let sandbox = serve(Options { pensar, ..Options::default() }).unwrap();
    let mut command = home.command(example(name), &[PLACE]);
    command.envs(sandbox.announcement().env.pairs());
    let mut running =
        if typed.is_some() { Running::start_on_terminal(&command) } else { Running::start(command) };
    let (link, rest) = wait_for("the example shows where to go", || {
        let is_over = running.is_over();
        let shown = running.stdout();
        assert!(!is_over || shown.contains("open "), "it has ended: {shown} {}", running.stderr());
        let (_, after) = shown.split_once("open ")?;
        let (link, rest) = after.split_once(char::is_whitespace)?;
        let (rest, _) = rest.split_once('\n')?;
        Some((link.to_owned(), rest.to_owned()))
    });
    let code = rest.rsplit(' ').next().unwrap_or_default();
    approve_as(person(code), &link);
    if let Some(typed) = typed {
        wait_for("the example asks", || running.stdout().contains("which one?").then_some(()));
        running.type_in(typed);
    }
    let ended = running.end().expect(0);
    let grade = sandbox.grade().unwrap();
    assert!(grade.is_clean(), "{grade:?}");
    ended
}

fn home(name: &str) -> Home {
    Home::new(&format!("example-{name}"))
}

/// Somebody who types the code, where the page asks for it.
fn one_workspace(code: &str) -> Person {
    Person::new(account::SOLO).entering(code)
}

#[test]
fn blocking_login() {
    login("blocking-login");
}

#[test]
fn async_login() {
    login("async-login");
}

fn login(name: &str) {
    let home = home(name);
    let ended = run(name, &home, |_| Person::new(SOLO), None);
    assert!(ended.stdout.contains("the token is in the file"), "{ended:?}");
    assert!(ended.stdout.contains("HTTP 200"), "{ended:?}");
    assert!(home.folder().join(PLACE).join("credentials").exists());
}

#[test]
fn blocking_own_ui() {
    own_ui("blocking-own-ui");
}

#[test]
fn async_own_ui() {
    own_ui("async-own-ui");
}

fn own_ui(name: &str) {
    let person = |code: &str| Person::new(account::MULTI).entering(code);
    let ended = run(name, &home(name), person, Some("2\n"));
    assert!(ended.stdout.contains("signed in: blue-team"), "{ended:?}");
    assert!(ended.stderr.contains(" s left"), "{ended:?}");
}

#[test]
fn blocking_own_store() {
    let home = home("blocking-own-store");
    let ended = run("blocking-own-store", &home, one_workspace, None);
    assert!(ended.stdout.contains("does what a store must do"), "{ended:?}");
    assert!(ended.stdout.contains("signed in"), "{ended:?}");
    let held = |file: &str| fs::read_to_string(home.folder().join(PLACE).join(file)).ok();
    assert!(held("session").is_some_and(|line| line.contains("psr_refresh_")));
    assert_eq!(held("auth.json"), None, "the session lies in the store of its own alone");
}

#[test]
fn async_own_store() {
    let home = home("async-own-store");
    let ended = run("async-own-store", &home, |_| Person::new(SOLO), None);
    assert!(ended.stdout.contains("does what a store must do"), "{ended:?}");
    assert!(ended.stdout.contains("signed in"), "{ended:?}");
    assert!(ended.stdout.contains("2 rows"), "the workspace's and the active one: {ended:?}");
    assert!(!home.folder().join(PLACE).join("credentials").exists());
}

#[test]
fn blocking_own_service() {
    own_service("blocking-own-service", |_| Person::new(SOLO), "credentials");
}

#[test]
fn async_own_service() {
    own_service("async-own-service", one_workspace, "auth.json");
}

fn own_service(name: &str, person: fn(&str) -> Person, file: &str) {
    let home = home(name).as_known_to_the_system();
    let ended = run(name, &home, person, None);
    assert!(ended.stdout.contains("signed in to Example"), "{ended:?}");
    assert!(ended.stdout.contains("HTTP 200"), "{ended:?}");
    assert!(home.folder().join(PLACE).join("example").join(file).exists());
}
