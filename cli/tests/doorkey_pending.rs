//! `doorkey login --start` and `--finish`: what a finisher that is killed leaves to the next.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use sealed::PATIENCE;
use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};

#[test]
fn a_pace_that_was_asked_for_outlives_the_finisher() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let home = Home::new("pending-pace");
    let started = home.login(&issuer, &["--start", "--json"]);
    let line = started.stdout.lines().last().unwrap();
    let handle =
        serde_json::from_str::<serde_json::Value>(line).unwrap()["handle"].as_str().unwrap().to_owned();

    issuer.slow_down();
    let finish = ["login", "--finish", &handle];
    let mut command = home.sealed.command(env!("CARGO_BIN_EXE_doorkey"), &finish);
    let mut killed =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = home.sealed.home.join(".config/doorkey/pending").join(&handle);
    let begun = Instant::now();
    // 1 s came with the code, 5 s more are asked for.
    while !fs::read_to_string(&file).unwrap().contains("\"interval_ms\":6000") {
        assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(&file).unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    home.doorkey(&finish).expect(0);
    let polls = issuer.polls();
    assert_eq!(polls.len(), 2);
    let between = polls[1] - polls[0];
    assert!(between >= Duration::from_secs(6), "{between:?}");
    assert!(!file.exists());
}

#[test]
fn what_cannot_be_read_is_left_to_who_can() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let home = Home::new("pending-newer");
    home.login(&issuer, &["--start", "--json"]);
    let folder = home.sealed.home.join(".config/doorkey/pending");
    // Another form; and one that somebody is about to write, as an older program does it.
    for (handle, text) in [("00aa", "{\"form\":99}\nactive = \"work\"\n"), ("00bb", "")] {
        fs::write(folder.join(handle), text).unwrap();
        fs::set_permissions(folder.join(handle), fs::Permissions::from_mode(0o600)).unwrap();
    }
    home.login(&issuer, &["--start", "--json"]);
    assert!(folder.join("00aa").exists() && folder.join("00bb").exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "both logins, and these");
}
