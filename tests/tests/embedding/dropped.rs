//! Futures that are dropped at every point: a rotation that has begun goes on, and nothing is torn.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use doorkey_async::{HttpTransport, Sending, Transport};
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::{Disposition, Machine};
use doorkey_core::session::Session;
use doorkey_core::time::Now;
use doorkey_core::trace::Observer;
use doorkey_sandbox::Rule;
use doorkey_tests::{PATIENCE, wait_for};
use futures_lite::future::{block_on, poll_once};

use doorkey_tests::seat::{Seat, transport};

const STRICT: Duration = Duration::ZERO;
const GRACE: Duration = Duration::from_secs(10);

/// Stops the session's thread at its `at`th stop, from 1, until the future is dropped.
struct Stop {
    at: usize,
    stops: usize,
    reached: Sender<()>,
    dropped: Receiver<()>,
}

impl Stop {
    fn pass(&mut self) {
        self.stops += 1;
        if self.stops == self.at {
            self.reached.send(()).unwrap();
            self.dropped.recv_timeout(PATIENCE).unwrap();
        }
    }
}

impl Observer for Stop {
    fn handled(&mut self, _: Now, _: &Event, _: Disposition, _: &[Command]) {
        self.pass();
    }
}

/// The test's end of a stop.
struct Held {
    reached: Receiver<()>,
    goes_on: Sender<()>,
}

fn stop(at: usize) -> (Stop, Held) {
    let ((reached, arrived), (goes_on, dropped)) = (channel(), channel());
    (Stop { at, stops: 0, reached, dropped }, Held { reached: arrived, goes_on })
}

/// Polls until the session stops, and drops the future there. `false` if the session ended first.
fn dropped_at_stop<T>(mut run: Pin<Box<impl Future<Output = T>>>, held: &Held) -> bool {
    let ended = block_on(async {
        futures_lite::future::poll_fn(|cx: &mut Context<'_>| match run.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if held.reached.try_recv().is_ok() => Poll::Ready(false),
            Poll::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    });
    drop(run);
    let _ = held.goes_on.send(());
    !ended
}

/// Whatever happened, the session is usable by everybody, and the issuer saw no token twice.
fn check(seat: &Seat, grace: Duration, told: &str) {
    wait_for("the lock is given back", || seat.is_unlocked().then_some(()));
    for round in ["first", "second"] {
        if let Err(failure) = block_on(seat.client().token()) {
            panic!("{told}, grace {grace:?}, {round} time after: {failure:?}");
        }
        seat.put_forward();
    }
    let grade = seat.grade();
    assert_eq!(grade.count(Rule::RefreshRaced), 0, "{told}: {grade:?}");
    assert_eq!(grade.count(Rule::RefreshReplayed), 0, "{told}: {grade:?}");
}

#[test]
fn at_every_step_of_a_rotation() {
    for grace in [STRICT, GRACE] {
        let seat = Seat::new(&format!("dropped-steps-{}", grace.as_secs()), grace);
        let mut at = 0;
        loop {
            at += 1;
            seat.put_forward();
            let (stop, held) = stop(at);
            let session = Machine::new(Arc::clone(&seat.service), Session::new());
            let run = seat.driver().run(session).with_observer(Box::new(stop));
            if !dropped_at_stop(Box::pin(run), &held) {
                break;
            }
            check(&seat, grace, &format!("step {at}"));
        }
        println!("grace {grace:?}: dropped at each of {} steps", at - 1);
        assert!(at > 12, "a rotation has more steps than {at}");
    }
}

/// Holds a request before it leaves, or its answer before anybody sees it.
struct Holding {
    inner: HttpTransport,
    answer: bool,
    held: std::sync::Mutex<Option<Stop>>,
}

impl Transport for Holding {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        let sending = self.inner.send(request, limit);
        let (stop, answer) = (self.held.lock().unwrap().take(), self.answer);
        Box::pin(async move {
            let mut stop = stop;
            let mut pass = |now| {
                if let Some(stop) = stop.as_mut().filter(|_| now) {
                    stop.pass();
                }
            };
            pass(!answer);
            let answered = sending.await;
            pass(answer);
            answered
        })
    }
}

#[test]
fn with_the_request_or_the_answer_on_its_way() {
    for grace in [STRICT, GRACE] {
        for answer in [false, true] {
            let seat = Seat::new(&format!("dropped-way-{}-{answer}", grace.as_secs()), grace);
            let before = seat.record();
            seat.put_forward();
            let (stop, held) = stop(1);
            let through = Holding { inner: transport(), answer, held: Some(stop).into() };
            let client = doorkey_async::Client::new(seat.driver_through(through), Arc::clone(&seat.service));
            let run = Box::pin(async move { client.token().await });
            assert!(dropped_at_stop(run, &held));
            // It is brought to its end though nobody waits for it.
            wait_for("the new pair is stored", || (seat.record().token != before.token).then_some(()));
            assert_eq!(seat.refreshes(), 1);
            check(&seat, grace, &format!("answer {answer}"));
        }
    }
}

#[test]
fn the_end_of_a_program_can_wait_for_it() {
    let seat = Seat::new("dropped-settled", STRICT);
    let before = seat.record();
    seat.put_forward();
    let (stop, held) = stop(1);
    let through = Holding { inner: transport(), answer: false, held: Some(stop).into() };
    let driver = seat.driver_through(through);
    let client = doorkey_async::Client::new(driver.clone(), Arc::clone(&seat.service));
    assert!(dropped_at_stop(Box::pin(async move { client.token().await }), &held));
    block_on(driver.settled());
    assert_ne!(seat.record().token, before.token);
    assert!(seat.is_unlocked());
}

#[test]
fn after_every_poll_of_a_token_and_of_a_call() {
    for grace in [STRICT, GRACE] {
        let seat = Seat::new(&format!("dropped-polls-{}", grace.as_secs()), grace);
        for calls in [false, true] {
            let mut polls = 0;
            loop {
                seat.put_forward();
                let client = seat.client();
                let request = seat.request();
                let mut asking: Pin<Box<dyn Future<Output = bool>>> = match calls {
                    false => Box::pin(async move { client.token().await.is_ok() }),
                    true => Box::pin(async move { client.call(request).await.is_ok() }),
                };
                let mut ended = None;
                for _ in 0..polls {
                    ended = ended.or(next_poll(&mut asking));
                }
                drop(asking);
                check(&seat, grace, &format!("{polls} polls, call {calls}"));
                if let Some(good) = ended {
                    assert!(good);
                    break;
                }
                polls += 1;
            }
            println!("grace {grace:?}, call {calls}: dropped after each of {polls} polls");
            assert!(polls > 1);
        }
    }
}

/// Polls once, then waits until it is woken for the next time.
fn next_poll(asking: &mut Pin<Box<dyn Future<Output = bool>>>) -> Option<bool> {
    let mut polled = false;
    block_on(futures_lite::future::poll_fn(|cx: &mut Context<'_>| {
        if polled {
            return Poll::Ready(None);
        }
        polled = true;
        asking.as_mut().poll(cx).map(Some)
    }))
}

#[test]
fn before_it_was_polled() {
    let seat = Seat::new("dropped-unpolled", STRICT);
    seat.put_forward();
    drop(seat.client().token());
    let mut asked = Box::pin(seat.driver().run(Machine::new(Arc::clone(&seat.service), Session::new())));
    assert!(block_on(poll_once(&mut asked)).is_none());
    drop(asked);
    check(&seat, STRICT, "before the first poll");
}
