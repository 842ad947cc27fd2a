//! A real authorization service on loopback.
//!
//! [`Service`] is the whole of it, as a pure function on plain state: `handle(now, request) -> response`, without a
//! clock, randomness or I/O of its own. The same service is explored and simulated as it stands, and served to
//! browsers and programs by [`serve`], which adds sockets, a clock that can be sped up, a state file and faults.
//! [`Person`] walks its pages as somebody with a browser would. It plays Pentify and, where its [`Config`] says so,
//! Pensar Apex ([`pensar`]).
//!
//! A whole pairing without a socket or a second of waiting:
//! ```
//! use std::convert::Infallible;
//!
//! use doorkey_core::http::{HttpRequest, Method};
//! use doorkey_core::time::WallTime;
//! use doorkey_core::url::Url;
//! use doorkey_sandbox::{Config, Person, Service};
//!
//! let (api, app) = (Url::parse("http://127.0.0.1:8001")?, Url::parse("http://127.0.0.1:8002")?);
//! let mut service = Service::new(Config::new(api.clone(), app.clone()), [0; 32]);
//! let now = WallTime::from_unix_millis(1_767_225_600_000);
//!
//! let device_id = "A".repeat(43);
//! let poll = api.join("/auth/terminal/poll").with("device_id", device_id.as_str());
//! let poll = HttpRequest::new(Method::Get, poll);
//! assert_eq!(service.handle(now, &poll).status, 404);
//!
//! let link = app.join("/auth/terminal-pair").with("device_id", device_id).with("device_name", "laptop");
//! let mut person = Person::new("multi@pentify.sandbox").choosing("blue-team");
//! person.approve(&link, |request| Ok::<_, Infallible>(service.handle(now, request)))?;
//! assert_eq!(service.handle(now, &poll).status, 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod api;
mod asked;
mod bearer;
mod clock;
mod config;
mod connection;
mod credential;
mod desk;
mod digest;
mod door;
mod envelope;
mod events;
pub mod exam;
mod fault;
mod form;
mod grade;
mod key;
mod limit;
mod markup;
mod moment;
mod options;
mod page;
mod pages;
mod pairing;
pub mod pensar;
mod person;
mod place;
mod ratchet;
mod rule;
mod serve_error;
mod server;
mod service;
mod session;
mod state;
mod state_file;
mod visit;
mod watch;
mod wire;

pub use account::{ACCOUNTS, Account, SCOPES, Workspace};
pub use config::{Config, Quirks, Speed, SpeedError};
pub use digest::check_code;
pub use fault::{Answer, Fault, FaultSpec, FaultSpecError, Faults};
pub use grade::{Evidence, Finding, Grade, Verdict};
pub use options::{Access, AccessLog, Options, TimeSource};
pub use person::{LastPage, Person, PersonError};
pub use rule::{Level, Rule, Words};
pub use serve_error::ServeError;
pub use server::{Announcement, Environment, Running, Urls, serve};
pub use service::{AccessToken, Service};
pub use state::State;
