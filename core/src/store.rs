//! What a machine asks of the credential stores, and what they answer. The stores themselves live in
//! `doorkey-store`; drivers pass these values through without looking into them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::pending_grant::PendingGrant;
use crate::record::{Backend, Record, Slot, Version};

/// Changes by others, in a row, before giving up: nobody writes that often.
pub(crate) const ROUNDS: u32 = 5;

/// One operation on the stores of a service. All of them are non-interactive but [`StoreOp::Unseal`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// Read what is remembered without secrets. Answered with [`StoreAnswer::Ledger`]; a missing one is empty.
    ReadLedger,
    /// Replace what is remembered. Answered with [`StoreAnswer::Done`].
    WriteLedger(Ledger),
    /// Take the lock of invariant 4, waiting at most so long. Answered with [`StoreAnswer::Done`].
    Lock {
        /// The longest wait; then [`StoreFailureKind::Busy`].
        wait: Duration,
    },
    /// Give the lock back. Answered with [`StoreAnswer::Done`], also when it was not held.
    Unlock,
    /// Find out whether a backend could be written to now. Answered with [`StoreAnswer::Done`].
    Probe(Backend),
    /// Ask the person, by the operating system's own prompt, to unlock a backend. Answered with
    /// [`StoreAnswer::Done`].
    Unseal {
        /// The backend that answered [`StoreFailureKind::Locked`].
        backend: Backend,
        /// The longest wait for the person.
        wait: Duration,
    },
    /// Read one slot. Answered with [`StoreAnswer::Records`] of at most one.
    Load {
        /// Where.
        backend: Backend,
        /// Which.
        slot: Slot,
    },
    /// Read every slot. Answered with [`StoreAnswer::Records`].
    LoadAll(Backend),
    /// Write a slot if it holds `expected` now. Answered with [`StoreAnswer::Done`] or [`StoreAnswer::Conflict`].
    Write {
        /// Where.
        backend: Backend,
        /// Which.
        slot: Slot,
        /// The version that must be there; `None`: nothing must be there.
        expected: Option<Version>,
        /// What to write.
        record: Record,
    },
    /// Find out whether the lock holds against everybody who may use the credential: not on a network file system,
    /// where another machine may have its own. Answered with [`StoreAnswer::Done`] or
    /// [`StoreFailureKind::Shared`].
    CheckLock,
    /// Read the emergency file (invariant 12). Answered with [`StoreAnswer::Records`] of at most one, in
    /// [`Slot::Active`]; one that was never filled, or not to its end, is empty.
    ReadEmergency,
    /// Create the emergency file with room for so many bytes, or make room in it. One that holds a record is
    /// [`StoreFailureKind::Refused`]. Answered with [`StoreAnswer::Done`].
    ReserveEmergency {
        /// No less than the record to be written will have.
        bytes: usize,
    },
    /// Fill the emergency file. Answered with [`StoreAnswer::Done`].
    WriteEmergency(Record),
    /// Remove the emergency file. Answered with [`StoreAnswer::Done`], also when there is none.
    RemoveEmergency,
    /// Read what an older program left as plain text in a file of settings. Answered with
    /// [`StoreAnswer::Records`] of at most one, in [`Slot::Active`].
    ReadPlaintext,
    /// Remove those values from the file of settings, if they are still this. Answered with
    /// [`StoreAnswer::Done`] or [`StoreAnswer::Conflict`].
    RemovePlaintext {
        /// The version that must be there.
        expected: Version,
    },
    /// Replace what is kept of the login that this process finishes for another one ([`PendingGrant`]), for the case that it
    /// is killed and yet another one goes on. Answered with [`StoreAnswer::Done`]; [`StoreFailureKind::Absent`] if nothing
    /// is kept of it.
    WritePending(Box<PendingGrant>),
    /// Delete a slot if it holds `expected` now. Answered with [`StoreAnswer::Done`] or
    /// [`StoreAnswer::Conflict`]; an empty slot is [`StoreAnswer::Done`].
    Delete {
        /// Where.
        backend: Backend,
        /// Which.
        slot: Slot,
        /// The version that must be there.
        expected: Version,
    },
}

/// What the stores answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreAnswer {
    /// It is done, durably.
    Done,
    /// What is remembered.
    Ledger(Ledger),
    /// What was found, by slot, in the order of the slots.
    Records(Vec<(Slot, Record)>),
    /// The slot holds something else than expected; nothing was changed.
    Conflict,
    /// It was not done, or it is unknown whether it was ([`StoreFailureKind::TimedOut`]).
    Failed(StoreFailure),
}

/// Why a store did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreFailure {
    /// The kind, which decides what happens next.
    pub kind: StoreFailureKind,
    /// The cause in words, without secrets, for a person; often with the next step after a last `; `.
    pub detail: String,
}

/// The kinds of failure; each has its own remedy (invariant 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFailureKind {
    /// There is no such backend here: no service, no bus, no collection, not built in.
    Absent,
    /// It is there, but locked.
    Locked,
    /// It did not answer within its time limit. A write may still take effect later.
    TimedOut,
    /// It would forget the credential at the next reboot or logout.
    Volatile,
    /// It said no: permissions, a read-only or full disk, somebody else's file, mode too open, a dismissed prompt.
    Refused,
    /// What lies there cannot be read as a credential.
    Unreadable,
    /// Another process holds the lock for too long.
    Busy,
    /// It lies on a network file system, where a lock is no protection from other machines.
    Shared,
}

impl StoreFailure {
    /// Somebody writes between each of our looks and our write ([`ROUNDS`]).
    pub(crate) fn keeps_changing() -> Self {
        let detail = "another program keeps changing the stored entry; end it, then try again".into();
        Self { kind: StoreFailureKind::Busy, detail }
    }

    /// The cause, and the next step if the detail ends with one.
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.detail.rsplit_once("; ") {
            Some((cause, next)) => (cause, Some(next)),
            None => (&self.detail, None),
        }
    }
}

impl StoreFailureKind {
    /// The stable name, as in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Locked => "locked",
            Self::TimedOut => "timed_out",
            Self::Volatile => "volatile",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Busy => "busy",
            Self::Shared => "shared",
        }
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl core::error::Error for StoreFailure {}

/// What is remembered between runs, without secrets (`state.json`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// The backend that took the newest login; it is read first (invariant 14).
    pub backend: Option<Backend>,
    /// The slug that the newest login or switch made active.
    pub active: Option<String>,
    /// The id of that workspace, where a service has ids.
    pub workspace_id: Option<String>,
    /// The gateway that the service named, if it did.
    pub gateway_url: Option<String>,
    /// Whether the newest login is a rotating session.
    pub session: bool,
    /// Entries in a backend that must not be believed and are removed once it can be reached: late writes, and
    /// what a newer login or a logout could not reach.
    pub unsettled: Vec<Unsettled>,
}

/// An entry to be removed when its backend is reachable, if it still holds exactly this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unsettled {
    /// Where.
    pub backend: Backend,
    /// Which.
    pub slot: Slot,
    /// What it holds; `None`: whatever was there before that moment, which could not be read.
    pub version: Option<Version>,
}
