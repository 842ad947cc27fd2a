//! A session in the keychain, in items that other programs of the same service use, too.
//!
//! One item, under the account alone, is the bare refresh token, as those programs write and read it. The whole record
//! lies beside it in pieces ([`part`]) that are named by its generation: a change never touches the pieces of the
//! record that counts until the new one does. Which record counts is read off all items of one moment ([`held`]):
//!
//! | bare token | complete records | what counts |
//! |---|---|---|
//! | is, or was, a record's refresh token | any | the newest record of that record's login |
//! | is none of theirs | any | the bare token: another program wrote it |
//! | none | newest of a login is an API key or a tombstone | that one |
//! | none | sessions only | nothing: another program ended the session |
//!
//! Incomplete records count for nothing; so does what a crash left beside the record that counts, until the next
//! write or delete removes it, which is always its first step. Then a write takes these steps; `old` is what counted
//! before, `new` what is written, and each cell says what counts should the process end right after that step:
//!
//! | step | first login | refresh, journal | other login, session | session to API key | API key to session | one API key to another | logout of a session | logout of an API key |
//! |---|---|---|---|---|---|---|---|---|
//! | leftovers removed | nothing | old | old | old | old | old | old | old |
//! | tombstone: bare token removed | | | | | | | nothing | |
//! | pieces written, but for the last | nothing | old | old | old | old | old | nothing | old |
//! | last piece written | nothing (API key: new) | new | old | old | old | old or new | new | new |
//! | bare token written, or removed if it is not the new record's | new | new | new | new | new | old or new | | |
//! | read back, older pieces removed | new | new | new | new | new | new | new | new |
//!
//! So a crash leaves the old or the new, and a logout at worst nothing: there the bare token goes first, and with it
//! the session of every program that uses it. Everywhere else it goes last, so that the old credential counts until
//! the new one is whole. A delete removes leftovers, the bare token and the pieces, in this order: nothing counts from
//! the second on.
//!
//! A write that fails has changed nothing that counts, unless it failed after its last piece, as the table says.
//!
//! Where a service has many sessions, one for each profile, the names of the pieces begin with a fingerprint of the
//! account, whose fixed length leaves no doubt where it ends: each session sees its own alone.

#[cfg(test)]
mod fake;
mod held;
mod part;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::{Fingerprint, Secret};
use doorkey_core::store::{StoreFailure, StoreFailureKind};

use self::held::Held;
use self::part::{Part, split};
use super::items::{Items, ServiceItems};
use super::{lost, unreadable};
use crate::credential_store::{CredentialStore, Swap, bare_token, no_such_slot, without_generation};
use crate::failure::failure;

/// As often the items are read anew when somebody changes them meanwhile.
const LOOKS: usize = 10;

/// One session in the operating system's keychain, in [`Slot::Active`]. There are no other slots: they are empty and
/// cannot be written to.
///
/// The refresh token lies by itself under the account, where other programs of the service read and write it; the
/// record lies beside it in items of at most 2,560 bytes, named by its generation. Interrupted anywhere, a write leaves
/// the old record or the new one, and the end of a session at worst nothing. A write that fails at its very end, when
/// the record is whole but the refresh token beside it is still the old one, may have left the new record; who reads
/// again sees it. It is not taken back, because it may be the only place where a rotated refresh token is.
///
/// A keychain cannot compare and swap: here that is read, compare, write, read back, and safe only under the
/// [`Lock`](crate::Lock) of the credential; reading is safe without. Nor has it time limits: wrap it in a
/// [`LimitedStore`](crate::LimitedStore).
pub struct SessionKeychain {
    service: String,
    account: String,
    /// How the names of its pieces begin.
    scope: String,
    items: Box<dyn Items>,
    given_up: AtomicBool,
}

impl SessionKeychain {
    /// The keychain's items of this service, the bare refresh token under this account. The keychain is opened by the
    /// first operation, and stays open.
    pub fn new(service: String, account: String) -> Self {
        let items = Box::new(ServiceItems::new(service.clone()));
        Self { service, account, scope: String::new(), items, given_up: AtomicBool::new(false) }
    }

    /// The same for one of the many sessions of a service: the bare refresh token lies under the profile's name.
    pub fn of_profile(service: String, profile: String) -> Self {
        let scope = format!("{}:", Fingerprint::of(profile.as_bytes()).as_str());
        Self { scope, ..Self::new(service, profile) }
    }

    /// All items of one moment: the bare token is the same before and after, and no piece vanished in between.
    fn look(&self) -> Result<Held, StoreFailure> {
        for _ in 0..LOOKS {
            let bare = self.bare()?;
            if let Some(pieces) = self.pieces()?
                && self.bare()? == bare
            {
                return Held::new(bare, pieces)
                    .map_err(|(part, why)| unreadable(&self.service, &self.name_of(&part), why));
            }
        }
        Err(failure(
            StoreFailureKind::Busy,
            "another program keeps changing the session in the keychain; try again in a moment",
        ))
    }

