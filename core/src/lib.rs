//! A command-line program's login, as pure state machines.
//!
//! A machine is plain data. It is told what happened and asked what to do next; it has no clock, no randomness and no
//! I/O. The contract in one sentence: *after every [`Machine::handle_event`], drain [`Machine::poll_command`], then
//! sleep until [`Machine::poll_timeout`] or until something happens.*
//!
//! ```
//! use doorkey_core::command::Command;
//! use doorkey_core::event::Event;
//! use doorkey_core::http::HttpResponse;
//! use doorkey_core::machine::Machine;
//! use doorkey_core::pairing::Pairing;
//! use doorkey_core::secret::Entropy;
//! use doorkey_core::service::Service;
//! use doorkey_core::time::Now;
//! use doorkey_core::url::Url;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (api, app) = (Url::parse("https://api.pentify.io")?, Url::parse("https://app.pentify.io")?);
//! let service = Service::pentify(api, app, "build-box".into());
//! let mut machine = Machine::new(service, Pairing::new(None, false));
//! // A world in which time jumps, the generator is stuck, and somebody has authorized already.
//! let mut now = Now::default();
//! let mut event = Some(Event::Started { jitter_seed: 1 });
//! while machine.outcome().is_none() {
//!     // Nothing else happened: it was woken at its deadline.
//!     machine.handle_event(now, event.take().unwrap_or(Event::Woke));
//!     while let Some(command) = machine.poll_command() {
//!         event = match command {
//!             Command::DrawEntropy { id } => Some(Event::Entropy { id, entropy: Entropy::new([4; 32]) }),
//!             Command::Send { id, .. } => {
//!                 Some(Event::Response { id, response: HttpResponse::new(200, r#"{"token":"pt_live_abc"}"#) })
//!             }
//!             _ => None,
//!         };
//!     }
//!     if let (None, Some((at, _))) = (&event, machine.poll_timeout()) {
//!         now.mono = at;
//!     }
//! }
//! assert_eq!(now.mono.as_millis(), 2_000, "the first poll is after two seconds");
//! assert!(matches!(machine.outcome(), Some(Ok(_))));
//! # Ok(())
//! # }
//! ```
//!
//! [`Machine::handle_event`]: machine::Machine::handle_event
//! [`Machine::poll_command`]: machine::Machine::poll_command
//! [`Machine::poll_timeout`]: machine::Machine::poll_timeout
#![no_std]

extern crate alloc;

pub mod amend;
mod authorization_response;
mod await_newer;
mod backoff;
pub mod bearer;
pub mod billing;
pub mod browser_grant;
pub mod call;
mod client_id;
mod code_exchange;
pub mod command;
pub mod connect;
pub mod connection;
pub mod credits;
mod device_code;
mod device_endpoint;
pub mod device_grant;
pub mod disconnect;
pub mod discover;
pub mod distrust;
pub mod envelope;
pub mod event;
pub mod exchange;
pub mod failure;
pub mod find;
mod granted;
pub mod http;
pub mod http_date;
pub mod json;
mod jwt;
pub mod keep;
pub mod login;
pub mod logout;
mod looks;
mod lookup;
pub mod machine;
pub mod metadata;
mod migrate;
pub mod money;
pub mod notice;
pub mod oauth;
mod opening_page;
mod pace;
pub mod pairing;
pub mod pending_grant;
mod pkce;
mod places;
mod poll_time;
pub mod reach;
pub mod record;
mod record_form;
pub mod redirect;
mod request_failure;
pub mod resolve;
pub mod revoke;
mod rotate;
pub mod rotation;
pub mod secret;
#[cfg(feature = "seeded-faults")]
pub mod seeded;
#[cfg(not(feature = "seeded-faults"))]
mod seeded;
pub mod service;
pub mod session;
pub mod sign;
pub mod sign_in;
pub mod sign_out;
pub mod site;
pub mod sources;
pub mod status;
mod stopwatch;
pub mod store;
mod store_failure;
pub mod task;
pub mod text;
pub mod time;
pub mod token;
pub mod trace;
pub mod url;
pub mod use_token;
pub mod verdict;
mod workspace;
mod workspace_answers;
