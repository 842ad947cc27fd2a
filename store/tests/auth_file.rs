//! A session's file, shared with other programs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;
mod session;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use doorkey_core::record::{Generation, Record, Slot};
use doorkey_core::rotation::Journal;
use doorkey_core::store::StoreFailureKind;
use doorkey_store::{AuthFile, CredentialStore as _, Swap};
use scratch::Scratch;
use session::{refresh_token, session, tombstone};

fn api_key() -> Record {
    Record { generation: Generation::parse("k.1"), ..Record::bare("pensar-key".into()) }
}

fn place(name: &str) -> (Scratch, PathBuf, AuthFile) {
    let folder = Scratch::new(name);
    let path = folder.join(".pensar/auth.json");
    let store = AuthFile::new(path.clone());
    (folder, path, store)
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write(store: &AuthFile, expected: Option<&Record>, record: &Record) -> Swap {
    store.write(&Slot::Active, expected.map(Record::version).as_ref(), record).unwrap()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_file_is_the_record_with_the_refresh_token_at_the_top() {
    let (_folder, path, store) = place("auth-form");
    assert_eq!(write(&store, None, &session("l", 1)), Swap::Done);
    let expected: serde_json::Value = serde_json::from_str(session("l", 1).encode().expose_secret()).unwrap();
    assert_eq!(json(&path), expected);
    assert_eq!(json(&path)["refreshToken"], "refresh-l1");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn what_others_wrote_survives_every_kind_of_write() {
    let (_folder, path, store) = place("auth-foreign");
    let theirs = "{\n  \"user\": {\n    \"n\": 1.50\n  },\n  \"refreshToken\": \"refresh-l0\",\n  \"accessToken\": \"theirs\",\n  \"zone\": null\n}\n";
    put(&path, theirs);
    let bare = Record::bare_refresh(refresh_token("l", 0));
    assert_eq!(store.load(&Slot::Active), Ok(Some(bare.clone())));
    let records = [bare, session("l", 1), api_key(), session("m", 1), tombstone("m", 2)];
    let frame = |text: &str| {
        let user = "  \"user\": {\n    \"n\": 1.50\n  },\n";
        assert!(text.starts_with(&format!("{{\n{user}")) && text.contains("\n  \"zone\": null"), "{text}");
    };
    for pair in records.windows(2) {
        assert_eq!(write(&store, Some(&pair[0]), &pair[1]), Swap::Done);
        assert_eq!(store.load(&Slot::Active), Ok(Some(pair[1].clone())));
        frame(&fs::read_to_string(&path).unwrap());
    }
    assert_eq!(store.delete(&Slot::Active, &tombstone("m", 2).version()), Ok(Swap::Done));
    let left = "{\n  \"user\": {\n    \"n\": 1.50\n  },\n  \"zone\": null\n}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), left, "nothing of a record is left");
    assert_eq!(store.load(&Slot::Active), Ok(None));
}

#[test]
fn a_refresh_token_of_another_program_is_a_bare_record() {
    let (_folder, path, store) = place("auth-bare");
    write(&store, None, &session("l", 1));
    let mut object = json(&path);
    object["refreshToken"] = "theirs".into();
    put(&path, &object.to_string());
    let bare = Record::bare_refresh("theirs".into());
    assert_eq!(store.load(&Slot::Active), Ok(Some(bare.clone())));
    assert_eq!(write(&store, Some(&session("l", 1)), &session("l", 2)), Swap::Conflict);
    assert_eq!(write(&store, Some(&bare), &session("m", 1)), Swap::Done);

    // What else is in a file that is not ours has a meaning of its own.
    put(&path, r#"{"refreshToken":"theirs","workspace":"acme","received":"today","spent":1}"#);
    assert_eq!(store.load(&Slot::Active), Ok(Some(bare)));
}

#[test]
fn a_session_that_another_program_ended_is_no_session() {
    let (_folder, path, store) = place("auth-ended");
    write(&store, None, &session("l", 1));
    let ours = json(&path);
    for ended in ["removed", "null", "\"\""] {
        let mut object = ours.clone();
        match serde_json::from_str::<serde_json::Value>(ended) {
            Ok(value) => object["refreshToken"] = value,
            Err(_) => drop(object.as_object_mut().unwrap().remove("refreshToken")),
        }
        put(&path, &object.to_string());
        assert_eq!(store.load(&Slot::Active), Ok(None), "{ended}");
        assert_eq!(write(&store, None, &session("m", 1)), Swap::Done, "{ended}");
    }
    for nothing in ["", "{}", r#"{"theme":"dark"}"#, r#"{"accessToken":"x"}"#] {
        put(&path, nothing);
        assert_eq!(store.load(&Slot::Active), Ok(None), "{nothing}");
    }
}

#[test]
fn a_journal_is_written_by_compare_and_swap() {
    let (_folder, _path, store) = place("auth-journal");
    let mut settled = session("l", 1);
    settled.rotation_mut().unwrap().journal = Journal::Settled;
    let spending = Record { generation: session("l", 2).generation, ..session("l", 1) };
    write(&store, None, &settled);
    assert_eq!(write(&store, Some(&settled), &spending), Swap::Done);
    assert_eq!(write(&store, Some(&settled), &session("l", 2)), Swap::Conflict);
    assert_eq!(store.load(&Slot::Active), Ok(Some(spending)));
}

#[test]
fn there_is_one_slot_and_no_nameless_record() {
    let (folder, _path, store) = place("auth-slots");
    let slot = Slot::Workspace("acme".into());
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
}

#[test]
fn what_cannot_be_read_is_told_and_left_as_it_is() {
    use StoreFailureKind::{Refused, Unreadable};
    let rows = [
        ("[]", 0o600, Unreadable, "move it away"),
        ("refresh-l1", 0o600, Unreadable, "move it away"),
        (r#"{"v":1,"gen":"l.1"}"#, 0o600, Unreadable, "damaged"),
        (r#"{"v":2,"gen":"l.1","newToken":"t"}"#, 0o600, Unreadable, "form 2"),
        (r#"{"refreshToken":"a b"}"#, 0o600, Unreadable, "damaged"),
        (r#"{"refreshToken":"{\"refreshToken\":\"r\"}"}"#, 0o600, Unreadable, "damaged"),
        (r#"{"refreshToken":"refresh-l1"}"#, 0o644, Refused, "chmod 600"),
    ];
    for (text, mode, kind, words) in rows {
        let (_folder, path, store) = place("auth-unreadable");
        put(&path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
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
