//! Signing in at any issuer: which way is taken, and what is stored.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse};
use doorkey_core::keep::Kept;
use doorkey_core::notice::Notice;
use doorkey_core::oauth::OAuth;
use doorkey_core::pending_grant::{PendingGrant, StartGrant};
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::sign_in::GrantKind::{Browser, Device};
use doorkey_core::sign_in::{GrantKind, SignIn, SignInOptions, is_decided};
use doorkey_core::store::{Ledger, StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use world::World;

const CODE: &str = r#"{"device_code":"dev-code-1","user_code":"ABCD","verification_uri":"https://auth.example.com/d","interval":1}"#;

fn url(path: &str) -> Url {
    Url::parse(&format!("https://auth.example.com{path}")).unwrap()
}

fn service(offers: &[GrantKind]) -> Service {
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        authorization_endpoint: offers.contains(&Browser).then(|| url("/authorize")),
        device_authorization_endpoint: offers.contains(&Device).then(|| url("/device")),
        client_id: Some("cli".into()),
        scope: Some("openid".into()),
        ..OAuth::new(url("/token"))
    };
    Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap().with_oauth(oauth)
}

/// A login at an issuer that grants this at once.
fn sign_in(
    offers: &[GrantKind],
    options: SignInOptions,
    tokens: &'static str,
) -> (Result<Kept, Failure>, World) {
    let mut world = World::new(move |request: &HttpRequest| {
        let body = if request.url.path() == "/device" { CODE } else { tokens };
        Ok(HttpResponse::new(200, body).header("content-type", "application/json"))
    });
    world.service = service(offers);
    let end = world.run(&Task::SignIn { options, pending: None }, SignIn::new(options)).unwrap();
    (end, world)
}

const PAIR: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":300}"#;
const ALONE: &str = r#"{"access_token":"access-1","token_type":"bearer"}"#;
const SHORT: &str = r#"{"access_token":"access-1","expires_in":300}"#;

/// What a login came to: the way it took, or why it took none.
fn way(
    offers: &[GrantKind],
    browser_is_here: bool,
    grant: Option<GrantKind>,
) -> Result<GrantKind, (String, String)> {
    let options = SignInOptions { open_browser: browser_is_here, browser_is_here, grant };
    let (end, world) = sign_in(offers, options, PAIR);
    match end {
        Ok(_) => {
            assert_eq!(world.paths(), ["/device", "/token"]);
            // This world cannot listen: whoever wants to is told so.
            let is_told = |notice: &Notice| matches!(notice, Notice::NotListening { .. });
            Ok(if world.notices.iter().any(is_told) { Browser } else { Device })
        }
        Err(failure) if failure.code == "not_listening" => Ok(Browser),
        Err(failure) => {
            assert!(world.sent.is_empty() && world.ops.is_empty(), "nobody is asked anything");
            Err((failure.code.to_string(), failure.next.unwrap_or_default()))
        }
    }
}

#[test]
fn the_browser_that_is_here_is_taken_and_else_the_device_code() {
    for (offers, here, wanted, taken) in [
        (&[Browser, Device][..], true, None, Browser),
        (&[Browser, Device], false, None, Device),
        (&[Browser, Device], true, Some(Device), Device),
        (&[Browser, Device], false, Some(Browser), Browser),
        (&[Device], true, None, Device),
        (&[Browser], false, None, Browser),
    ] {
        assert_eq!(way(offers, here, wanted), Ok(taken), "{offers:?} {here} {wanted:?}");
    }
}

