//! Signing out at an issuer: what is revoked, what is kept until it is, and what is never used again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::cell::RefCell;
use std::rc::Rc;

use doorkey_core::disconnect::Place;
use doorkey_core::failure::Exit;
use doorkey_core::find::Find;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse};
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::resolve::Given;
use doorkey_core::revoke::Revocation;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::sign_out::{SignOut, SignedOut};
use doorkey_core::store::{Ledger, StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use world::World;

type Answer = Result<HttpResponse, FailureKind>;

fn service(revocation: bool) -> Service {
    let url = |path: &str| Url::parse(&format!("https://auth.example.com{path}")).unwrap();
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        device_authorization_endpoint: Some(url("/device")),
        revocation_endpoint: revocation.then(|| url("/revoke")),
        client_id: Some("cli".into()),
        ..OAuth::new(url("/token"))
    };
    Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap().with_oauth(oauth)
}

fn record(service: &Service, login: &str) -> Record {
    let rotation = Rotation {
        client_id: Some("cli".into()),
        access: Some(Access { token: Secret::from("access-1"), received: Moment::default(), lifetime: None }),
        ..Rotation::default()
    };
    Record {
        generation: Generation::parse(&format!("{login}.3")),
        rotation: Some(rotation.into()),
        ..Record::new(&service.issuer, None, Secret::from("refresh-1"))
    }
}

/// Signed in, at an issuer that answers so.
fn signed_in(revocation: bool, answer: impl Fn(&HttpRequest) -> Answer + 'static) -> World {
    let mut world = World::new(answer);
    world.service = service(revocation);
    let record = record(&world.service, "l");
    world.stores.get_mut(&Backend::File).unwrap().insert(Slot::Active, record);
    world.ledger.backend = Some(Backend::File);
    world
}

fn sign_out(world: &mut World, revoke: bool) -> SignedOut {
    world.run(&Task::SignOut { revoke }, SignOut::new(revoke)).unwrap().unwrap()
}

fn held(world: &World) -> &Record {
    world.stores[&Backend::File].get(&Slot::Active).unwrap()
}

fn find(world: &mut World) -> Result<Option<String>, (Exit, String)> {
    let given = Given::default();
    let end = world.run(&Task::Find { given: given.clone() }, Find::new(given, None)).unwrap();
    let token =
        |record: Record| record.rotation.unwrap().access.as_ref().unwrap().token.expose_secret().to_owned();
    end.map(|found| found.map(|found| token(found.record))).map_err(|f| (f.exit, f.code.to_string()))
}

fn bodies(world: &World) -> Vec<String> {
    world
        .sent
        .iter()
        .map(|(_, request)| str::from_utf8(request.body.as_bytes()).unwrap().to_owned())
        .collect()
}

/// What is remembered of a login.
fn remembered() -> Ledger {
    let active = Some("acme".into());
    Ledger { backend: Some(Backend::File), active, session: true, ..Ledger::default() }
}

fn ok(_: &HttpRequest) -> Answer {
    Ok(HttpResponse::new(200, ""))
}

#[test]
fn without_revoking_nobody_is_told() {
    let mut world = signed_in(true, |_| panic!("nothing is sent"));
    let done = sign_out(&mut world, false);
    assert_eq!(done.revocation, Revocation::NotAsked);
    assert!(done.cleared.unwrap().was_connected);
    assert!(held(&world).is_tombstone());
    assert_eq!(find(&mut world).unwrap_err().1, "not_signed_in");
}

#[test]
fn what_can_neither_be_removed_nor_marked_is_told_as_still_used() {
    for ledger_full in [false, true] {
        let mut world = signed_in(true, |_| panic!("nothing is sent"));
        world.unwritable.insert(Backend::File, StoreFailureKind::Refused);
        world.ledger_full = ledger_full;
        let cleared = sign_out(&mut world, false).cleared.unwrap();
        assert!(cleared.was_connected && cleared.failed().count() > 0);
        assert_eq!(cleared.is_still_connected, ledger_full);
        assert_eq!(find(&mut world).is_ok(), ledger_full);
    }
    // What is ended at home is ended, whatever cannot be looked into elsewhere.
    let mut world = signed_in(true, |_| panic!("nothing is sent"));
    world.broken.insert(Backend::Keychain, StoreFailureKind::TimedOut);
    world.ledger_full = true;
    let cleared = sign_out(&mut world, false).cleared.unwrap();
    assert!(cleared.was_connected && !cleared.is_still_connected, "{cleared:?}");
}

