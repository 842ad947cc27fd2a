//! Rotating sessions at an issuer where a refresh token counts once: `Session`, `Rotate`, `Lookup`, `Call`, `Find`, `Distrust`,
//! `Amend`, `SignIn`, `SignOut`, `Revoke`, `Disconnect`, in any order and two at a time (invariants 4 to 12).

use std::collections::BTreeMap;
use std::time::Duration;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::rotation::{Access, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::store::Ledger;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::deeds::{Deed, asking};
use crate::disk::StoreFault;
use crate::issuer::{Issuer, LIFETIME};
use crate::plan::{NetFault, Plan, plan};
use crate::reference::{Reference, expect_end};
use crate::world::{World, bearer, parameter, refreshed};

fn url(path: &str) -> Url {
    Url::parse(&format!("https://auth.example.com{path}")).unwrap()
}

/// An issuer that is known to have this grace period, in milliseconds.
fn service(grace: u64) -> Service {
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        device_authorization_endpoint: Some(url("/device")),
        revocation_endpoint: Some(url("/revoke")),
        client_id: Some("cli".into()),
        grace: Some(Duration::from_millis(grace)).filter(|grace| !grace.is_zero()),
        ..OAuth::new(url("/token"))
    };
    let service = Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap();
    Service { machine_id: Some("m".into()), boot_id: "boot".into(), ..service.with_oauth(oauth) }
}

pub fn serve(issuer: &mut Issuer, request: &HttpRequest, now: u64) -> HttpResponse {
    let tokens = |(refresh, access): (String, String)| {
        let lifetime = LIFETIME / 1000;
        let body = format!(
            r#"{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":{lifetime}}}"#
        );
        HttpResponse::new(200, body)
    };
    let refused = || HttpResponse::new(400, r#"{"error":"invalid_grant"}"#);
    match request.url.path() {
        "/device" => HttpResponse::new(
            200,
            r#"{"device_code":"hush-code","user_code":"hush-user","verification_uri":"https://auth.example.com/d",
                "expires_in":300,"interval":5}"#,
        ),
        "/token" => match refreshed(request) {
            Some(token) => issuer.refresh(&token, now).map_or_else(refused, tokens),
            None => tokens(issuer.sign_in(now)),
        },
        "/revoke" => {
            issuer.revoke(&parameter(request, "token").unwrap_or_default());
            HttpResponse::new(200, "")
        }
        _ if issuer.left(&bearer(request), now).is_some() => HttpResponse::new(200, "{}"),
        _ => HttpResponse::new(401, "{}"),
    }
}

/// A computer that is signed in, with everything in `backend`.
fn signed_in(grace: u64, backend: Backend) -> World {
    let mut world = World::new(service(grace), serve);
    world.issuer.grace = grace;
    let (refresh, access) = world.issuer.sign_in(0);
    let access = Access {
        token: Secret::from(access),
        received: Moment::new(world.now(), "boot"),
        lifetime: Some(Duration::from_millis(LIFETIME)),
    };
    let rotation = Rotation {
        client_id: Some("cli".into()),
        machine: Some("m".into()),
        access: Some(access),
        ..Rotation::default()
    };
    let record = Record {
        generation: Some(Generation { login: "login".into(), counter: 1 }),
        rotation: Some(rotation.into()),
        ..Record::new(&world.service.issuer, None, Secret::from(refresh))
    };
    world.disk.records.insert((backend, Slot::Active), record);
    world.disk.ledger = Ledger { backend: Some(backend), session: true, ..Ledger::default() };
    world
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => asking(),
        2 => Just(Deed::SignIn),
        2 => any::<bool>().prop_map(Deed::SignOut),
        1 => Just(Deed::Resume),
        1 => Just(Deed::Disconnect),
    ]
}

pub fn backend() -> impl Strategy<Value = Backend> {
    prop_oneof![Just(Backend::Keychain), Just(Backend::File)]
}

