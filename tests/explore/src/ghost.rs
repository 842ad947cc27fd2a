//! What must be remembered of the past to judge what comes, and is part of no machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use doorkey_core::secret::Secret;

/// What happened so far, as far as it still matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// Refresh tokens that have left and may have been spent, while one of them is what is stored.
    pub sent: BTreeMap<Secret, Sent>,
    /// Refresh tokens that were refused, by processes that could note it.
    pub refused: BTreeSet<Secret>,
    /// Logins that ended: by a logout, or by a newer one.
    pub over: BTreeSet<String>,
    /// When the issuer last minted a token for whom, by this computer's monotonic clock.
    pub minted: Option<u64>,
    /// The session may be lost, since...
    pub excuses: Excuses,
}

/// A refresh token that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    /// When it left first, on the wall clock of the issuer.
    pub first: u64,
    /// How often it was risked on a strict issuer, or after the grace period.
    pub risked: u8,
    /// What was got for it lies in the emergency file.
    pub rescued: bool,
}

/// What nobody could have prevented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Excuses {
    /// A killed process's request arrived so late that the issuer took it for a thief's.
    pub orphan: bool,
    /// No store took the new pair, not even the emergency file.
    pub not_kept: bool,
    /// A store said that it had stored, and had not.
    pub forgotten: bool,
    /// A program that knows no lock has written.
    pub stranger: bool,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number in `docs/invariants.md`; 0: something panicked, or never ends.
    pub invariant: u8,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// Of this invariant.
    pub fn new(invariant: u8, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }

    /// Unless it holds.
    ///
    /// # Errors
    /// It does not.
    pub fn unless(holds: bool, invariant: u8, what: impl FnOnce() -> String) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::new(invariant, what())) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.invariant {
            0 => f.write_str(&self.what),
            number => write!(f, "invariant {number}: {}", self.what),
        }
    }
}
