//! Before a person is sent to a browser: is there any place for what will come of it?

use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::keep::LOCK_WAIT;
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::Backend;
use crate::rotate::ROTATION_WAIT;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use crate::store_failure::{refused_by_all, store_failure, unexpected};
use crate::time::Timestamp;

/// The machine: it takes the lock and gives it back, reads what is remembered, and probes every backend. Ends with
/// what is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Places {
    phase: Phase,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    Locking(CommandId),
    ReadingLedger(CommandId),
    Unlocking(CommandId, Ledger),
    Probing(CommandId, Ledger, Probes),
}

/// What each backend said to being written to, in the service's order.
type Probes = Vec<(Backend, Result<(), StoreFailure>)>;

impl Places {
    fn probe(&mut self, cx: &mut Context<'_>, ledger: Ledger, probes: Probes) -> Step<Ledger> {
        if let Some(backend) = cx.service.backends.get(probes.len()).copied() {
            self.phase = Phase::Probing(cx.store(StoreOp::Probe(backend)), ledger, probes);
            return Step::Pending;
        }
        let can_be_unlocked = |backend: &Backend| backend.has_prompt() && cx.service.person_present;
        let usable = |(backend, probe): &(Backend, Result<(), StoreFailure>)| match probe {
            Ok(()) => true,
            Err(failure) => failure.kind == StoreFailureKind::Locked && can_be_unlocked(backend),
        };
        if probes.iter().any(usable) {
            Step::Done(Ok(ledger))
        } else {
            Step::fail(no_place(&cx.service.token_variable, probes))
        }
    }
}

impl Logic for Places {
    type Output = Ledger;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Ledger> {
        // A session's lock may be held for as long as a rotation takes.
        let wait = if cx.service.oauth.is_some() { ROTATION_WAIT } else { LOCK_WAIT };
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Ledger> {
        let Event::Store { id, answer } = event else { return Step::Ignored("not waited for") };
        match (core::mem::take(&mut self.phase), answer) {
            (Phase::Locking(waited), StoreAnswer::Done) if waited == *id => {
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                Step::Pending
            }
            (Phase::ReadingLedger(waited), StoreAnswer::Ledger(ledger)) if waited == *id => {
                self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), ledger.clone());
                Step::Pending
            }
            (Phase::Unlocking(waited, ledger), StoreAnswer::Done) if waited == *id => {
                self.probe(cx, ledger, Vec::new())
            }
            // The storing would fail in the same way, with a token in hand.
            (
                Phase::Locking(waited) | Phase::ReadingLedger(waited) | Phase::Unlocking(waited, _),
                StoreAnswer::Failed(failure),
            ) if waited == *id => Step::fail(store_failure(failure.clone())),
            (Phase::Probing(waited, ledger, mut probes), answer) if waited == *id => {
                let Some(backend) = cx.service.backends.get(probes.len()).copied() else {
                    return unexpected();
                };
                probes.push((
                    backend,
                    match answer {
                        StoreAnswer::Done => Ok(()),
                        StoreAnswer::Failed(failure) => Err(failure.clone()),
                        _ => return unexpected(),
                    },
                ));
                self.probe(cx, ledger, probes)
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        None
    }
}

fn no_place(variable: &str, probes: Probes) -> Failure {
    let failed = probes.into_iter().filter_map(|(backend, probe)| Some((backend, probe.err()?)));
    let (reasons, mend) = refused_by_all(&failed.collect::<Vec<_>>());
    let failure = Failure::new(
        Exit::Store,
        "no_place_for_token",
        alloc::format!("there is no place to store a token ({reasons})"),
    );
    match variable {
        "" => failure.next(mend),
        variable => failure.next(alloc::format!("{mend}; or set {variable} instead of signing in")),
    }
}
