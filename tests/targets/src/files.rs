//! The files of the stores, with anything in them.

use doorkey_core::pending_grant::PendingGrant;
use doorkey_core::record::{Backend, Generation, Record, Slot, Workspace};
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailure, Unsettled};
use doorkey_core::text::is_treacherous;
use doorkey_store::{
    AuthFile, CredentialStore, EmergencyFile, FileStore, LedgerFile, LedgerStore, PendingFile, ProfileFile,
    SettingsFile, Swap,
};
use serde_json::{Map, Value};

use crate::record::check;
use crate::scratch;

/// `credentials`: of workspaces, or of profiles.
pub fn credentials(bytes: &[u8]) {
    let path = scratch::file("credentials", bytes);
    store_holds(&FileStore::new(path.clone()), &[Slot::Active, Slot::Workspace("acme".into())]);
    scratch::fill(&path, bytes);
    store_holds(&ProfileFile::new(path, "work".into()), &[Slot::Active]);
}

/// `auth.json`.
pub fn session(bytes: &[u8]) {
    let path = scratch::file("auth.json", bytes);
    let others = others(bytes, &["v"]);
    let store = AuthFile::new(path.clone());
    store_holds(&store, &[Slot::Active]);
    // Whatever it was, what is not ours is still in it.
    let after = std::fs::read(&path).unwrap_or_default();
    for (key, value) in others {
        if !RECORD_KEYS.contains(&key.as_str()) {
            let kept = serde_json::from_slice::<Value>(&after).ok().and_then(|now| now.get(&key).cloned());
            assert_eq!(kept, Some(value), "{key}");
        }
    }
}

/// The keys of a record: another program's values under them are replaced.
const RECORD_KEYS: [&str; 18] = [
    "v",
    "gen",
    "origin",
    "workspace",
    "ended",
    "token",
    "refreshToken",
    "fingerprint",
    "accessToken",
    "received",
    "lifetimeMs",
    "clientId",
    "machine",
    "spending",
    "refused",
    "spent",
    "signingKey",
    "gatewayUrl",
];

/// Reads all there is; writes on top of what can be read, reads it back, and deletes it again.
fn store_holds(store: &dyn CredentialStore, slots: &[Slot]) {
    match store.load_all() {
        Ok(all) => all.iter().for_each(|(_, record)| check(record)),
        Err(failure) => shown(&failure),
    }
    for slot in slots {
        let held = match store.load(slot) {
            Ok(held) => held,
            Err(failure) => {
                shown(&failure);
                // What cannot be read is not overwritten.
                assert!(store.write(slot, None, &ours(6)).is_err());
                continue;
            }
        };
        held.iter().for_each(check);
        let version = held.as_ref().map(Record::version);
        let [stale, next, other] = [7, 8, 9].map(ours);
        if [&stale, &next].iter().any(|known| version == Some(known.version())) {
            continue;
        }
        assert_eq!(store.write(slot, Some(&stale.version()), &next), Ok(Swap::Conflict));
        assert_eq!(store.write(slot, version.as_ref(), &next), Ok(Swap::Done));
        assert_eq!(store.load(slot), Ok(Some(next.clone())));
        assert_eq!(store.write(slot, version.as_ref(), &other), Ok(Swap::Conflict));
        assert_eq!(store.delete(slot, &stale.version()), Ok(Swap::Conflict));
        // That is a pointer at what another slot holds.
        if slots.len() == 1 || *slot != Slot::Active {
            assert_eq!(store.delete(slot, &next.version()), Ok(Swap::Done));
            assert_eq!(store.load(slot), Ok(None));
        }
    }
}

fn ours(counter: u64) -> Record {
    let workspace = Workspace { id: None, name: None, slug: "acme".into() };
    Record {
        generation: Some(Generation { login: "0123456789abcdef".into(), counter }),
        ..Record::new("https://api.example.com", Some(workspace), Secret::from("token-of-ours"))
    }
}

/// `state.json`.
pub fn ledger(bytes: &[u8]) {
    let path = scratch::file("state.json", bytes);
    let file = LedgerFile::new(path);
    ledger_holds(&file);
}

