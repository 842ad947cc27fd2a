//! The client of both runtimes: the token is added, a refused one is mended once.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::bearer::bearer_of;
use doorkey_core::failure::Exit;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::Outcome;
use doorkey_core::secret::Secret;
use futures_lite::future::block_on;

use doorkey_tests::seat::Seat;

/// What both clients can do.
trait Client {
    fn token(&mut self) -> Outcome<Secret>;
    fn call(&mut self, request: HttpRequest) -> Outcome<HttpResponse>;
}

impl Client for doorkey_async::Client {
    fn token(&mut self) -> Outcome<Secret> {
        block_on(Self::token(self))
    }

    fn call(&mut self, request: HttpRequest) -> Outcome<HttpResponse> {
        block_on(Self::call(self, request))
    }
}

impl Client for doorkey_blocking::Client<'_> {
    fn token(&mut self) -> Outcome<Secret> {
        Self::token(self)
    }

    fn call(&mut self, request: HttpRequest) -> Outcome<HttpResponse> {
        Self::call(self, request)
    }
}

fn with_both(name: &str, scenario: impl Fn(&Seat, &mut dyn Client)) {
    let seat = Seat::new(&format!("{name}-async"), Duration::ZERO);
    scenario(&seat, &mut seat.client());
    let seat = Seat::new(&format!("{name}-blocking"), Duration::ZERO);
    let transport =
        doorkey_blocking::HttpTransport::new(doorkey_blocking::ProxySettings::default(), "doorkey-tests");
    let driver = doorkey_blocking::Driver::new(transport, seat.vault()).with_clock(&seat.clock);
    scenario(&seat, &mut doorkey_blocking::Client::new(driver, Arc::clone(&seat.service)));
}

#[test]
fn a_good_token_is_handed_out_and_used_without_asking_the_issuer() {
    with_both("client-good", |seat, client| {
        let token = client.token().unwrap();
        assert_eq!(Some(&token), bearer_of(&seat.record()));
        let answer = client.call(seat.request()).unwrap();
        assert!(String::from_utf8_lossy(answer.body.as_bytes()).contains("workspaces"), "{answer:?}");
        assert_eq!(seat.refreshes(), 0);
    });
}

#[test]
fn a_token_that_is_due_is_renewed_first() {
    with_both("client-due", |seat, client| {
        let before = client.token().unwrap();
        seat.put_forward();
        assert_ne!(client.token().unwrap(), before);
        client.call(seat.request()).unwrap();
        assert_eq!(seat.refreshes(), 1);
    });
}

#[test]
fn a_refused_token_is_renewed_and_the_request_sent_again() {
    with_both("client-refused", |seat, client| {
        seat.spoil();
        // A token that was minted a moment ago is not renewed for a refusal.
        seat.clock.forward(Duration::from_secs(600));
        assert_eq!(client.call(seat.request()).unwrap().status, 200);
        assert_eq!(seat.refreshes(), 1);
        assert!(seat.grade().is_clean(), "{:?}", seat.grade());
    });
}

#[test]
fn a_request_to_nowhere_is_a_failure_with_its_own_code() {
    with_both("client-nowhere", |seat, client| {
        let request = HttpRequest { url: seat.service.api.join("/api/nowhere"), ..seat.request() };
        let failure = client.call(request).unwrap_err();
        assert_eq!(failure.exit, Exit::RefusedByApi, "{failure:?}");
    });
}

#[test]
fn signed_out_it_says_how_to_sign_in() {
    with_both("client-signed-out", |seat, client| {
        seat.sign_out();
        let failure = client.token().unwrap_err();
        assert_eq!(failure.exit, Exit::NotSignedIn);
        assert!(failure.next.unwrap().contains("pensar login"));
    });
}
