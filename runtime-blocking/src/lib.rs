//! Drives doorkey's machines with blocking I/O.
//!
//! [`Driver::run`] is the loop: it performs a machine's commands, feeds the results back, and sleeps until something
//! happens. It decides nothing about the protocol; that is the core's part.

pub mod browser;
pub mod clock;
pub mod driver;
pub mod proxy;
pub mod surface;
pub mod transport;

pub use browser::Browser;
pub use clock::{Clock, SystemClock};
pub use driver::{Driver, Interrupter};
pub use proxy::ProxySettings;
pub use surface::Surface;
pub use transport::{HttpTransport, Transport};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
