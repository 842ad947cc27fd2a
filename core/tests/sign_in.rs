//! Signing in at any issuer: which way is taken, and what is stored.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::keep::Kept;
use doorkey_core::notice::Notice;
use doorkey_core::oauth::OAuth;
use doorkey_core::pending_grant::{PendingGrant, StartGrant};
use doorkey_core::record::{Backend, Slot};
use doorkey_core::rotation::Journal;
use doorkey_core::service::Service;
use doorkey_core::sign_in::GrantKind::{Browser, Device};
use doorkey_core::sign_in::{GrantKind, SignIn, SignInOptions, is_decided};
use doorkey_core::store::StoreOp;
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
        let access = rotation.access.unwrap();
        assert_eq!((rotation.journal, access.lifetime.map(|l| l.as_secs())), (journal, lifetime), "{tokens}");
        assert_eq!(access.token.expose_secret(), "access-1");
        assert_eq!(
            kept.record.issuer.unwrap(),
            "https://auth.example.com via https://auth.example.com/token"
        );
        assert_eq!(rotation.client_id.unwrap(), "cli");
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
        world.broken.insert(backend, doorkey_core::store::StoreFailureKind::Refused);
    }
    let options = SignInOptions::default();
    let end = world.run(&Task::SignIn { options, pending: None }, SignIn::new(options)).unwrap();
    assert_eq!(end.unwrap_err().exit, Exit::Store);
}
