//! A few days of virtual time; `tests/simulate` does more of them.

use std::time::Duration;

use doorkey_core::seeded::Seeded;
use doorkey_explore::plan::Plan;
use doorkey_explore::simulate::{simulate, tell};
use doorkey_explore::tally::Tally;

fn hours(hours: u64, seed: u64) -> Plan {
    Plan::random(seed).lasting(Duration::from_hours(hours))
}

#[test]
fn no_run_breaks_an_invariant_and_everything_really_happens() {
    let mut tally = Tally::default();
    for seed in 0..200 {
        let plan = hours(4, seed);
        let simulated = simulate(&plan);
        assert_eq!(simulated.broken, None, "{plan}");
        tally.add(simulated.tally);
    }
    println!("{tally}");
    for trouble in [
        "killed",
        "killed with its request on the way",
        "a request is not sent",
        "a request vanishes",
        "too many requests",
        "an answer is lost",
        "an answer is garbled",
        "a store refuses",
        "a store is late",
        "a store forgets",
        "a wait in vain",
        "all waits in vain",
        "a delay",
        "a sleep of an hour",
        "the wall clock an hour ahead",
        "the wall clock an hour back",
        "the wall clock set anyhow",
        "interrupted",
        "another program's login",
        "a computer is started anew",
        "a login is approved",
        "a login is refused",
        "the session must be found",
    ] {
        assert!(tally.troubles.contains_key(trouble), "it never happens: {trouble}");
    }
    for end in ["a token", "signed in", "signed out", "copied_home", "store_shared", "rotation_interrupted"] {
        assert!(tally.ends.contains_key(end), "nothing ends so: {end}");
    }
    assert!(tally.pairs.logins > 50 && tally.pairs.refreshes > 500, "{tally}");
}

#[test]
fn a_seed_reproduces_a_run_to_the_byte() {
    for seed in [1, 5, 8, 14] {
        let plan = hours(3, seed);
        let (first, second, untold) = (tell(&plan), tell(&plan), simulate(&plan));
        assert_eq!(first.story, second.story, "{plan}");
        assert!(first.story.len() > 100, "{plan}");
        let lines = |run: &doorkey_explore::simulate::Simulated| {
            run.traces.iter().flat_map(|trace| trace.lines.clone()).collect::<Vec<_>>()
        };
        assert_eq!(lines(&first), lines(&second), "{plan}");
        // That it is told changes nothing.
        assert_eq!((first.tally, first.fingerprints), (untold.tally, untold.fingerprints), "{plan}");
    }
}

#[test]
fn mistakes_are_found() {
    for mistake in [Seeded::NoLock, Seeded::NoJournal, Seeded::SkippedReread, Seeded::CopiedRotates] {
        let broken = (0..40).find_map(|seed| {
            let plan = Plan { seeded: Some(mistake), ..hours(4, seed) };
            simulate(&plan).broken
        });
        assert!(broken.is_some(), "{mistake:?} is not found");
    }
}
