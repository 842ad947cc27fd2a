//! A token that was refused elsewhere: dead from then on, its session alive.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use doorkey_core::distrust::Distrust;
use doorkey_core::failure::Exit;
use doorkey_core::find::Find;
use doorkey_core::http::HttpResponse;
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Generation, Record, Slot};
use doorkey_core::resolve::Given;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::store::{StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use world::{FILE, World};

/// Far beyond the time in which a token counts as just minted.
const LATER: u64 = 10 * 60 * 1000;

fn service() -> Service {
    let url = |path: &str| Url::parse(&format!("https://auth.example.com{path}")).unwrap();
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        client_id: Some("cli".into()),
        ..OAuth::new(url("/token"))
    };
    Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap().with_oauth(oauth)
}

fn record(service: &Service, login: &str, access: &str, world: &World) -> Record {
    let received = Moment::new(world.now(), &service.boot_id);
    let lifetime = Some(std::time::Duration::from_secs(3600));
    let rotation = Rotation {
        client_id: Some("cli".into()),
        access: Some(Access { token: Secret::from(access), received, lifetime }),
        ..Rotation::default()
    };
    Record {
        generation: Generation::parse(&format!("{login}.3")),
        rotation: Some(rotation.into()),
        ..Record::new(&service.issuer, None, Secret::from("refresh-1"))
    }
}

/// Signed in some time ago, with an issuer that renews.
fn signed_in() -> World {
    let mut world = World::new(|request| {
        assert_eq!(request.url.path(), "/token");
        Ok(HttpResponse::new(
            200,
            r#"{"access_token":"access-2","refresh_token":"refresh-2","token_type":"bearer","expires_in":3600}"#,
        ))
    });
    world.service = service();
    let record = record(&world.service, "l", "access-1", &world);
    put(&mut world, record);
    world.ledger.backend = Some(FILE);
    world.millis += LATER;
    world
}

fn put(world: &mut World, record: Record) {
    world.stores.get_mut(&FILE).unwrap().insert(Slot::Active, record);
}

fn held(world: &World) -> &Record {
    world.stores[&FILE].get(&Slot::Active).unwrap()
}

fn distrust(world: &mut World, token: &str) -> Result<bool, String> {
    let token = Secret::from(token);
    let end = world.run(&Task::Distrust { token: token.clone() }, Distrust::new(token)).unwrap();
    end.map_err(|failure| failure.code.to_string())
}

fn find(world: &mut World) -> Result<String, (Exit, String)> {
    let given = Given::default();
    let end = world.run(&Task::Find { given: given.clone() }, Find::new(given, None)).unwrap();
    let token =
        |record: Record| record.rotation.unwrap().access.as_ref().unwrap().token.expose_secret().to_owned();
    end.map(|found| token(found.unwrap().record)).map_err(|f| (f.exit, f.code.to_string()))
}

#[test]
fn whoever_asks_next_renews_it() {
    let mut world = signed_in();
    assert_eq!(find(&mut world), Ok("access-1".into()));
    assert_eq!(distrust(&mut world, "access-1"), Ok(true));
    assert!(world.sent.is_empty(), "nobody is asked");
    assert_eq!(held(&world).generation, Generation::parse("l.4"));
    assert_eq!(held(&world).token, Secret::from("refresh-1"), "the session stays");
    assert_eq!(distrust(&mut world, "access-1"), Ok(false), "once is enough");
    assert_eq!(find(&mut world), Ok("access-2".into()));
    assert_eq!(distrust(&mut world, "access-1"), Ok(false), "it is not ours any more");
    assert_eq!(find(&mut world), Ok("access-2".into()));
    assert!(world.sent.is_empty());
}

#[test]
fn what_is_not_this_token_stays_as_it_is() {
    // Also when it is due by itself.
    for millis in [LATER, 10 * LATER] {
        let mut world = signed_in();
        world.millis = millis;
        let before = held(&world).clone();
        for other in ["access-2", "refresh-1", "", "access-1 "] {
            assert_eq!(distrust(&mut world, other), Ok(false), "{other:?}");
            assert_eq!(*held(&world), before);
            assert!(!world.ops.iter().any(|op| matches!(op, StoreOp::Write { .. })));
        }
    }
}

#[test]
fn where_a_renewal_would_not_help_it_stays_too() {
    for (name, journal, millis) in [
        ("just minted", Journal::Settled, 0),
        ("nothing to renew it with", Journal::Unrenewable, LATER),
        ("refused", Journal::Refused { interrupted: false }, LATER),
        ("signed out", Journal::Revoking, LATER),
    ] {
        let mut world = signed_in();
        world.millis = millis;
        let mut record = held(&world).clone();
        record.rotation_mut().unwrap().journal = journal;
        put(&mut world, record.clone());
        assert_eq!(distrust(&mut world, "access-1"), Ok(false), "{name}");
        assert_eq!(*held(&world), record, "{name}");
    }
}

#[test]
fn a_session_of_another_issuer_or_none_is_not_touched() {
    let mut world = signed_in();
    let mut other = held(&world).clone();
    other.issuer = Some("https://auth.example.com via https://elsewhere.example/token".into());
    put(&mut world, other.clone());
    assert_eq!(distrust(&mut world, "access-1"), Ok(false));
    assert_eq!(*held(&world), other);
    world.stores.get_mut(&FILE).unwrap().clear();
    assert_eq!(distrust(&mut world, "access-1"), Ok(false));
    assert!(world.stores[&FILE].is_empty());
}

#[test]
fn a_store_that_cannot_be_reached_is_told() {
    let mut world = signed_in();
    world.locked_by_another = true;
    assert_eq!(distrust(&mut world, "access-1"), Err("store_busy".into()));
    let mut world = signed_in();
    world.unwritable.insert(FILE, StoreFailureKind::Refused);
    assert_eq!(distrust(&mut world, "access-1"), Err("store_refused".into()));
}

#[test]
fn a_login_that_comes_in_between_stays() {
    let mut whole = signed_in();
    distrust(&mut whole, "access-1").unwrap();
    let write = whole.ops.iter().position(|op| matches!(op, StoreOp::Write { .. })).unwrap() + 1;
    let mut world = signed_in();
    world.meddling = Some((write, |world| {
        let other = record(&world.service, "m", "access-9", world);
        put(world, other);
    }));
    assert_eq!(distrust(&mut world, "access-1"), Ok(false));
    assert_eq!(held(&world).generation, Generation::parse("m.3"));
    assert_eq!(find(&mut world), Ok("access-9".into()));
}

#[test]
fn killed_anywhere_the_session_lives() {
    let mut whole = signed_in();
    distrust(&mut whole, "access-1").unwrap();
    for op in 1..=whole.ops.len() {
        let mut world = signed_in();
        world.killed_at_op = Some(op);
        let token = Secret::from("access-1");
        assert!(world.run(&Task::Distrust { token: token.clone() }, Distrust::new(token)).is_none());
        world.killed_at_op = None;
        assert!(find(&mut world).is_ok(), "killed at {op}");
    }
}
