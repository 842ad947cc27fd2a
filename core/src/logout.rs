//! `logout`: forget the credential on this machine; on request, revoke it on the server first.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::call::{Call, Called};
use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Failure, NOT_SIGNED_IN};
use crate::http::{HttpRequest, Method};
use crate::keep::LOCK_WAIT;
use crate::looks::{by_workspace, is_settled, reading_order};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Backend, Record, Slot, Version, Workspace};
use crate::resolve::Given;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp, Unsettled};
use crate::store_failure::{store_failure, unexpected};
use crate::time::Timestamp;

/// What the command line says about a logout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogoutOptions {
    /// The workspace to sign out of; `None`: the active one.
    pub workspace: Option<String>,
    /// Revoke the key on the server, too.
    pub revoke: bool,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Logout {
    options: LogoutOptions,
    revoked: bool,
    not_revoked: Option<Box<Failure>>,
    phase: Phase,
}

/// What a logout did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoggedOut {
    /// Whether there was anything to forget.
    pub was_signed_in: bool,
    /// The workspace, if it was known.
    pub workspace: Option<Workspace>,
    /// Whether the key was revoked on the server.
    pub revoked: bool,
    /// Why it was not, although that was asked for.
    pub not_revoked: Option<Box<Failure>>,
    /// The slugs of other workspaces whose tokens are still stored.
    pub others: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Revoking(Box<Call>),
    Locking(CommandId),
    ReadingLedger(CommandId),
    Looking {
        id: CommandId,
        backend: Backend,
        seen: Seen,
    },
    Deleting {
        id: CommandId,
        entry: Box<Entry>,
        rest: VecDeque<Entry>,
        seen: Seen,
        target: Option<Box<Record>>,
    },
    WritingLedger {
        id: CommandId,
        logged_out: LoggedOut,
        /// What could not be read or removed.
        failed: Vec<(Backend, StoreFailure)>,
        /// Which of it keeps this from being a success.
        hidden: Option<(Backend, StoreFailure)>,
    },
}

/// What the stores held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seen {
    ledger: Ledger,
    looks: usize,
    entries: Vec<(Backend, Slot, Record)>,
    failed: Vec<(Backend, StoreFailure)>,
}

/// Something to delete.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    backend: Backend,
    slot: Slot,
    version: Version,
}

impl Logout {
    /// A logout as the command line asks for it.
    pub fn new(options: LogoutOptions) -> Self {
        Self { options, revoked: false, not_revoked: None, phase: Phase::New }
    }

