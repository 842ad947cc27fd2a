//! What a bug of ours tells, with secrets in hand: where it is, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::process::Command;

use doorkey::hardening;
use doorkey_core::failure::Exit;

const PANICS: &str = "DOORKEY_TEST_PANICS";
const TOKEN: &str = "pt_live_which-no-panic-may-tell";

/// The program that has the bug; as a test, it does nothing.
#[test]
fn program() {
    let Ok(mode) = env::var(PANICS) else { return };
    hardening::begin();
    let token = TOKEN.to_owned();
    let bug = move || match mode.as_str() {
        "message" => panic!("{token}"),
        "result" => std::hint::black_box(Err::<(), _>(token)).unwrap(),
        // The message of the standard library repeats the text.
        _ => drop(format!("{token}ü")[..TOKEN.len() + 1].to_owned()),
    };
    let _ = std::thread::spawn(bug).join();
    println!("it went on");
}

#[test]
fn a_panic_tells_its_place_and_no_secret() {
    for mode in ["message", "result", "slice"] {
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", "program", "--nocapture"]).env(PANICS, mode).env("RUST_BACKTRACE", "full");
        let ended = program.output().unwrap();
        let [stdout, stderr] = [ended.stdout, ended.stderr].map(|said| String::from_utf8(said).unwrap());
        assert_eq!(ended.status.code(), Some(Exit::Internal.code().into()), "{mode}: {stdout}{stderr}");
        assert!(stderr.contains("a bug of this program at ") && stderr.contains("hardening.rs:"), "{stderr}");
        assert!(
            !format!("{stdout}{stderr}").contains(TOKEN) && !stdout.contains("it went on"),
            "{stdout}{stderr}"
        );
    }
}
