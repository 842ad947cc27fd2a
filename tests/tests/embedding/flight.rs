//! Many tasks, one rotation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_executor::Executor;
use async_io::Timer;
use doorkey_async::{Client, HttpTransport, Sending, Transport};
use doorkey_core::failure::Exit;
use doorkey_core::http::HttpRequest;
use doorkey_tests::seat::{Seat, transport};
use futures_lite::future::{block_on, poll_once, zip};
use futures_lite::{StreamExt, stream};

const TASKS: usize = 1_000;

/// Lets nothing through before it is opened.
struct Gate {
    inner: HttpTransport,
    open: Arc<AtomicBool>,
}

impl Transport for Gate {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        let (sending, open) = (self.inner.send(request, limit), Arc::clone(&self.open));
        Box::pin(async move {
            while !open.load(Ordering::Acquire) {
                Timer::after(Duration::from_millis(1)).await;
            }
            sending.await
        })
    }
}

#[test]
fn a_thousand_tasks_and_one_expiry_are_one_refresh() {
    for grace in [0, 10] {
        let seat = Seat::new(&format!("flight-{grace}"), Duration::from_secs(grace));
        let open = Arc::new(AtomicBool::new(false));
        let gate = Gate { inner: transport(), open: Arc::clone(&open) };
        let client = Client::new(seat.driver_through(gate), Arc::clone(&seat.service));
        let before = block_on(client.token()).unwrap();
        assert_eq!(seat.refreshes(), 0, "a good token costs nothing");
        seat.put_forward();
        seat.looks();
        let executor = Executor::new();
        let asking: Vec<_> = (0..TASKS)
            .map(|_| {
                let client = client.clone();
                executor.spawn(async move { client.token().await })
            })
            .collect();
        // Tasks are begun in their order: then all are waiting.
        executor.spawn(async move { open.store(true, Ordering::Release) }).detach();
        let tokens: Vec<_> = block_on(executor.run(stream::iter(asking).then(|task| task).collect()));
        let first = tokens[0].as_ref().unwrap();
        assert_ne!(*first, before);
        assert!(tokens.iter().all(|token| token.as_ref() == Ok(first)));
        assert_eq!((seat.refreshes(), seat.looks()), (1, 1));
        assert!(seat.grade().is_clean(), "{:?}", seat.grade());
    }
}

#[test]
fn calls_share_the_search_too() {
    let seat = Seat::new("flight-calls", Duration::ZERO);
    let client = seat.client();
    seat.put_forward();
    seat.looks();
    let calls: Vec<_> = (0..50).map(|_| client.call(seat.request())).collect();
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    block_on(async {
        for call in &mut calls {
            assert!(poll_once(call).await.is_none());
        }
        for call in calls {
            assert_eq!(call.await.unwrap().status, 200);
        }
    });
    assert_eq!(seat.refreshes(), 1);
    // Who comes when the first ones have theirs looks for himself.
    assert!(seat.looks() < 50);
}

/// Panics, as one does that expects another executor around it.
struct Panicking;

impl Transport for Panicking {
    fn send(&self, _: HttpRequest, _: Duration) -> Sending {
        Box::pin(async { panic!("there is no reactor here") })
    }
}

#[test]
fn a_search_that_panics_ends_for_all_and_the_next_one_begins_anew() {
    let seat = Seat::new("flight-panics", Duration::from_secs(10));
    let client = Client::new(seat.driver_through(Panicking), Arc::clone(&seat.service));
    seat.put_forward();
    for _ in 0..2 {
        let (first, second) = block_on(zip(client.token(), client.token()));
        assert_eq!(first.unwrap_err().exit, Exit::Internal);
        assert_eq!(second.unwrap_err().exit, Exit::Internal);
    }
    block_on(seat.client().token()).unwrap();
}

#[test]
fn one_who_leaves_takes_nothing_from_the_others() {
    let seat = Seat::new("flight-leaves", Duration::ZERO);
    let client = seat.client();
    seat.put_forward();
    let (mut first, mut second) = (Box::pin(client.token()), Box::pin(client.token()));
    block_on(async {
        assert!(poll_once(&mut first).await.is_none());
        assert!(poll_once(&mut second).await.is_none());
        drop(first);
        second.await.unwrap();
    });
    assert_eq!(seat.refreshes(), 1);
}

#[test]
fn whoever_comes_after_all_have_left_begins_anew() {
    let seat = Seat::new("flight-anew", Duration::ZERO);
    let client = seat.client();
    seat.put_forward();
    let mut first = Box::pin(client.token());
    assert!(block_on(poll_once(&mut first)).is_none());
    drop(first);
    block_on(client.token()).unwrap();
    assert_eq!(seat.refreshes(), 1);
    assert!(seat.grade().is_clean(), "{:?}", seat.grade());
}