#[test]
fn where_nobody_can_listen_it_is_the_device_code_unless_the_browser_was_asked_for() {
    let end = |offers: &[GrantKind], grant| {
        let options = SignInOptions { open_browser: true, browser_is_here: true, grant };
        sign_in(offers, options, PAIR)
    };
    let (kept, world) = end(&[Browser, Device], None);
    assert!(kept.is_ok(), "{kept:?}");
    let Some(Notice::NotListening { reason }) = world.notices.first() else { panic!("{:?}", world.notices) };
    assert!(reason.ends_with("it is forbidden"), "{reason}");
    assert!(matches!(world.notices[1], Notice::DeviceCode { .. }));
    for (offers, grant, next) in [
        (&[Browser, Device][..], Some(Browser), "give --device instead"),
        (&[Browser], Some(Browser), "allow programs to listen"),
        (&[Browser], None, "allow programs to listen"),
    ] {
        let (ended, world) = end(offers, grant);
        let failure = ended.unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Network, "not_listening"));
        assert!(failure.next.as_ref().unwrap().starts_with(next), "{failure:?}");
        assert!(world.sent.is_empty());
    }
}

#[test]
fn only_what_nobody_can_finish_any_more_is_decided() {
    let decided: Vec<u8> = (0..=u8::MAX)
        .filter_map(Exit::from_code)
        .filter(|exit| is_decided(&Failure::new(*exit, "code", "what")))
        .map(Exit::code)
        .collect();
    assert_eq!(decided, [Exit::TimedOut.code(), Exit::Denied.code(), Exit::Server.code()]);
}

#[test]
fn what_the_issuer_does_not_offer_is_not_begun() {
    for (offers, wanted, flag) in [
        (&[Browser][..], Some(Device), "--device-authorization-endpoint"),
        (&[Device], Some(Browser), "--authorization-endpoint"),
        (&[], None, "--device-authorization-endpoint"),
    ] {
        let (code, next) = way(offers, true, wanted).unwrap_err();
        assert_eq!(code, "no_endpoint");
        assert!(next.starts_with(&format!("give {flag},")), "{next}");
    }
}

#[test]
fn what_was_granted_is_stored() {
    for (tokens, stored, journal, lifetime) in [
        (PAIR, "refresh-1", Journal::Settled, Some(300)),
        (SHORT, "access-1", Journal::Unrenewable, Some(300)),
        (ALONE, "access-1", Journal::Unrenewable, None),
    ] {
        let (end, world) = sign_in(&[Device], SignInOptions::default(), tokens);
        let kept = end.unwrap();
        assert_eq!(world.token(Backend::Keychain, &Slot::Active), Some(stored));
        let rotation = kept.record.rotation.unwrap();
        let access = rotation.access.as_ref().unwrap();
        assert_eq!(
            (&rotation.journal, access.lifetime.map(|l| l.as_secs())),
            (&journal, lifetime),
            "{tokens}"
        );
        assert_eq!(access.token.expose_secret(), "access-1");
        assert_eq!(
            kept.record.issuer.as_deref(),
            Some("https://auth.example.com via https://auth.example.com/token")
        );
        assert_eq!(rotation.client_id.as_deref(), Some("cli"));
        let body = str::from_utf8(world.sent[0].1.body.as_bytes()).unwrap();
        assert_eq!(body, "client_id=cli&scope=openid");
    }
}

