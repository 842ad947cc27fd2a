//! Files and folders that are not as they must be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::process::Command;

use crate::setup::{STRANGER, Setup};

const READ_ONLY: &str = "mount --bind \"$HOME\" \"$HOME\"; mount -o remount,ro,bind \"$HOME\"";
const FULL: &str = "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$HOME/.config\"; mkdir -m 700 \"$HOME/.config/doorkey\"; head -c 65536 /dev/zero > \"$HOME/.config/filler\"";

fn mode(setup: &Setup, name: &str, mode: u32) {
    fs::set_permissions(setup.config().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn check(name: &str, prepare: impl Fn(&mut Setup), code: &str) {
    let mut setup = Setup::new(name);
    // Where the settings cannot be read, the keychain would be asked, too.
    setup.sealed.set("DOORKEY_STORE", "plain-file");
    prepare(&mut setup);
    let seen = setup.doctor(&["--offline"]);
    seen.expect(6, &[code]);
}

#[test]
fn a_home_that_is_missing_or_not_ours() {
    fn at(setup: &mut Setup, home: &str) {
        setup.sealed.set("HOME", home);
    }
    check("no-home", |setup| at(setup, "/nonexistent/home"), "home_missing");
    check("no-folder", |setup| at(setup, "/dev/null"), "home_missing");
    check("strange-home", |setup| chown(&setup.sealed.home, Some(STRANGER), None).unwrap(), "home_not_ours");
}

#[test]
fn files_that_are_not_ours_alone() {
    let other = |name: &'static str| {
        move |setup: &mut Setup| chown(setup.config().join(name), Some(STRANGER), None).unwrap()
    };
    check("open", |setup| mode(setup, "credentials", 0o644), "open_to_others");
    check("open-settings", |setup| mode(setup, "config.toml", 0o666), "open_to_others");
    check("open-folder", |setup| mode(setup, "", 0o777), "open_to_others");
    check("others", other("credentials"), "not_ours");
    check("others-settings", other("config.toml"), "not_ours");
    check("others-folder", other(""), "not_ours");
    let instead = |setup: &mut Setup| {
        let path = setup.config().join("credentials");
        fs::remove_file(&path).unwrap();
        path
    };
    check("kind", |setup| fs::create_dir(instead(setup)).unwrap(), "odd_kind");
    let link = |target: &'static str| {
        move |setup: &mut Setup| {
            let path = instead(setup);
            symlink(target, &path).unwrap();
            lchown(&path, Some(STRANGER), None).unwrap();
        }
    };
    check("link", link("elsewhere"), "foreign_link");
    check(
        "pending",
        |setup| {
            fs::create_dir(setup.config().join("pending")).unwrap();
            mode(setup, "pending", 0o700);
            setup.put("pending/ff", "{}");
            mode(setup, "pending/ff", 0o644);
        },
        "open_to_others",
    );
}

#[test]
fn other_programs_files_are_not_told() {
    let setup = Setup::new("foreign");
    setup.put("notes.txt", "x");
    mode(&setup, "notes.txt", 0o666);
    fs::create_dir(setup.config().join("cache")).unwrap();
    mode(&setup, "cache", 0o777);
    setup.doctor(&["--offline"]).expect(0, &[]);
}

#[test]
fn a_disk_that_takes_nothing() {
    check("read-only", |setup| setup.before = Some(READ_ONLY), "read_only");
    check("full", |setup| setup.before = Some(FULL), "disk_full");
}

/// Root's files where somebody else's must be: what `sudo` leaves.
#[test]
fn what_sudo_left_is_told_once() {
    let setup = Setup::new("sudo");
    let home = &setup.sealed.home;
    let binary = home.join("doorkey");
    // If we had it open for writing, another test's child could have it still open when it is to be run.
    assert!(
        Command::new("cp")
            .args([env!("CARGO_BIN_EXE_doorkey").as_ref(), &*binary])
            .status()
            .unwrap()
            .success()
    );
    for path in [home.clone(), home.join(".config"), setup.config(), setup.config().join("config.toml")] {
        chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    // The credentials stay root's.
    let run = || {
        let stranger = STRANGER.to_string();
        let args = ["--reuid", &stranger, "--regid", &stranger, "--clear-groups"];
        let front = [&args[..], &[binary.to_str().unwrap(), "doctor", "--offline", "--json"]].concat();
        let ended = setup.sealed.command("setpriv", &front).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        crate::setup::Seen { code: ended.status.code().unwrap(), json }
    };
    let seen = run();
    seen.expect(6, &["left_by_sudo"]);
    let remedy = seen.of("files")[0]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("take it back with: sudo chown -R"), "{remedy}");
    chown(setup.config().join("credentials"), Some(STRANGER), None).unwrap();
    run().expect(0, &[]);
    // The whole folder, or one above it that is needed to make it.
    chown(setup.config(), Some(0), None).unwrap();
    run().expect(6, &["left_by_sudo"]);
    fs::remove_dir_all(setup.config()).unwrap();
    chown(home.join(".config"), Some(0), None).unwrap();
    let seen = run();
    assert!(seen.codes().iter().all(|code| code == "left_by_sudo"), "{seen:?}");
    assert_eq!(seen.code, 6);
}
