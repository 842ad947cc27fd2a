//! The loop: a clock that jumps, an interrupt, a dropped future, executors that are not ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use doorkey_async::{Clock, Driver, Sending, Surface, SystemClock, Transport};
use doorkey_core::command::{Choice, Question};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::{Context, Logic, Machine, Step, WakeReason};
use doorkey_core::notice::Notice;
use doorkey_core::pairing::Pairing;
use doorkey_core::service::Service;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::url::Url;
use doorkey_store::{Vault, VaultConfig};
use futures_lite::future::{block_on, poll_once};

/// Far longer than anything takes, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn service() -> Service {
    let url = |text| Url::parse(text).unwrap();
    Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into())
}

fn machine() -> Machine<Pairing> {
    Machine::new(service(), Pairing::new(None, true))
}

fn vault() -> Vault {
    Vault::new(VaultConfig::in_folder(&std::env::temp_dir().join("doorkey-driver-never-made")))
}

#[derive(Default)]
struct Seen(Vec<Notice>);

impl Surface for Seen {
    fn show(&mut self, _: Now, notice: &Notice) {
        self.0.push(notice.clone());
    }
}

/// Answers 404 `not_paired_yet`, or never, and tells when it was asked, and when a request was given up.
struct Scripted {
    asked: Sender<&'static str>,
    silent: bool,
}

struct GivenUp(Sender<&'static str>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let _ = self.0.send("given up");
    }
}

impl Transport for Scripted {
    fn send(&self, _: HttpRequest, _: Duration) -> Sending {
        let (asked, silent) = (self.asked.clone(), self.silent);
        Box::pin(async move {
            asked.send("asked").unwrap();
            if silent {
                let _told = GivenUp(asked);
                return pending().await;
            }
            Ok(HttpResponse::new(
                404,
                r#"{"error":{"code":"not_paired_yet","message":"m","request_id":"r"}}"#,
            ))
        })
    }
}

/// A laptop that is suspended for an hour at its eighth look at the clock.
struct Jumping {
    looks: AtomicU32,
}

impl Clock for Jumping {
    fn now(&self) -> Now {
        let mut now = SystemClock.now();
        if self.looks.fetch_add(1, Ordering::Relaxed) > 8 {
            now.mono = now.mono + Duration::from_secs(3600);
        }
        now
    }
}

#[test]
fn a_suspend_is_noticed_within_a_second() {
    let (asked, asks) = channel();
    let driver = Driver::new(Scripted { asked, silent: false }, vault)
        .with_clock(Jumping { looks: AtomicU32::new(0) });
    let (start, mut seen, mut service) = (Instant::now(), Seen::default(), service());
    // Nothing else wakes it.
    service.pairing.first_poll = PATIENCE * 2;
    let machine = Machine::new(service, Pairing::new(None, true));
    let failure = block_on(driver.run(machine).with_surface(&mut seen)).unwrap_err();
    assert_eq!(failure.exit, Exit::TimedOut);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(asks.try_iter().count(), 0, "no poll leaves after the end");
    let no_display =
        |n: &Notice| matches!(n, Notice::PageNotOpened { reason } if reason == "there is no display here");
    assert!(seen.0.iter().any(no_display), "{:?}", seen.0);
}

#[test]
fn an_interrupt_is_obeyed_while_a_request_hangs() {
    let (asked, asks) = channel();
    let driver = Driver::new(Scripted { asked, silent: true }, vault);
    let run = driver.run(machine());
    let interrupter = run.interrupter();
    std::thread::spawn(move || {
        asks.recv().unwrap();
        interrupter.interrupt();
    });
    assert_eq!(block_on(run).unwrap_err().exit, Exit::Interrupted);
}

#[test]
fn a_dropped_future_gives_up_its_request() {
    let (asked, asks) = channel();
    let driver = Driver::new(Scripted { asked, silent: true }, vault);
    let mut run = driver.run(machine());
    assert!(block_on(poll_once(&mut run)).is_none());
    assert_eq!(asks.recv_timeout(PATIENCE), Ok("asked"));
    drop(run);
    assert_eq!(asks.recv_timeout(PATIENCE), Ok("given up"));
}

#[test]
fn a_future_that_was_never_polled_has_done_nothing() {
    let (asked, asks) = channel();
    let driver = Driver::new(Scripted { asked, silent: true }, vault);
    drop(driver.run(machine()));
    drop(driver);
    assert!(asks.recv().is_err(), "the transport is gone, and was never asked");
}

/// Asks whether to go on, and then which one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asking(Option<bool>);

impl Logic for Asking {
    type Output = (bool, Option<usize>);

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Self::Output> {
        cx.ask(Question::Reconnect);
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Self::Output> {
        match (self.0, event) {
            (None, Event::Answered { yes, .. }) => {
                self.0 = Some(*yes);
                cx.choose(vec![Choice { name: "Acme".into(), slug: "acme".into(), balance: None }]);
                Step::Pending
            }
            (Some(yes), Event::Chosen { index, .. }) => Step::Done(Ok((yes, *index))),
            _ => Step::Ignored("not waited for"),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        None
    }
}

#[test]
fn without_a_surface_every_question_is_answered_no_and_nothing_is_chosen() {
    let (ended, ends) = channel();
    std::thread::spawn(move || {
        let (asked, _asks) = channel();
        let driver = Driver::new(Scripted { asked, silent: true }, vault);
        ended.send(block_on(driver.run(Machine::new(service(), Asking(None)))))
    });
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(Ok((false, None))));
}
