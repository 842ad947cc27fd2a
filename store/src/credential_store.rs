//! The one trait of every place for credentials.

use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};

use crate::failure::failure;

/// A place for credentials. Every method but [`unseal`](Self::unseal) is non-interactive: it never shows a prompt
/// and never waits for a person.
///
/// The slots of one store are independent records, with one exception: whether [`Slot::Active`] is a copy or a
/// pointer is the store's own business. Callers therefore write the workspace's slot first and the active one last.
///
/// Every method fails with a [`StoreFailure`] whose kind says what can be done about it (invariant 13).
pub trait CredentialStore: Send + Sync {
    /// The kind of place this is.
    fn backend(&self) -> Backend;

    /// Finds out whether a credential could be written now, without leaving anything behind.
    ///
    /// # Errors
    /// What a write would fail with.
    fn probe(&self) -> Result<(), StoreFailure>;

    /// Asks the person, by the operating system's own prompt, to unlock the place; waits at most `wait`.
    /// A place that has no lock of its own is open already.
    ///
    /// # Errors
    /// `Refused` if the prompt was dismissed or nobody answered it in time, or what a probe would fail with.
    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure>;

    /// Reads one slot; `None` if there is nothing in it.
    ///
    /// # Errors
    /// The place cannot be reached or read, or what lies there is not a credential.
    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure>;

    /// Reads every slot, in the order of the slots. One unreadable entry fails the whole: an entry that is
    /// silently left out would look like a logout.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure>;

    /// Writes a slot if it holds `expected` now; `None`: if nothing is there.
    ///
    /// # Errors
    /// Nothing was changed; after `TimedOut` alone the write may still take effect. A store that writes in several
    /// steps says when a failure can leave the new record.
    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure>;

    /// Deletes a slot if it holds `expected` now. An empty slot is [`Swap::Done`].
    ///
    /// # Errors
    /// Nothing was changed; after `TimedOut` alone the deletion may still take effect.
    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure>;

    /// Told from another thread, for good: whoever made the call that is under way no longer waits for it, and may have
    /// let go of the lock. A store that makes a change in several steps begins no further one.
    fn give_up(&self) {}
}

/// How a compare-and-swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// It is done, durably.
    Done,
    /// The slot holds something else than expected; nothing was changed.
    Conflict,
}

/// When all entries are read: one damaged workspace must not take the others with it. It is told when it is asked for
/// by its slot. A damaged active entry decides what is used, and is told.
pub(crate) fn spare_the_others(slot: &Slot, failure: StoreFailure) -> Result<(), StoreFailure> {
    let spared = *slot != Slot::Active && failure.kind == StoreFailureKind::Unreadable;
    if spared { Ok(()) } else { Err(failure) }
}

/// Where one session is kept, there are no workspaces' slots.
pub(crate) fn no_such_slot() -> StoreFailure {
    failure(StoreFailureKind::Refused, "only the active credential is kept here; write it to the active slot")
}

/// A record that shares its place with other programs must be told from what they write.
pub(crate) fn without_generation() -> StoreFailure {
    failure(
        StoreFailureKind::Refused,
        "a credential without a generation is not kept here; sign in to get one",
    )
}

/// The bare token that a text is: not the record that it may read as, too.
pub(crate) fn bare_token(text: &Secret) -> Result<Secret, UnreadableRecord> {
    let record = Record::decode(text)?;
    let is_bare = record.generation.is_none() && record.rotation.is_none();
    is_bare.then_some(record.token).ok_or(UnreadableRecord::Malformed)
}