#[test]
fn the_pace_of_a_login_that_another_process_began_is_kept() {
    let mut polls = 0;
    let mut world = World::new(move |request: &HttpRequest| {
        let is_poll = request.url.path() == "/token";
        polls += u32::from(is_poll);
        let (status, body) = match (is_poll, polls) {
            (false, _) => (200, CODE),
            (true, 1) => (400, r#"{"error":"slow_down"}"#),
            (true, _) => (200, PAIR),
        };
        Ok(HttpResponse::new(status, body).header("content-type", "application/json"))
    });
    world.service = service(&[Device]);
    let begun = world.run(&Task::StartGrant, StartGrant::default()).unwrap().unwrap();
    let (options, pending) = (SignInOptions::default(), Some(Box::new(begun.clone())));
    let end = world.run(&Task::SignIn { options, pending }, SignIn::resumed(options, begun.clone())).unwrap();
    assert!(end.is_ok(), "{end:?}");
    let slower = PendingGrant { interval: Duration::from_secs(6), polled: true, ..begun };
    assert!(world.ops.contains(&StoreOp::WritePending(Box::new(slower))));
}

#[test]
fn without_a_place_for_it_nobody_is_asked() {
    let mut world = World::new(|_| panic!("nothing is sent"));
    world.service = service(&[Device]);
    for backend in [Backend::Keychain, Backend::File] {
        world.broken.insert(backend, StoreFailureKind::Refused);
    }
    let options = SignInOptions::default();
    let end = world.run(&Task::SignIn { options, pending: None }, SignIn::new(options)).unwrap();
    assert_eq!(end.unwrap_err().exit, Exit::Store);
}

/// What the revocation endpoint answers, to the request of this number.
type Revoked = fn(usize) -> Result<HttpResponse, FailureKind>;

/// Signed out, the issuer still to be told; every token that it was asked to revoke so far is in the list.
fn signed_out(backend: Backend, answer: Revoked) -> (World, Rc<RefCell<Vec<String>>>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&asked);
    let mut world = World::new(move |request: &HttpRequest| {
        let body = match request.url.path() {
            "/revoke" => {
                let body = str::from_utf8(request.body.as_bytes()).unwrap().to_owned();
                let number = told.borrow().len() + 1;
                told.borrow_mut().push(body);
                return answer(number);
            }
            "/device" => CODE,
            _ => r#"{"access_token":"access-2","refresh_token":"refresh-2","expires_in":300}"#,
        };
        Ok(HttpResponse::new(200, body).header("content-type", "application/json"))
    });
    let known = service(&[Device]).oauth.unwrap();
    world.service = service(&[]).with_oauth(OAuth { revocation_endpoint: Some(url("/revoke")), ..known });
    let rotation = Rotation {
        client_id: Some("cli".into()),
        access: Some(Access { token: Secret::from("access-1"), received: Moment::default(), lifetime: None }),
        journal: Journal::Revoking,
        ..Rotation::default()
    };
    let record = Record {
        generation: Generation::parse("l.4"),
        rotation: Some(rotation.into()),
        ..Record::new(&world.service.issuer, None, Secret::from("refresh-1"))
    };
    world.stores.get_mut(&backend).unwrap().insert(Slot::Active, record);
    world.ledger = Ledger { backend: Some(backend), session: true, ..Ledger::default() };
    (world, asked)
}

/// Signs in again; `None` if it was killed on the way.
fn again(world: &mut World) -> Option<Result<Kept, Failure>> {
    let options = SignInOptions::default();
    world.run(&Task::SignIn { options, pending: None }, SignIn::new(options))
}

const BOTH: [&str; 2] = [
    "client_id=cli&token=refresh-1&token_type_hint=refresh_token",
    "client_id=cli&token=access-1&token_type_hint=access_token",
];

fn accepts(_: usize) -> Result<HttpResponse, FailureKind> {
    Ok(HttpResponse::new(200, ""))
}

#[test]
fn what_is_still_to_be_revoked_is_revoked_before_anybody_is_asked() {
    let (mut world, asked) = signed_out(Backend::File, accepts);
    let kept = again(&mut world).unwrap().unwrap();
    assert_eq!(world.paths(), ["/revoke", "/revoke", "/device", "/token"]);
    assert_eq!(*asked.borrow(), BOTH);
    assert_eq!(kept.record.token, Secret::from("refresh-2"));
    assert!(world.notices.contains(&Notice::EarlierLoginRevoked));
}

#[test]
fn without_an_answer_it_is_told_again_when_the_new_login_is_safe() {
    let answers_later: Revoked =
        |number| if number == 1 { Ok(HttpResponse::new(503, "")) } else { accepts(number) };
    let (mut world, asked) = signed_out(Backend::File, answers_later);
    let kept = again(&mut world).unwrap().unwrap();
    assert_eq!(world.paths(), ["/revoke", "/device", "/token", "/revoke", "/revoke"]);
    assert_eq!(asked.borrow()[1..], BOTH);
    assert_eq!(kept.record.token, Secret::from("refresh-2"));
    assert!(world.notices.contains(&Notice::EarlierLoginRevoked));
}

