//! Drives doorkey's machines with blocking I/O.
//!
//! [`Driver::run`] is the loop: it performs a machine's commands, feeds the results back, and sleeps until something
//! happens. It decides nothing about the protocol; that is the core's part. [`Client`] is what a program uses that is
//! signed in: `token()` and `call()`.
//!
//! ```
//! use std::time::Duration;
//!
//! use doorkey_blocking::{
//!     Client, Driver, HttpTransport, ProxySettings, Surface, Transport as _, Vault, VaultConfig,
//! };
//! use doorkey_core::http::{HttpRequest, Method};
//! use doorkey_core::login::{Login, LoginOptions};
//! use doorkey_core::{machine::Machine, notice::Notice, service::Service, time::Now};
//! use doorkey_sandbox::{Options, Person, serve};
//!
//! /// In place of showing the link, and of somebody who opens it.
//! struct Approver;
//!
//! impl Surface for Approver {
//!     fn show(&mut self, _: Now, notice: &Notice) {
//!         if let Notice::PairingStarted { link, .. } = notice {
//!             let mut http = HttpTransport::new(ProxySettings::default(), "a browser");
//!             let send = |request: &HttpRequest| http.send(request, Duration::from_secs(10)).map_err(|e| e.detail);
//!             Person::new("solo@pentify.sandbox").approve(link, send).expect("it is approved");
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The real service is at `PENTIFY_API` and `PENTIFY_APP`; this one is on loopback.
//! let sandbox = serve(Options::default())?;
//! let mut service = Service::pentify(sandbox.api.clone(), sandbox.app.clone(), "build-box".into());
//! // This person needs no time to find the browser.
//! service.pairing.first_poll = Duration::from_millis(200);
//! service.pairing.interval = Duration::from_millis(200);
//!
//! let folder = std::env::temp_dir().join(format!("doorkey-blocking-{}", std::process::id()));
//! let vault = Vault::new(VaultConfig::in_folder(&folder));
//! let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
//! let mut person = Approver;
//! let mut driver = Driver::new(transport, vault).with_surface(&mut person);
//! let login = driver.run(Machine::new(service.clone(), Login::new(LoginOptions::default())))?;
//! assert_eq!(login.kept.record.slug(), Some("acme"));
//!
//! let usage = HttpRequest::new(Method::Get, service.api.join("/v1/usage"));
//! assert_eq!(Client::new(driver, service).call(usage)?.status, 200);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `keychain` (default) | the operating system's keychain among the stores |
//! | `encrypted` | encrypted files among the stores |

// Says which feature an item needs, where docs.rs builds this.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod connecting;
mod driver;
mod listener;
mod reach;
mod transport;
mod wiping;

pub use client::Client;
pub use doorkey_host::{Browser, Clock, Proxy, ProxySettings, Surface, SystemClock, UnusableProxy};
pub use doorkey_store::{
    EncryptionKey, KeychainConfig, ProfileConfig, SessionConfig, Vault, VaultConfig, boot_id, machine_id,
};
pub use driver::{Driver, Interrupter};
pub use reach::Obstacle;
pub use transport::{HttpTransport, Transport};
