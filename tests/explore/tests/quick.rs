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

/// In the bounds that show each of them soonest. The two that are left need larger ones: `tests/explore/run --seeded`.
#[test]
fn mistakes_are_found() {
    let mut left = Seeded::ALL.to_vec();
    for (name, mistakes) in SHOWN {
        for mistake in *mistakes {
            let shows = |bounds: Bounds| explore(bounds.seeded(*mistake), unwatched).broken.is_some();
            let mut bounds = Bounds::quick().into_iter().filter(|bounds| bounds.name == *name);
            assert!(bounds.any(shows), "not found: {mistake:?}");
            left.retain(|other| other != mistake);
        }
    }
    assert_eq!(left, [Seeded::EndlessLastResorts, Seeded::EmergencyRemovedFirst]);
}

const SHOWN: &[(&str, &[Seeded])] = &[
    (
        "logout",
        &[
            Seeded::AgedFromAnswer,
            Seeded::DeletedWhenRefused,
            Seeded::EmergencyLeftByLogout,
            Seeded::EndlessGrace,
            Seeded::FreshIsDue,
            Seeded::GenerationReused,
            Seeded::GraceAssumed,
            Seeded::HandedOutBeforeStored,
            Seeded::LogoutWithoutLock,
            Seeded::LossIsTransient,
            Seeded::NoJournal,
            Seeded::NoLock,
            Seeded::NonsenseIsTransient,
            Seeded::OldTokenKept,
            Seeded::RiskedWhileAlive,
            Seeded::SkippedReread,
            Seeded::TokenReadBeforeLock,
            Seeded::UnlockedBeforeSend,
            Seeded::UnlockedBeforeStore,
        ],
    ),
    ("copied home", &[Seeded::CopiedRotates]),
    (
        "stranger",
        &[
            Seeded::AdoptsAnyLogin,
            Seeded::ConflictIsFailure,
            Seeded::ConflictIsSuccess,
            Seeded::RefreshedAgain,
        ],
    ),
    ("busy", &[Seeded::StolenLock]),
    ("store", &[Seeded::NotReadBack]),
    ("full disk", &[Seeded::EmergencyNotRead, Seeded::NoEmergency]),
    ("interrupt", &[Seeded::InterruptCancels, Seeded::RefusalForgotten, Seeded::RefusalNotNoted]),
];
