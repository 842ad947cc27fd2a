//! Settings, credentials and locks.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use doorkey_store::{CredentialStore as _, EmergencyFile, EncryptionKey, Lock, ProfileFile};

use crate::sealed::apex::Apex;
use crate::sealed::pty::Terminal;
use crate::setup::{STRANGER, Seen, Setup};

#[test]
fn settings_that_make_no_sense() {
    type Prepare = fn(&mut Setup);
    fn set(setup: &mut Setup, variable: &str, value: &str) {
        setup.sealed.set(variable, value);
    }
    let rows: [(&str, Prepare, i32, &str); 6] = [
        ("toml", |setup| drop(setup.put("config.toml", "active = [")), 6, "store_unreadable"),
        ("store", |setup| set(setup, "DOORKEY_STORE", "drawer"), 2, "unusable_setting"),
        ("written-store", |setup| setup.configure("store = \"drawer\"\n"), 2, "unusable_setting"),
        (
            "profile",
            |setup| drop(setup.put("config.toml", "[profiles.work]\nissuer = \"https://a.example\"\n")),
            2,
            "unusable_profile",
        ),
        ("active", |setup| set(setup, "DOORKEY_PROFILE", "none"), 2, "unknown_profile"),
        (
            "state",
            |setup| {
                setup.command = "pentify";
                let folder = setup.config();
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
                setup.put("state.json", "{");
                let url = setup.server.url();
                setup.sealed.set("PENTIFY_API_URL", &url).set("PENTIFY_APP_URL", &url);
            },
            6,
            "unreadable_state",
        ),
    ];
    for (name, prepare, exit, code) in rows {
        let mut setup = Setup::new(name);
        prepare(&mut setup);
        let mut seen = setup.doctor(&["--offline"]);
        without(&mut seen, "(keychain_absent)");
        seen.expect(exit, &[code]);
    }
    let mut setup = Setup::pentify("url");
    setup.sealed.set("PENTIFY_API_URL", "http://api.pentify.example");
    setup.doctor(&["--offline"]).expect(2, &["unusable_setting"]);
}

#[test]
fn credentials_that_cannot_be_read() {
    for content in ["{", "[]", r#"{"v":2,"records":{}}"#] {
        let setup = Setup::new("content");
        setup.put("credentials", content);
        setup.doctor(&["--offline"]).expect(6, &["unreadable_credentials"]);
    }
}

#[test]
fn an_encrypted_file_and_its_key() {
    let setup = Setup::new("encrypted");
    let key = |name: &str| setup.put(name, name.repeat(32).as_str());
    let (right, wrong) = (key("r"), key("w"));
    let path = setup.config().join("credentials.enc");
    let store = ProfileFile::encrypted(path, "work".into(), Some(EncryptionKey::KeyFile(right.clone())));
    let answer = store.write(&doorkey_core::record::Slot::Active, None, &setup.record());
    assert!(matches!(answer, Ok(doorkey_store::Swap::Done)), "{answer:?}");
    let with = |line: String| {
        setup.configure(&format!("store = \"encrypted-file\"\n{line}"));
        setup.doctor(&["--offline"])
    };
    let named = |path: &std::path::Path| format!("key_file = {path:?}\n");
    // The plain file of before is still there.
    with(named(&right)).expect(0, &["(plain_leftover)"]);
    fs::remove_file(setup.config().join("credentials")).unwrap();
    with(named(&right)).expect(0, &[]);
    with(String::new()).expect(6, &["no_key"]);
    with(named(&setup.config().join("gone"))).expect(6, &["no_key"]);
    with(named(&wrong)).expect(6, &["undecryptable"]);
    with(named(&setup.put("s", "short"))).expect(6, &["unusable_key"]);
}

/// A person at a terminal has it, and is not asked for it here.
#[test]
fn a_passphrase_is_not_asked_for() {
    let setup = Setup::new("passphrase");
    let path = setup.put("credentials", "");
    fs::rename(path, setup.config().join("credentials.enc")).unwrap();
    setup.configure("store = \"encrypted-file\"\n");
    let command = setup.sealed.command(env!("CARGO_BIN_EXE_doorkey"), &["doctor", "--offline"]);
    let mut terminal = Terminal::start(&command);
    terminal.wait_for("which commands ask for: not looked into");
    assert_eq!(terminal.finish(), Some(0));
    assert!(!terminal.screen().contains("not shown"), "{}", terminal.screen());
}

