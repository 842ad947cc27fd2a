//! The sessions of many profiles in one encrypted file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;
mod session;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_store::{CredentialStore as _, EncryptionKey, ProfileFile, Swap};
use scratch::Scratch;
use session::{session, tombstone};

/// A record that makes a small file, so that every bit of it can be changed.
fn small(counter: u64) -> Record {
    Record { rotation: Some(Arc::default()), ..session("l", counter) }
}

struct Place {
    folder: Scratch,
    path: PathBuf,
    key_file: PathBuf,
}

fn place(name: &str) -> Place {
    let folder = Scratch::new(name);
    let (path, key_file) = (folder.join("doorkey/credentials.enc"), folder.join("key"));
    put(&key_file, &std::array::from_fn::<u8, 32, _>(|at| u8::try_from(at).unwrap()));
    Place { folder, path, key_file }
}

impl Place {
    fn of(&self, profile: &str) -> ProfileFile {
        self.with(profile, Some(EncryptionKey::KeyFile(self.key_file.clone())))
    }

    fn by_passphrase(&self, passphrase: &str) -> ProfileFile {
        self.with("work", Some(EncryptionKey::Passphrase(passphrase.into())))
    }

    fn with(&self, profile: &str, key: Option<EncryptionKey>) -> ProfileFile {
        ProfileFile::encrypted(self.path.clone(), profile.to_owned(), key)
    }

    fn content(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }
}

fn put(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write(store: &ProfileFile, expected: Option<&Record>, record: &Record) -> Swap {
    store.write(&Slot::Active, expected.map(Record::version).as_ref(), record).unwrap()
}

/// What every operation fails with, after which the file is what it was.
fn failures(place: &Place, store: &ProfileFile) -> Vec<StoreFailure> {
    let before = place.content();
    let failures = vec![
        store.load(&Slot::Active).unwrap_err(),
        store.load_all().unwrap_err(),
        store.probe().unwrap_err(),
        store.write(&Slot::Active, Some(&small(1).version()), &small(2)).unwrap_err(),
        store.write(&Slot::Active, None, &small(2)).unwrap_err(),
        store.delete(&Slot::Active, &small(1).version()).unwrap_err(),
    ];
    assert!(place.content() == before, "the file was touched");
    failures
}

/// Whether a text is in any file of a folder, or in the name of one.
fn is_in(folder: &Path, text: &str) -> bool {
    let found = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        found(entry.file_name().as_encoded_bytes())
            || if path.is_dir() { is_in(&path, text) } else { found(&fs::read(path).unwrap()) }
    })
}

#[test]
fn profiles_rest_side_by_side_and_nothing_of_them_can_be_read() {
    let place = place("encrypted-two");
    let (one, two) = (place.of("https://issuer.example"), place.of("work"));
    assert_eq!(one.backend(), Backend::EncryptedFile);
    one.probe().unwrap();
    assert_eq!(write(&one, None, &session("l", 1)), Swap::Done);
    assert_eq!(two.load(&Slot::Active), Ok(None));
    assert_eq!(write(&two, None, &session("m", 1)), Swap::Done);
    assert_eq!(write(&one, Some(&session("m", 1)), &session("l", 2)), Swap::Conflict);
    assert_eq!(write(&one, Some(&session("l", 1)), &session("l", 2)), Swap::Done);
    assert_eq!(place.of("https://issuer.example").load(&Slot::Active), Ok(Some(session("l", 2))));
    assert_eq!(place.of("work").load_all(), Ok(vec![(Slot::Active, session("m", 1))]));

    assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(place.path.parent().unwrap()).unwrap().count(),
        2,
        "the file, and its writers' lock"
    );
    for secret in ["refresh-l2", "refresh-m1", "access-1", "signing-key", "issuer.example", "records"] {
        assert!(!is_in(&place.folder, secret), "{secret}");
    }
    assert!(is_in(&place.folder, "hkdf-sha256"), "what could be found, were it there");

    write(&two, Some(&session("m", 1)), &tombstone("m", 2));
    assert_eq!(two.delete(&Slot::Active, &tombstone("m", 2).version()), Ok(Swap::Done));
    assert_eq!(one.delete(&Slot::Active, &session("l", 2).version()), Ok(Swap::Done));
    assert_eq!(one.load_all(), Ok(Vec::new()), "an empty file of ours");
    assert_eq!(write(&one, None, &session("n", 1)), Swap::Done);
}

#[test]
fn each_write_looks_like_no_other() {
    let place = place("encrypted-nonce");
    let store = place.of("work");
    let mut seen = Vec::new();
    for _ in 0..3 {
        write(&store, None, &small(1));
        seen.push(place.content());
        store.delete(&Slot::Active, &small(1).version()).unwrap();
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

#[test]
fn a_changed_bit_anywhere_is_told_and_the_file_kept() {
    let place = place("encrypted-bits");
    write(&place.of("work"), None, &small(1));
    let whole = place.content();
    let store = place.of("work");
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            put(&place.path, &changed);
            let failure = store.load(&Slot::Active).unwrap_err();
            assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{at}.{bit}: {failure}");
            assert!(place.content() == changed, "{at}.{bit}");
        }
    }
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        put(&place.path, &changed);
        for failure in failures(&place, &store) {
            assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{at}: {failure}");
        }
    }
    put(&place.path, &whole);
    assert_eq!(store.load(&Slot::Active), Ok(Some(small(1))));
}

