//! Login, logout and credits of a session, from nothing to connected and back, killed anywhere.

use std::time::Duration;

use doorkey_core::billing::Advice;
use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::credits::{Credits, CreditsReport};
use doorkey_core::disconnect::{Disconnect, Disconnected, Place};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::keep::Kept;
use doorkey_core::money::Money;
use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Record};
use doorkey_core::store::StoreFailureKind;
use doorkey_core::task::Task;
use doorkey_sandbox::pensar::{Outcome, account};

use crate::world::{LIFETIME, World, good, grace, nobody};

fn options() -> ConnectOptions {
    ConnectOptions { workspace: None, force: false, open_browser: true }
}

/// A login as somebody; what it ended with, its output aside.
fn connect(world: &mut World, email: &'static str, options: ConnectOptions) -> Result<Connected, Failure> {
    world.person.email = email;
    let pid = world.start_with(Task::Connect(options.clone()), Connect::new(options), nobody);
    world.finish_as(pid)
}

fn credits(world: &mut World) -> Result<CreditsReport, Failure> {
    let pid = world.start_with(Task::Credits, Credits::default(), nobody);
    world.finish_as(pid)
}

fn disconnect(world: &mut World) -> Result<Disconnected, Failure> {
    let pid = world.start_with(Task::Disconnect, Disconnect::default(), nobody);
    world.finish_as(pid)
}

fn slug(connected: &Connected) -> Option<&str> {
    connected.kept.record.slug()
}

#[test]
fn from_nothing_to_connected_and_every_kind_of_billing() {
    let units = Money::from_units;
    for (email, workspace, balance, advice) in [
        (account::SOLO, "acme", units(420_000), "none"),
        (account::LOW, "frugal", units(4_000), "top up"),
        (account::UNPAID, "fresh-start", units(0), "set up"),
        (account::OFF, "quiet", units(250_000), "switch on"),
    ] {
        let mut world = World::signed_out(grace(20));
        let connected = connect(&mut world, email, options()).unwrap();
        assert_eq!(slug(&connected), Some(workspace));
        let billing = connected.billing.unwrap();
        assert_eq!(billing.balance, Some(balance), "{email}");
        let told = match billing.advice {
            Advice::None => "none",
            Advice::TopUp { .. } => "top up",
            Advice::SetUp { .. } => "set up",
            Advice::SwitchOn { .. } => "switch on",
        };
        assert_eq!(told, advice, "{email}");
        assert_eq!(world.pages, ["/device"]);
        assert_eq!(connected.kept.backend, Backend::Keychain);
        assert_eq!(*world.record(), connected.kept.record);
        assert!(connected.kept.record.gateway.signing_key.is_some(), "{email}");
        assert_eq!(world.disk.ledger.active.as_deref(), Some(workspace));
        assert_eq!(credits(&mut world).unwrap().billing.balance, Some(balance), "{email}");
        assert!(world.issuer.grade().is_clean(), "{email}");
    }
}

#[test]
fn three_workspaces_chosen_here_in_the_browser_and_by_name() {
    let mut here = World::signed_out(grace(20));
    here.descriptor.person_present = true;
    here.person.chooses = 1;
    assert_eq!(slug(&connect(&mut here, account::MULTI, options()).unwrap()), Some("blue-team"));
    assert_eq!(here.pages, ["/device"]);

    let mut browser = World::signed_out(grace(20));
    browser.person.chooses = 2;
    assert_eq!(slug(&connect(&mut browser, account::MULTI, options()).unwrap()), Some("client-labs"));
    assert_eq!(browser.pages, ["/device", "/select-workspace"]);

    let mut named = World::signed_out(grace(20));
    let by_name = |name: &str| ConnectOptions { workspace: Some(name.into()), ..options() };
    assert_eq!(slug(&connect(&mut named, account::MULTI, by_name("blue-team")).unwrap()), Some("blue-team"));
    // Another one later: no need to sign in again.
    named.pages.clear();
    assert_eq!(slug(&connect(&mut named, account::MULTI, by_name("acme")).unwrap()), Some("acme"));
    assert_eq!(named.pages, [""; 0]);
    let failure = connect(&mut named, account::MULTI, by_name("nowhere")).unwrap_err();
    assert_eq!(failure.code, "unknown_workspace");
    assert!(failure.message.contains("acme, blue-team, client-labs"));
    assert_eq!(named.record().slug(), Some("acme"), "what was is kept");
}

