//! Mistakes that logins are known for, made on purpose: what an exploration must find to be believed.
//!
//! They exist in builds with the feature `seeded-faults` alone, and happen there only to a machine whose
//! [`Service`] names one. In every other build the question whether it makes one is the constant `false`.

use crate::service::Service;

/// A mistake in the handling of a rotating session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "seeded-faults"), allow(dead_code, reason = "asked for, but never made"))]
pub enum Seeded {
    /// The lock is not taken.
    NoLock,
    /// A lock that cannot be had is done without.
    StolenLock,
    /// What was read before the lock counts after it.
    SkippedReread,
    /// The same, and that somebody else has written meanwhile is no reason to stop.
    TokenReadBeforeLock,
    /// Whoever has the lock rotates, also if another process just has.
    RefreshedAgain,
    /// A young token counts as due.
    FreshIsDue,
    /// The journal is not written.
    NoJournal,
    /// The lock is given back before the request leaves.
    UnlockedBeforeSend,
    /// The lock is given back before the new pair is stored.
    UnlockedBeforeStore,
    /// The new token is handed out before it is stored.
    HandedOutBeforeStored,
    /// What was stored is not read back.
    NotReadBack,
    /// The old refresh token is kept beside the new access token.
    OldTokenKept,
    /// The age of an access token counts from its arrival.
    AgedFromAnswer,
    /// A lost answer counts as a request that was never sent: the journal is cleared too early.
    LossIsTransient,
    /// So does an answer that makes no sense.
    NonsenseIsTransient,
    /// A strict issuer is taken for one with a grace period.
    GraceAssumed,
    /// The grace period never ends.
    EndlessGrace,
    /// A token of unknown fate is risked while there is one to use.
    RiskedWhileAlive,
    /// A token of unknown fate is tried without end.
    EndlessLastResorts,
    /// The record goes with a refused token.
    DeletedWhenRefused,
    /// That a token was refused is not noted.
    RefusalNotNoted,
    /// That a token was refused is noted, and not heeded.
    RefusalForgotten,
    /// Another machine's session is rotated.
    CopiedRotates,
    /// A lost compare-and-swap passes for success.
    ConflictIsSuccess,
    /// A lost compare-and-swap passes for a broken store.
    ConflictIsFailure,
    /// Whose login it was does not matter to who has lost a compare-and-swap.
    AdoptsAnyLogin,
    /// A pair that cannot be stored is not put into the emergency file.
    NoEmergency,
    /// The emergency file is not read.
    EmergencyNotRead,
    /// The emergency file goes before its record is where it belongs.
    EmergencyRemovedFirst,
    /// An interrupt ends a rotation.
    InterruptCancels,
    /// Logout leaves the generation as it was.
    GenerationReused,
    /// Logout leaves the emergency file.
    EmergencyLeftByLogout,
    /// Logout does without the lock.
    LogoutWithoutLock,
}

#[cfg(feature = "seeded-faults")]
impl Seeded {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::NoLock,
        Self::StolenLock,
        Self::SkippedReread,
        Self::TokenReadBeforeLock,
        Self::RefreshedAgain,
        Self::FreshIsDue,
        Self::NoJournal,
        Self::UnlockedBeforeSend,
        Self::UnlockedBeforeStore,
        Self::HandedOutBeforeStored,
        Self::NotReadBack,
        Self::OldTokenKept,
        Self::AgedFromAnswer,
        Self::LossIsTransient,
        Self::NonsenseIsTransient,
        Self::GraceAssumed,
        Self::EndlessGrace,
        Self::RiskedWhileAlive,
        Self::EndlessLastResorts,
        Self::DeletedWhenRefused,
        Self::RefusalNotNoted,
        Self::RefusalForgotten,
        Self::CopiedRotates,
        Self::ConflictIsSuccess,
        Self::ConflictIsFailure,
        Self::AdoptsAnyLogin,
        Self::NoEmergency,
        Self::EmergencyNotRead,
        Self::EmergencyRemovedFirst,
        Self::InterruptCancels,
        Self::GenerationReused,
        Self::EmergencyLeftByLogout,
        Self::LogoutWithoutLock,
    ];
}

impl Service {
    /// Whether a machine of this service makes this mistake.
    #[cfg(feature = "seeded-faults")]
    pub(crate) fn makes(&self, mistake: Seeded) -> bool {
        self.seeded == Some(mistake)
    }

    /// Whether a machine of this service makes this mistake: never.
    #[cfg(not(feature = "seeded-faults"))]
    #[inline]
    pub(crate) const fn makes(&self, _: Seeded) -> bool {
        false
    }
}
