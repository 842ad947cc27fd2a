//! Every store that needs no service around it, put through the kit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;
mod session;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::record::{Backend, Slot};
use doorkey_store::conformance::Kit;
use doorkey_store::{AuthFile, CredentialStore, FileStore, LimitedStore, MemoryStore, ProfileFile, Swap};
use scratch::Scratch;
use session::{session, tombstone};

#[test]
fn memory() {
    let store = MemoryStore::new(Backend::Keychain);
    Kit::new(|| Box::new(store.clone())).check().unwrap();
}

#[test]
fn file() {
    let folder = Scratch::new("conformance-file");
    Kit::new(|| Box::new(FileStore::new(folder.join("deep/er/credentials")))).check().unwrap();
}

#[test]
fn limited() {
    let store = MemoryStore::new(Backend::Keychain);
    let open = || LimitedStore::new(Arc::new(store.clone()), Duration::from_secs(10));
    Kit::new(|| Box::new(open())).check().unwrap();
}

#[test]
fn sessions_in_memory_and_among_tokens() {
    let memory = MemoryStore::new(Backend::Keychain);
    Kit::new(|| Box::new(memory.clone())).check_session().unwrap();
    let folder = Scratch::new("conformance-session-file");
    Kit::new(|| Box::new(FileStore::new(folder.join("credentials")))).check_session().unwrap();
}

#[test]
fn auth_file() {
    let folder = Scratch::new("conformance-auth");
    let path = folder.join("deep/er/auth.json");
    let kit = Kit::new(|| Box::new(AuthFile::new(path.clone())));
    kit.check_session().unwrap();
    kit.check_beside_others(|token| {
        let text = fs::read_to_string(&path).unwrap_or_else(|_| "{}".into());
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        match token {
            Some(token) => drop(object.insert("refreshToken".into(), token.into())),
            None => drop(object.remove("refreshToken")),
        }
        fs::write(&path, serde_json::to_string(&object).unwrap()).unwrap();
    })
    .unwrap();
}

#[test]
fn profile_file() {
    let folder = Scratch::new("conformance-profile");
    let path = folder.join("deep/er/credentials");
    beside_others(|profile| ProfileFile::new(path.clone(), profile.into()));
}

#[cfg(feature = "encrypted")]
#[test]
fn encrypted_profile_file() {
    use std::os::unix::fs::PermissionsExt as _;

    use doorkey_store::EncryptionKey;

    let folder = Scratch::new("conformance-encrypted");
    let (path, key) = (folder.join("deep/er/credentials.enc"), folder.join("key"));
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let key = EncryptionKey::KeyFile(key);
    beside_others(|profile| ProfileFile::encrypted(path.clone(), profile.into(), Some(key.clone())));
}

/// A profile's store keeps the rules, and other profiles what is theirs.
fn beside_others(open: impl Fn(&str) -> ProfileFile + Sync) {
    let others = [(open("live"), session("l", 1)), (open("ended"), tombstone("e", 2))];
    for (other, record) in &others {
        assert_eq!(other.write(&Slot::Active, None, record), Ok(Swap::Done));
    }
    Kit::new(|| Box::new(open("https://issuer.example"))).check_session().unwrap();
    for (other, record) in others {
        assert_eq!(other.load(&Slot::Active), Ok(Some(record)));
    }
}
