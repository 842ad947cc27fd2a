//! Whole logouts: what is forgotten, what stays, and what cannot be reached.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use doorkey_core::failure::Exit;
use doorkey_core::logout::{LoggedOut, Logout, LogoutOptions};
use doorkey_core::machine::Outcome;
use doorkey_core::record::Slot;
use doorkey_core::status::{Status, StatusOptions};
use doorkey_core::store::{Ledger, StoreFailureKind};
use doorkey_core::task::Task;
use world::{FILE, KEYCHAIN, World, envelope, record, server, slot, usage};

fn logout(world: &mut World, workspace: Option<&str>, revoke: bool) -> Outcome<LoggedOut> {
    let options = LogoutOptions { workspace: workspace.map(str::to_owned), revoke };
    world.run(&Task::Logout(options.clone()), Logout::new(options)).unwrap()
}

fn is_signed_in(world: &mut World) -> bool {
    let options = StatusOptions::default();
    world.run(&Task::Status(options.clone()), Status::new(options)).unwrap().unwrap().winner.is_ok()
}

fn two_workspaces() -> World {
    let mut world = World::new(|_| panic!("no request without --revoke"));
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    world.put(KEYCHAIN, "blue", "pt_live_b", true);
    world
}

#[test]
fn the_active_workspace_is_forgotten_the_others_stay() {
    let mut world = two_workspaces();
    let logged_out = logout(&mut world, None, false).unwrap();
    assert!(logged_out.was_signed_in && !logged_out.revoked);
    assert_eq!(logged_out.workspace.unwrap().slug, "blue");
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), None);
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), None);
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_a"));
    assert!(!is_signed_in(&mut world));
    assert_eq!(logged_out.others, ["acme".to_owned()].into());
    // Again: nothing left to do, and no error.
    let again = logout(&mut world, None, false).unwrap();
    assert!(!again.was_signed_in);
    assert_eq!(again.others, ["acme".to_owned()].into());
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_a"));
}

#[test]
fn a_named_workspace_is_forgotten_and_the_active_one_stays() {
    let mut world = two_workspaces();
    assert_eq!(logout(&mut world, Some("ACME"), false).unwrap().workspace.unwrap().slug, "acme");
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), None);
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_b"));
    assert_eq!(world.ledger.active.as_deref(), Some("blue"));
    assert!(is_signed_in(&mut world));
}

#[test]
fn both_backends_are_emptied() {
    let mut world = two_workspaces();
    world.stores.get_mut(&FILE).unwrap().insert(slot("blue"), record("blue", "pt_live_old"));
    logout(&mut world, None, false).unwrap();
    assert_eq!(world.stores[&FILE].len(), 0);
}

#[test]
fn a_keychain_that_never_was_is_no_trouble() {
    let mut world = World::new(|_| panic!("no request"));
    world.broken.insert(KEYCHAIN, StoreFailureKind::Absent);
    world.put(FILE, "acme", "pt_live_a", true);
    assert!(logout(&mut world, None, false).unwrap().was_signed_in);
    assert!(world.notices.is_empty());
    assert_eq!(world.stores[&FILE].len(), 0);
}

#[test]
fn what_cannot_be_reached_is_not_believed_later() {
    let mut world = two_workspaces();
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    let failure = logout(&mut world, None, false).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "store_locked"));
    assert!(failure.message.contains("is no longer used"), "{}", failure.message);
    world.broken.clear();
    assert!(!is_signed_in(&mut world), "signed out, though the entry is still there");
    // The next logout removes it.
    logout(&mut world, None, false).unwrap();
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), None);
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_a"));
}

#[test]
fn what_can_neither_be_removed_nor_marked_is_not_said_to_be_forgotten() {
    let mut world = two_workspaces();
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    world.ledger_full = true;
    let failure = logout(&mut world, None, false).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "store_locked"));
    assert!(failure.message.starts_with("you may still be signed in"), "{}", failure.message);
    assert!(world.notices.is_empty(), "{:?}", world.notices);
    world.broken.clear();
    assert!(is_signed_in(&mut world));
    // Where nothing is remembered, as of a token that another program stored.
    let mut world = World::new(|_| panic!("no request"));
    world.put(FILE, "acme", "pt_live_a", true);
    world.ledger = Ledger::default();
    // The lock, the ledger, both stores: the fifth is the first that changes anything.
    world.meddling = Some((5, |world| {
        world.broken.insert(FILE, StoreFailureKind::Refused);
    }));
    world.ledger_full = true;
    let failure = logout(&mut world, None, false).unwrap_err();
    assert!(failure.message.starts_with("you may still be signed in"), "{}", failure.message);
    world.broken.clear();
    assert!(is_signed_in(&mut world));
}

