//! A computer with a session, an issuer for it, and a clock that can be put forward.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorkey_async::{Client, Clock, Driver, HttpTransport, ProxySettings, SystemClock};
use doorkey_core::disconnect::Disconnect;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::secret::Secret;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::time::{Now, WallTime};
use doorkey_sandbox::{Grade, Options, Running, pensar, serve};
use doorkey_store::{SessionConfig, Vault};
use futures_lite::future::block_on;

use crate::grant;
use crate::scratch::Scratch;

/// How long the issuer's access tokens are good.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// Signed in, with everything in files of its own.
pub struct Seat {
    /// The service.
    pub service: Arc<Service>,
    /// Its clock.
    pub clock: PutForward,
    sandbox: Running,
    refreshes: Arc<AtomicU64>,
    vaults: Arc<AtomicU64>,
    /// Where in the folder the session lies.
    vault_in: fn(&Path) -> Vault,
    folder: Arc<Scratch>,
}

impl Seat {
    /// Signed in at an issuer with this grace period; zero is strict.
    pub fn new(name: &str, grace: Duration) -> Self {
        let in_files = |folder: &Path| Vault::session(SessionConfig::in_folder(folder));
        Self::with_vault(name, grace, &[Backend::File], in_files)
    }

    /// The same with the session in the first of these backends of this vault.
    pub fn with_vault(
        name: &str,
        grace: Duration,
        backends: &'static [Backend],
        vault_in: fn(&Path) -> Vault,
    ) -> Self {
        let refreshes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&refreshes);
        let settings = pensar::Settings { grace, access_lifetime: LIFETIME, ..pensar::Settings::default() };
        let sandbox = serve(Options {
            rate_limit: false,
            pensar: settings,
            log: Some(Box::new(move |access| {
                if access.place.ends_with("/user_management/authenticate") {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            })),
            ..Options::default()
        })
        .unwrap();
        let (api, console) = (sandbox.pensar_api.clone(), sandbox.console.clone());
        let mut service = Service::pensar(
            PensarHosts { api, console, gateway: sandbox.gateway.clone(), workos: sandbox.workos.clone() },
            "build-box".into(),
        );
        service.backends = backends;
        service.machine_id = Some("machine-1".into());
        service.boot_id = "boot-1".into();
        if let Some(oauth) = &mut service.oauth {
            oauth.grace = Some(grace).filter(|grace| !grace.is_zero());
        }
        let seat = Self {
            service: Arc::new(service),
            clock: PutForward::default(),
            sandbox,
            refreshes,
            vaults: Arc::default(),
            vault_in,
            folder: Arc::new(Scratch::new(name)),
        };
        let record = grant::record(&seat.service, seat.clock.now());
        let keep = Keep::new(record, seat.service.backends);
        block_on(seat.driver().run(Machine::new(Arc::clone(&seat.service), keep))).unwrap();
        seat.refreshes.store(0, Ordering::Relaxed);
        seat
    }

    /// Where the session lies.
    pub fn vault(&self) -> Vault {
        (self.vault_in)(&self.folder)
    }

    /// The folder with all that is stored.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn backend(&self) -> Backend {
        self.service.backends[0]
    }

    /// A driver with connections of its own.
    pub fn driver(&self) -> Driver {
        self.driver_through(transport())
    }

    /// A driver with these connections.
    pub fn driver_through(&self, transport: impl doorkey_async::Transport) -> Driver {
        let (folder, vault_in) = (Arc::clone(&self.folder), self.vault_in);
        let made = Arc::clone(&self.vaults);
        let vaults = move || {
            made.fetch_add(1, Ordering::Relaxed);
            vault_in(&folder)
        };
        Driver::new(transport, vaults).with_clock(self.clock.clone())
    }

    /// A client with connections of its own.
    pub fn client(&self) -> Client {
        Client::new(self.driver(), Arc::clone(&self.service))
    }

    /// A request that needs the token.
    pub fn request(&self) -> HttpRequest {
        HttpRequest::new(Method::Get, self.service.api.join("/api/cli/workspaces"))
    }

    /// The token is due from now on.
    pub fn put_forward(&self) {
        self.clock.forward(LIFETIME);
    }

    /// Requests for tokens since the last look.
    pub fn refreshes(&self) -> u64 {
        self.refreshes.swap(0, Ordering::Relaxed)
    }

    /// Sessions that looked into the store since the last look.
    pub fn looks(&self) -> u64 {
        self.vaults.swap(0, Ordering::Relaxed)
    }

    /// What the issuer thinks of its clients.
    pub fn grade(&self) -> Grade {
        self.sandbox.grade().unwrap()
    }

    /// Ends the session, as `pensar logout` does.
    pub fn sign_out(&self) {
        let disconnect = Machine::new(Arc::clone(&self.service), Disconnect::default());
        block_on(self.driver().run(disconnect)).unwrap();
    }

    /// What is stored, read by nobody's lock.
    pub fn record(&self) -> Record {
        match self.vault().perform(StoreOp::Load { backend: self.backend(), slot: Slot::Active }) {
            StoreAnswer::Records(mut records) => records.remove(0).1,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the lock can be had at once.
    pub fn is_unlocked(&self) -> bool {
        self.vault().perform(StoreOp::Lock { wait: Duration::ZERO }) == StoreAnswer::Done
    }

    /// Makes what is stored hold an access token that the API does not know.
    pub fn spoil(&self) {
        let old = self.record();
        let mut spoilt = old.clone();
        let access = spoilt.rotation_mut().unwrap().access.as_mut().unwrap();
        access.token = Secret::from("no-such-token");
        spoilt.generation.as_mut().unwrap().counter += 1;
        let op = StoreOp::Write {
            backend: self.backend(),
            slot: Slot::Active,
            expected: Some(old.version()),
            record: spoilt,
        };
        assert_eq!(self.vault().perform(op), StoreAnswer::Done);
    }
}

/// Connections to loopback.
pub fn transport() -> HttpTransport {
    HttpTransport::new(ProxySettings::default(), "doorkey-tests")
}

/// The system's clock, so many seconds later.
#[derive(Clone, Debug, Default)]
pub struct PutForward(Arc<AtomicU64>);

impl PutForward {
    /// So much later, in whole seconds.
    pub fn forward(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for PutForward {
    fn now(&self) -> Now {
        let later = Duration::from_secs(self.0.load(Ordering::Relaxed));
        let now = SystemClock.now();
        let wall = now.wall.as_unix_millis() + u64::try_from(later.as_millis()).unwrap();
        Now { mono: now.mono + later, wall: WallTime::from_unix_millis(wall) }
    }
}
