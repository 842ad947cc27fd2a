//! Every store that needs no service around it, put through the kit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::record::Backend;
use doorkey_store::conformance::Kit;
use doorkey_store::{AuthFile, FileStore, LimitedStore, MemoryStore};
use scratch::Scratch;

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