#[test]
fn a_file_that_ends_early_anywhere_is_told_and_kept() {
    let place = place("encrypted-short");
    write(&place.of("work"), None, &small(1));
    let whole = place.content();
    let store = place.of("work");
    for length in 0..whole.len() {
        put(&place.path, &whole[..length]);
        let failure = store.load(&Slot::Active).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{length}: {failure}");
    }
    for length in [0, 1, 40, whole.len() - 1] {
        put(&place.path, &whole[..length]);
        assert!(failures(&place, &store).iter().all(|failure| failure.kind == StoreFailureKind::Unreadable));
    }
}

#[test]
fn other_files_are_told_and_kept() {
    let place = place("encrypted-foreign");
    write(&place.of("work"), None, &small(1));
    let ours = String::from_utf8(place.content()).unwrap();
    let salt = ours.split(' ').nth(3).unwrap();
    let costly = format!("argon2id,m={},t=3,p=4 {salt}", u32::MAX);
    let rows = [
        (String::new(), "damaged"),
        (" \n".to_owned(), "damaged"),
        (r#"{"v":1,"records":{}}"#.to_owned(), "damaged"),
        (ours.replace("v1", "v2"), "form 2"),
        (ours.replace("credentials", "emergency"), "damaged"),
        (ours.clone() + "\n", "damaged"),
    ];
    for (text, words) in rows {
        put(&place.path, text.as_bytes());
        for failure in failures(&place, &place.of("work")) {
            assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{text}: {failure}");
            assert!(failure.detail.contains(words) && failure.parts().1.is_some(), "{text}: {failure}");
        }
    }
    put(&place.path, ours.replace(&format!("hkdf-sha256 {salt}"), &costly).as_bytes());
    for failure in failures(&place, &place.by_passphrase("open sesame")) {
        assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{failure}");
        assert!(failure.detail.contains("more work"), "{failure}");
    }
    put(&place.path, &[0xff; 300]);
    assert!(failures(&place, &place.of("work")).iter().all(|f| f.kind == StoreFailureKind::Unreadable));
}

#[test]
fn a_passphrase_opens_what_it_closed_and_no_other_does() {
    let place = place("encrypted-passphrase");
    let store = place.by_passphrase("open sesame");
    assert_eq!(write(&store, None, &session("l", 1)), Swap::Done);
    assert!(place.content().starts_with(b"doorkey-sealed-v1 credentials argon2id,m=65536,t=3,p=4 "));
    assert_eq!(place.by_passphrase("open sesame").load(&Slot::Active), Ok(Some(session("l", 1))));
    assert!(!is_in(&place.folder, "refresh-l1") && !is_in(&place.folder, "sesame"));

    let failure = place.by_passphrase("open sesam").load(&Slot::Active).unwrap_err();
    assert_eq!(failure.kind, StoreFailureKind::Unreadable);
    assert!(failure.detail.contains("passphrase is wrong, or the file is damaged"), "{failure}");
    let before = place.content();
    let written = place.by_passphrase("open sesam").write(&Slot::Active, None, &session("m", 1));
    assert_eq!(written.unwrap_err().kind, StoreFailureKind::Unreadable);
    assert!(place.content() == before);
}

#[test]
fn without_a_key_or_with_one_of_another_kind_it_is_locked() {
    let place = place("encrypted-locked");
    let nothing = || place.with("work", None);
    for failure in [
        nothing().load(&Slot::Active).unwrap_err(),
        nothing().load_all().unwrap_err(),
        nothing().probe().unwrap_err(),
        nothing().unseal(std::time::Duration::ZERO).unwrap_err(),
        nothing().write(&Slot::Active, None, &small(1)).unwrap_err(),
        nothing().delete(&Slot::Active, &small(1).version()).unwrap_err(),
    ] {
        assert_eq!(failure.kind, StoreFailureKind::Locked, "{failure}");
        assert_eq!(failure.parts().1, Some("give a key file, or a passphrase at a terminal, and try again"));
    }
    assert!(!place.path.parent().unwrap().exists(), "nothing was made");

    write(&place.of("work"), None, &small(1));
    for store in [nothing(), place.by_passphrase("open sesame"), place.by_passphrase("")] {
        assert!(failures(&place, &store).iter().all(|failure| failure.kind == StoreFailureKind::Locked));
    }
    fs::remove_file(&place.key_file).unwrap();
    assert!(failures(&place, &place.of("work")).iter().all(|f| f.kind == StoreFailureKind::Locked));
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let place = place("encrypted-open-key");
    write(&place.of("work"), None, &small(1));
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&place.key_file, fs::Permissions::from_mode(mode)).unwrap();
        for failure in failures(&place, &place.of("work")) {
            assert_eq!(failure.kind, StoreFailureKind::Refused, "{failure}");
            assert!(failure.detail.contains("chmod 600"), "{failure}");
        }
    }
}