    /// The bare refresh token. An empty one is a session that another program ended.
    fn bare(&self) -> Result<Option<Secret>, StoreFailure> {
        let Some(bytes) = self.items.read(&self.account)? else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|_| UnreadableRecord::Malformed);
        match text.and_then(|text| bare_token(&Secret::from(text))) {
            Ok(token) => Ok(Some(token)),
            Err(UnreadableRecord::Empty) => Ok(None),
            Err(why) => Err(unreadable(&self.service, &self.account, why)),
        }
    }

    /// Every piece; `None` if one of them vanished while they were read.
    fn pieces(&self) -> Result<Option<Vec<(Part, Value)>>, StoreFailure> {
        let part = |name: &String| Part::parse(name.strip_prefix(&self.scope)?);
        let parts: Vec<Part> = self.items.accounts()?.iter().filter_map(part).collect();
        parts
            .into_iter()
            .map(|part| Ok(self.items.read(&self.name_of(&part))?.map(|value| (part, value))))
            .collect()
    }

    /// The account of a piece's item.
    fn name_of(&self, part: &Part) -> String {
        format!("{}{part}", self.scope)
    }

    fn write_item(&self, account: &str, value: &Secret) -> Result<(), StoreFailure> {
        self.go_on()?;
        self.items.write(account, value)
    }

    fn remove_item(&self, account: &str) -> Result<(), StoreFailure> {
        self.go_on()?;
        self.items.remove(account)
    }

    /// Before each step: without the lock, none may begin.
    fn go_on(&self) -> Result<(), StoreFailure> {
        if self.given_up.load(Ordering::Acquire) {
            let detail = "the keychain was too slow; restart it, then try again";
            return Err(failure(StoreFailureKind::TimedOut, detail));
        }
        Ok(())
    }

    fn remove_parts(&self, parts: &[Part]) -> Result<(), StoreFailure> {
        parts.iter().try_for_each(|part| self.remove_item(&self.name_of(part)))
    }

    /// The last step: what is not this record's goes. If something does not go, what counts then decides.
    fn remove_older(&self, mut held: Held, record: &Record) -> Result<Swap, StoreFailure> {
        let mut failed = None;
        for part in held.parts_beside(Some(record)) {
            match self.remove_item(&self.name_of(&part)) {
                Ok(()) => held = held.without(&part),
                Err(failure) => failed = Some(failure),
            }
        }
        match failed {
            Some(failure) if held.current().as_ref() != Some(record) => Err(failure),
            _ => Ok(Swap::Done),
        }
    }
}

type Value = zeroize::Zeroizing<Vec<u8>>;

impl fmt::Debug for SessionKeychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeychain")
            .field("service", &self.service)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl CredentialStore for SessionKeychain {
    fn backend(&self) -> Backend {
        Backend::Keychain
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.items.probe()
    }

    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.items.unseal(wait)
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        match slot {
            Slot::Active => Ok(self.look()?.current()),
            Slot::Workspace(_) => Ok(None),
        }
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        Ok(self.load(&Slot::Active)?.map(|record| (Slot::Active, record)).into_iter().collect())
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        if *slot != Slot::Active {
            return Err(no_such_slot());
        }
        let generation = record.generation.as_ref().ok_or_else(without_generation)?;
        let held = self.look()?;
        let current = held.current();
        let version = current.as_ref().map(Record::version);
        // Its own generation cannot be written over: a crash in between would leave neither.
        if version.as_ref() != expected || expected == Some(&record.version()) {
            return Ok(Swap::Conflict);
        }
        self.remove_parts(&held.parts_beside(current.as_ref()))?;
        let bare = record.rotation.as_ref().map(|_| &record.token);
        if record.is_tombstone() {
            self.remove_item(&self.account)?;
        }
        for (part, piece) in split(generation, record) {
            self.write_item(&self.name_of(&part), &piece)?;
        }
        match bare {
            Some(token) if held.bare.as_ref() != Some(token) => self.write_item(&self.account, token)?,
            None if !record.is_tombstone() => self.remove_item(&self.account)?,
            _ => {}
        }
        let now = self.look()?;
        if now.record(generation) == Some(record) && now.bare.as_ref() == bare {
            return self.remove_older(now, record);
        }
        now.current().map(|_| Swap::Conflict).ok_or_else(lost)
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        if *slot != Slot::Active {
            return Ok(Swap::Done);
        }
        let held = self.look()?;
        let current = held.current();
        if current.as_ref().is_some_and(|current| current.version() != *expected) {
            return Ok(Swap::Conflict);
        }
        self.remove_parts(&held.parts_beside(current.as_ref()))?;
        self.remove_item(&self.account)?;
        self.remove_parts(&held.parts)?;
        Ok(Swap::Done)
    }
    fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}
