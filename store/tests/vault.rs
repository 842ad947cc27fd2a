//! The vault: every operation, and the ledger behind it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;
mod session;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use doorkey_core::record::{Backend, Generation, Record, Slot, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailureKind, StoreOp, Unsettled};
use doorkey_store::{LedgerFile, LedgerStore as _, SessionConfig, Vault, VaultConfig};
use scratch::Scratch;
use session::{session, tombstone};

fn vault(folder: &Path) -> Vault {
    Vault::new(VaultConfig {
        ledger: folder.join("state.json"),
        credentials: folder.join("credentials"),
        locked: vec![folder.join("credentials"), folder.join("home/credentials")],
        locked_at_home: None,
        keychain: None,
    })
}

fn full() -> Ledger {
    let generation = Generation { login: "ab.c".into(), counter: 7 };
    Ledger {
        backend: Some(Backend::Keychain),
        active: Some("ärger".into()),
        unsettled: vec![
            Unsettled { backend: Backend::File, slot: Slot::Active, version: None },
            Unsettled {
                backend: Backend::Keychain,
                slot: Slot::Workspace(String::new()),
                version: Some(Version::Generation(generation)),
            },
            Unsettled {
                backend: Backend::Keychain,
                slot: Slot::Workspace("acme".into()),
                version: Some(Version::Fingerprint(Secret::from("pt_live_x").fingerprint())),
            },
        ],
        ..Ledger::default()
    }
}

