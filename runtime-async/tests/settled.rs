//! Whoever waits until a driver is settled finds nothing left of what it ran.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use doorkey_async::{Client, Clock, Driver, Sending, SystemClock, Transport};
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::{Context, Disposition, Logic, Machine, Step, WakeReason};
use doorkey_core::pairing::Pairing;
use doorkey_core::service::Service;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::trace::Observer;
use doorkey_core::url::Url;
use doorkey_store::{Vault, VaultConfig};
use futures_lite::future::{block_on, poll_once};

/// Long enough for whoever does not wait for it.
const SLOW: Duration = Duration::from_millis(100);

/// It takes a while to drop it, and then it is gone.
struct Slow(Arc<AtomicBool>);

impl Drop for Slow {
    fn drop(&mut self) {
        sleep(SLOW);
        self.0.store(true, Ordering::Release);
    }
}

impl Observer for Slow {
    fn handled(&mut self, _: Now, _: &Event, _: Disposition, _: &[Command]) {}
}

impl Clock for Slow {
    fn now(&self) -> Now {
        SystemClock.now()
    }
}

/// Never answers.
struct Silent;

impl Transport for Silent {
    fn send(&self, _: HttpRequest, _: Duration) -> Sending {
        Box::pin(pending())
    }
}

/// Has a result when it is interrupted.
struct Ending(Arc<AtomicBool>);

impl Logic for Ending {
    type Output = Slow;

    fn start(&mut self, _: &mut Context<'_>) -> Step<Slow> {
        Step::Pending
    }

    fn handle(&mut self, _: &mut Context<'_>, _: &Event) -> Step<Slow> {
        Step::Ignored("not waited for")
    }

    fn interrupted(&mut self, _: &mut Context<'_>) -> Step<Slow> {
        Step::Done(Ok(Slow(Arc::clone(&self.0))))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        None
    }
}

fn service() -> Service {
    let url = |text| Url::parse(text).unwrap();
    Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into())
}

fn driver() -> Driver {
    let folder = std::env::temp_dir().join("doorkey-settled-never-made");
    Driver::new(Silent, move || Vault::new(VaultConfig::in_folder(&folder)))
}

/// Begins, and lets go.
fn drop_begun<F: Future + Unpin>(mut future: F) {
    assert!(block_on(poll_once(&mut future)).is_none());
}

#[test]
fn a_session_is_gone_with_all_that_it_had() {
    let (driver, gone) = (driver(), Arc::default());
    let run = driver.run(Machine::new(service(), Pairing::new(None, true)));
    drop_begun(run.with_observer(Box::new(Slow(Arc::clone(&gone)))));
    block_on(driver.settled());
    assert!(gone.load(Ordering::Acquire));
}

#[test]
fn so_is_what_nobody_took_of_it() {
    let (driver, gone) = (driver(), Arc::default());
    drop_begun(driver.run(Machine::new(service(), Ending(Arc::clone(&gone)))));
    block_on(driver.settled());
    assert!(gone.load(Ordering::Acquire));
}

#[test]
fn so_is_a_search_that_several_wait_for() {
    let (driver, gone) = (driver(), Arc::default());
    // Nobody else has this clock.
    let client = Client::new(driver.clone().with_clock(Slow(Arc::clone(&gone))), service());
    drop_begun(Box::pin(client.token()));
    drop(client);
    block_on(driver.settled());
    assert!(gone.load(Ordering::Acquire));
}