#[test]
fn a_key_that_could_not_be_revoked_is_told_whatever_else_fails() {
    let mut world = two_workspaces();
    world.server = Box::new(|_| Ok(envelope(500, "server_error")));
    world.meddling = Some((4, |world| {
        world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    }));
    let failure = logout(&mut world, None, true).unwrap_err();
    assert_eq!(&*failure.code, "store_locked");
    assert!(failure.message.contains("; and the key could not be revoked: "), "{}", failure.message);
}

#[test]
fn a_named_workspace_that_cannot_be_reached_takes_no_other_with_it() {
    let mut world = two_workspaces();
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    for name in ["acme", "nowhere"] {
        assert_eq!(logout(&mut world, Some(name), false).unwrap_err().code, "store_locked");
    }
    world.broken.clear();
    assert!(is_signed_in(&mut world), "to the active workspace, of which nobody spoke");
    assert_eq!(world.ledger.active.as_deref(), Some("blue"));
    // What was spoken of is gone for good.
    assert!(!logout(&mut world, Some("acme"), false).unwrap().was_signed_in);
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), None);
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_b"));
}

#[test]
fn once_everything_was_reached_nothing_is_held_against_it() {
    let mut world = two_workspaces();
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    logout(&mut world, None, false).unwrap_err();
    world.broken.clear();
    logout(&mut world, None, false).unwrap();
    assert_eq!(world.ledger.unsettled, []);
    // What another tool stores now is used.
    let mut bare = record("acme", "pt_live_a");
    (bare.generation, bare.issuer, bare.workspace) = (None, None, None);
    world.stores.get_mut(&KEYCHAIN).unwrap().insert(Slot::Active, bare);
    assert!(is_signed_in(&mut world));
}

#[test]
fn revoking_asks_the_server_first() {
    let mut world = two_workspaces();
    world.server = Box::new(|_| Ok(usage("blue")));
    assert!(logout(&mut world, None, true).unwrap().revoked);
    let (_, request) = world.sent.first().unwrap();
    assert_eq!((request.method.as_str(), request.url.path()), ("DELETE", "/v1/keys/current"));
    assert_eq!(request.header_value("authorization"), Some("Bearer pt_live_b"));
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), None);
}

#[test]
fn a_key_that_cannot_be_revoked_is_forgotten_all_the_same() {
    let mut world = two_workspaces();
    world.server = Box::new(|_| Ok(envelope(500, "server_error")));
    let logged_out = logout(&mut world, None, true).unwrap();
    assert!(logged_out.was_signed_in && !logged_out.revoked);
    assert_eq!(logged_out.not_revoked.unwrap().exit, Exit::Server);
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), None);
    // Dead already: that is as good as revoked, and nothing to tell.
    let mut world = two_workspaces();
    world.server = Box::new(server("blue", "", &[]));
    assert!(logout(&mut world, None, true).unwrap().revoked);
    assert!(world.notices.is_empty());
    // Another issuer's key is not revoked there, and that is said.
    let mut world = two_workspaces();
    world.service = world::elsewhere();
    let logged_out = logout(&mut world, None, true).unwrap();
    assert!(!logged_out.revoked && logged_out.not_revoked.is_some());
}

#[test]
fn a_login_that_came_in_between_stays() {
    let mut world = two_workspaces();
    logout(&mut world, None, false).unwrap();
    let first_delete =
        world.ops.iter().position(|op| matches!(op, doorkey_core::store::StoreOp::Delete { .. })).unwrap();
    let mut world = two_workspaces();
    world.meddling = Some((first_delete + 1, |world| {
        let newer = record("blue", "pt_live_new");
        let slots = world.stores.get_mut(&KEYCHAIN).unwrap();
        slots.insert(slot("blue"), newer.clone());
        slots.insert(Slot::Active, newer);
    }));
    logout(&mut world, None, false).unwrap();
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_new"));
}
