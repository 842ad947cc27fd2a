//! Standard output that takes nothing: `/dev/full`, and a pipe that nobody reads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs::File;
use std::process::Stdio;

use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};
use sealed::scene::TOKEN;
use sealed::{Ended, Sealed, finish};

const PENTIFY: &str = env!("CARGO_BIN_EXE_pentify");
const PENSAR: &str = env!("CARGO_BIN_EXE_pensar");
const DOORKEY: &str = env!("CARGO_BIN_EXE_doorkey");

fn run(sealed: &Sealed, program: &str, args: &[&str], stdout: impl Into<Stdio>) -> Ended {
    let mut command = sealed.command(program, args);
    finish(command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap())
}

fn full(sealed: &Sealed, program: &str, args: &[&str]) -> Ended {
    run(sealed, program, args, File::options().write(true).open("/dev/full").unwrap())
}

#[test]
fn what_nobody_has_got_is_no_success() {
    let mut sealed = Sealed::new("full");
    sealed.set("PENTIFY_API_TOKEN", TOKEN).set("DOORKEY_TOKEN", "token-1");
    for (program, args) in [
        (DOORKEY, &["token"][..]),
        (DOORKEY, &["token", "--json"]),
        (PENTIFY, &["token"]),
        (PENTIFY, &["status"]),
        (PENTIFY, &["status", "--json"]),
        (PENSAR, &["completions", "bash"]),
        (PENSAR, &["--help"]),
        (DOORKEY, &["--version"]),
        (DOORKEY, &["sandbox", "--json", "--limit", "1"]),
    ] {
        let ended = full(&sealed, program, args).expect(2);
        assert!(
            ended.stderr.contains("standard output could not be written: No space left"),
            "{args:?} {ended:?}"
        );
        assert!(ended.stderr.contains("→ make room"), "{args:?} {ended:?}");
        assert!(!ended.stderr.contains("token-1") && !ended.stderr.contains(TOKEN), "{args:?} {ended:?}");
    }
}

#[test]
fn a_failure_that_cannot_be_told_as_json_is_told_as_text_and_keeps_its_code() {
    let sealed = Sealed::new("full-failure");
    let ended = full(&sealed, PENTIFY, &["token", "--json"]).expect(3);
    assert!(ended.stderr.contains("error: not signed in"), "{ended:?}");
    assert!(ended.stderr.contains("standard output could not be written"), "{ended:?}");
}

#[test]
fn what_was_stored_stays_stored() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let home = Home::new("full-login");
    let url = issuer.url();
    let login = ["login", &url, "--client-id", "cli", "--no-browser", "--json"];
    full(&home.sealed, DOORKEY, &login).expect(2);
    assert_eq!(home.doorkey(&["token"]).expect(0).stdout, "access-1\n");
}

#[test]
fn a_reader_who_has_had_enough_is_no_failure() {
    let mut sealed = Sealed::new("closed");
    sealed.set("PENTIFY_API_TOKEN", TOKEN);
    for (program, args) in
        [(PENTIFY, &["token"][..]), (PENTIFY, &["status", "--json"]), (DOORKEY, &["completions", "zsh"])]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(&sealed, program, args, writer).expect(0).stderr, "", "{args:?}");
    }
}
