//! The shipped pairing against the shipped sandbox service, in virtual time: random faults, random latencies, a person
//! who clicks at a random moment. A seed reproduces a run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod run;

use std::collections::BTreeMap;

use doorkey_core::failure::Exit;
use doorkey_core::machine::Outcome;
use doorkey_core::pairing::Paired;
use doorkey_sandbox::Rule;
use run::{Plan, Run};

const RUNS: u64 = 1_000;

/// The end of a run, for counting.
fn name(outcome: &Outcome<Paired>) -> &'static str {
    match outcome {
        Ok(_) => "signed in",
        Err(failure) => match failure.exit {
            Exit::TimedOut => "timed out",
            Exit::Denied if failure.code == "access_denied" => "denied",
            Exit::Denied => "token lost",
            _ => panic!("{failure:?}"),
        },
    }
}

#[test]
fn no_schedule_of_faults_ends_a_login_that_was_approved_in_time() {
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..RUNS {
        let plan = Plan::random(seed);
        let run = Run::new(&plan).finish();
        let end = name(&run.outcome);
        *ends.entry(end).or_default() += 1;
        let told = || format!("seed {seed}: {end}, {plan:?}, {:?}", run.story);
        match end {
            "signed in" => assert!(run.approved && !plan.denies, "{}", told()),
            "denied" => assert!(run.approved && plan.denies, "{}", told()),
            // The token's answer never came through while the service repeated it.
            "token lost" => assert!(run.token_answers_lost > 0 && run.token_answers_seen == 0, "{}", told()),
            // Nobody clicked, or no answer came through after the click.
            _ => assert!(!run.approved || run.answers_after_approval == 0, "{}", told()),
        }
        assert!(run.last_poll < 300_000, "{}", told());
        assert!(run.ended_at <= 310_000, "{}", told());
        // Whatever the network did, the client was a good one.
        for rule in Rule::ALL {
            // Where the way is long, a poll that leaves in time may arrive after the end, and an answer may come after
            // the client's patience without the server's knowing.
            let long = match rule {
                Rule::PollAfterExpiry => plan.latency > 100,
                Rule::PollAfterFinal => plan.latency > 7_000,
                _ => false,
            };
            if long {
                continue;
            }
            assert_eq!(run.grade.count(rule), 0, "{rule:?} {}", told());
        }
    }
    println!("{RUNS} runs: {ends:?}");
    // Each end was really reached, or the runs say nothing about it.
    assert_eq!(ends.len(), 4, "{ends:?}");
}

#[test]
fn without_faults_whoever_clicks_before_the_last_poll_is_signed_in() {
    for clicks_at in (0..300_000).step_by(977).chain([299_400]) {
        let run = Run::new(&Plan { clicks_at: Some(clicks_at), ..Plan::calm() }).finish();
        assert!(run.outcome.is_ok() || clicks_at > 299_400, "{clicks_at}: {:?}", run.outcome);
        assert!(run.grade.is_clean(), "{:?}", run.grade);
    }
}

#[test]
fn a_seed_reproduces_a_run() {
    for seed in [3, 77] {
        let plan = Plan::random(seed);
        assert_eq!(Run::new(&plan).finish().story, Run::new(&plan).finish().story);
    }
}
