//! Drives doorkey's machines without blocking, under any executor.
//!
//! [`Driver::run`] makes a future of a machine. What the machine asks for is done on one background thread that all
//! sessions share, so that a rotation goes on though its future is no longer polled, or is dropped: until the new
//! tokens are stored it belongs to nobody who could lose it. [`Client`] is what a program uses that is signed in:
//! `token()` and `call()`, at most one rotation however many tasks ask.

mod alarm;
mod client;
mod connection;
mod driver;
mod engine;
mod executor;
mod flight;
mod http1;
mod pool;
mod post;
mod run;
mod transport;

pub use client::Client;
pub use doorkey_host::{Browser, Clock, Proxy, ProxySettings, Surface, SystemClock, UnusableProxy};
pub use driver::{Driver, Vaults};
pub use post::Interrupter;
pub use run::Run;
pub use transport::{HttpTransport, Sending, Transport};
