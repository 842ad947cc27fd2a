//! The device flow of the `oauth2` crate, many times at once, on tokio's runtime for one thread, with `reqwest`, its
//! default client: `peer CONNECTIONS NUMBER URL`. Says on its output when it has come to a state that is to be measured
//! from outside.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "it says how far it is")]

#[path = "../../src/lateness.rs"]
mod lateness;
mod session;

use std::future::pending;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};

use crate::session::Service;

/// Of the issuer; how long it takes until all are started, too.
const INTERVAL: Duration = Duration::from_secs(5);
/// For so long nothing happens between the last start and the first poll.
const QUIET: Duration = Duration::from_secs(10);
/// How long polls are watched.
const WATCHED: Duration = Duration::from_secs(20);
/// What happens for the first time brings memory with it that is nobody's in particular.
const WARMING_UP: u32 = 20;

fn main() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [connections, number, url] = &args[..] else { panic!("peer CONNECTIONS NUMBER URL") };
    let service: &'static Service = Box::leak(Box::new(Service::new(url, connections == "kept")));
    let number = number.parse().unwrap();
    Builder::new_current_thread().enable_all().build().unwrap().block_on(run(service, number));
}

async fn run(service: &'static Service, number: u32) {
    for session in 0..WARMING_UP {
        tokio::spawn(service.session(number + session, Instant::now()));
    }
    sleep(Duration::from_secs(1)).await;
    println!("started");
    sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let mut started = 0;
    while started < number {
        while started < number && INTERVAL * started / number <= begun.elapsed() {
            // It polls as soon as it may; so that there is a time before that, it does not begin yet.
            let first_poll = begun + INTERVAL * started / number + INTERVAL + QUIET;
            tokio::spawn(service.session(started, first_poll));
            started += 1;
        }
        sleep(Duration::from_millis(2)).await;
    }
    sleep_until(begun + INTERVAL + QUIET / 2).await;
    println!("waiting");
    sleep_until(begun + INTERVAL * 3 + QUIET + QUIET / 10).await;
    lateness::forget();
    println!("polling");
    sleep(WATCHED).await;
    println!("polled {}", lateness::told());
    pending::<()>().await;
}