fn kind(answer: &StoreAnswer) -> StoreFailureKind {
    match answer {
        StoreAnswer::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_operation_has_its_answer() {
    let folder = Scratch::new("vault-ops");
    let mut vault = vault(&folder);
    let backend = Backend::File;
    let slot = Slot::Workspace(String::new());
    let record = Record::bare(Secret::from("pt_live_x"));
    let version = record.version();
    let write = |expected| StoreOp::Write { backend, slot: slot.clone(), expected, record: record.clone() };
    let delete = || StoreOp::Delete { backend, slot: slot.clone(), expected: version.clone() };
    let held = StoreAnswer::Records(vec![(slot.clone(), record.clone())]);
    let lock = || StoreOp::Lock { wait: Duration::from_secs(10) };
    let rows = [
        (StoreOp::ReadLedger, StoreAnswer::Ledger(Ledger::default())),
        (StoreOp::Unlock, StoreAnswer::Done),
        (lock(), StoreAnswer::Done),
        (lock(), StoreAnswer::Done),
        (StoreOp::WriteLedger(full()), StoreAnswer::Done),
        (StoreOp::ReadLedger, StoreAnswer::Ledger(full())),
        (StoreOp::Probe(backend), StoreAnswer::Done),
        (StoreOp::Unseal { backend, wait: Duration::ZERO }, StoreAnswer::Done),
        (StoreOp::LoadAll(backend), StoreAnswer::Records(Vec::new())),
        (write(Some(version.clone())), StoreAnswer::Conflict),
        (write(None), StoreAnswer::Done),
        (StoreOp::Load { backend, slot: slot.clone() }, held.clone()),
        (StoreOp::Load { backend, slot: Slot::Active }, StoreAnswer::Records(Vec::new())),
        (StoreOp::LoadAll(backend), held),
        (delete(), StoreAnswer::Done),
        (delete(), StoreAnswer::Done),
        (StoreOp::Unlock, StoreAnswer::Done),
    ];
    for (number, (op, expected)) in rows.into_iter().enumerate() {
        let shown = format!("{number}: {op:?}");
        assert_eq!(vault.perform(op), expected, "{shown}");
    }
}

#[test]
fn every_operation_on_a_session_has_its_answer() {
    let folder = Scratch::new("vault-session");
    let mut vault = Vault::session(SessionConfig::in_folder(&folder));
    fs::write(folder.join("config.json"), r#"{"refreshToken":"refresh-l0","theme":1}"#).unwrap();
    fs::set_permissions(folder.join("config.json"), fs::Permissions::from_mode(0o600)).unwrap();
    let backend = Backend::File;
    let slot = || Slot::Active;
    let holds = |record: Record| StoreAnswer::Records(vec![(Slot::Active, record)]);
    let nothing = || StoreAnswer::Records(Vec::new());
    let old = Record::bare_refresh(session::refresh_token("l", 0));
    let (first, second, end) = (session("l", 1), session("l", 2), tombstone("l", 3));
    let write = |expected: Option<&Record>, record: &Record| StoreOp::Write {
        backend,
        slot: slot(),
        expected: expected.map(Record::version),
        record: record.clone(),
    };
    let ledger = Ledger { session: true, workspace_id: Some("ws_1".into()), ..full() };
    let rows = [
        (StoreOp::Lock { wait: Duration::from_secs(10) }, StoreAnswer::Done),
        (StoreOp::CheckLock, StoreAnswer::Done),
        (StoreOp::ReadLedger, StoreAnswer::Ledger(Ledger::default())),
        (StoreOp::ReadPlaintext, holds(old.clone())),
        (StoreOp::Probe(backend), StoreAnswer::Done),
        (write(None, &first), StoreAnswer::Done),
        (StoreOp::Load { backend, slot: slot() }, holds(first.clone())),
        (StoreOp::RemovePlaintext { expected: first.version() }, StoreAnswer::Conflict),
        (StoreOp::RemovePlaintext { expected: old.version() }, StoreAnswer::Done),
        (StoreOp::RemovePlaintext { expected: old.version() }, StoreAnswer::Done),
        (StoreOp::ReadPlaintext, nothing()),
        (StoreOp::WriteLedger(ledger.clone()), StoreAnswer::Done),
        (StoreOp::ReadLedger, StoreAnswer::Ledger(ledger)),
        (StoreOp::ReadEmergency, nothing()),
        (StoreOp::ReserveEmergency { bytes: 9_000 }, StoreAnswer::Done),
        (StoreOp::ReadEmergency, nothing()),
        (StoreOp::WriteEmergency(second.clone()), StoreAnswer::Done),
        (StoreOp::ReadEmergency, holds(second.clone())),
        (write(Some(&first), &second), StoreAnswer::Done),
        (StoreOp::RemoveEmergency, StoreAnswer::Done),
        (StoreOp::RemoveEmergency, StoreAnswer::Done),
        (StoreOp::ReadEmergency, nothing()),
        (write(Some(&first), &end), StoreAnswer::Conflict),
        (write(Some(&second), &end), StoreAnswer::Done),
        (StoreOp::LoadAll(backend), holds(end.clone())),
        (StoreOp::Delete { backend, slot: slot(), expected: end.version() }, StoreAnswer::Done),
        (StoreOp::LoadAll(backend), nothing()),
        (StoreOp::Unlock, StoreAnswer::Done),
    ];
    for (number, (op, expected)) in rows.into_iter().enumerate() {
        let shown = format!("{number}: {op:?}");
        assert_eq!(vault.perform(op), expected, "{shown}");
    }
    assert!(folder.join("auth.json.lock").exists(), "beside the session file");
    assert!(fs::read_to_string(folder.join("config.json")).unwrap().starts_with("{\n  \"theme\": 1,"));
}

#[test]
fn a_vault_of_tokens_has_nothing_of_a_session() {
    let folder = Scratch::new("vault-tokens");
    let mut vault = vault(&folder);
    let version = session("l", 1).version();
    let nothing = || StoreAnswer::Records(Vec::new());
    assert_eq!(vault.perform(StoreOp::CheckLock), StoreAnswer::Done);
    assert_eq!(vault.perform(StoreOp::ReadEmergency), nothing());
    assert_eq!(vault.perform(StoreOp::RemoveEmergency), StoreAnswer::Done);
    assert_eq!(vault.perform(StoreOp::ReadPlaintext), nothing());
    assert_eq!(vault.perform(StoreOp::RemovePlaintext { expected: version }), StoreAnswer::Done);
    for op in [StoreOp::ReserveEmergency { bytes: 1 }, StoreOp::WriteEmergency(session("l", 1))] {
        assert_eq!(kind(&vault.perform(op)), StoreFailureKind::Absent);
    }
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "nothing was touched");
}

#[test]
fn files_that_are_known_to_be_shared_are_told() {
    let folder = Scratch::new("vault-shared");
    let mut vault = Vault::session(SessionConfig { shared: true, ..SessionConfig::in_folder(&folder) });
    let StoreAnswer::Failed(failure) = vault.perform(StoreOp::CheckLock) else { panic!("it went through") };
    assert_eq!(failure.kind, StoreFailureKind::Shared);
    assert!(failure.detail.contains(folder.to_str().unwrap()), "{failure}");
    assert_eq!(failure.parts().1, Some("keep that folder on a local disk"));
}

#[test]
fn its_locks_keep_another_vault_out() {
    let folder = Scratch::new("vault-locks");
    let tokens = || vault(&folder);
    its_lock_keeps_out(tokens(), tokens());
    let session = || Vault::session(SessionConfig::in_folder(&folder));
    its_lock_keeps_out(session(), session());
}

fn its_lock_keeps_out(mut one: Vault, mut two: Vault) {
    assert_eq!(one.perform(StoreOp::Lock { wait: Duration::from_secs(10) }), StoreAnswer::Done);
    let busy = two.perform(StoreOp::Lock { wait: Duration::from_millis(20) });
    assert_eq!(kind(&busy), StoreFailureKind::Busy);
    assert_eq!(one.perform(StoreOp::Unlock), StoreAnswer::Done);
    assert_eq!(two.perform(StoreOp::Lock { wait: Duration::from_secs(10) }), StoreAnswer::Done);
}

#[test]
fn what_it_says_of_itself_is_what_it_locks() {
    let vault = Vault::session(SessionConfig::in_folder(Path::new("/home/me/.pensar")));
    assert_eq!(format!("{vault:?}"), r#"Vault { locked: ["/home/me/.pensar/auth.json"], .. }"#);
}

#[test]
fn without_a_keychain_its_operations_answer_absent() {
    let folder = Scratch::new("vault-absent");
    let mut vault = vault(&folder);
    let backend = Backend::Keychain;
    for op in [
        StoreOp::Probe(backend),
        StoreOp::Unseal { backend, wait: Duration::ZERO },
        StoreOp::Load { backend, slot: Slot::Active },
        StoreOp::LoadAll(backend),
    ] {
        assert_eq!(kind(&vault.perform(op)), StoreFailureKind::Absent);
    }
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "nothing was touched");
}

#[test]
fn a_ledger_has_this_form() {
    let folder = Scratch::new("vault-ledger");
    let path = folder.join("state.json");
    LedgerFile::new(path.clone()).write(&full()).unwrap();
    let expected = concat!(
        r#"{"v":1,"backend":"keychain","active":"ärger","unsettled":[{"backend":"file"},"#,
        r#"{"backend":"keychain","slug":"","version":"ab.c.7"},"#,
        r#"{"backend":"keychain","slug":"acme","version":"sha256:"#,
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_ledger_is_told_and_replaced_but_a_newer_one_is_kept() {
    let folder = Scratch::new("vault-damaged");
    let path = folder.join("state.json");
    let file = LedgerFile::new(path.clone());
    let put = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    for text in [
        "",
        "{",
        r#"{"v":0}"#,
        r#"{"v":1,"backend":"cloud"}"#,
        r#"{"v":1,"unsettled":[{"backend":"file","version":"x"}]}"#,
    ] {
        put(text);
        let told = file.read().unwrap_err();
        assert_eq!(told.kind, StoreFailureKind::Unreadable, "{text}");
        assert!(told.detail.contains("is damaged"), "{text}: {told:?}");
        let ledger = Ledger { session: true, ..full() };
        file.write(&ledger).unwrap();
        assert_eq!(file.read(), Ok(ledger));
    }
    put(r#"{"v":2,"backend":"cloud"}"#);
    let told = file.read().unwrap_err();
    assert_eq!(told.kind, StoreFailureKind::Unreadable);
    assert!(told.detail.contains("(form 2)"), "{told:?}");
    assert_eq!(file.write(&full()).unwrap_err().kind, StoreFailureKind::Unreadable);
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"v":2,"backend":"cloud"}"#);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(file.read().unwrap_err().kind, StoreFailureKind::Refused, "others may write to it");
}
