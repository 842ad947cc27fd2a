//! Three processes, interleaved by chance: who acts next, who is killed, when time passes.

use std::time::Duration;

use doorkey_core::record::Backend;
use doorkey_core::rotation::Journal;
use doorkey_sandbox::Rule;
use doorkey_tests::dice::Dice;

use doorkey_tests::mishap::Mishap;

use crate::world::{LIFETIME, World, good, grace};

/// Three processes that ask for a token again and again, through `expiries` lifetimes.
fn run(seed: u64, grace_seconds: u64, kills: bool, losses: bool, expiries: usize) -> World {
    let mut dice = Dice(seed);
    let mut world = World::new(grace(grace_seconds), Backend::File);
    // The connection is cut; with time limits running out instead, two losses would be longer than the grace.
    world.losing_takes = Duration::from_millis(100);
    let mut pids: Vec<usize> = (0..3).map(|_| world.start()).collect();
    let mut passed = 0;
    while passed < expiries {
        let which = usize::try_from(dice.below(3)).unwrap();
        let pid = pids[which];
        if kills && dice.below(40) == 0 {
            world.kill(pid);
            pids[which] = world.start();
            continue;
        }
        if losses && world.mishaps.is_empty() && dice.below(60) == 0 {
            world.mishaps.push_back(Mishap::AnswerLost);
        }
        if world.act(pid) {
            continue;
        }
        if let Some(end) = world.ended(pid) {
            good(end);
            pids[which] = world.start();
        }
        let settled = world.record().rotation.as_ref().unwrap().journal == Journal::Settled;
        let idle = settled && world.disk.lock.is_none();
        if idle && dice.below(20) == 0 {
            // Nobody is in the middle of anything that is bound to a time limit.
            world.sleep(LIFETIME);
            passed += 1;
        } else {
            world.sleep(Duration::from_millis(dice.below(100)));
        }
    }
    world
}

#[test]
fn on_a_strict_issuer_without_accidents_every_expiry_costs_one_request() {
    for seed in 0..12 {
        let mut world = run(seed, 0, false, false, 6);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "seed {seed}");
        assert!(world.refreshes <= 7, "seed {seed}: {}", world.refreshes);
        assert!(world.issuer.grade().is_clean(), "seed {seed}");
    }
}

#[test]
fn with_a_grace_period_neither_kills_nor_lost_answers_cost_the_session() {
    for seed in 0..20 {
        let mut world = run(seed, 20, true, true, 6);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "seed {seed}");
        assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0, "seed {seed}");
    }
}
