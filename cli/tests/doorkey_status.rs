//! `doorkey status` where there is more than one place for a session.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others use the rest")]
#[path = "../../store/tests/desktop/mod.rs"]
mod desktop;
#[path = "../../store/tests/leash/mod.rs"]
mod leash;
#[path = "../../store/tests/scratch/mod.rs"]
mod scratch;
mod sealed;

use std::fs;

use desktop::{Desktop, Services};
use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};

#[test]
fn what_is_elsewhere_is_told_and_the_mark_of_a_logout_is_no_login() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let mut home = Home::new("doorkey-elsewhere");
    home.sealed.unset("DOORKEY_STORE");
    home.login(&issuer, &[]);
    let status = home.doorkey(&["status"]).expect(0).stdout;
    assert!(
        status.ends_with("\n  keychain: not usable (absent): there is no D-Bus session here\n"),
        "{status}"
    );

    let desktop = Desktop::start("doorkey-elsewhere-bus", Services::None).with_unlocked_keyring();
    for (variable, value) in desktop.environment() {
        if ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].contains(&variable) {
            home.sealed.set(variable, value);
        }
    }
    let path = home.sealed.home.join(".config/doorkey/credentials");
    let older = fs::read(&path).unwrap();
    home.login(&issuer, &[]);
    let told = |code| {
        let shown = home.doorkey(&["status"]).expect(code).stdout;
        let json = home.doorkey(&["status", "--json"]).expect(code).json();
        let file = json["elsewhere"].as_array().unwrap().iter().find(|place| place["backend"] == "file");
        (
            shown.contains("  credentials file: an older login is left there (not used)\n"),
            file.unwrap()["stale"].clone(),
        )
    };
    assert_eq!(told(0), (false, false.into()), "the login has removed it");
    // As if it could not have.
    fs::write(&path, older).unwrap();
    assert_eq!(told(0), (true, true.into()));
    home.doorkey(&["logout"]).expect(0);
    let looked = home.doorkey(&["status", "--explain", "--json"]).expect(3).json();
    let file = looked["sources"].as_array().unwrap().iter().find(|source| source["place"] == "file");
    assert_eq!(file.unwrap()["state"], "signed_out", "the mark is there");
    assert_eq!(told(3), (false, false.into()));
}

/// As a virtual machine that goes back to an earlier moment has it: the same run, and less time in it.
#[test]
fn the_time_since_receipt_is_not_told_by_a_clock_that_has_gone_back() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let home = Home::signed_in("doorkey-back", &issuer, &["--profile", "work"]);
    let status = home.doorkey(&["status", "--json"]).expect(0).json();
    assert!(status["expires_in_since_receipt"].as_u64().unwrap() <= 3600, "{status}");
    home.change_record("work", |record| {
        assert_ne!(record["received"]["boot"], "", "{record}");
        record["received"]["mono"] = (record["received"]["mono"].as_u64().unwrap() + 86_400_000).into();
    });
    let status = home.doorkey(&["status", "--json"]).expect(0).json();
    assert_eq!(status["expires_in_since_receipt"], serde_json::Value::Null, "{status}");
    for told in ["expires_in", "expires_in_by_wall_clock"] {
        assert!(status[told].as_u64().unwrap() <= 3600, "{told}: {status}");
    }
}
