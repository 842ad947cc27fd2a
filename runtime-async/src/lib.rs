//! Drives doorkey's machines without blocking, under any executor.
//!
//! [`Driver::run`] makes a future of a machine. What the machine asks for is done on one background thread that all
//! sessions share, so that a rotation goes on though its future is no longer polled, or is dropped: until the new
//! tokens are stored it belongs to nobody who could lose it. [`Client`] is what a program uses that is signed in:
//! `token()` and `call()`, at most one rotation however many tasks ask.
//!
//! ```
//! use std::time::Duration;
//!
//! use doorkey_async::{
//!     Client, Driver, HttpTransport, ProxySettings, Surface, Transport as _, Vault, VaultConfig,
//! };
//! use doorkey_core::http::{HttpRequest, Method};
//! use doorkey_core::login::{Login, LoginOptions};
//! use doorkey_core::{machine::Machine, notice::Notice, service::Service, time::Now};
//! use doorkey_sandbox::{Options, Person, serve};
//! use futures_lite::future::block_on;
//!
//! /// In place of showing the link, and of somebody who opens it.
//! struct Approver;
//!
//! impl Surface for Approver {
//!     fn show(&mut self, _: Now, notice: &Notice) {
//!         if let Notice::PairingStarted { link, .. } = notice {
//!             let http = HttpTransport::new(ProxySettings::default(), "a browser");
//!             let send = |request: &HttpRequest| block_on(http.send(request.clone(), Duration::from_secs(10))).map_err(|e| e.detail);
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
//! let folder = std::env::temp_dir().join(format!("doorkey-async-{}", std::process::id()));
//! let place = VaultConfig::in_folder(&folder);
//! let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
//! let driver = Driver::new(transport, move || Vault::new(place.clone()));
//! block_on(async {
//!     let machine = Machine::new(service.clone(), Login::new(LoginOptions::default()));
//!     let login = driver.run(machine).with_surface(&mut Approver).await?;
//!     assert_eq!(login.kept.record.slug(), Some("acme"));
//!
//!     let usage = HttpRequest::new(Method::Get, service.api.join("/v1/usage"));
//!     assert_eq!(Client::new(driver, service).call(usage).await?.status, 200);
//! #   std::fs::remove_dir_all(&folder)?;
//!     Ok(())
//! })
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

mod alarm;
mod client;
mod connection;
mod driver;
mod engine;
mod executor;
mod flight;
mod http1;
mod listener;
mod live;
mod pool;
mod post;
mod run;
mod transport;
mod written;

pub use client::Client;
pub use doorkey_host::{Browser, Clock, Proxy, ProxySettings, Surface, SystemClock, UnusableProxy};
pub use doorkey_store::{
    EncryptionKey, KeychainConfig, ProfileConfig, SessionConfig, Vault, VaultConfig, boot_id, machine_id,
};
pub use driver::Driver;
pub use post::Interrupter;
pub use run::Run;
pub use transport::{HttpTransport, Sending, Transport};