#[test]
fn a_lock_that_is_held_or_not_ours() {
    let setup = Setup::pentify("lock");
    let path = setup.config().join("credentials.lock");
    let lock = Lock::acquire(std::slice::from_ref(&path), Duration::ZERO).unwrap();
    let seen = setup.doctor(&["--offline"]);
    seen.expect(0, &["(keychain_absent)"]);
    assert_eq!(seen.of("lock")[0]["code"], "lock_held");
    drop(lock);
    let seen = setup.doctor(&["--offline"]);
    assert_ne!(seen.of("lock")[0]["code"], "lock_not_ours");
    chown(&path, Some(STRANGER), None).unwrap();
    setup.doctor(&["--offline"]).expect(6, &["(keychain_absent)", "lock_not_ours"]);
}

#[test]
fn leftovers_are_warnings() {
    let setup = Setup::pentify("stale");
    setup.put("state.json", r#"{"v":1,"backend":"file","unsettled":[{"backend":"file","slug":"acme"}]}"#);
    setup.doctor(&["--offline"]).expect(0, &["(keychain_absent)", "(stale_entry)"]);

    let mut apex = Apex::new("doctor-emergency");
    let path = apex.path("auth.emergency");
    apex.put("config.json", r#"{"accessToken":"a","refreshToken":"refresh-token-of-old","mine":1}"#);
    let setup = Setup::new("emergency");
    EmergencyFile::new(path).write(&setup.record()).unwrap();
    apex.sealed.unset("DBUS_SESSION_BUS_ADDRESS");
    let ended = apex.pensar(&["doctor", "--offline", "--json"]).expect(0);
    let mut seen = Seen { code: ended.code, json: ended.json() };
    without(&mut seen, "(keychain_absent)");
    seen.expect(0, &["(emergency_file)", "(plain_tokens)"]);
    assert!(!ended.stdout.contains("of-old"), "{ended:?}");
}

#[test]
fn a_session_of_another_machine() {
    if doorkey_store::machine_id().is_none() {
        return;
    }
    let setup = Setup::new("copied");
    let mut record = setup.record();
    record.rotation_mut().unwrap().machine = Some("0123456789abcdef".into());
    setup.put(
        "credentials",
        &format!(r#"{{"v":1,"records":{{"work":{}}}}}"#, record.encode().expose_secret()),
    );
    setup.doctor(&["--offline"]).expect(6, &["copied_home"]);
}

#[test]
fn a_session_that_is_not_renewed_any_more() {
    use doorkey_core::rotation::Journal;
    for (name, journal, exit, codes) in [
        ("refused", Journal::Refused { interrupted: false }, 6, &["session_expired"][..]),
        ("interrupted", Journal::Refused { interrupted: true }, 6, &["rotation_interrupted"]),
        ("revoking", Journal::Revoking, 0, &["(revocation_pending)"]),
        ("settled", Journal::Settled, 0, &[]),
    ] {
        let setup = Setup::new(name);
        let mut record = setup.record();
        record.rotation_mut().unwrap().journal = journal;
        setup.put(
            "credentials",
            &format!(r#"{{"v":1,"records":{{"work":{}}}}}"#, record.encode().expose_secret()),
        );
        setup.doctor(&["--offline"]).expect(exit, codes);
    }
}

/// FUSE, whose locks hold here alone.
#[test]
fn a_folder_that_other_machines_use() {
    const MOUNT: &str = "bindfs -f \"$HOME/.config\" \"$HOME/.config\" & fuse=$!; \
        until grep -q \"$HOME/.config fuse\" /proc/mounts; do kill -0 $fuse; sleep 0.02; done; \
        code=0; \"$@\" || code=$?; umount \"$HOME/.config\"; wait $fuse || true; exit $code";
    if File::options().read(true).write(true).open("/dev/fuse").is_err() {
        return;
    }
    let mut setup = Setup::new("shared");
    setup.before = Some(MOUNT);
    setup.doctor(&["--offline"]).expect(6, &["shared_file_system"]);
}

/// What every set-up without a keychain is told.
fn without(seen: &mut Seen, code: &str) {
    let bare = code.trim_matches(['(', ')']);
    seen.json["checks"].as_array_mut().unwrap().retain(|check| check["code"] != bare);
}
