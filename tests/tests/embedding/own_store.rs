//! A store of the embedder's own.

use std::sync::Arc;
use std::time::Duration;

use doorkey_async::{Client, Clock as _, Driver};
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::record::{Backend, Slot};
use doorkey_store::conformance::Kit;
use doorkey_store::{CredentialStore, MemoryStore, SessionConfig, Vault};
use doorkey_tests::grant;
use doorkey_tests::scratch::Scratch;
use futures_lite::future::block_on;

use doorkey_tests::seat::{Seat, transport};

#[test]
fn a_session_rotates_in_a_store_of_ones_own() {
    let store = MemoryStore::new(Backend::File);
    Kit::new(|| Box::new(store.clone())).check_session().unwrap();
    let seat = Seat::new("own-store-issuer", Duration::ZERO);
    let folder = Arc::new(Scratch::new("own-store"));
    let (held, below) = (store.clone(), Arc::clone(&folder));
    let vaults = move || Vault::session(SessionConfig::in_folder(&below)).with_store(Box::new(held.clone()));
    let driver = Driver::new(transport(), vaults).with_clock(seat.clock.clone());
    let keep = Keep::new(grant::record(&seat.service, seat.clock.now()), seat.service.backends);
    block_on(driver.run(Machine::new(Arc::clone(&seat.service), keep))).unwrap();
    let client = Client::new(driver, Arc::clone(&seat.service));
    let before = block_on(client.token()).unwrap();
    seat.put_forward();
    let after = block_on(client.token()).unwrap();
    assert_ne!(before, after);
    let held = store.load(&Slot::Active).unwrap().unwrap();
    assert_eq!(doorkey_core::bearer::bearer_of(&held), Some(&after));
    assert!(!folder.join("auth.json").exists(), "nothing of it lies in a file");
}
