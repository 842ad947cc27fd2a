//! What both drivers need of the machine they run on and of the person in front of it: [`Clock`], [`Browser`],
//! [`ProxySettings`], [`Surface`], the limits of their HTTP clients, and the HTTP of the loopback listener.
//!
//! Drivers re-export what an embedder names.

mod browser;
mod clock;
pub mod limits;
mod proxy;
pub mod redirect;
mod surface;

pub use browser::Browser;
pub use clock::{Clock, SystemClock};
pub use proxy::{Proxy, ProxySettings, UnusableProxy};
pub use surface::Surface;
