//! Clocks that are off, jump, sleep, or begin anew: renewed when needed, not on every call.

use std::time::Duration;

use doorkey_core::record::Backend;
use doorkey_core::rotation::Journal;

use crate::world::{LIFETIME, World, expired, good, grace};

const DAY: i64 = 24 * 3600 * 1000;

/// A token a minute for an hour; the number of renewals.
fn an_hour(world: &mut World) -> usize {
    let before = world.refreshes;
    for _ in 0..60 {
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "at {} ms", world.millis);
        world.sleep(Duration::from_secs(60));
    }
    world.refreshes - before
}

#[test]
fn a_wall_clock_that_is_off_by_a_day_changes_nothing() {
    for offset in [-DAY, 0, DAY] {
        let mut world = World::new(grace(0), Backend::File);
        world.wall_offset = offset;
        // Five minutes, renewed in the last 30 s: one renewal every five minutes.
        assert_eq!(an_hour(&mut world), 11, "{offset}");
    }
}

#[test]
fn a_wall_clock_that_jumps_while_running_changes_nothing() {
    let mut world = World::new(grace(0), Backend::File);
    for jump in [DAY, -DAY, -DAY, 2 * DAY] {
        world.wall_offset += jump;
        let renewals = an_hour(&mut world);
        assert!((11..=13).contains(&renewals), "{jump}: {renewals}");
    }
}

#[test]
fn a_laptop_asleep_for_a_night_renews_once() {
    let mut world = World::new(grace(0), Backend::File);
    good(world.token());
    world.sleep(Duration::from_secs(8 * 3600));
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    good(world.token());
    assert_eq!(world.refreshes, 1);
}

#[test]
fn after_a_restart_the_wall_clock_tells_the_age() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(Duration::from_secs(100));
    world.descriptor.boot_id = "boot-2".into();
    good(world.token());
    assert_eq!(world.refreshes, 0, "it still lives");
    world.sleep(Duration::from_secs(200));
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.refreshes, 1);
}

#[test]
fn after_a_restart_with_a_wrong_clock_one_renewal_or_one_refusal_puts_it_right() {
    for jump in [-DAY, DAY] {
        let mut world = World::new(grace(0), Backend::File);
        world.sleep(Duration::from_secs(10));
        world.descriptor.boot_id = "boot-2".into();
        world.wall_offset = jump;
        // Where the clock was set back behind the token's receipt its age is unknown, until the API refuses it.
        for _ in 0..60 {
            world.call().unwrap();
            world.sleep(Duration::from_secs(60));
        }
        assert!((11..=13).contains(&world.refreshes), "{jump}: {}", world.refreshes);
    }
}

#[test]
fn the_token_is_renewed_in_the_last_tenth_of_its_life_and_not_before() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(LIFETIME - Duration::from_secs(30));
    good(world.token());
    assert_eq!(world.refreshes, 0);
    world.sleep(Duration::from_millis(1));
    good(world.token());
    assert_eq!(world.refreshes, 1);
}

/// A process is killed with its answer on the way, and had stalled before its request left, or not.
fn killed_before_its_answer(stalled: Duration) -> World {
    let mut world = expired(20);
    let pid = world.start();
    let is_spending = |world: &World| {
        let rotation = world.record().rotation.as_ref();
        rotation.is_some_and(|rotation| matches!(rotation.journal, Journal::Spending(_)))
    };
    while !is_spending(&world) {
        world.act(pid);
    }
    world.sleep(stalled);
    while world.refreshes == 0 {
        world.act(pid);
    }
    world.kill(pid);
    world
}

#[test]
fn the_token_of_a_repeated_answer_is_as_old_as_the_first_answer() {
    let away = Duration::from_secs(10);
    for stalled in [0, 25] {
        let mut world = killed_before_its_answer(Duration::from_secs(stalled));
        world.sleep(away);
        good(world.token());
        assert_eq!(world.refreshes, 2, "the first answer once more");
        world.sleep(LIFETIME - away - Duration::from_secs(30) + Duration::from_millis(1));
        good(world.token());
        assert_eq!(world.refreshes, 3, "stalled for {stalled} s: due, counted from the first request");
    }
}

#[test]
fn the_token_of_a_repeated_answer_is_not_taken_for_older_than_the_journal() {
    let mut world = killed_before_its_answer(Duration::ZERO);
    let away = Duration::from_secs(10);
    world.sleep(away);
    good(world.token());
    world.sleep(LIFETIME - away - Duration::from_secs(30));
    good(world.token());
    assert_eq!(world.refreshes, 2);
}
