//! The loop: a clock that jumps, an interrupt, a browser that is missing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use doorkey_blocking::{Clock, Driver, Surface, SystemClock, Transport};
use doorkey_core::command::{Choice, Question};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::{Context, Logic, Machine, Step, WakeReason};
use doorkey_core::notice::Notice;
use doorkey_core::pairing::Pairing;
use doorkey_core::service::Service;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::url::Url;
use doorkey_store::{Vault, VaultConfig};

/// Far longer than anything takes, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn service() -> Service {
    let url = |text| Url::parse(text).unwrap();
    Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into())
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

/// Answers 404 `not_paired_yet`, or never, and tells when it was asked.
struct Scripted {
    asked: Sender<Instant>,
    silent: bool,
}

impl Transport for Scripted {
    fn send(&mut self, _: &HttpRequest, _: Duration) -> Result<HttpResponse, RequestFailure> {
        self.asked.send(Instant::now()).unwrap();
        if self.silent {
            std::thread::sleep(PATIENCE);
        }
        Ok(HttpResponse::new(404, r#"{"error":{"code":"not_paired_yet","message":"m","request_id":"r"}}"#))
    }
}

/// A laptop that is suspended for an hour at its third look at the clock.
struct Jumping {
    looks: Cell<u32>,
}

impl Clock for Jumping {
    fn now(&self) -> Now {
        self.looks.set(self.looks.get() + 1);
        let mut now = SystemClock.now();
        if self.looks.get() > 8 {
            now.mono = now.mono + Duration::from_secs(3600);
        }
        now
    }
}

#[test]
fn a_suspend_is_noticed_within_a_second() {
    let (asked, asks) = channel();
    let (clock, mut seen) = (Jumping { looks: Cell::new(0) }, Seen::default());
    let transport = Scripted { asked, silent: false };
    let mut driver = Driver::new(transport, vault()).with_clock(clock).with_surface(&mut seen);
    let (start, mut service) = (Instant::now(), service());
    // Nothing else wakes it.
    service.pairing.first_poll = PATIENCE * 2;
    let failure = driver.run(Machine::new(service, Pairing::new(None, true))).unwrap_err();
    assert_eq!(failure.exit, Exit::TimedOut);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(asks.try_iter().count(), 0, "no poll leaves after the end");
    drop(driver);
    assert!(
        seen.0
            .iter()
            .any(|n| matches!(n, Notice::PageNotOpened { reason } if reason == "there is no display here"))
    );
}

#[test]
fn an_interrupt_is_obeyed_while_a_request_hangs() {
    let (asked, asks) = channel();
    let transport = Scripted { asked, silent: true };
    let mut driver = Driver::new(transport, vault());
    let (told, interrupted_at) = channel();
    driver.on_start(move |interrupter| {
        std::thread::spawn(move || {
            asks.recv().unwrap();
            told.send(Instant::now()).unwrap();
            interrupter.interrupt();
        });
    });
    let failure = driver.run(Machine::new(service(), Pairing::new(None, false))).unwrap_err();
    assert_eq!(failure.exit, Exit::Interrupted);
    let took = interrupted_at.recv().unwrap().elapsed();
    println!("obeyed within {took:?}");
    assert!(took < PATIENCE, "the request came to its end");
}

/// The first request is answered when the test says so, with what is no answer to the second.
struct Late {
    asked: Sender<()>,
    go: Receiver<()>,
    requests: u32,
}

impl Transport for Late {
    fn send(&mut self, _: &HttpRequest, _: Duration) -> Result<HttpResponse, RequestFailure> {
        self.requests += 1;
        self.asked.send(()).unwrap();
        if self.requests == 1 {
            self.go.recv().unwrap();
        }
        let code = if self.requests == 1 { "first" } else { "second" };
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"r"}}}}"#);
        Ok(HttpResponse::new(410, body))
    }
}

#[test]
fn an_answer_or_an_interrupt_for_a_machine_that_has_ended_is_not_the_next_ones() {
    let run = |driver: &mut Driver<'_>| {
        let mut service = service();
        service.pairing.first_poll = Duration::from_millis(10);
        driver.run(Machine::new(service, Pairing::new(None, false))).unwrap_err()
    };
    let (asked, asks) = channel();
    let (answer, go) = channel();
    let (interrupted, over) = channel();
    let mut driver = Driver::new(Late { asked, go, requests: 0 }, vault());
    driver.on_start(move |interrupter| {
        std::thread::spawn(move || {
            asks.recv().unwrap();
            // An impatient person.
            interrupter.interrupt();
            interrupter.interrupt();
            // The transport tells of the next one, too.
            interrupted.send(asks).unwrap();
        });
    });
    assert_eq!(run(&mut driver).exit, Exit::Interrupted);
    let _asks = over.recv().unwrap();
    answer.send(()).unwrap();
    assert_eq!(run(&mut driver).code, "second");
}

struct Panicking;

impl Transport for Panicking {
    fn send(&mut self, _: &HttpRequest, _: Duration) -> Result<HttpResponse, RequestFailure> {
        panic!("a transport of one's own")
    }
}

#[test]
fn a_transport_that_panics_panics_in_run() {
    let (ended, ends) = channel();
    std::thread::spawn(move || {
        let mut service = service();
        service.pairing.first_poll = Duration::from_millis(10);
        let mut driver = Driver::new(Panicking, vault());
        let run = || driver.run(Machine::new(service, Pairing::new(None, false))).map(drop);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
        let _ = ended.send(panicked);
    });
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(true));
}

#[test]
fn the_monotonic_clock_goes_forward_and_the_wall_clock_is_of_this_century() {
    let (first, second) = (SystemClock.now(), SystemClock.now());
    assert!(second.mono >= first.mono && first.mono > Timestamp::default());
    assert!(first.wall.as_unix_seconds() > 1_700_000_000);
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
        let mut driver = Driver::new(Scripted { asked, silent: true }, vault());
        ended.send(driver.run(Machine::new(service(), Asking(None))))
    });
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(Ok((false, None))));
}