#[test]
fn both_tokens_are_revoked_the_refresh_token_first() {
    let mut world = signed_in(true, ok);
    let done = sign_out(&mut world, true);
    assert_eq!(world.paths(), ["/revoke", "/revoke"]);
    assert_eq!(
        bodies(&world),
        [
            "client_id=cli&token=refresh-1&token_type_hint=refresh_token",
            "client_id=cli&token=access-1&token_type_hint=access_token"
        ]
    );
    assert_eq!(done.revocation, Revocation::Done);
    assert!(held(&world).is_tombstone());
}

#[test]
fn a_token_of_its_own_is_revoked_once() {
    let mut world = signed_in(true, ok);
    let slot = world.stores.get_mut(&Backend::File).unwrap().get_mut(&Slot::Active).unwrap();
    slot.token = Secret::from("access-1");
    slot.rotation_mut().unwrap().journal = Journal::Unrenewable;
    sign_out(&mut world, true);
    assert_eq!(bodies(&world), ["client_id=cli&token=access-1&token_type_hint=access_token"]);
}

#[test]
fn a_keychain_that_is_not_here_now_is_not_taken_for_cleared() {
    let mut world = signed_in(true, ok);
    let slots = world.stores.insert(Backend::File, Default::default()).unwrap();
    world.stores.insert(Backend::Keychain, slots);
    world.ledger = Ledger { backend: Some(Backend::Keychain), session: true, ..Ledger::default() };
    world.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
    let cleared = sign_out(&mut world, false).cleared.unwrap();
    assert_eq!(
        cleared.failed().map(|(place, _)| place).collect::<Vec<_>>(),
        [Place::Backend(Backend::Keychain)]
    );
    // It comes back: what it holds is not believed.
    world.broken.clear();
    assert_eq!(find(&mut world).unwrap_err().0, Exit::NotSignedIn);
    // Where nothing was put, nothing is missed.
    let mut world = signed_in(true, ok);
    world.ledger.session = true;
    world.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
    assert_eq!(sign_out(&mut world, false).cleared.unwrap().failed().count(), 0);
}

