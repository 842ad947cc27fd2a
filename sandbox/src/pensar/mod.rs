//! Pensar Apex: an authorization server (WorkOS), an API, a gateway for inference, and a console with pages.

pub mod account;
mod api;
mod api_key;
mod body;
mod caller;
mod code_watch;
mod config;
mod device;
mod gateway;
mod jwt;
mod legacy;
mod money;
mod pages;
mod person;
mod refusal;
mod rotation;
mod selection;
mod state;
mod token_request;
mod token_watch;
mod user_code;
mod workos;
mod workspace;

use doorkey_core::http::{HttpRequest, HttpResponse};

use crate::config::Config as Whole;
use crate::digest::Digest;
use crate::moment::Moment;
use crate::place::Place;
use crate::rule::Rule;
use crate::state::State as WholeState;
use crate::watch::Seen;

use code_watch::Said;
pub use config::{Config, Settings};
use refusal::INVALID_GRANT;
pub use token_request::{Grant, Outcome, TokenRequest};
pub use workos::CLIENT_ID;

pub(crate) use api::WORKSPACES as RESOURCE;

pub(crate) use code_watch::CodeWatch;
pub(crate) use pages::{get, post};
pub(crate) use refusal::too_fast;
pub(crate) use state::State;
pub(crate) use token_watch::TokenWatch;

/// Answers a program, and says what a request for tokens came to.
pub(crate) fn respond(
    place: Place,
    state: &mut WholeState,
    config: &Whole,
    pensar: &Config,
    now: Moment,
    request: &HttpRequest,
) -> (HttpResponse, Option<TokenRequest>) {
    let mut desk = Desk { state, config, pensar, now };
    match place {
        Place::WorkOs => workos::respond(&mut desk, request),
        Place::Gateway => (gateway::respond(&mut desk, request), None),
        _ => (api::respond(&mut desk, request), None),
    }
}

/// What is known of a request for tokens that a fault kept from being handled.
pub(crate) fn not_handled(place: Place, state: &State, request: &HttpRequest) -> Option<TokenRequest> {
    (place == Place::WorkOs).then(|| workos::not_handled(state, request)).flatten()
}

/// Has a poll for a device code answered with `slow_down`, if nobody has decided about the code.
pub(crate) fn slow_down(place: Place, state: &mut WholeState, request: &HttpRequest) {
    let code = polled_code(place, request);
    if let Some(device) = code.and_then(|code| state.pensar.devices.get_mut(&code)) {
        device.hurry();
    }
}

/// A program asked.
pub(crate) fn watch_request(place: Place, state: &mut WholeState, seen: Seen<'_>) {
    let watch = &mut state.watch;
    if let Some(code) = polled_code(place, seen.request) {
        for shown in watch.codes.polled(code, seen) {
            watch.occasion(shown.rule);
            if let Some(how) = shown.broken {
                watch.broke(shown.rule, seen, || how);
            }
        }
    }
    if let Some(token) = presented_token(place, seen.request)
        && let Some(how) = watch.tokens.sent(Digest::of(&token), seen)
    {
        watch.broke(Rule::RefreshAfterRefusal, seen, || how);
    }
    if place == Place::WorkOs && workos::is_for_a_client(seen.request) {
        watch.occasion(Rule::ClientNotNamed);
        if let Some(how) = workos::misnamed_client(seen.request) {
            watch.broke(Rule::ClientNotNamed, seen, || how.to_owned());
        }
    }
}

/// An answer reached a program whole.
pub(crate) fn watch_answer(place: Place, state: &mut WholeState, seen: Seen<'_>, response: &HttpResponse) {
    let Seen { request, now, speed } = seen;
    let watch = &mut state.watch;
    if let Some(code) = polled_code(place, request) {
        let occasion = watch.codes.answered(code, Said::of(response), now, speed);
        if let Some(rule) = occasion {
            watch.occasion(rule);
        }
    } else if let Some(token) = presented_token(place, request) {
        let name = Digest::of(&token);
        if response.status == 200 {
            watch.tokens.answered(name);
            state.pensar.note_delivery(&token, true);
        } else if refusal::is(INVALID_GRANT, response) {
            watch.tokens.refused(name, now);
            watch.occasion(Rule::RefreshAfterRefusal);
        }
    }
}

/// A program had no answer, or one that says nothing of what it asked.
pub(crate) fn watch_trouble(place: Place, state: &mut WholeState, seen: Seen<'_>) {
    let watch = &mut state.watch;
    if let Some(code) = polled_code(place, seen.request) {
        if watch.codes.troubled(code) {
            watch.occasion(Rule::LoginGivenUp);
        }
    } else if let Some(token) = presented_token(place, seen.request) {
        watch.tokens.troubled(Digest::of(&token), seen.now);
        watch.occasion(Rule::SessionLost);
    }
}

/// An answer that was counted as whole did not reach its program after all.
pub(crate) fn undelivered(place: Place, state: &mut WholeState, request: &HttpRequest) {
    if let Some(code) = polled_code(place, request) {
        state.watch.codes.undelivered(code);
    } else if let Some(token) = presented_token(place, request) {
        state.pensar.note_delivery(&token, false);
    }
}

/// Whether a request polls for a device code.
pub(crate) fn is_poll(place: Place, request: &HttpRequest) -> bool {
    polled_code(place, request).is_some()
}

/// Whether a request presents a refresh token.
pub(crate) fn is_refresh(place: Place, request: &HttpRequest) -> bool {
    presented_token(place, request).is_some()
}

/// The device code that a request polls for.
fn polled_code(place: Place, request: &HttpRequest) -> Option<Digest> {
    match place {
        Place::WorkOs => workos::polled_code(request),
        Place::PensarApi => legacy::polled_code(request),
        _ => None,
    }
}

/// The refresh token that a request presents.
fn presented_token(place: Place, request: &HttpRequest) -> Option<String> {
    (place == Place::WorkOs).then(|| workos::presented_token(request)).flatten()
}

/// All that answering a program needs.
struct Desk<'a> {
    state: &'a mut WholeState,
    config: &'a Whole,
    pensar: &'a Config,
    now: Moment,
}
