//! The sessions of many profiles in one file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod scratch;
mod session;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_store::{CredentialStore as _, ProfileFile, Swap};
use scratch::Scratch;
use session::{refresh_token, session, tombstone};

const ISSUER: &str = "https://issuer.example";

fn place(name: &str) -> (Scratch, PathBuf) {
    let folder = Scratch::new(name);
    let path = folder.join("doorkey/credentials");
    (folder, path)
}

fn of(path: &Path, profile: &str) -> ProfileFile {
    ProfileFile::new(path.to_owned(), profile.to_owned())
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write(store: &ProfileFile, expected: Option<&Record>, record: &Record) -> Swap {
    store.write(&Slot::Active, expected.map(Record::version).as_ref(), record).unwrap()
}

#[test]
fn two_profiles_in_one_file_do_not_see_each_other() {
    let (_folder, path) = place("profiles-two");
    let (one, two, none) = (of(&path, ISSUER), of(&path, "work"), of(&path, "Work"));
    assert_eq!(one.backend(), Backend::File);
    assert_eq!(write(&one, None, &session("l", 1)), Swap::Done);
    assert_eq!(two.load(&Slot::Active), Ok(None));
    assert_eq!(write(&two, None, &session("m", 1)), Swap::Done);
    assert_eq!(write(&two, Some(&session("m", 1)), &session("m", 2)), Swap::Done);
    assert_eq!(write(&one, Some(&session("m", 2)), &session("l", 2)), Swap::Conflict, "another's version");
    assert_eq!(one.load_all(), Ok(vec![(Slot::Active, session("l", 1))]));
    assert_eq!(two.load_all(), Ok(vec![(Slot::Active, session("m", 2))]));
    assert_eq!(none.load_all(), Ok(Vec::new()));

    let found: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let record = |record: &Record| -> serde_json::Value {
        serde_json::from_str(record.encode().expose_secret()).unwrap()
    };
    let records = serde_json::json!({ISSUER: record(&session("l", 1)), "work": record(&session("m", 2))});
    assert_eq!(found, serde_json::json!({"v": 1, "records": records}));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);

    assert_eq!(one.delete(&Slot::Active, &session("l", 1).version()), Ok(Swap::Done));
    assert_eq!(two.load(&Slot::Active), Ok(Some(session("m", 2))));
    assert_eq!(two.delete(&Slot::Active, &session("m", 2).version()), Ok(Swap::Done));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"records\":{},\"v\":1}\n",
        "and it stays a file of ours"
    );
    assert_eq!(write(&two, None, &session("n", 1)), Swap::Done);
}

#[test]
fn what_is_not_ours_survives_every_write_byte_for_byte() {
    let (_folder, path) = place("profiles-foreign");
    let theirs =
        [r#""note":{"b":1.50,"a":[ ]}"#, r#""other":{ "x": 1.0e3 , "é\n":null}"#, r#""odd":"a bare token""#];
    let [note, other, odd] = theirs;
    put(&path, &format!("{{\"v\":1,{note},\"records\":{{{other},\"work\":{{}},{odd}}},\"active\":\"x\"}}"));
    let kept = || {
        let text = fs::read_to_string(&path).unwrap();
        assert!(theirs.iter().all(|part| text.contains(part)) && text.contains("\"active\":\"x\""), "{text}");
    };
    let store = of(&path, "mine");
    let records = [session("l", 1), session("l", 2), tombstone("l", 3), session("m", 1)];
    assert_eq!(write(&store, None, &records[0]), Swap::Done);
    kept();
    for pair in records.windows(2) {
        assert_eq!(write(&store, Some(&pair[0]), &pair[1]), Swap::Done);
        assert_eq!(store.load(&Slot::Active), Ok(Some(pair[1].clone())));
        kept();
    }
    assert_eq!(store.delete(&Slot::Active, &session("m", 1).version()), Ok(Swap::Done));
    kept();
    // Another profile's damage is its own, and is told to whom it belongs.
    assert_eq!(of(&path, "work").load(&Slot::Active).unwrap_err().kind, StoreFailureKind::Unreadable);
}

#[test]
fn there_is_one_slot_and_no_nameless_record() {
    let (folder, path) = place("profiles-slots");
    let store = of(&path, "work");
    let slot = Slot::Workspace("work".into());
    assert_eq!(store.load(&slot), Ok(None));
    assert_eq!(store.delete(&slot, &session("l", 1).version()), Ok(Swap::Done));
    assert_eq!(store.delete(&Slot::Active, &session("l", 1).version()), Ok(Swap::Done));
    let bare = Record::bare_refresh(refresh_token("l", 1));
    for failure in [
        store.write(&slot, None, &session("l", 1)).unwrap_err(),
        store.write(&Slot::Active, None, &bare).unwrap_err(),
    ] {
        assert_eq!(failure.kind, StoreFailureKind::Refused, "{failure}");
    }
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "nothing was touched");
    write(&store, None, &session("l", 1));
    assert_eq!(store.load(&slot), Ok(None), "a workspace of the profile's name is none");
    assert_eq!(store.delete(&slot, &session("l", 1).version()), Ok(Swap::Done));
    assert_eq!(store.load(&Slot::Active), Ok(Some(session("l", 1))));
}

