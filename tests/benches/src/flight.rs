//! A thousand tasks that want a token when it has expired.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorkey_async::{Client, Driver, HttpTransport, Sending, Transport};
use doorkey_core::http::HttpRequest;
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::record::Backend;
use doorkey_store::{MemoryStore, SessionConfig, Vault};
use doorkey_tests::grant;
use doorkey_tests::seat::{Seat, transport};
use futures_lite::future::block_on;
use smol::LocalExecutor;

use crate::Binaries;
use crate::document::{table, verdict};
use crate::sample::{Sample, millis};

const TASKS: usize = 1_000;
const EXPIRIES: usize = 50;
/// Not counted, for the caches.
const WARM_UP: usize = 10;
/// More than the one round trip that cannot be helped.
const BEYOND: Duration = Duration::from_millis(5);
/// Memory, as a file system.
const MEMORY: &str = "/dev/shm";

/// Times the requests.
struct Timed {
    inner: HttpTransport,
    took: Arc<Mutex<Vec<Duration>>>,
}

impl Transport for Timed {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        let (sending, took) = (self.inner.send(request, limit), Arc::clone(&self.took));
        Box::pin(async move {
            let started = Instant::now();
            let answer = sending.await;
            took.lock().unwrap().push(started.elapsed());
            answer
        })
    }
}

pub(crate) fn measure(_: &Binaries) -> String {
    let mut rows = Vec::new();
    for in_memory in [true, false] {
        let seat = Seat::new("bench-flight", Duration::ZERO);
        let trips = Arc::new(Mutex::new(Vec::new()));
        let timed = Timed { inner: transport(), took: Arc::clone(&trips) };
        let driver = match in_memory {
            true => in_memory_driver(&seat, timed),
            false => seat.driver_through(timed),
        };
        let client = Client::new(driver, Arc::clone(&seat.service));
        block_on(client.token()).unwrap();
        seat.refreshes();
        let (mut waits, mut beyond, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..WARM_UP + EXPIRIES {
            seat.put_forward();
            let waited = asked_by_many(&client);
            let trip = trips.lock().unwrap().pop().unwrap();
            if round >= WARM_UP {
                beyond.extend(waited.iter().map(|wait| wait.saturating_sub(trip)));
                waits.extend(waited);
                taken.push(trip);
            }
        }
        let refreshes = seat.refreshes();
        let [waits, beyond, trips] = [waits, beyond, taken].map(Sample::new);
        let [p50, p99] = [0.5, 0.99].map(|share| waits.quantile(share));
        let (trip, beyond) = (trips.median(), beyond.quantile(0.99));
        let place = if in_memory { "own store in memory" } else { "file, with its fsyncs" };
        let within = beyond <= BEYOND;
        let goal = format!("p99 ≤ one round trip + {} ms", BEYOND.as_millis());
        rows.push(vec![
            place.to_owned(),
            format!("{refreshes} of {}", WARM_UP + EXPIRIES),
            millis(trip),
            millis(p50),
            millis(p99),
            millis(beyond),
            if in_memory { verdict(&goal, within) } else { String::new() },
        ]);
    }
    let head = [
        "store",
        "refreshes of expiries",
        "round trip ms",
        "wait p50 ms",
        "wait p99 ms",
        "wait − its trip, p99 ms",
        "goal",
    ];
    table(&head, &rows)
}

/// How long each of the tasks waited.
fn asked_by_many(client: &Client) -> Vec<Duration> {
    let executor = LocalExecutor::new();
    let asking: Vec<_> = (0..TASKS)
        .map(|_| {
            executor.spawn(async {
                let started = Instant::now();
                client.token().await.unwrap();
                started.elapsed()
            })
        })
        .collect();
    block_on(executor.run(async {
        let mut waits = Vec::new();
        for task in asking {
            waits.push(task.await);
        }
        waits
    }))
}

/// The session in memory, and what is beside it in files that are.
fn in_memory_driver(seat: &Seat, transport: Timed) -> Driver {
    let folder = std::path::Path::new(MEMORY).join(format!("doorkey-bench-flight-{}", std::process::id()));
    let store = MemoryStore::new(Backend::File);
    let vaults =
        move || Vault::session(SessionConfig::in_folder(&folder)).with_store(Box::new(store.clone()));
    let driver = Driver::new(transport, vaults).with_clock(seat.clock.clone());
    let record = grant::record(&seat.service, doorkey_async::Clock::now(&seat.clock));
    let keep = Machine::new(Arc::clone(&seat.service), Keep::new(record, seat.service.backends));
    block_on(driver.run(keep)).unwrap();
    driver
}