#[test]
fn an_earlier_login_that_nobody_could_be_told_of_is_named() {
    let (mut world, asked) = signed_out(Backend::File, |_| Err(FailureKind::NotSent));
    again(&mut world).unwrap().unwrap();
    assert_eq!(asked.borrow().len(), 2, "once before the grant, once after it");
    let reason = "cannot reach https://auth.example.com: a wire was cut".to_owned();
    let named = |world: &World, reason: &str| {
        let reason = reason.to_owned();
        assert!(world.notices.contains(&Notice::EarlierLoginNotRevoked { reason }), "{:?}", world.notices);
    };
    assert!(world.notices.iter().any(
        |notice| matches!(notice, Notice::EarlierLoginNotRevoked { reason: told } if told.starts_with(&reason))
    ));

    let (mut refusing, asked) = signed_out(Backend::File, |_| Ok(HttpResponse::new(401, "")));
    again(&mut refusing).unwrap().unwrap();
    assert_eq!(*asked.borrow(), BOTH, "any answer is one");
    named(&refusing, "HTTP 401");

    let (mut elsewhere, asked) = signed_out(Backend::File, accepts);
    let known = elsewhere.service.oauth.clone().unwrap();
    let edited = OAuth { revocation_endpoint: Some(url("/other")), ..known };
    elsewhere.service = elsewhere.service.with_oauth(edited);
    again(&mut elsewhere).unwrap().unwrap();
    assert!(asked.borrow().is_empty());
    named(&elsewhere, "they were granted at other endpoints than are known now");
}

#[test]
fn what_could_not_be_read_before_is_revoked_when_it_is_replaced() {
    let (mut world, asked) = signed_out(Backend::Keychain, accepts);
    world.service.person_present = true;
    world.unseals = true;
    world.broken.insert(Backend::Keychain, StoreFailureKind::Locked);
    again(&mut world).unwrap().unwrap();
    assert_eq!(world.token(Backend::Keychain, &Slot::Active), Some("refresh-2"));
    assert_eq!(*asked.borrow(), BOTH);
}

/// The world looks for that whenever a request leaves.
#[test]
fn whatever_fails_before_nobody_signs_in_under_the_lock() {
    for op in 1..30 {
        let (mut world, _) = signed_out(Backend::File, accepts);
        world.meddling = Some((op, |world| {
            world.broken.insert(Backend::File, StoreFailureKind::Refused);
            world.ledger_full = true;
        }));
        assert!(again(&mut world).is_some(), "{op}");
    }
}

#[test]
fn killed_anywhere_the_issuer_is_told_of_the_earlier_login() {
    let (mut whole, _) = signed_out(Backend::File, accepts);
    again(&mut whole).unwrap().unwrap();
    for op in 1..=whole.ops.len() {
        let (mut world, asked) = signed_out(Backend::File, accepts);
        world.killed_at_op = Some(op);
        assert!(again(&mut world).is_none());
        world.killed_at_op = None;
        again(&mut world).unwrap().unwrap();
        assert!(BOTH.iter().all(|token| asked.borrow().iter().any(|told| told == token)), "killed at {op}");
    }
}

#[test]
fn an_interrupt_ends_the_telling_and_not_the_login() {
    let (mut world, asked) = signed_out(Backend::File, |_| Err(FailureKind::NotSent));
    world.cancelled_at_send = Some(4);
    let kept = again(&mut world).unwrap().unwrap();
    assert_eq!((kept.record.token, asked.borrow().len()), (Secret::from("refresh-2"), 2));
    // Before it is stored it ends the login, and what was to be revoked stays.
    let (mut world, _) = signed_out(Backend::File, accepts);
    world.cancelled_at_send = Some(1);
    assert_eq!(again(&mut world).unwrap().unwrap_err().exit, Exit::Interrupted);
    assert_eq!(world.token(Backend::File, &Slot::Active), Some("refresh-1"));
}
