//! The vault of one profile among many.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;
mod session;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailureKind, StoreOp, Unsettled};
use doorkey_store::{ProfileConfig, Vault};
use scratch::Scratch;
use session::{session, tombstone};

const ISSUER: &str = "https://issuer.example/realms/one";

fn vault(folder: &Path, profile: &str) -> Vault {
    Vault::profile(ProfileConfig::in_folder(folder, profile))
}

fn holds(record: &Record) -> StoreAnswer {
    StoreAnswer::Records(vec![(Slot::Active, record.clone())])
}

fn nothing() -> StoreAnswer {
    StoreAnswer::Records(Vec::new())
}

fn lock(wait: Duration) -> StoreOp {
    StoreOp::Lock { wait }
}

fn kind(answer: &StoreAnswer) -> StoreFailureKind {
    match answer {
        StoreAnswer::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

fn write(backend: Backend, expected: Option<&Record>, record: &Record) -> StoreOp {
    let expected = expected.map(Record::version);
    StoreOp::Write { backend, slot: Slot::Active, expected, record: record.clone() }
}

fn ledger(backend: Backend) -> Ledger {
    Ledger {
        backend: Some(backend),
        active: Some("my-team".into()),
        workspace_id: Some("ws_1".into()),
        gateway_url: Some("https://gateway.example".into()),
        session: true,
        unsettled: vec![Unsettled { backend: Backend::Keychain, slot: Slot::Active, version: None }],
    }
}

/// All that a session asks of a vault, in a life from the login to the logout.
fn lives(mut vault: Vault, backend: Backend) {
    let slot = || Slot::Active;
    let (first, second, end) = (session("l", 1), session("l", 2), tombstone("l", 3));
    let rows = [
        (lock(Duration::from_secs(10)), StoreAnswer::Done),
        (StoreOp::CheckLock, StoreAnswer::Done),
        (StoreOp::ReadLedger, StoreAnswer::Ledger(Ledger::default())),
        (StoreOp::ReadPlaintext, nothing()),
        (StoreOp::RemovePlaintext { expected: first.version() }, StoreAnswer::Done),
        (StoreOp::ReadEmergency, nothing()),
        (StoreOp::Probe(backend), StoreAnswer::Done),
        (StoreOp::Unseal { backend, wait: Duration::ZERO }, StoreAnswer::Done),
        (StoreOp::Load { backend, slot: slot() }, nothing()),
        (write(backend, None, &first), StoreAnswer::Done),
        (StoreOp::Load { backend, slot: slot() }, holds(&first)),
        (StoreOp::WriteLedger(ledger(backend)), StoreAnswer::Done),
        (StoreOp::ReadLedger, StoreAnswer::Ledger(ledger(backend))),
        (StoreOp::ReserveEmergency { bytes: 9_000 }, StoreAnswer::Done),
        (StoreOp::ReadEmergency, nothing()),
        (StoreOp::WriteEmergency(second.clone()), StoreAnswer::Done),
        (StoreOp::ReadEmergency, holds(&second)),
        (write(backend, Some(&first), &second), StoreAnswer::Done),
        (StoreOp::RemoveEmergency, StoreAnswer::Done),
        (StoreOp::ReadEmergency, nothing()),
        (write(backend, Some(&first), &end), StoreAnswer::Conflict),
        (write(backend, Some(&second), &end), StoreAnswer::Done),
        (StoreOp::LoadAll(backend), holds(&end)),
        (StoreOp::Delete { backend, slot: slot(), expected: end.version() }, StoreAnswer::Done),
        (StoreOp::LoadAll(backend), nothing()),
        (StoreOp::Unlock, StoreAnswer::Done),
    ];
    for (number, (op, expected)) in rows.into_iter().enumerate() {
        let shown = format!("{number}: {op:?}");
        assert_eq!(vault.perform(op), expected, "{shown}");
    }
}

/// Every file below a folder, relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = vec![folder.to_owned()];
    while let Some(level) = rest.pop() {
        for entry in fs::read_dir(level).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => rest.push(path),
                path => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_operation_on_a_profile_has_its_answer() {
    let folder = Scratch::new("profile-ops");
    lives(vault(&folder, ISSUER), Backend::File);
    let own = "profiles/issuer-example-realms-one-";
    let found = files(&folder);
    let expected =
        [".credentials.writing", "credentials", ".state.json.writing", "session.lock", "state.json"];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.ends_with(expected), "{found}");
    }
    assert!(found[2..].iter().all(|name| name.starts_with(own)), "{found:?}");
}

#[test]
fn profiles_keep_out_of_each_others_way() {
    let folder = Scratch::new("profile-apart");
    let names = [ISSUER, "work", "Work"];
    let mut vaults = names.map(|name| vault(&folder, name));
    for (vault, name) in vaults.iter_mut().zip(names) {
        assert_eq!(vault.perform(lock(Duration::ZERO)), StoreAnswer::Done, "{name}");
        assert_eq!(vault.perform(write(Backend::File, None, &session(name, 1))), StoreAnswer::Done);
        let remembered = Ledger { active: Some(name.into()), ..ledger(Backend::File) };
        assert_eq!(vault.perform(StoreOp::WriteLedger(remembered)), StoreAnswer::Done);
        assert_eq!(vault.perform(StoreOp::WriteEmergency(session(name, 2))), StoreAnswer::Done);
    }
    for (vault, name) in vaults.iter_mut().zip(names) {
        assert_eq!(vault.perform(StoreOp::LoadAll(Backend::File)), holds(&session(name, 1)));
        assert_eq!(vault.perform(StoreOp::ReadEmergency), holds(&session(name, 2)));
        let StoreAnswer::Ledger(found) = vault.perform(StoreOp::ReadLedger) else { panic!("no ledger") };
        assert_eq!(found.active.as_deref(), Some(name));
    }
    let mut again = vault(&folder, "work");
    assert_eq!(kind(&again.perform(lock(Duration::from_millis(20)))), StoreFailureKind::Busy);
    drop(vaults);
    assert_eq!(again.perform(lock(Duration::from_secs(10))), StoreAnswer::Done);
}

#[test]
fn two_names_of_one_file_share_their_locks() {
    let folder = Scratch::new("profile-linked");
    let real = folder.join("real");
    assert_eq!(vault(&real, "work").perform(write(Backend::File, None, &session("l", 1))), StoreAnswer::Done);
    for data in ["credentials", "credentials.enc"] {
        let other = folder.join(format!("other-{data}"));
        fs::create_dir(&other).unwrap();
        symlink(real.join(data), other.join(data)).unwrap();
        let mut one = vault(&real, "work");
        assert_eq!(one.perform(lock(Duration::ZERO)), StoreAnswer::Done);
        let mut two = vault(&other, "work");
        assert_eq!(kind(&two.perform(lock(Duration::from_millis(20)))), StoreFailureKind::Busy, "{data}");
        assert_eq!(vault(&other, "play").perform(lock(Duration::ZERO)), StoreAnswer::Done);
    }
}

#[test]
fn files_that_are_known_to_be_shared_are_told() {
    let folder = Scratch::new("profile-shared");
    let config = ProfileConfig { shared: true, ..ProfileConfig::in_folder(&folder, "work") };
    assert_eq!(kind(&Vault::profile(config).perform(StoreOp::CheckLock)), StoreFailureKind::Shared);
}

#[test]
fn nothing_is_touched_by_looking() {
    let folder = Scratch::new("profile-looking");
    let mut vault = vault(&folder.join("doorkey"), ISSUER);
    let backend = Backend::File;
    assert_eq!(vault.perform(StoreOp::ReadLedger), StoreAnswer::Ledger(Ledger::default()));
    assert_eq!(vault.perform(StoreOp::ReadEmergency), nothing());
    assert_eq!(vault.perform(StoreOp::RemoveEmergency), StoreAnswer::Done);
    assert_eq!(vault.perform(StoreOp::LoadAll(backend)), nothing());
    assert_eq!(vault.perform(StoreOp::CheckLock), StoreAnswer::Done);
    assert_eq!(kind(&vault.perform(StoreOp::Probe(Backend::Keychain))), StoreFailureKind::Absent);
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}

#[cfg(not(feature = "encrypted"))]
#[test]
fn without_the_feature_there_is_no_encrypted_file() {
    let folder = Scratch::new("profile-no-feature");
    let answer = vault(&folder, "work").perform(StoreOp::Probe(Backend::EncryptedFile));
    assert_eq!(kind(&answer), StoreFailureKind::Absent);
}

#[cfg(feature = "encrypted")]
mod encrypted {
    use std::os::unix::fs::PermissionsExt as _;

    use doorkey_store::EncryptionKey;

    use super::*;

    const BACKEND: Backend = Backend::EncryptedFile;

    fn key(folder: &Path, name: &str, byte: u8) -> Option<EncryptionKey> {
        let path = folder.join(name);
        fs::write(&path, [byte; 32]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Some(EncryptionKey::KeyFile(path))
    }

    fn sealed(folder: &Path, key: Option<EncryptionKey>) -> Vault {
        Vault::profile(ProfileConfig { key, ..ProfileConfig::in_folder(&folder.join("doorkey"), ISSUER) })
    }

    /// Whether a text is in any file below a folder.
    fn is_in(folder: &Path, text: &str) -> bool {
        files(folder).iter().any(|name| {
            let content = fs::read(folder.join(name)).unwrap();
            content.windows(text.len()).any(|part| part == text.as_bytes())
        })
    }

    #[test]
    fn every_operation_on_an_encrypted_profile_has_its_answer() {
        let folder = Scratch::new("profile-enc-ops");
        lives(sealed(&folder, key(&folder, "key", 1)), BACKEND);
        lives(sealed(&folder.join("again"), Some(EncryptionKey::Passphrase("open sesame".into()))), BACKEND);
    }

    #[test]
    fn nothing_of_a_session_can_be_read_below_the_folder() {
        let folder = Scratch::new("profile-enc-secret");
        let mut vault = sealed(&folder, key(&folder, "key", 1));
        let (first, second) = (session("l", 1), session("l", 2));
        for op in [
            lock(Duration::ZERO),
            write(BACKEND, None, &first),
            StoreOp::WriteLedger(ledger(BACKEND)),
            StoreOp::ReserveEmergency { bytes: second.encode().expose_secret().len() },
        ] {
            assert_eq!(vault.perform(op), StoreAnswer::Done);
        }
        let own = folder.join("doorkey/profiles");
        let emergency = files(&own).into_iter().find(|name| name.ends_with(".emergency")).unwrap();
        let length = || fs::metadata(own.join(&emergency)).unwrap().len();
        let room = length();
        assert_eq!(vault.perform(StoreOp::WriteEmergency(second.clone())), StoreAnswer::Done);
        assert_eq!(length(), room, "it was made at full size");
        assert_eq!(vault.perform(StoreOp::ReadEmergency), holds(&second));
        for secret in ["refresh-l1", "refresh-l2", "access-1", "access-2", "signing-key"] {
            assert!(!is_in(&folder, secret), "{secret}");
        }
        assert!(is_in(&folder, "doorkey-sealed-v1 emergency"), "what could be found, were it there");
    }

    #[test]
    fn the_emergency_file_opens_with_the_same_key_alone() {
        let folder = Scratch::new("profile-enc-emergency");
        let right = key(&folder, "key", 1);
        assert_eq!(
            sealed(&folder, right.clone()).perform(StoreOp::WriteEmergency(session("l", 2))),
            StoreAnswer::Done
        );
        let read = |key| sealed(&folder, key).perform(StoreOp::ReadEmergency);
        assert_eq!(read(right.clone()), holds(&session("l", 2)));
        assert_eq!(kind(&read(key(&folder, "wrong", 2))), StoreFailureKind::Unreadable);
        assert_eq!(kind(&read(None)), StoreFailureKind::Locked);
        let reserve = sealed(&folder, None).perform(StoreOp::ReserveEmergency { bytes: 1 });
        assert_eq!(kind(&reserve), StoreFailureKind::Locked, "it is not destroyed");
        assert_eq!(read(right.clone()), holds(&session("l", 2)));

        // One that is torn counts as empty; one of a login that rests elsewhere may be from where there is no key.
        let own = folder.join("doorkey/profiles");
        let path = own.join(files(&own).iter().find(|name| name.ends_with(".emergency")).unwrap());
        let mut torn = fs::read(&path).unwrap();
        torn[200] ^= 1;
        fs::write(&path, torn).unwrap();
        assert_eq!(read(right.clone()), nothing());
        assert_eq!(
            sealed(&folder, None).perform(StoreOp::WriteEmergency(session("l", 3))),
            StoreAnswer::Done
        );
        assert_eq!(read(right), holds(&session("l", 3)));
    }

    #[test]
    fn a_plain_emergency_file_of_an_encrypted_login_is_not_believed() {
        let folder = Scratch::new("profile-enc-planted");
        let mut vault = sealed(&folder, key(&folder, "key", 1));
        assert_eq!(vault.perform(write(BACKEND, None, &session("l", 1))), StoreAnswer::Done);
        // Whoever can write there has no key.
        let mut planter = sealed(&folder, None);
        let plant = |vault: &mut Vault, record: Record| {
            assert_eq!(vault.perform(StoreOp::WriteEmergency(record)), StoreAnswer::Done);
        };
        plant(&mut planter, session("l", 2));
        assert!(is_in(&folder, "refresh-l2"), "it is plain");
        assert_eq!(vault.perform(StoreOp::ReadEmergency), nothing());
        // It makes way for one that is sealed.
        assert_eq!(vault.perform(StoreOp::ReserveEmergency { bytes: 1_000 }), StoreAnswer::Done);
        assert!(!is_in(&folder, "refresh-l2"));
        plant(&mut vault, session("l", 3));
        assert_eq!(vault.perform(StoreOp::ReadEmergency), holds(&session("l", 3)));
        assert!(!is_in(&folder, "refresh-l3"));
        // What belongs to a login that rests elsewhere stays.
        assert_eq!(vault.perform(StoreOp::RemoveEmergency), StoreAnswer::Done);
        plant(&mut planter, session("other", 2));
        assert_eq!(vault.perform(StoreOp::ReadEmergency), holds(&session("other", 2)));
        let reserve = vault.perform(StoreOp::ReserveEmergency { bytes: 1_000 });
        assert_eq!(kind(&reserve), StoreFailureKind::Refused);
    }

    #[test]
    fn a_key_that_cannot_be_had_is_told_before_a_token_is_spent() {
        let folder = Scratch::new("profile-enc-reserve");
        let missing = Some(EncryptionKey::KeyFile(folder.join("missing")));
        let mut vault = sealed(&folder, missing);
        let reserve = vault.perform(StoreOp::ReserveEmergency { bytes: 1 });
        assert_eq!(kind(&reserve), StoreFailureKind::Locked);
    }

    #[test]
    fn without_a_key_only_the_encrypted_file_is_locked() {
        let folder = Scratch::new("profile-enc-locked");
        let mut vault = sealed(&folder, None);
        assert_eq!(kind(&vault.perform(StoreOp::Probe(BACKEND))), StoreFailureKind::Locked);
        lives(vault, Backend::File);
    }
}
