//! Attacks that come from around a command: the folder that it is run in, files that are there already, what it starts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

mod sealed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sealed::Sealed;
use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};

const PENTIFY: &str = env!("CARGO_BIN_EXE_pentify");
const PENSAR: &str = env!("CARGO_BIN_EXE_pensar");
const DOORKEY: &str = env!("CARGO_BIN_EXE_doorkey");
const SIGNED_OUT: i32 = 3;

/// A folder with whatever a repository could bring: files of every name that is looked for elsewhere.
fn repository(at: &Path) {
    let profile = "active = \"evil\"\nstore = \"plain-file\"\n[profiles.evil]\nissuer = \"https://evil.example\"\n\
        token_endpoint = \"https://evil.example/token\"\n";
    let token = r#"{"v":1,"records":{"evil":{"v":1,"gen":"a.1","origin":"https://api.pentify.io","workspace":{"slug":"evil"},"token":"pt_live_evil"}},"active":"evil"}"#;
    let session = r#"{"refreshToken":"evil"}"#;
    let environment =
        "PENTIFY_API_TOKEN=pt_live_evil\nDOORKEY_TOKEN=evil\nPENSAR_API_URL=https://evil.example\n";
    for (name, content) in [
        (".env", environment),
        ("config.toml", profile),
        ("doorkey/config.toml", profile),
        (".config/doorkey/config.toml", profile),
        ("credentials", token),
        ("pentify/credentials", token),
        (".config/pentify/credentials", token),
        ("auth.json", session),
        (".pensar/auth.json", session),
    ] {
        let path = at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn what_lies_in_the_working_folder_is_not_looked_at() {
    let sealed = Sealed::new("threats-working-folder");
    let folder = sealed.home.join("repository");
    repository(&folder);
    for (binary, args) in [(PENTIFY, &["status"][..]), (PENSAR, &["login", "status"]), (DOORKEY, &["status"])]
    {
        for relative in [None, Some("XDG_CONFIG_HOME"), Some("XDG_STATE_HOME")] {
            let mut command = sealed.command(binary, args);
            command.current_dir(&folder).envs(relative.map(|variable| (variable, ".config")));
            let ended = command.output().unwrap();
            assert_eq!(ended.status.code(), Some(SIGNED_OUT), "{binary} {relative:?}: {ended:?}");
            assert!(!format!("{ended:?}").contains("evil"), "{binary} {relative:?}: {ended:?}");
        }
    }
    let doorkey = sealed.command(DOORKEY, &["list"]).current_dir(&folder).output().unwrap();
    assert!(!String::from_utf8_lossy(&doorkey.stdout).contains("evil"), "{doorkey:?}");
}

#[test]
fn a_trace_is_closed_to_others_whatever_was_there() {
    let sealed = Sealed::new("threats-trace");
    let trace = sealed.home.join("trace.jsonl");
    for before in [None, Some(0o666)] {
        if let Some(mode) = before {
            fs::write(&trace, "somebody's").unwrap();
            fs::set_permissions(&trace, fs::Permissions::from_mode(mode)).unwrap();
        }
        sealed.pentify(&["usage", "--trace", "trace.jsonl"]).expect(SIGNED_OUT);
        let mode = fs::metadata(&trace).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{before:?}");
        assert!(!sealed.file("trace.jsonl").contains("somebody's"));
    }
}

/// Beside its streams, and what it opens itself to look.
#[test]
fn a_command_that_is_run_inherits_no_file() {
    let mut sealed = Sealed::new("threats-files");
    sealed.set("PENTIFY_API_TOKEN", "pt_live_abcdefghijklmnopqrstuvwx");
    let looks = "for fd in /proc/$$/fd/*; do readlink \"$fd\" || true; done";
    // What this very test has inherited is not ours to close.
    let own = sealed.command("sh", &["-c", looks]).output().unwrap();
    let run = sealed.command(PENTIFY, &["exec", "--", "sh", "-c", looks]).output().unwrap();
    let open = |output: &std::process::Output| {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        text.lines().filter(|line| !line.starts_with("pipe:")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(run.status.success(), "{run:?}");
    assert_eq!(open(&run), open(&own));
}

/// Who decides for an encrypted file does not expect to find the tokens of before in a plain one.
#[test]
fn a_store_that_is_not_used_any_more_keeps_no_login() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let mut home = Home::new("threats-former-store");
    let folder = home.sealed.home.join(".config/doorkey");
    fs::create_dir_all(&folder).unwrap();
    let key = folder.join("key");
    fs::write(&key, "k".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.join("config.toml"), format!("key_file = {key:?}\n")).unwrap();
    home.login(&issuer, &[]);
    let plain = || fs::read_to_string(folder.join("credentials")).unwrap_or_default();
    assert!(plain().contains("refresh-"), "{}", plain());
    home.sealed.set("DOORKEY_STORE", "encrypted-file");
    home.login(&issuer, &[]);
    assert!(folder.join("credentials.enc").exists());
    assert!(!plain().contains("refresh-"), "{}", plain());
    home.doorkey(&["token"]).expect(0);
}
