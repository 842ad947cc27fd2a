//! Every store that needs no service around it, put through the kit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::record::Backend;
use doorkey_store::conformance::Kit;
use doorkey_store::{FileStore, LimitedStore, MemoryStore};
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