#[test]
fn what_cannot_be_read_is_told_and_left_as_it_is() {
    use StoreFailureKind::{Refused, Unreadable};
    let rows = [
        ("[]", 0o600, Unreadable, "move it away"),
        ("refresh-l1", 0o600, Unreadable, "move it away"),
        (r#"{"v":2,"records":{}}"#, 0o600, Unreadable, "form 2"),
        (r#"{"v":1,"records":{"work":{"v":1}}}"#, 0o600, Unreadable, "damaged"),
        (r#"{"v":1,"records":{}}"#, 0o644, Refused, "chmod 600"),
    ];
    for (text, mode, kind, words) in rows {
        let (_folder, path) = place("profiles-unreadable");
        put(&path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let store = of(&path, "work");
        for failure in [
            store.load(&Slot::Active).unwrap_err(),
            store.probe().unwrap_err(),
            store.write(&Slot::Active, None, &session("l", 1)).unwrap_err(),
            store.delete(&Slot::Active, &session("l", 1).version()).unwrap_err(),
        ] {
            assert_eq!(failure.kind, kind, "{text}: {failure}");
            assert!(failure.detail.contains(words), "{text}: {failure}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

const ROUNDS: u64 = 10;
const BEGUN: &str = "begun";

/// Writes this profile's record again and again, each time over what it wrote before.
fn renew(path: &Path, profile: &str) {
    let store = of(path, profile);
    for counter in 1..=ROUNDS {
        let before = (counter > 1).then(|| session(profile, counter - 1).version());
        let write = || store.write(&Slot::Active, before.as_ref(), &session(profile, counter));
        // Everybody's turn comes, on a slow disk later.
        let busy =
            |swap: &Result<Swap, StoreFailure>| matches!(swap, Err(f) if f.kind == StoreFailureKind::Busy);
        let swap = std::iter::repeat_with(write).find(|swap| !busy(swap)).unwrap();
        assert_eq!(swap, Ok(Swap::Done), "{profile}, {counter}");
    }
}

#[test]
fn writers_of_several_profiles_lose_nothing() {
    let (folder, path) = place("profiles-writers");
    let (threads, processes) = (["thread-one", "thread-two"], ["process-one", "process-two"]);
    let mut children =
        processes.map(|profile| child::command(&[], profile, &path).stdout(Stdio::piped()).spawn().unwrap());
    children.iter_mut().for_each(|child| child::await_line(child, BEGUN));
    thread::scope(|scope| threads.iter().for_each(|profile| drop(scope.spawn(|| renew(&path, profile)))));
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    for profile in threads.into_iter().chain(processes) {
        assert_eq!(of(&path, profile).load(&Slot::Active), Ok(Some(session(profile, ROUNDS))), "{profile}");
    }
    let left = fs::read_dir(folder.join("doorkey")).unwrap().count();
    assert_eq!(left, 2, "the file, and the lock of those who write it");
}

#[test]
fn child() {
    let Some((profile, path)) = child::role() else { return };
    child::say(BEGUN);
    renew(&path, &profile);
}