/// How long nothing happens: about a lifetime, or a moment.
pub fn pause() -> impl Strategy<Value = u64> {
    let margin = LIFETIME / 10;
    prop_oneof![1 => 0u64..30_000, 2 => LIFETIME - 2 * margin..LIFETIME + margin]
}

proptest! {
    #![proptest_config(cases(200))]

    /// Whatever is asked for in whatever order, with all failures of stores and network, interrupts and kills.
    #[test]
    fn nothing_costs_a_session_but_what_the_invariants_name(
        grace in prop_oneof![Just(0u64), Just(20_000)],
        backend in backend(),
        steps in vec((any_deed(), plan(0..3, 0..2), pause()), 1..6),
    ) {
        let mut world = signed_in(grace, backend);
        let mut reference = Reference::new();
        for (deed, plan, pause) in &steps {
            world.sleep(*pause);
            reference.run(&mut world, &[*deed], &[], plan);
        }
        expect_end(&mut world, &mut reference)?;
    }

    /// Two processes at once, whoever acts when.
    #[test]
    fn two_at_once_are_no_worse_than_one_after_the_other(
        grace in prop_oneof![Just(0u64), Just(20_000)],
        steps in vec((any_deed(), any_deed(), vec(0usize..2, 0..60), plan(0..2, 0..2), pause()), 1..4),
    ) {
        let mut world = signed_in(grace, Backend::File);
        let mut reference = Reference::new();
        for (one, other, turns, plan, pause) in &steps {
            world.sleep(*pause);
            reference.run(&mut world, &[*one, *other], turns, plan);
        }
        expect_end(&mut world, &mut reference)?;
    }

    /// An answer lost, a full disk, or a process killed anywhere: whoever comes within the grace period has the session.
    #[test]
    fn within_the_grace_period_an_accident_costs_nothing(
        lost in proptest::option::of(0u64..2_000),
        killed in proptest::option::of(0usize..40),
        store in plan(0..2, 0..1),
        full in proptest::option::of(0usize..20),
        pause in 0u64..3_000,
    ) {
        // What neither a network nor a kill was part of costs nothing at a strict issuer either.
        let grace = if lost.is_none() && killed.is_none() { 0 } else { 20_000 };
        let mut world = signed_in(grace, Backend::File);
        let mut reference = Reference::new();
        world.sleep(LIFETIME);
        let net = lost.map(|after| (0, NetFault::AnswerLost(after))).into_iter().collect();
        let lies = store.store.values().any(|fault| *fault == StoreFault::Forgotten);
        let plan = Plan { net, killed, store: if lies { BTreeMap::new() } else { store.store }, full, cancelled: None };
        reference.run(&mut world, &[Deed::Token], &[], &plan);
        world.sleep(pause);
        let end = world.run(Some(Task::Session { refusal: None }), Session::new(), &Plan::default());
        let token = end.and_then(Result::ok).and_then(|bearer| bearer.token().cloned());
        let good = token.is_some_and(|token| world.issuer.left(token.expose_secret(), world.millis).is_some());
        world.check(good || (grace == 0 && reference.accident), || "the session is lost".to_owned());
        world.check(world.issuer.replayed == 0, || "a spent token was used again".to_owned());
        world.verdict()?;
    }

    /// Nobody ever hears what became of it: the token is sent again in later runs, but not for ever (invariant 8).
    #[test]
    fn a_token_of_unknown_fate_is_given_up(
        grace in prop_oneof![Just(0u64), Just(20_000)],
        faults in vec(prop_oneof![Just(NetFault::Lost), Just(NetFault::Page(503)), Just(NetFault::TooLarge)], 5..9),
    ) {
        let mut world = signed_in(grace, Backend::File);
        let mut reference = Reference::new();
        world.sleep(LIFETIME);
        for fault in faults {
            let net = (0..5).map(|at| (at, fault)).collect();
            reference.run(&mut world, &[Deed::Token], &[], &Plan { net, ..Plan::default() });
            world.sleep(60_000);
        }
        world.verdict()?;
    }
}
