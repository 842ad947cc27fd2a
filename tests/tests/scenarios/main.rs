//! Every way through a login and a session, as data, run by the pure core in virtual time, by the blocking driver, and by
//! the async driver, both at a served sandbox. All three do the same, command for command.
//!
//! A new scenario is one more entry of a table.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod asynchronous;
mod blocking;
mod compare;
mod run;
mod scenario;
mod served;
mod shelf;
mod table;
mod virtual_column;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use doorkey_core::trace::replay;

use asynchronous::AsyncColumn;
use blocking::{BlockingColumn, Flaw};
use compare::{differences, seen};
use run::Places;
use scenario::Scenario;
use served::{HANGS, Served};
use virtual_column::VirtualColumn;
use world::Played;

/// Two for each core of a small machine: much of the time is the disk's.
const THREADS: usize = 4;

#[test]
fn the_pure_core_in_virtual_time() {
    each(|scenario| {
        let (played, grade) = VirtualColumn::play(scenario, &Places::nowhere(), Vec::new());
        let mut told = unexpected(scenario, &played);
        told.extend(played.iter().filter_map(not_replayed));
        if !grade.is_clean() && !scenario.loses_answers() {
            told.push(format!("this is no good client: {}", seen(&grade)));
        }
        told
    });
}

#[test]
fn the_blocking_driver_does_the_same() {
    each(|scenario| {
        let mut served = Served::new(scenario, "blocking");
        let driven = BlockingColumn::play(scenario, &mut served, None);
        as_the_pure_core(scenario, &served, &driven)
    });
}

#[test]
fn the_async_driver_does_the_same() {
    each(|scenario| {
        let mut served = Served::new(scenario, "async");
        let driven = AsyncColumn::play(scenario, &mut served);
        as_the_pure_core(scenario, &served, &driven)
    });
}

#[test]
fn a_driver_that_is_not_faithful_is_noticed() {
    let flaws = [
        (Flaw::LosesHeader("authorization"), "session: a call"),
        (Flaw::LosesHeader("content-type"), "connect: one workspace"),
        (Flaw::LosesBody, "connect: one workspace"),
        (Flaw::AnswersLate, "pairing: authorized"),
    ];
    for (number, (flaw, name)) in flaws.into_iter().enumerate() {
        let scenario = table::all().find(|scenario| scenario.name == name).unwrap();
        let mut served = Served::new(scenario, &format!("flaw-{number}"));
        let driven = BlockingColumn::play(scenario, &mut served, Some(flaw));
        assert_ne!(as_the_pure_core(scenario, &served, &driven), [""; 0], "{flaw:?}");
    }
}

/// What a driver did otherwise than the scenario says, or than the pure core does in its place: at the same addresses
/// and with the same jitter.
fn as_the_pure_core(scenario: &'static Scenario, served: &Served, driven: &[Played]) -> Vec<String> {
    let seeds = driven.iter().map(|played| played.jitter_seed).collect();
    let (pure, grade) = VirtualColumn::play(scenario, &served.places, seeds);
    let mut told = unexpected(scenario, driven);
    told.extend(differences(&pure, driven));
    let [pure, driven] = [grade, served.running.grade().unwrap()].map(|grade| seen(&grade));
    if pure != driven {
        told.push(format!("what the service saw:\n  pure:   {pure}\n  driven: {driven}"));
    }
    told
}

/// Where a trace that is fed back gives something else.
fn not_replayed(played: &Played) -> Option<String> {
    let lines: Vec<&str> = played.lines.iter().map(String::as_str).collect();
    match replay(&lines) {
        Ok(Ok(_)) => None,
        Ok(Err(difference)) => Some(format!("replayed: {difference:?}")),
        Err(unreadable) => Some(format!("replayed: {unreadable}")),
    }
}

/// How a run went otherwise than its scenario says.
fn unexpected(scenario: &Scenario, played: &[Played]) -> Vec<String> {
    let mut told = Vec::new();
    for (number, (step, played)) in (1..).zip(scenario.steps.iter().zip(played)) {
        let (end, requests) = (played.end.as_str(), played.requests);
        if (end, requests) != (step.ends, step.requests) {
            let expected = format!("{} after {}", step.ends, step.requests);
            told.push(format!("step {number}: {end} after {requests} requests, not {expected}"));
        }
        told.extend(played.troubles.iter().map(|trouble| format!("step {number}: {trouble}")));
    }
    told
}

/// Runs every scenario, several at a time, and fails with what was told of any.
fn each(run: impl Fn(&'static Scenario) -> Vec<String> + Sync) {
    let scenarios: Vec<&'static Scenario> = table::all().collect();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let of_this = run(scenario);
                    // Whoever hangs once will do so again and again, and each time takes all the patience there is.
                    if of_this.iter().any(|line| line.contains(HANGS)) {
                        next.store(scenarios.len(), Ordering::SeqCst);
                    }
                    if !of_this.is_empty() {
                        told.lock().unwrap().push(format!("{}:\n{}", scenario.name, of_this.join("\n")));
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.is_empty(), "{} of {} scenarios:\n{}", told.len(), scenarios.len(), told.join("\n\n"));
}
