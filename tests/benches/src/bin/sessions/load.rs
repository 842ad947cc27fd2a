//! How many sessions there are, how they are started, and when they are to be looked at.

use std::future::pending;
use std::time::{Duration, Instant};

use async_io::{Timer, block_on};
use doorkey_async::{Driver, HttpTransport, ProxySettings, Run};
use doorkey_store::{Vault, VaultConfig};
use futures_lite::future::poll_once;

use crate::lateness;
use crate::machines::Kind;
use crate::standing::Standing;

/// For so long nothing happens between the last start and the first poll.
pub(crate) const QUIET: Duration = Duration::from_secs(10);
/// How long polls are watched.
const WATCHED: Duration = Duration::from_secs(20);
/// What happens for the first time brings memory with it that is nobody's in particular.
const WARMING_UP: usize = 20;

/// So many sessions with such connections.
pub(crate) struct Load {
    connections: Connections,
    number: usize,
    interval: Duration,
}

enum Connections {
    /// Each session has one of its own, and keeps it.
    Kept(Driver, HttpTransport),
    /// As they need them: a new one for each request, or none at all.
    Shared(Driver),
}

impl Load {
    /// `interval`, between two polls of a session, is how long it takes until all are started.
    pub(crate) fn new(connections: &str, number: usize, interval: Duration) -> Self {
        let http = HttpTransport::new(ProxySettings::default(), "doorkey-benches");
        let connections = match connections {
            "kept" => Connections::Kept(Driver::new(http.clone(), no_vault), http),
            "reconnecting" => Connections::Shared(Driver::new(http.reconnecting(), no_vault)),
            "none" => Connections::Shared(Driver::new(Standing, no_vault)),
            _ => panic!("kept | reconnecting | none"),
        };
        Self { connections, number, interval }
    }

    /// Runs until everything is measured. All sessions are waited for together, by nobody who adds to them.
    pub(crate) fn run<K: Kind>(&self, kind: &K) {
        block_on(async {
            let mut runs = Vec::new();
            for _ in 0..WARMING_UP {
                runs.push(self.start(kind).await);
            }
            Timer::after(Duration::from_secs(1)).await;
            runs.reserve_exact(self.number);
            println!("started");
            Timer::after(Duration::from_millis(200)).await;
            let begun = Instant::now();
            for session in 0..self.number {
                let at = begun + self.interval.mul_f64(share(session, self.number));
                if at > Instant::now() {
                    Timer::at(at).await;
                }
                runs.push(self.start(kind).await);
            }
            Timer::at(begun + self.interval + QUIET / 2).await;
            println!("waiting");
            Timer::at(begun + self.interval * 3 + QUIET + QUIET / 10).await;
            lateness::forget();
            println!("polling");
            Timer::after(WATCHED).await;
            for run in &mut runs {
                if let Some(ended) = poll_once(run).await {
                    panic!("a session ended: {:?}", ended.err());
                }
            }
            println!("polled {}", lateness::told());
            pending::<()>().await;
        });
    }

    /// A session that has begun.
    async fn start<K: Kind>(&self, kind: &K) -> Run<'static, K::Logic> {
        let mut run = match &self.connections {
            Connections::Kept(driver, http) => {
                driver.clone().with_transport(http.apart()).run(kind.machine())
            }
            Connections::Shared(driver) => driver.run(kind.machine()),
        };
        let ended = poll_once(&mut run).await;
        assert!(ended.is_none(), "it has ended before it began");
        run
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

/// Nobody authorizes, so that nothing is ever stored.
fn no_vault() -> Vault {
    Vault::new(VaultConfig {
        ledger: "/nonexistent".into(),
        credentials: "/nonexistent".into(),
        locked: Vec::new(),
        locked_at_home: None,
        keychain: None,
    })
}