#[test]
fn choosing_none_is_told_and_can_be_made_up_for() {
    let mut world = World::signed_out(grace(20));
    world.descriptor.person_present = true;
    world.person.chooses = 2;
    let connected = connect(&mut world, account::MULTI, options());
    assert_eq!(slug(&connected.unwrap()), Some("client-labs"));
    let mut world = World::signed_out(grace(20));
    world.descriptor.person_present = true;
    world.person.email = account::MULTI;
    world.declines = true;
    let failure = connect(&mut world, account::MULTI, options()).unwrap_err();
    assert_eq!(failure.code, "no_workspace_chosen");
    // The session is there: the next login asks for the workspace only.
    world.declines = false;
    world.pages.clear();
    let connected = connect(&mut world, account::MULTI, options()).unwrap();
    assert!(world.pages.is_empty());
    assert!(slug(&connected).is_some());
}

#[test]
fn without_a_workspace_one_is_created_meanwhile() {
    let mut world = World::signed_out(grace(20));
    let connected = connect(&mut world, account::NEW, options()).unwrap();
    assert!(slug(&connected).is_some());
    assert_eq!(world.pages, ["/device", "/create-workspace"]);
    // And if nobody does: five minutes.
    let mut world = World::signed_out(grace(20));
    world.person.email = account::NEW;
    world.person.creates = false;
    let before = world.millis;
    let failure = connect(&mut world, account::NEW, options()).unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::TimedOut, "no_workspace"));
    assert!((300_000..=312_000).contains(&(world.millis - before)), "{}", world.millis - before);
}

#[test]
fn refused_in_the_browser() {
    let mut world = World::signed_out(grace(20));
    world.person.denies = true;
    let failure = connect(&mut world, account::SOLO, options()).unwrap_err();
    assert_eq!(failure.exit, Exit::Denied);
    assert!(world.disk.records.is_empty());
}

#[test]
fn an_older_deployment_gives_a_key_that_does_not_rotate() {
    let mut world = World::signed_out(doorkey_sandbox::pensar::Settings { legacy: true, ..grace(20) });
    let connected = connect(&mut world, account::SOLO, options()).unwrap();
    assert!(world.notices.contains(&Notice::LegacyService));
    assert_eq!(connected.kept.record.rotation, None);
    assert_eq!(slug(&connected), Some("acme"));
    world.sleep(LIFETIME * 100);
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.refreshes, 0);
    // The workspace is found out if it is not stored.
    let backend = connected.kept.backend;
    world.disk.records.get_mut(&backend).unwrap().workspace = None;
    let status = world.status();
    world.finish(status).unwrap();
    assert_eq!(world.record().slug(), Some("acme"));
    assert!(disconnect(&mut world).unwrap().was_connected);
    assert_eq!(world.token().unwrap_err().code, "not_signed_in");
}

#[test]
fn connected_already_it_is_not_done_again_unless_asked_for() {
    let mut world = World::signed_out(grace(20));
    let first = connect(&mut world, account::SOLO, options()).unwrap();
    world.pages.clear();
    let again = connect(&mut world, account::SOLO, options()).unwrap();
    assert!(again.already && world.pages.is_empty());
    world.descriptor.person_present = true;
    world.person.says_yes = false;
    assert!(connect(&mut world, account::SOLO, options()).unwrap().already);
    world.person.says_yes = true;
    let other = connect(&mut world, account::LOW, options()).unwrap();
    assert_eq!(slug(&other), Some("frugal"));
    let forced = ConnectOptions { force: true, ..options() };
    let third = connect(&mut world, account::SOLO, forced).unwrap();
    let login = |kept: &Kept| kept.record.generation.clone().unwrap().login;
    assert_ne!(login(&third.kept), login(&first.kept), "a generation is never used again");
}

#[test]
fn a_session_that_another_program_stored_gets_its_workspace() {
    let mut world = World::new(grace(20), Backend::File);
    let theirs = Record::bare_refresh(world.record().token.clone());
    world.disk.records.insert(Backend::File, theirs);
    let connected = connect(&mut world, account::SOLO, options()).unwrap();
    assert_eq!((slug(&connected), world.pages.len()), (Some("acme"), 0), "no need to sign in again");
    assert_eq!(*world.record(), connected.kept.record);
}

#[test]
fn what_cannot_stand_in_a_header_is_no_id_of_a_workspace() {
    for id in ["w\u{e9}", "w\n", "w 1", ""] {
        let mut world = World::new(grace(20), Backend::File);
        let theirs = Record::bare_refresh(world.record().token.clone());
        world.disk.records.insert(Backend::File, theirs);
        world.disk.ledger.workspace_id = Some(id.into());
        // The gateway wants to be told of one, and says so.
        assert!(credits(&mut world).unwrap_err().message.contains("HTTP 400"), "{id:?}");
        assert_eq!(world.record().workspace.as_ref().unwrap().id, None, "{id:?}");
    }
}

