//! How many sessions there are, how they are started, and when they are to be looked at.

use std::future::pending;
use std::time::{Duration, Instant};

use async_executor::LocalExecutor;
use async_io::{Timer, block_on};
use doorkey_async::{Driver, HttpTransport, ProxySettings};
use doorkey_store::{Vault, VaultConfig};

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

    /// Runs until everything is measured. Whoever waits for the sessions does so in a task for each, on this thread.
    pub(crate) fn run<K: Kind>(&self, kind: &K) {
        let executor = LocalExecutor::new();
        block_on(executor.run(async {
            (0..WARMING_UP).for_each(|_| self.start(&executor, kind));
            Timer::after(Duration::from_secs(1)).await;
            println!("started");
            Timer::after(Duration::from_millis(200)).await;
            let begun = Instant::now();
            let mut started = 0;
            while started < self.number {
                let due = begun.elapsed().as_secs_f64() / self.interval.as_secs_f64();
                while started < self.number && share(started, self.number) <= due {
                    self.start(&executor, kind);
                    started += 1;
                }
                Timer::after(Duration::from_millis(2)).await;
            }
            Timer::at(begun + self.interval + QUIET / 2).await;
            println!("waiting");
            Timer::at(begun + self.interval * 3 + QUIET + QUIET / 10).await;
            lateness::forget();
            println!("polling");
            Timer::after(WATCHED).await;
            println!("polled {}", lateness::told());
            pending::<()>().await;
        }));
    }

    fn start<K: Kind>(&self, executor: &LocalExecutor<'_>, kind: &K) {
        let mut run = match &self.connections {
            Connections::Kept(driver, http) => {
                driver.clone().with_transport(http.apart()).run(kind.machine())
            }
            Connections::Shared(driver) => driver.run(kind.machine()),
        };
        executor
            .spawn(async move {
                // By reference: a future that is moved where it is awaited has room for itself twice.
                if let Err(failure) = (&mut run).await {
                    println!("failed {failure}");
                }
            })
            .detach();
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
