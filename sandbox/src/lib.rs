//! A real authorization service on loopback.
//!
//! [`Service`] is the whole of it, as a pure function on plain state: `handle(now, request) -> response`, without a
//! clock, randomness or I/O of its own. The same service is explored and simulated as it stands, and served to
//! browsers and programs by [`serve`], which adds sockets, a clock that can be sped up, a state file and faults.
//! [`Person`] walks its pages as somebody with a browser would.

mod account;
mod api;
mod clock;
mod config;
mod connection;
mod desk;
mod digest;
mod door;
mod envelope;
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
mod person;
mod ratchet;
mod server;
mod service;
mod session;
mod state;
mod state_file;
mod watch;
mod wire;

pub use account::{ACCOUNTS, Account, SCOPES, Workspace};
pub use config::{Config, Speed, SpeedError};
pub use digest::check_code;
pub use fault::{Answer, Fault, FaultSpec, FaultSpecError, Faults};
pub use grade::{Finding, Grade, Rule};
pub use options::{Access, AccessLog, Options};
pub use person::{LastPage, Person, PersonError};
pub use server::{Announcement, Environment, Running, Urls, serve};
pub use service::Service;
pub use state::State;
