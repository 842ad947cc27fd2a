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
mod presented;
mod refusal;
mod rotation;
mod selection;
mod state;
mod token_request;
mod token_watch;
mod user_code;
mod workos;
mod workspace;

use doorkey_core::http::HttpResponse;

use crate::asked::Asked;
use crate::config::Config as Whole;
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
pub(crate) use jwt::Claims;
pub(crate) use pages::{get, post};
pub(crate) use presented::Presented;
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
    asked: &Asked<'_>,
) -> (HttpResponse, Option<TokenRequest>) {
    let mut desk = Desk { state, config, pensar, now };
    match place {
        Place::WorkOs => workos::respond(&mut desk, asked),
        Place::Gateway => (gateway::respond(&mut desk, asked.request), None),
        _ => (api::respond(&mut desk, asked), None),
    }
}

/// What is known of a request for tokens that a fault kept from being handled.
pub(crate) fn not_handled(state: &State, asked: &Asked<'_>) -> Option<TokenRequest> {
    (asked.place == Some(Place::WorkOs)).then(|| workos::not_handled(state, asked)).flatten()
}

/// Has a poll for a device code answered with `slow_down`, if nobody has decided about the code.
pub(crate) fn slow_down(state: &mut WholeState, asked: &Asked<'_>) {
    let code = asked.presented.device_code;
    if let Some(device) = code.and_then(|code| state.pensar.devices.get_mut(&code)) {
        device.hurry();
    }
}

/// A program asked.
pub(crate) fn watch_request(state: &mut WholeState, seen: Seen<'_>) {
    let asked = seen.asked;
    let watch = &mut state.watch;
    if let Some(code) = asked.presented.device_code {
        for shown in watch.codes.polled(code, seen) {
            watch.occasion(shown.rule);
            if let Some(how) = shown.broken {
                watch.broke(shown.rule, seen, || how);
            }
        }
    }
    if let Some(token) = asked.presented.refresh_token
        && let Some(how) = watch.tokens.sent(token, seen)
    {
        watch.broke(Rule::RefreshAfterRefusal, seen, || how);
    }
    if asked.place == Some(Place::WorkOs) && workos::is_for_a_client(asked.request) {
        watch.occasion(Rule::ClientNotNamed);
        if let Some(how) = workos::misnamed_client(&asked.presented) {
            watch.broke(Rule::ClientNotNamed, seen, || how.to_owned());
        }
    }
}

/// An answer reached a program whole.
pub(crate) fn watch_answer(state: &mut WholeState, seen: Seen<'_>, response: &HttpResponse) {
    let Seen { asked, now, speed } = seen;
    let watch = &mut state.watch;
    if let Some(code) = asked.presented.device_code {
        let occasion = watch.codes.answered(code, Said::of(response), now, speed);
        if let Some(rule) = occasion {
            watch.occasion(rule);
        }
    } else if let Some(token) = asked.presented.refresh_token {
        if response.status == 200 {
            watch.tokens.answered(token);
            state.pensar.note_delivery(token, true);
        } else if refusal::is(INVALID_GRANT, response) {
            watch.tokens.refused(token, now);
            watch.occasion(Rule::RefreshAfterRefusal);
        }
    }
}

/// A program had no answer, or one that says nothing of what it asked.
pub(crate) fn watch_trouble(state: &mut WholeState, seen: Seen<'_>) {
    let watch = &mut state.watch;
    if let Some(code) = seen.asked.presented.device_code {
        if watch.codes.troubled(code) {
            watch.occasion(Rule::LoginGivenUp);
        }
    } else if let Some(token) = seen.asked.presented.refresh_token {
        watch.tokens.troubled(token, seen.now);
        watch.occasion(Rule::SessionLost);
    }
}

/// An answer that was counted as whole did not reach its program after all.
pub(crate) fn undelivered(state: &mut WholeState, asked: &Asked<'_>) {
    if let Some(code) = asked.presented.device_code {
        state.watch.codes.undelivered(code);
    } else if let Some(token) = asked.presented.refresh_token {
        state.pensar.note_delivery(token, false);
    }
}

/// All that answering a program needs.
struct Desk<'a> {
    state: &'a mut WholeState,
    config: &'a Whole,
    pensar: &'a Config,
    now: Moment,
}