#[test]
fn any_answer_ends_it() {
    for (status, body, said) in [
        (400, r#"{"error":"unsupported_token_type"}"#, "HTTP 400, unsupported_token_type"),
        (401, r#"{"error":"invalid_client"}"#, "HTTP 401, invalid_client"),
        (404, "<html>", "HTTP 404"),
        (302, "", "HTTP 302"),
    ] {
        let mut world = signed_in(true, move |_| Ok(HttpResponse::new(status, body)));
        let done = sign_out(&mut world, true);
        assert_eq!(done.revocation, Revocation::Refused(said.into()));
        assert!(held(&world).is_tombstone(), "{status}");
    }
}

#[test]
fn without_a_network_it_is_kept_never_used_and_told_later() {
    let offline = Rc::new(RefCell::new(true));
    let line = Rc::clone(&offline);
    let mut world = signed_in(true, move |request| match *line.borrow() {
        true => Err(FailureKind::NotSent),
        false => ok(request),
    });
    let done = sign_out(&mut world, true);
    assert!(matches!(done.revocation, Revocation::Pending(_)) && done.cleared.is_none());
    assert_eq!(held(&world).rotation.as_ref().unwrap().journal, Journal::Revoking);
    assert_eq!(held(&world).generation, Generation::parse("l.4"));

    assert_eq!(find(&mut world).unwrap_err(), (Exit::NotSignedIn, "revocation_pending".into()));
    assert!(world.sent.is_empty(), "it is not renewed either");

    *offline.borrow_mut() = false;
    // It was asked for once; that is enough.
    let done = sign_out(&mut world, false);
    assert_eq!(done.revocation, Revocation::Done);
    assert_eq!(world.sent.len(), 2);
    assert!(held(&world).is_tombstone());
}

#[test]
fn an_issuer_without_a_place_for_it_is_not_asked() {
    let mut world = signed_in(false, |_| panic!("nothing is sent"));
    assert_eq!(sign_out(&mut world, true).revocation, Revocation::NotOffered);
    assert!(held(&world).is_tombstone());
}

#[test]
fn why_tokens_that_another_program_stored_are_not_revoked_is_told() {
    let mut world = signed_in(true, |_| panic!("nothing is sent"));
    let slot = world.stores.get_mut(&Backend::File).unwrap().get_mut(&Slot::Active).unwrap();
    *slot = Record::bare_refresh(Secret::from("theirs"));
    world.service.bare_issuer = world.service.issuer.clone();
    let done = sign_out(&mut world, true);
    assert_eq!(done.revocation, Revocation::Refused("another program stored them".into()));
    assert!(done.cleared.unwrap().was_connected);
    assert_eq!(world.stores[&Backend::File].get(&Slot::Active), None);
}

#[test]
fn tokens_of_another_issuer_are_told_to_nobody() {
    for (token, revocation) in [
        ("https://elsewhere.example/token", "https://auth.example.com/revoke"),
        ("https://auth.example.com/token", "https://elsewhere.example/revoke"),
    ] {
        let mut world = signed_in(true, |_| panic!("nothing is sent"));
        let url = |text| Url::parse(text).unwrap();
        let known = world.service.oauth.clone().unwrap();
        let edited =
            OAuth { token_endpoint: url(token), revocation_endpoint: Some(url(revocation)), ..known };
        world.service = world.service.with_oauth(edited);
        let Revocation::Refused(why) = sign_out(&mut world, true).revocation else { panic!("{token}") };
        assert_eq!(why, "they were granted at other endpoints than are known now");
        assert!(held(&world).is_tombstone(), "it goes all the same");
    }
}

#[test]
fn a_login_that_comes_in_between_stays() {
    let mut whole = signed_in(true, ok);
    assert_eq!(sign_out(&mut whole, true).revocation, Revocation::Done);
    // At whatever operation after the record was marked another login is stored.
    let marked = whole.ops.iter().position(|op| matches!(op, StoreOp::Unlock)).unwrap() + 1;
    for op in marked + 1..=whole.ops.len() {
        let mut world = signed_in(true, ok);
        world.meddling = Some((op, |world| {
            // Nobody stores under the lock that we hold.
            if !world.lock_held {
                let other = record(&world.service, "m");
                world.stores.get_mut(&Backend::File).unwrap().insert(Slot::Active, other);
                world.ledger = remembered();
            }
        }));
        let done = sign_out(&mut world, true);
        assert_eq!(done.revocation, Revocation::Done);
        if held(&world).generation == Generation::parse("m.3") {
            assert_eq!(world.ledger, remembered(), "before operation {op}");
            assert_eq!(find(&mut world), Ok(Some("access-1".into())), "before operation {op}");
        } else {
            assert!(held(&world).is_tombstone(), "before operation {op}");
        }
    }
}

#[test]
fn what_cannot_be_marked_is_not_removed() {
    let untouched = |world: &mut World, code: &str| {
        let before = held(world).clone();
        let end = world.run(&Task::SignOut { revoke: true }, SignOut::new(true)).unwrap();
        let failure = end.unwrap_err();
        assert_eq!((failure.exit, &*failure.code), (Exit::Store, code));
        assert!(world.sent.is_empty() && *held(world) == before);
    };
    let mut busy = signed_in(true, |_| panic!("nothing is sent"));
    busy.locked_by_another = true;
    untouched(&mut busy, "store_busy");
    let mut unwritable = signed_in(true, |_| panic!("nothing is sent"));
    unwritable.unwritable.insert(Backend::File, StoreFailureKind::Refused);
    untouched(&mut unwritable, "store_refused");
    let mut unreadable = signed_in(true, |_| panic!("nothing is sent"));
    unreadable.broken.insert(Backend::File, StoreFailureKind::Unreadable);
    untouched(&mut unreadable, "store_unreadable");
}

#[test]
fn killed_anywhere_it_can_be_repeated() {
    let mut whole = signed_in(true, ok);
    sign_out(&mut whole, true);
    for op in 1..=whole.ops.len() {
        let mut world = signed_in(true, ok);
        world.killed_at_op = Some(op);
        assert!(world.run(&Task::SignOut { revoke: true }, SignOut::new(true)).is_none());
        world.killed_at_op = None;
        sign_out(&mut world, true);
        assert!(held(&world).is_tombstone(), "killed at {op}");
        assert_eq!(find(&mut world).unwrap_err().1, "not_signed_in");
    }
}

/// Signed out, the issuer still to be told.
fn revoking(answer: impl Fn(&HttpRequest) -> Answer + 'static) -> World {
    let mut world = signed_in(true, answer);
    let slot = world.stores.get_mut(&Backend::File).unwrap().get_mut(&Slot::Active).unwrap();
    slot.rotation_mut().unwrap().journal = Journal::Revoking;
    world
}

fn resume(world: &mut World) -> SignedOut {
    world.run(&Task::ResumeSignOut, SignOut::resume()).unwrap().unwrap()
}

fn nothing_done(revocation: Revocation) -> SignedOut {
    SignedOut { cleared: None, revocation }
}

#[test]
fn what_is_not_to_be_revoked_is_not_resumed() {
    let mut world = signed_in(true, |_| panic!("nothing is sent"));
    assert_eq!(resume(&mut world), nothing_done(Revocation::NotAsked));
    let reads =
        |op: &StoreOp| matches!(op, StoreOp::ReadLedger | StoreOp::Load { .. } | StoreOp::ReadEmergency);
    assert!(world.ops.iter().all(reads), "{:?}", world.ops);
    assert_eq!(find(&mut world), Ok(Some("access-1".into())));
}

#[test]
fn what_is_still_to_be_revoked_is_resumed() {
    let mut world = revoking(ok);
    let done = resume(&mut world);
    assert_eq!((done.revocation, world.sent.len()), (Revocation::Done, 2));
    assert!(done.cleared.unwrap().was_connected && held(&world).is_tombstone());
}

#[test]
fn resuming_tries_once() {
    for answer in [|| Err(FailureKind::NotSent), || Ok(HttpResponse::new(503, ""))] {
        let mut world = revoking(move |_| answer());
        let done = resume(&mut world);
        assert!(matches!(done.revocation, Revocation::Pending(_)) && done.cleared.is_none());
        assert_eq!((world.sent.len(), world.millis), (1, 0));
        assert_eq!(held(&world).rotation.as_ref().unwrap().journal, Journal::Revoking);
    }
}

#[test]
fn resuming_removes_nothing_that_the_issuer_cannot_be_told_of() {
    let mut world = revoking(|_| panic!("nothing is sent"));
    let known = world.service.oauth.clone().unwrap();
    let elsewhere = Url::parse("https://elsewhere.example/revoke").unwrap();
    world.service = world.service.with_oauth(OAuth { revocation_endpoint: Some(elsewhere), ..known });
    let before = held(&world).clone();
    assert!(matches!(resume(&mut world), SignedOut { cleared: None, revocation: Revocation::Refused(_) }));
    assert_eq!(held(&world), &before);

    let mut world = signed_in(false, |_| panic!("nothing is sent"));
    let slot = world.stores.get_mut(&Backend::File).unwrap().get_mut(&Slot::Active).unwrap();
    slot.rotation_mut().unwrap().journal = Journal::Revoking;
    let before = held(&world).clone();
    assert_eq!(resume(&mut world), nothing_done(Revocation::NotOffered));
    assert_eq!(held(&world), &before);
}

#[test]
fn resuming_spares_a_login_that_comes_in_between() {
    let mut whole = revoking(ok);
    resume(&mut whole);
    for op in 1..=whole.ops.len() {
        let mut world = revoking(ok);
        world.meddling = Some((op, |world| {
            if !world.lock_held {
                let other = record(&world.service, "m");
                world.stores.get_mut(&Backend::File).unwrap().insert(Slot::Active, other);
            }
        }));
        resume(&mut world);
        if held(&world).generation == Generation::parse("m.3") {
            assert_eq!(find(&mut world), Ok(Some("access-1".into())), "before operation {op}");
        } else {
            assert!(held(&world).is_tombstone(), "before operation {op}");
            assert_eq!(&*held(&world).generation.as_ref().unwrap().login, "l", "before operation {op}");
        }
    }
}

#[test]
fn a_given_token_is_all_there_is() {
    let mut world = signed_in(true, |_| panic!("nothing is sent"));
    let given = Given { variable: Some(Secret::from("given-1")), ..Given::default() };
    let end = world.run(&Task::Find { given: given.clone() }, Find::new(given, None)).unwrap();
    assert_eq!(end.unwrap().unwrap().record.token, Secret::from("given-1"));
    assert!(world.ops.is_empty());
    let given = Given { variable: Some(Secret::from("two words")), ..Given::default() };
    let end = world.run(&Task::Find { given: given.clone() }, Find::new(given, None)).unwrap();
    assert_eq!(&*end.unwrap_err().code, "malformed_token");
}
