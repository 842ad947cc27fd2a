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
mod user_code;
mod workos;
mod workspace;

use doorkey_core::http::{HttpRequest, HttpResponse};

use crate::config::{Config as Whole, Speed};
use crate::digest::Digest;
use crate::moment::Moment;
use crate::place::Place;
use crate::state::State as WholeState;

use code_watch::Said;
pub use config::{Config, Settings};
pub use token_request::{Grant, Outcome, TokenRequest};

pub(crate) use code_watch::CodeWatch;
pub(crate) use pages::{get, post};
pub(crate) use refusal::too_fast;
pub(crate) use state::State;

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

/// A program asked.
pub(crate) fn watch_request(
    place: Place,
    state: &mut WholeState,
    now: Moment,
    speed: Speed,
    request: &HttpRequest,
) {
    if let Some(code) = polled_code(place, request) {
        for (rule, example) in state.watch.codes.polled(code, now, speed) {
            state.watch.broke(rule, || example);
        }
    }
}

/// An answer reached a program whole.
pub(crate) fn watch_answer(
    place: Place,
    state: &mut WholeState,
    now: Moment,
    speed: Speed,
    request: &HttpRequest,
    response: &HttpResponse,
) {
    if let Some(code) = polled_code(place, request) {
        state.watch.codes.answered(code, Said::of(response), now, speed);
    } else if let Some(token) = presented_token(place, request).filter(|_| response.status == 200) {
        state.pensar.note_delivery(&token, true);
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
