//! `doorkey exec`: the token in one variable, no other token anywhere, and nothing of ours between a command and its
//! caller.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn issuer() -> Issuer {
    Issuer::start(|_| Answer::json(404, "{}"))
}

#[test]
fn the_command_has_the_token_and_no_other() {
    let issuer = issuer();
    let mut home = Home::signed_in("exec", &issuer, &[]);
    let script = "env | grep -E 'TOKEN|NAMED' | sort; cat; echo oops >&2; exit 7";
    home.sealed.set("PENTIFY_API_TOKEN", "pt_live_secret").set("DOORKEY_ACCESS_TOKEN", "older");
    let args = ["exec", "--", "sh", "-c", script];
    let ended = home.doorkey_with_input(&args, b"its input\n").expect(7);
    assert_eq!(ended.stdout, "DOORKEY_ACCESS_TOKEN=access-1\nits input\n");
    assert_eq!(ended.stderr, "oops\n");

    let named = ["exec", "--variable", "NAMED", "sh", "-c", script];
    assert_eq!(home.doorkey(&named).expect(7).stdout, "NAMED=access-1\n");

    // A token that is given goes before the stored one, and is not handed on under its own name.
    home.sealed.set("DOORKEY_TOKEN", "given-1");
    assert_eq!(home.doorkey(&args).expect(7).stdout, "DOORKEY_ACCESS_TOKEN=given-1\n");
    assert_eq!(issuer.issued(), 1);
}

#[test]
fn a_token_whose_time_is_over_is_renewed_first() {
    let issuer = issuer();
    let home = Home::signed_in("exec-renewed", &issuer, &[]);
    home.age(&issuer.url(), HOUR);
    let ended = home.doorkey(&["--json", "exec", "printenv", "DOORKEY_ACCESS_TOKEN"]).expect(0);
    assert_eq!((&*ended.stdout, &*ended.stderr), ("access-2\n", ""));
}

#[test]
fn the_command_takes_our_place() {
    let home = Home::signed_in("exec-place", &issuer(), &[]);
    let doorkey = env!("CARGO_BIN_EXE_doorkey");
    let start = |script: &str| {
        let args = ["exec", "--", "sh", "-c", script];
        home.sealed.command(doorkey, &args).stdout(Stdio::piped()).spawn().unwrap()
    };
    let child = start("echo $$");
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{pid}\n"));

    let status = start("kill -TERM $$").wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
}

/// As under `nohup`: who was not to hear a signal does not hear it afterwards either.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_stays_so() {
    let home = Home::signed_in("exec-nohup", &issuer(), &[]);
    // Whoever runs this may ignore some already.
    let ignored = |command: &str| {
        let script = format!("trap '' HUP; exec {command} grep SigIgn /proc/self/status");
        let output =
            home.sealed.command("sh", &["-c", &script, env!("CARGO_BIN_EXE_doorkey")]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        u64::from_str_radix(text.split_whitespace().last().unwrap(), 16).unwrap() & 0b111
    };
    let without = ignored("");
    assert_eq!(without & 0b001, 0b001);
    assert_eq!(ignored("\"$0\" exec --"), without);
}

#[test]
fn a_command_that_is_not_there_is_told() {
    let home = Home::signed_in("exec-missing", &issuer(), &[]);
    let ended = home.doorkey(&["exec", "no-such\u{1b}-command", "--json"]).expect(2);
    assert_eq!(ended.stdout, "");
    assert_eq!(
        ended.stderr,
        "error: there is no command \"no-such\u{fffd}-command\"\n  → check its name, or give its whole path\n"
    );
    let folder = home.sealed.home.to_str().unwrap().to_owned();
    let ended = home.doorkey(&["exec", &folder]).expect(2);
    assert!(ended.stderr.contains("cannot be run: Permission denied"), "{ended:?}");
    for name in ["", "1A", "A=B", "A B", "A-B"] {
        let variable = format!("--variable={name}");
        let ended = home.doorkey(&["exec", &variable, "true"]).expect(2);
        assert!(ended.stderr.contains("is no name of a variable"), "{ended:?}");
    }
    let ended = home.doorkey(&["exec", "--variable", "PATH", "env"]).expect(2);
    assert!(ended.stderr.contains("with a token in PATH no command would be found"), "{ended:?}");
}

#[test]
fn without_a_session_nothing_is_run() {
    let home = Home::new("exec-signed-out");
    let ended = home.doorkey(&["exec", "echo", "run"]).expect(3);
    assert_eq!(ended.stdout, "");
}

/// Whoever opens the browser sees none of these variables either.
#[test]
fn the_variables_of_tokens_are_known_to_all_who_start_others() {
    let known = doorkey::environment::TOKEN_VARIABLES;
    for name in ["DOORKEY_TOKEN", "DOORKEY_ACCESS_TOKEN", "PENTIFY_API_TOKEN"] {
        assert!(known.contains(&name), "{name}");
    }
}
