//! Drives doorkey's machines with blocking I/O.
//!
//! [`Driver::run`] is the loop: it performs a machine's commands, feeds the results back, and sleeps until something
//! happens. It decides nothing about the protocol; that is the core's part.

mod client;
pub mod driver;
pub mod transport;

pub use client::Client;
pub use doorkey_host::{Browser, Clock, Proxy, ProxySettings, Surface, SystemClock, UnusableProxy};
pub use driver::{Driver, Interrupter};
pub use transport::{HttpTransport, Transport};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
