//! What a credentials file may meet on a real disk. These tests need to be root: they make other users' files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod scratch;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use doorkey_core::record::{Generation, Record, Slot, Workspace};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_store::{CredentialStore as _, FileStore, Swap};
use scratch::Scratch;

/// Somebody else.
const STRANGER: u32 = 12_345;
const GOOD: &str = r#"{"v":1,"records":{"acme":"pt_live_old"},"active":"acme"}"#;

fn acme() -> Slot {
    Slot::Workspace("acme".into())
}

fn record(counter: u64) -> Record {
    Record {
        generation: Some(Generation { login: "aa".into(), counter }),
        issuer: Some("https://api.example".into()),
        workspace: Some(Workspace { id: None, name: None, slug: "acme".into() }.into()),
        ..Record::bare(Secret::new(format!("pt_live_{counter}_{}", "x".repeat(20_000))))
    }
}

fn put(path: &Path, content: &[u8], mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Every name below a folder with its owner, mode and content, lock files aside: they hold nothing.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is = fs::symlink_metadata(&path).unwrap();
        if path.to_string_lossy().ends_with(".writing") {
            continue;
        }
        let content = if is.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if is.is_dir() {
            found.extend(tree(&path));
        }
        found.insert(path, (is.uid(), is.mode(), content));
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn what_is_refused_is_left_as_it_is() {
    use StoreFailureKind::{Refused, Unreadable};
    type Setting = fn(&Path);
    let bad: [(&str, Setting, StoreFailureKind, &str); 14] = [
        ("open to the group", |p| put(p, GOOD.as_bytes(), 0o640), Refused, "mode 0640"),
        ("open to all", |p| put(p, GOOD.as_bytes(), 0o644), Refused, "chmod 600 "),
        (
            "somebody else's",
            |p| {
                put(p, GOOD.as_bytes(), 0o600);
                chown(p, Some(STRANGER), None).unwrap()
            },
            Refused,
            "uid 12345, not 0",
        ),
        ("a folder", |p| fs::create_dir_all(p).unwrap(), Refused, "not a regular file"),
        (
            "a pipe",
            |p| assert!(Command::new("mkfifo").arg(p).status().unwrap().success()),
            Refused,
            "not a regular",
        ),
        (
            "a stranger's link to our file",
            |p| {
                put(&p.with_file_name("real"), GOOD.as_bytes(), 0o600);
                symlink("real", p).unwrap();
                lchown(p, Some(STRANGER), None).unwrap();
            },
            Refused,
            "symbolic link made by another user",
        ),
        (
            "our link to a stranger's file",
            |p| {
                let real = p.with_file_name("real");
                put(&real, GOOD.as_bytes(), 0o600);
                chown(&real, Some(STRANGER), None).unwrap();
                symlink("real", p).unwrap();
            },
            Refused,
            "belongs to another user",
        ),
        ("a link in a circle", |p| symlink(p.file_name().unwrap(), p).unwrap(), Refused, "in a circle"),
        ("a newer form", |p| put(p, br#"{"v":2,"records":{"acme":[1]}}"#, 0o600), Unreadable, "form 2"),
        ("not JSON", |p| put(p, b"pt_live_x", 0o600), Unreadable, "move it away"),
        ("half of JSON", |p| put(p, &GOOD.as_bytes()[..30], 0o600), Unreadable, "move it away"),
        ("not text", |p| put(p, b"{\"v\":1,\"records\":{\"a\":\"\xff\"}}", 0o600), Unreadable, "is not text"),
        ("enormous", |p| put(p, &[b' '; 1_000_001], 0o600), Unreadable, "larger than"),
        (
            "a damaged entry",
            |p| put(p, br#"{"v":1,"records":{"acme":{"v":1}},"active":"acme"}"#, 0o600),
            Unreadable,
            "damaged entry",
        ),
    ];
    for (name, setting, kind, words) in bad {
        let folder = Scratch::new("file-refused");
        let path = folder.join("credentials");
        setting(&path);
        let before = tree(&folder);
        let store = FileStore::new(path);
        let failures: [(&str, Option<StoreFailure>); 4] = [
            ("load", store.load(&acme()).err()),
            ("load_all", store.load_all().err()),
            ("write", store.write(&acme(), None, &record(1)).err()),
            ("delete", store.delete(&acme(), &record(1).version()).err()),
        ];
        for (call, failure) in failures {
            let failure = failure.unwrap_or_else(|| panic!("{name}: {call} went through"));
            assert_eq!(failure.kind, kind, "{name}: {call}: {failure}");
            assert!(failure.detail.contains(words), "{name}: {call}: {failure}");
            assert!(!failure.detail.contains("pt_live"), "{name}: {call}: {failure}");
            assert_eq!(failure.detail.lines().count(), 1, "{name}: {call}: {failure}");
        }
        assert_eq!(tree(&folder), before, "{name}");
    }
}

#[test]
fn folders_that_are_not_ours_alone_get_nothing() {
    type Setting = fn(&Path);
    let rows: [(&str, Setting, &str); 3] = [
        ("another user's home", |home| chown(home, Some(STRANGER), None).unwrap(), "belongs to another user"),
        (
            "a stranger's folder",
            |home| {
                fs::create_dir_all(home.join(".config/pentify")).unwrap();
                chown(home.join(".config/pentify"), Some(STRANGER), None).unwrap();
            },
            "belongs to another user",
        ),
        (
            "a folder that all may write to",
            |home| {
                fs::create_dir_all(home.join(".config/pentify")).unwrap();
                fs::set_permissions(home.join(".config/pentify"), Permissions::from_mode(0o777)).unwrap();
            },
            "chmod 700 ",
        ),
    ];
    for (name, setting, words) in rows {
        let home = Scratch::new("file-folders");
        setting(&home);
        let before = tree(&home);
        let store = FileStore::new(home.join(".config/pentify/credentials"));
        for failure in [store.write(&acme(), None, &record(1)).unwrap_err(), store.probe().unwrap_err()] {
            assert_eq!(failure.kind, StoreFailureKind::Refused, "{name}: {failure}");
            assert!(failure.detail.contains(words), "{name}: {failure}");
        }
        assert_eq!(store.load(&acme()), Ok(None), "{name}: nothing there is no failure");
        assert_eq!(tree(&home), before, "{name}");
    }
}

#[test]
fn an_ordinary_user_makes_private_files_and_folders() {
    let home = Scratch::new("file-user");
    chown(&*home, Some(STRANGER), Some(STRANGER)).unwrap();
    let path = home.join(".config/pentify/credentials");
    let stranger = STRANGER.to_string();
    let as_user = ["setpriv", "--reuid", &stranger, "--regid", &stranger, "--clear-groups"];
    let ended = child::command(&as_user, "write once", &path).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&home.join(".config/pentify")), 0o700);
    assert_eq!(mode(&home.join(".config")), 0o700);
    assert_eq!(fs::metadata(&path).unwrap().uid(), STRANGER);
}

#[test]
fn our_own_symlink_is_kept_and_its_target_updated() {
    let folder = Scratch::new("file-link");
    let real = folder.join("dotfiles/real");
    put(&real, GOOD.as_bytes(), 0o600);
    symlink("dotfiles/real", folder.join("hop")).unwrap();
    symlink("hop", folder.join("credentials")).unwrap();
    let store = FileStore::new(folder.join("credentials"));
    let old = store.load(&Slot::Active).unwrap().unwrap();
    assert_eq!(old.token, Secret::from("pt_live_old"));
    assert_eq!(store.write(&acme(), Some(&old.version()), &record(1)), Ok(Swap::Done));
    assert!(fs::symlink_metadata(folder.join("credentials")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(folder.join("hop")).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("pt_live_1_"));
    assert_eq!(
        doorkey_store::lock_beside(&folder.join("credentials")).unwrap(),
        folder.join("dotfiles/real.lock")
    );
}

#[test]
fn what_other_programs_wrote_survives() {
    let folder = Scratch::new("file-foreign");
    let path = folder.join("credentials");
    put(&path, br#"{"v":1,"theirs":{"x":[1.50]},"records":{"b":"pt_live_b","odd":7}}"#, 0o600);
    let store = FileStore::new(path.clone());
    assert_eq!(store.write(&acme(), None, &record(1)), Ok(Swap::Done));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""theirs":{"x":[1.50]}"#) && text.contains(r#""b":"pt_live_b""#), "{text}");
    assert!(text.contains(r#""odd":7"#), "{text}");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_file_holds_a_megabyte_and_not_one_byte_more() {
    let folder = Scratch::new("file-large");
    let path = folder.join("credentials");
    let store = FileStore::new(path.clone());
    let of = |length: usize| Record { token: Secret::new("x".repeat(length)), ..record(1) };
    let size = || usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    store.write(&acme(), None, &of(1)).unwrap();
    let longest = of(1 + 1_000_000 - size());
    store.write(&acme(), Some(&of(1).version()), &longest).unwrap();
    assert_eq!(size(), 1_000_000);
    assert_eq!(store.load(&acme()), Ok(Some(longest.clone())));
    let longer = of(longest.token.expose_secret().len() + 1);
    let failure = store.write(&acme(), Some(&longest.version()), &longer).unwrap_err();
    assert_eq!(failure.kind, StoreFailureKind::Refused);
    assert_eq!(store.load(&acme()), Ok(Some(longest)));
}

#[test]
fn what_is_in_the_way_is_named() {
    let folder = Scratch::new("file-in-the-way");
    put(&folder.join("file"), b"", 0o600);
    fs::create_dir(folder.join(".credentials.new")).unwrap();
    let before = tree(&folder);
    for (name, words) in [("file/credentials", "look at"), ("credentials", "remove")] {
        let failure = FileStore::new(folder.join(name)).write(&acme(), None, &record(1)).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Refused, "{name}: {failure}");
        assert!(failure.detail.contains(words), "{name}: {failure}");
    }
    assert_eq!(tree(&folder), before);
}

#[test]
fn a_path_without_a_folder_is_in_the_working_folder() {
    let folder = Scratch::new("file-relative");
    let there = ["sh", "-c", r#"cd "$0" && exec "$@""#, folder.to_str().unwrap()];
    let ended = child::command(&there, "write once", Path::new("credentials")).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(FileStore::new(folder.join("credentials")).load(&acme()).unwrap().is_some());
}

#[test]
fn deleting_from_nothing_leaves_no_trace() {
    let home = Scratch::new("file-untouched");
    let store = FileStore::new(home.join(".config/pentify/credentials"));
    assert_eq!(store.delete(&Slot::Active, &record(1).version()), Ok(Swap::Done));
    assert_eq!(store.load_all(), Ok(Vec::new()));
    assert_eq!(tree(&home), BTreeMap::new());
}

#[test]
fn full_and_read_only_disks_lose_nothing() {
    for role in ["on a full disk", "on a read-only disk"] {
        let folder = Scratch::new("file-disk");
        let script = r#"mount -t tmpfs -o size=256k,mode=0700 tmpfs "$0" && exec "$@""#;
        let wrapper = ["unshare", "-m", "sh", "-c", script, folder.to_str().unwrap()];
        let ended = child::command(&wrapper, role, &folder.join("credentials")).output().unwrap();
        assert!(ended.status.success(), "{role}: {ended:?}");
    }
}

#[test]
fn a_killed_writer_leaves_the_old_or_the_new() {
    let folder = Scratch::new("file-killed");
    let path = folder.join("credentials");
    let store = FileStore::new(path.clone());
    assert_eq!(store.write(&acme(), None, &record(1)), Ok(Swap::Done));
    let (mut interrupted, mut newest, mut round) = (0, 1, 0_u64);
    // A busy machine takes more rounds until a kill falls between writing and renaming.
    while round < 200 || (round < 20_000 && (interrupted == 0 || newest <= 20)) {
        round += 1;
        let mut writer = child::command(&[], "write forever", &path).stdout(Stdio::piped()).spawn().unwrap();
        child::await_line(&mut writer, "writing");
        std::thread::sleep(Duration::from_micros(round * 7_919 % 24_000));
        writer.kill().unwrap();
        writer.wait().unwrap();
        interrupted += u32::from(folder.join(".credentials.new").exists());
        let found = store.load(&acme()).unwrap().unwrap();
        let counter = found.generation.clone().unwrap().counter;
        assert!(counter >= newest, "round {round}: {newest} became {counter}");
        assert_eq!(found, record(counter), "round {round}");
        newest = counter;
    }
    assert!(newest > 20, "the writers hardly wrote: {newest}");
    assert!(interrupted > 0, "no writer was killed between writing and renaming");
    assert_eq!(store.write(&acme(), Some(&record(newest).version()), &record(newest + 1)), Ok(Swap::Done));
    let left: Vec<_> = tree(&folder).into_keys().collect();
    assert_eq!(left, [path], "the leftovers are gone");
}

#[test]
fn child() {
    let Some((role, path)) = child::role() else { return };
    let store = FileStore::new(path.clone());
    match role.as_str() {
        "write once" => {
            store.probe().unwrap();
            assert_eq!(store.write(&acme(), None, &record(1)), Ok(Swap::Done));
            assert_eq!(store.load(&acme()), Ok(Some(record(1))));
        }
        "write forever" => {
            child::say("writing");
            loop {
                let old = store.load(&acme()).unwrap().unwrap();
                let next = record(old.generation.as_ref().unwrap().counter + 1);
                assert_eq!(store.write(&acme(), Some(&old.version()), &next), Ok(Swap::Done));
            }
        }
        "on a full disk" => {
            assert_eq!(store.write(&acme(), None, &record(1)), Ok(Swap::Done));
            let mut filler = fs::File::create(path.with_file_name("filler")).unwrap();
            while filler.write_all(&[0; 512]).is_ok() {}
            cannot_change(&store, &path, "No space left");
        }
        "on a read-only disk" => {
            assert_eq!(store.write(&acme(), None, &record(1)), Ok(Swap::Done));
            let folder = path.parent().unwrap();
            let mut remount = Command::new("mount");
            assert!(remount.args(["-o", "remount,ro"]).arg(folder).status().unwrap().success());
            cannot_change(&store, &path, "Read-only file system");
        }
        other => panic!("no such role: {other}"),
    }
}

fn cannot_change(store: &FileStore, path: &Path, words: &str) {
    let before = tree(path.parent().unwrap());
    let version = record(1).version();
    for failure in [
        store.write(&acme(), Some(&version), &record(2)).unwrap_err(),
        store.delete(&acme(), &version).unwrap_err(),
        store.probe().unwrap_err(),
    ] {
        assert_eq!(failure.kind, StoreFailureKind::Refused, "{failure}");
        assert!(failure.detail.contains(words), "{failure}");
    }
    assert_eq!(store.load(&acme()), Ok(Some(record(1))));
    assert_eq!(tree(path.parent().unwrap()), before);
}