#[test]
fn killed_anywhere_a_login_can_be_repeated() {
    for killed_after in 0..200 {
        let mut world = World::signed_out(grace(20));
        let pid = world.start_with(Task::Connect(options()), Connect::new(options()), nobody);
        world.run_for(pid, killed_after);
        let done = world.has_ended(pid);
        world.kill(pid);
        let connected = connect(&mut world, account::SOLO, options()).unwrap();
        assert_eq!(slug(&connected), Some("acme"), "killed after {killed_after}");
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "killed after {killed_after}");
        assert_eq!(world.disk.records.len(), 1, "killed after {killed_after}");
        if done {
            assert!(connected.already);
            return;
        }
    }
    panic!("a login has fewer actions");
}

#[test]
fn killed_anywhere_a_logout_can_be_repeated_and_then_nothing_is_left() {
    for killed_after in 0..60 {
        let mut world = World::new(grace(20), Backend::Keychain);
        // A piece in every place.
        let stale = world.sign_in(5);
        world.disk.records.insert(Backend::File, stale);
        world.disk.plaintext = Some(Record::bare_refresh("old".into()));
        world.disk.behind_plaintext = Some(Record::bare("old-key".into()));
        let pid = world.start_with(Task::Disconnect, Disconnect::default(), nobody);
        world.run_for(pid, killed_after);
        let done = world.has_ended(pid);
        world.kill(pid);
        disconnect(&mut world).unwrap();
        assert!(world.disk.records.values().all(Record::is_tombstone), "{killed_after}");
        assert_eq!((&world.disk.plaintext, &world.disk.emergency), (&None, &None), "{killed_after}");
        assert!(!world.disk.ledger.session);
        assert_eq!(world.token().unwrap_err().code, "not_signed_in");
        if done {
            return;
        }
    }
    panic!("a logout has fewer actions");
}

#[test]
fn a_place_that_cannot_be_cleared_is_told() {
    let mut world = World::new(grace(20), Backend::Keychain);
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Locked);
    let disconnected = disconnect(&mut world).unwrap();
    assert_eq!(disconnected.failed().count(), 1);
    assert!(!disconnected.was_connected);
    world.disk.broken.clear();
    assert!(disconnect(&mut world).unwrap().was_connected);
    assert!(world.record().is_tombstone());
}

#[test]
fn plain_text_that_comes_back_again_and_again_ends_no_command_late() {
    let mut world = World::new(grace(20), Backend::File);
    world.disk.plaintext = Some(Record::bare_refresh("old".into()));
    world.disk.plaintext_comes_back = true;
    let disconnected = disconnect(&mut world).unwrap();
    assert_eq!(disconnected.failed().map(|(place, _)| place).collect::<Vec<_>>(), [Place::Settings]);
    assert!(world.record().is_tombstone(), "all the rest is cleared");

    let mut world = World::signed_out(grace(20));
    world.disk.plaintext = Some(Record::bare_refresh("old".into()));
    world.disk.plaintext_comes_back = true;
    let forced = ConnectOptions { force: true, ..options() };
    assert_eq!(slug(&connect(&mut world, account::SOLO, forced).unwrap()), Some("acme"));
}

#[test]
fn a_login_where_the_keychain_fails_falls_back_and_is_believed_alone() {
    let mut world = World::new(grace(20), Backend::Keychain);
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::TimedOut);
    let forced = ConnectOptions { force: true, ..options() };
    let connected = connect(&mut world, account::LOW, forced).unwrap();
    assert_eq!(connected.kept.backend, Backend::File);
    world.disk.broken.clear();
    good(world.token());
    assert_eq!(world.record().slug(), Some("frugal"), "what is older lies in the keychain, and is not used");
}

#[test]
fn a_token_is_as_old_as_the_poll_that_brought_it_however_late_the_answer_comes() {
    let mut world = World::signed_out(grace(20));
    let pid = world.start_with(Task::Connect(options()), Connect::new(options()), nobody);
    while !world.issuer.grade().token_requests.contains_key(&Outcome::Issued) {
        if !world.act(pid) {
            world.sleep(Duration::from_secs(1));
        }
    }
    let asleep = Duration::from_secs(100);
    world.sleep(asleep);
    world.finish_as::<Connected>(pid).unwrap();
    let access = world.record().rotation.as_ref().unwrap().access.clone().unwrap();
    let age = access.received.age(world.now(), &world.descriptor.boot_id).unwrap();
    assert!(age >= asleep, "{age:?}");
}