/// `config.json`, which other programs share.
pub fn settings(bytes: &[u8]) {
    let path = scratch::file("config.json", bytes);
    let file = SettingsFile::new(path.clone());
    let readable = file.read().is_ok();
    let others = others(bytes, &[]);
    ledger_holds(&file);
    if readable {
        // A session, a key beside it, and a key for signatures: no more.
        for _ in 0..4 {
            let Ok(Some(found)) = file.read_plaintext() else { break };
            check(&found);
            assert_eq!(file.remove_plaintext(&found.version()), Ok(Swap::Done));
            let next = file.read_plaintext();
            assert_ne!(next, Ok(Some(found)), "what was removed is gone");
        }
        assert_eq!(file.read_plaintext(), Ok(None), "whoever removes all comes to an end");
    }
    let after: Value = serde_json::from_slice(&std::fs::read(&path).unwrap_or_default()).unwrap_or_default();
    for (key, value) in others {
        if !SETTINGS_KEYS.contains(&key.as_str()) {
            assert_eq!(after.get(&key), Some(&value), "{key}");
        }
    }
}

/// What is ours in the settings, or was moved out of them.
const SETTINGS_KEYS: [&str; 11] = [
    "workspaceId",
    "workspaceSlug",
    "gatewayUrl",
    "workosSession",
    "credentialBackend",
    "doorkeyUnsettled",
    "refreshToken",
    "accessToken",
    "pensarAPIKey",
    "gatewaySigningKey",
    "signingKey",
];

fn ledger_holds(file: &dyn LedgerStore) {
    match file.read() {
        Ok(ledger) => {
            assert_eq!(file.write(&ledger), Ok(()));
            assert_eq!(file.read(), Ok(ledger), "written as it was read");
        }
        Err(failure) => shown(&failure),
    }
    let unsettled = Unsettled {
        backend: Backend::Keychain,
        slot: Slot::Workspace("\u{1b}\"é".into()),
        version: Some(ours(3).version()),
    };
    let full = Ledger {
        backend: Some(Backend::EncryptedFile),
        active: Some("acme".into()),
        workspace_id: Some("w".into()),
        gateway_url: Some("https://gateway.example.com".into()),
        session: true,
        unsettled: vec![unsettled],
    };
    match file.write(&full) {
        Ok(()) => assert_eq!(file.read(), Ok(full)),
        Err(failure) => shown(&failure),
    }
}

/// The emergency file: what it gives is a record, it is never overwritten by making room, and what is written is read.
pub fn emergency(bytes: &[u8]) {
    let path = scratch::file("session.emergency", bytes);
    let file = EmergencyFile::new(path);
    match file.read() {
        Ok(Some(record)) => {
            check(&record);
            assert!(file.reserve(1000).is_err());
            assert_eq!(file.read(), Ok(Some(record)));
        }
        Ok(None) => {
            assert_eq!(file.reserve(1000), Ok(()));
            assert_eq!(file.read(), Ok(None));
        }
        Err(failure) => {
            shown(&failure);
            assert!(file.reserve(1000).is_err());
        }
    }
    assert_eq!(file.write(&ours(4)), Ok(()));
    assert_eq!(file.read(), Ok(Some(ours(4))));
}

/// A login that another process began.
pub fn pending(bytes: &[u8]) {
    let path = scratch::file("00ff", bytes);
    let folder = path.parent().expect("a folder");
    let file = PendingFile::new(folder, "00ff").expect("a handle");
    match file.read() {
        Ok(text) => {
            let text = text.expect("it is there");
            assert_eq!(text.expose_secret().as_bytes(), bytes);
            let grant =
                text.expose_secret().split_once('\n').map_or(text.expose_secret(), |(first, _)| first);
            if let Some(grant) = PendingGrant::decode(&Secret::from(grant)) {
                assert_eq!(PendingGrant::decode(&grant.encode()), Some(grant));
            }
            let claim = file.claim().expect("nobody else has it").expect("it is there");
            assert_eq!(claim.text, text);
            assert!(file.claim().is_err(), "it is taken");
            assert_eq!(claim.remove(), Ok(()));
            assert_eq!(file.read(), Ok(None));
        }
        Err(failure) => {
            shown(&failure);
            assert!(file.claim().is_err());
        }
    }
    if let Ok(handle) = str::from_utf8(bytes)
        && PendingFile::new(folder, handle).is_some()
    {
        assert!(handle.bytes().all(|b| b.is_ascii_hexdigit()) && (1..=64).contains(&handle.len()));
    }
}

/// A failure can be shown.
fn shown(failure: &StoreFailure) {
    assert!(!failure.detail.is_empty() && !failure.detail.chars().any(is_treacherous), "{failure:?}");
}

/// The fields of an object, but for these.
fn others(bytes: &[u8], ours: &[&str]) -> Map<String, Value> {
    let mut fields = match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    for key in ours {
        fields.remove(*key);
    }
    fields
}
