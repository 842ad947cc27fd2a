//! Plain text that an older program left is moved once, whoever is killed meanwhile.

use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreFailureKind, Unsettled};

use crate::world::{LIFETIME, World, good, grace};

/// A computer where only the settings of an older program hold a session.
fn older(grace_seconds: u64) -> World {
    let mut world = World::new(grace(grace_seconds), Backend::File);
    let record = world.disk.records.remove(&Backend::File).unwrap();
    world.disk.plaintext = Some(Record::bare_refresh(record.token));
    world.disk.ledger = Ledger::default();
    world
}

#[test]
fn it_is_moved_to_the_best_backend_and_then_rotates_as_any_other() {
    let mut world = older(0);
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.disk.plaintext, None);
    assert_eq!(world.disk.ledger.backend, Some(Backend::Keychain));
    assert!(world.disk.ledger.session);
    assert!(world.notices.contains(&Notice::Moved { to: Backend::Keychain }));
    assert_eq!(world.refreshes, 1);
    world.sleep(LIFETIME);
    good(world.token());
    assert!(world.issuer.grade().is_clean());
}

#[test]
fn without_a_keychain_it_goes_into_the_file() {
    let mut world = older(0);
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.disk.plaintext, None);
    assert_eq!(world.disk.ledger.backend, Some(Backend::File));
}

#[test]
fn where_a_logout_could_not_clean_up_it_counts_all_the_same() {
    let mut world = older(0);
    world.disk.ledger.unsettled =
        vec![Unsettled { backend: Backend::Keychain, slot: Slot::Active, version: None }];
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.disk.ledger.unsettled, []);
}

#[test]
fn with_no_place_for_it_it_stays_where_it_is() {
    let mut world = older(0);
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
    world.disk.unwritable.insert(Backend::File, (0, StoreFailureKind::Refused));
    assert_eq!(world.token().unwrap_err().code, "store_refused");
    assert!(world.disk.plaintext.is_some());
    assert_eq!(world.refreshes, 0);
}

#[test]
fn killed_anywhere_it_is_neither_lost_nor_moved_twice() {
    for killed_after in 0..50 {
        let mut world = older(20);
        let pid = world.start();
        world.run_for(pid, killed_after);
        world.kill(pid);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "killed after {killed_after}");
        assert_eq!(world.disk.records.len(), 1, "killed after {killed_after}");
        world.sleep(LIFETIME);
        good(world.token());
        // Whoever asks for the status clears away what was moved, but not removed.
        let status = world.status();
        world.finish(status).unwrap();
        assert_eq!(world.disk.plaintext, None, "killed after {killed_after}");
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "killed after {killed_after}");
    }
}

#[test]
fn two_processes_move_it_once() {
    for head_start in 0..40 {
        let mut world = older(0);
        let (first, second) = (world.start(), world.start());
        world.run_for(first, head_start);
        for _ in 0..400 {
            world.act(second);
            world.act(first);
        }
        let (first, second) = (good(world.finish(first)), good(world.finish(second)));
        assert_eq!(first.token(), second.token(), "head start {head_start}");
        assert_eq!(world.refreshes, 1, "head start {head_start}");
        assert!(world.issuer.grade().is_clean(), "head start {head_start}");
    }
}

#[test]
fn another_login_is_not_overwritten_by_what_is_older() {
    let mut world = World::new(grace(0), Backend::File);
    let stored = world.record().clone();
    world.disk.plaintext = Some(Record::bare_refresh("of-somebody-else".into()));
    let status = world.status();
    world.finish(status).unwrap();
    good(world.token());
    assert_eq!(*world.record(), stored);
    assert!(world.disk.plaintext.is_some(), "it is nothing of ours to remove");
}
