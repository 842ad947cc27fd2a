//! What the stores hold of a session: what is remembered, the record, and the emergency file.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Failure, other_issuer};
use crate::looks::{Look, is_settled, reading_order};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::{Backend, Record, Slot};
use crate::seeded::Seeded;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use crate::store_failure::{store_failure, unexpected};
use crate::time::Timestamp;

/// The machine. It reads only; whether under the lock is its caller's business.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lookup {
    phase: Phase,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// What is remembered.
    pub ledger: Ledger,
    /// The record, tombstones included, and where it lies.
    pub held: Option<(Backend, Record)>,
    /// What the emergency file holds.
    pub emergency: Option<Record>,
    /// What was looked at before it, or instead of it, and does not count.
    pub passed: Vec<Look>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    ReadingLedger(CommandId),
    Loading(CommandId, Box<Loading>),
    ReadingEmergency(CommandId, Box<Found>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Loading {
    ledger: Ledger,
    backend: Backend,
    /// Those still to be asked.
    rest: Vec<Backend>,
    /// Why one that was asked may hide the record.
    hidden: Option<StoreFailure>,
    passed: Vec<Look>,
}

impl Found {
    /// The newest record: the emergency file's, if it is of the same login and newer.
    pub fn newest(&self) -> Option<(Backend, &Record)> {
        let (backend, held) = self.held.as_ref()?;
        Some((*backend, self.rescued().unwrap_or(held)))
    }

    /// What the emergency file holds, if it belongs on top of the record.
    pub fn rescued(&self) -> Option<&Record> {
        let (_, held) = self.held.as_ref().filter(|(_, held)| !held.is_tombstone())?;
        let rescued = self.emergency.as_ref()?;
        let (older, newer) = (held.generation.as_ref()?, rescued.generation.as_ref()?);
        (older.login == newer.login && older.counter < newer.counter).then_some(rescued)
    }
}

impl Lookup {
    fn load(
        &mut self,
        cx: &mut Context<'_>,
        ledger: Ledger,
        mut rest: Vec<Backend>,
        hidden: Option<StoreFailure>,
        passed: Vec<Look>,
    ) -> Step<Found> {
        if rest.is_empty() {
            return match hidden {
                Some(failure) => Step::fail(store_failure(failure)),
                None => self.read_emergency(cx, Found { ledger, held: None, emergency: None, passed }),
            };
        }
        let backend = rest.remove(0);
        let id = cx.store(StoreOp::Load { backend, slot: Slot::Active });
        self.phase = Phase::Loading(id, Box::new(Loading { ledger, backend, rest, hidden, passed }));
        Step::Pending
    }

    fn read_emergency(&mut self, cx: &mut Context<'_>, found: Found) -> Step<Found> {
        if cx.service.makes(Seeded::EmergencyNotRead) {
            return Step::Done(Ok(found));
        }
        self.phase = Phase::ReadingEmergency(cx.store(StoreOp::ReadEmergency), Box::new(found));
        Step::Pending
    }
}

impl Logic for Lookup {
    type Output = Found;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Found> {
        self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Found> {
        let Event::Store { id: answered, answer } = event else { return Step::Ignored("not waited for") };
        match (core::mem::take(&mut self.phase), answer) {
            (Phase::ReadingLedger(id), StoreAnswer::Ledger(ledger)) if id == *answered => {
                // The backend with the newest login is believed alone: what lies elsewhere is older.
                let remembered = ledger.backend.filter(|backend| cx.service.backends.contains(backend));
                let order = remembered.map_or_else(|| reading_order(cx.service, ledger), |one| [one].into());
                self.load(cx, ledger.clone(), order, None, Vec::new())
            }
            (Phase::ReadingLedger(id), StoreAnswer::Failed(failure)) if id == *answered => {
                Step::fail(store_failure(failure.clone()))
            }
            (Phase::Loading(id, loading), answer) if id == *answered => {
                let Loading { ledger, backend, rest, hidden, mut passed } = *loading;
                match answer {
                    StoreAnswer::Records(records) => match records
                        .first()
                        .filter(|(slot, record)| is_settled(&ledger, backend, slot, record))
                    {
                        Some((_, record)) => {
                            let held = Some((backend, record.clone()));
                            self.read_emergency(cx, Found { ledger, held, emergency: None, passed })
                        }
                        None => {
                            passed.push((backend, Ok(records.clone())));
                            self.load(cx, ledger, rest, hidden, passed)
                        }
                    },
                    StoreAnswer::Failed(failure) => {
                        // "Absent" is how a machine without a keychain is; anything else may hide the record.
                        let hides = ledger.backend.is_some() || failure.kind != StoreFailureKind::Absent;
                        let hidden = hidden.or_else(|| hides.then(|| failure.clone()));
                        passed.push((backend, Err(failure.clone())));
                        self.load(cx, ledger, rest, hidden, passed)
                    }
                    _ => unexpected(),
                }
            }
            (Phase::ReadingEmergency(id, found), answer) if id == *answered => match answer {
                StoreAnswer::Records(records) => {
                    let emergency = records.first().map(|(_, record)| record.clone());
                    Step::Done(Ok(Found { emergency, ..*found }))
                }
                StoreAnswer::Failed(failure) => Step::fail(store_failure(failure.clone())),
                _ => unexpected(),
            },
            (Phase::ReadingLedger(id), _) if id == *answered => unexpected(),
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

/// The record belongs to another host than the one that is configured (invariant 17).
///
/// # Errors
/// It does.
pub(crate) fn check_issuer(cx: &Context<'_>, record: &Record) -> Result<(), Failure> {
    let issuer = record.issuer.as_deref().unwrap_or(&cx.service.bare_issuer);
    if issuer == cx.service.issuer { Ok(()) } else { Err(other_issuer(cx.service, issuer)) }
}