    fn lock(&mut self, cx: &mut Context<'_>) -> Step<LoggedOut> {
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: LOCK_WAIT }));
        Step::Pending
    }

    fn revoke_ended(&mut self, cx: &mut Context<'_>, end: Outcome<Called>) -> Step<LoggedOut> {
        match end {
            Ok(_) => self.revoked = true,
            // Dead already, by our own lost answer or by somebody else.
            Err(failure) if failure.code == "invalid_api_key" => self.revoked = true,
            Err(failure) if failure.code == NOT_SIGNED_IN => {}
            Err(failure) => self.not_revoked = Some(Box::new(failure)),
        }
        self.lock(cx)
    }

    /// Whatever else fails, the key that lives on is told of.
    fn with_what_was_not_revoked(&mut self, step: Step<LoggedOut>) -> Step<LoggedOut> {
        match (step, &self.not_revoked) {
            (Step::Done(Err(mut failure)), Some(why)) => {
                failure.message =
                    format!("{}; and the key could not be revoked: {}", failure.message, why.message);
                Step::Done(Err(failure))
            }
            (step, _) => step,
        }
    }

    fn look(&mut self, cx: &mut Context<'_>, seen: Seen) -> Step<LoggedOut> {
        if let Some(backend) = reading_order(cx.service, &seen.ledger).get(seen.looks).copied() {
            let id = cx.store(StoreOp::LoadAll(backend));
            self.phase = Phase::Looking { id, backend, seen };
            return Step::Pending;
        }
        let believed: Vec<(Backend, Record)> = seen
            .entries
            .iter()
            .filter(|(backend, slot, record)| {
                let wanted = self.options.workspace.is_some() || *slot == Slot::Active;
                wanted && is_settled(&seen.ledger, *backend, slot, record)
            })
            .map(|(backend, _, record)| (*backend, record.clone()))
            .collect();
        let target = match &self.options.workspace {
            None => Ok(believed.into_iter().next()),
            Some(name) => by_workspace(believed, name),
        };
        match target {
            Err(failure) => Step::fail(failure),
            Ok(target) => {
                let target = target.map(|(_, record)| Box::new(record));
                let entries = entries_of(target.as_deref(), &seen);
                self.delete(cx, entries, seen, target)
            }
        }
    }

    fn delete(
        &mut self,
        cx: &mut Context<'_>,
        mut entries: VecDeque<Entry>,
        seen: Seen,
        target: Option<Box<Record>>,
    ) -> Step<LoggedOut> {
        if let Some(entry) = entries.pop_front() {
            let op = StoreOp::Delete {
                backend: entry.backend,
                slot: entry.slot.clone(),
                expected: entry.version.clone(),
            };
            self.phase =
                Phase::Deleting { id: cx.store(op), entry: Box::new(entry), rest: entries, seen, target };
            return Step::Pending;
        }
        self.write_ledger(cx, seen, target)
    }

    fn write_ledger(
        &mut self,
        cx: &mut Context<'_>,
        seen: Seen,
        target: Option<Box<Record>>,
    ) -> Step<LoggedOut> {
        let others = others(target.as_deref(), &seen);
        let Seen { ledger, mut failed, .. } = seen;
        // What could be read is settled now: deleted, gone, or replaced by a newer login.
        let mut unsettled = ledger.unsettled;
        unsettled.retain(|u| failed.iter().any(|(backend, _)| *backend == u.backend));
        // A backend that cannot be reached now is not believed later, but for entries of other workspaces.
        let named = self.options.workspace.as_deref();
        let slug = target.as_deref().and_then(Record::slug).or(named).or(ledger.active.as_deref());
        let is_active = named.is_none() || slug == ledger.active.as_deref();
        for (backend, failure) in &failed {
            if failure.kind == StoreFailureKind::Absent && ledger.backend != Some(*backend) {
                continue;
            }
            let own = slug.map(|slug| Slot::Workspace(slug.to_owned()));
            for slot in own.into_iter().chain(is_active.then_some(Slot::Active)) {
                let left = Unsettled { backend: *backend, slot, version: None };
                if !unsettled.contains(&left) {
                    unsettled.push(left);
                }
            }
        }
        // Where nothing was found, whatever could not be read may be what was looked for.
        let matters = |(backend, failure): &(Backend, StoreFailure)| {
            ledger.backend == Some(*backend) || (target.is_none() && failure.kind != StoreFailureKind::Absent)
        };
        let hidden = failed.iter().find(|failed| matters(failed)).cloned();
        failed.retain(|(backend, failure)| {
            failure.kind != StoreFailureKind::Absent || ledger.backend == Some(*backend)
        });
        failed.dedup_by_key(|(backend, _)| *backend);
        let active = if is_active { None } else { ledger.active.clone() };
        let backend = ledger.backend;
        let logged_out = LoggedOut {
            was_signed_in: target.is_some(),
            workspace: target.and_then(|record| record.workspace.as_deref().cloned()),
            revoked: self.revoked,
            not_revoked: self.not_revoked.clone(),
            others,
        };
        let id = cx.store(StoreOp::WriteLedger(Ledger { backend, active, unsettled, ..Ledger::default() }));
        self.phase = Phase::WritingLedger { id, logged_out, failed, hidden };
        Step::Pending
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        id: CommandId,
        answer: &StoreAnswer,
    ) -> Step<LoggedOut> {
        match (core::mem::replace(&mut self.phase, Phase::New), answer) {
            (Phase::Locking(waited), answer) if waited == id => match answer {
                StoreAnswer::Done => {
                    self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                    Step::Pending
                }
                StoreAnswer::Failed(failure) => Step::fail(store_failure(failure.clone())),
                _ => unexpected(),
            },
            (Phase::ReadingLedger(waited), answer) if waited == id => match answer {
                StoreAnswer::Ledger(ledger) => {
                    let ledger = ledger.clone();
                    self.look(cx, Seen { ledger, looks: 0, entries: Vec::new(), failed: Vec::new() })
                }
                StoreAnswer::Failed(failure) => Step::fail(store_failure(failure.clone())),
                _ => unexpected(),
            },
            (Phase::Looking { id: waited, backend, mut seen }, answer) if waited == id => {
                match answer {
                    StoreAnswer::Records(records) => {
                        seen.entries.extend(records.iter().cloned().map(|(slot, r)| (backend, slot, r)));
                    }
                    StoreAnswer::Failed(failure) => seen.failed.push((backend, failure.clone())),
                    _ => return unexpected(),
                }
                seen.looks += 1;
                self.look(cx, seen)
            }
            (Phase::Deleting { id: waited, entry, rest, mut seen, target }, answer) if waited == id => {
                match answer {
                    // A conflict: somebody signed in meanwhile; that login stays.
                    StoreAnswer::Done | StoreAnswer::Conflict => {}
                    StoreAnswer::Failed(failure) => seen.failed.push((entry.backend, failure.clone())),
                    _ => return unexpected(),
                }
                self.delete(cx, rest, seen, target)
            }
            (Phase::WritingLedger { id: waited, logged_out, failed, hidden }, answer) if waited == id => {
                if let StoreAnswer::Failed(not_marked) = answer {
                    if let Some((_, failure)) = hidden.or_else(|| failed.into_iter().next()) {
                        let what = "you may still be signed in: a token stored there could neither be removed \
                            nor marked as forgotten";
                        return Step::fail(log_out_again(failure, what));
                    }
                    cx.show(Notice::LedgerNotWritten(not_marked.clone()));
                    return Step::Done(Ok(logged_out));
                }
                let told = hidden.as_ref().map(|(backend, _)| *backend);
                for (backend, failure) in failed.into_iter().filter(|(b, _)| Some(*b) != told) {
                    cx.show(Notice::StaleEntry { backend, failure });
                }
                match hidden {
                    None => Step::Done(Ok(logged_out)),
                    Some((_, failure)) => {
                        let what = "a token stored there is no longer used, but could not be removed";
                        Step::fail(log_out_again(failure, what))
                    }
                }
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }
}

impl Logic for Logout {
    type Output = LoggedOut;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<LoggedOut> {
        if !self.options.revoke {
            return self.lock(cx);
        }
        let given = Given { workspace: self.options.workspace.clone(), ..Given::default() };
        let url = cx.service.api.join(cx.service.paths.current_key);
        let mut call = Box::new(Call::new(given, HttpRequest::new(Method::Delete, url)));
        let step = call.start(cx);
        self.phase = Phase::Revoking(call);
        step.then(|end| self.revoke_ended(cx, end))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<LoggedOut> {
        let step = match (&mut self.phase, event) {
            (Phase::Revoking(call), event) => call.handle(cx, event).then(|end| self.revoke_ended(cx, end)),
            (_, Event::Store { id, answer }) => self.store_answered(cx, *id, answer),
            _ => Step::Ignored("not waited for"),
        };
        self.with_what_was_not_revoked(step)
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Revoking(call) => call.deadline(),
            _ => None,
        }
    }
}

fn log_out_again(failure: StoreFailure, what: &str) -> Failure {
    let mut failure = store_failure(failure);
    failure.message = format!("{what}: {}", failure.message);
    let mend = failure.next.take().map(|next| format!("{next}; then ")).unwrap_or_default();
    failure.next(format!("{mend}log out again"))
}

/// Whether a record is the target's, or its workspace's.
fn is_of(record: &Record, target: Option<&Record>) -> bool {
    target.is_some_and(|target| {
        record.version() == target.version() || (target.slug().is_some() && record.slug() == target.slug())
    })
}

/// The workspaces that can still be used.
fn others(target: Option<&Record>, seen: &Seen) -> BTreeSet<String> {
    let stays = |(backend, slot, record): &&(Backend, Slot, Record)| {
        !is_of(record, target) && is_settled(&seen.ledger, *backend, slot, record)
    };
    let slug = |(_, slot, record): &(Backend, Slot, Record)| match slot {
        Slot::Workspace(slug) => Some(slug.clone()),
        Slot::Active => record.slug().map(str::to_owned),
    };
    seen.entries.iter().filter(stays).filter_map(slug).collect()
}

/// Everything that holds the target: its workspace's slots and the active ones, and what waits to be removed.
fn entries_of(target: Option<&Record>, seen: &Seen) -> VecDeque<Entry> {
    seen.entries
        .iter()
        .filter(|(backend, slot, record)| {
            is_of(record, target) || !is_settled(&seen.ledger, *backend, slot, record)
        })
        .map(|(backend, slot, record)| Entry {
            backend: *backend,
            slot: slot.clone(),
            version: record.version(),
        })
        .collect()
}
