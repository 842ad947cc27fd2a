//! What is explored in seconds; the rest is behind `tests/explore --long`.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use doorkey_core::seeded::Seeded;
use doorkey_explore::bounds::Bounds;
use doorkey_explore::search::{explore, tell};

fn unwatched(_: usize, _: usize, _: usize) {}

#[test]
fn no_interleaving_breaks_an_invariant() {
    let mut states = 0;
    for bounds in Bounds::quick() {
        let explored = explore(bounds, unwatched);
        if let Some(broken) = &explored.broken {
            let world = tell(explored.bounds.clone(), broken);
            panic!("{}: {:#?}", broken.violation, world.tape.expect("it was recorded").story);
        }
        eprintln!("{explored}");
        states += explored.states;
    }
    // Fewer would mean that something does not happen any more.
    assert!(states > 80_000, "{states}");
}

/// All of them take minutes: `tests/explore/run --seeded`.
#[test]
fn mistakes_are_found() {
    let mistakes = [
        Seeded::NoLock,
        Seeded::NoJournal,
        Seeded::UnlockedBeforeSend,
        Seeded::UnlockedBeforeStore,
        Seeded::HandedOutBeforeStored,
        Seeded::OldTokenKept,
        Seeded::CopiedRotates,
        Seeded::LogoutWithoutLock,
    ];
    for mistake in mistakes {
        let found = |bounds: Bounds| explore(bounds.seeded(mistake), unwatched).broken.is_some();
        assert!(Bounds::quick().into_iter().any(found), "not found: {mistake:?}");
    }
}
