//! A keychain in memory that can be interrupted and watched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use zeroize::Zeroizing;

use super::SessionKeychain;
use crate::credential_store::CredentialStore as _;
use crate::failure::failure;
use crate::keychain::items;

pub(super) const BARE: &str = "workos-refresh-token";

/// What items hold, by account.
pub(super) type Content = BTreeMap<String, Vec<u8>>;

/// A keychain in memory, in which the changes after a number of them fail. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) items: Content,
    /// So many changes go through; `None`: all.
    pub(super) changes_left: Option<usize>,
    /// The first one that does not go through happens nevertheless.
    pub(super) happens_late: bool,
    /// The items after each change.
    pub(super) history: Vec<Content>,
    /// Changes of accounts that begin like this are said to go through, and do not happen.
    pub(super) forgets: Option<&'static str>,
    /// The store that is given up while this change, counted from one, is made.
    pub(super) given_up: Option<(usize, Weak<SessionKeychain>)>,
    /// What a reader sees instead, one after the other; the last one stays.
    pub(super) shown: Vec<Content>,
}

impl Fake {
    pub(super) fn holding(items: Content) -> Self {
        let fake = Self::default();
        fake.state().items = items;
        fake
    }

    pub(super) fn store(&self) -> SessionKeychain {
        let store = SessionKeychain::new("dev.pensar.apex".to_owned(), BARE.to_owned());
        SessionKeychain { items: Box::new(self.clone()), ..store }
    }

    pub(super) fn store_of(&self, profile: &str) -> SessionKeychain {
        let store = SessionKeychain::of_profile("doorkey".to_owned(), profile.to_owned());
        SessionKeychain { items: Box::new(self.clone()), ..store }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn items(&self) -> Content {
        self.state().items.clone()
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Content)) -> Result<(), StoreFailure> {
        let mut state = self.state();
        if state.forgets.is_some_and(|forgotten| account.starts_with(forgotten)) {
            return Ok(());
        }
        let State { items, changes_left, happens_late, history, .. } = &mut *state;
        let goes_through = match changes_left {
            None => true,
            Some(0) if !*happens_late => false,
            Some(0) => {
                *happens_late = false;
                change(items);
                return Err(failure(StoreFailureKind::Refused, "it happened nevertheless"));
            }
            Some(left) => {
                *left -= 1;
                true
            }
        };
        if !goes_through {
            return Err(failure(StoreFailureKind::Refused, "no more changes"));
        }
        change(items);
        history.push(items.clone());
        if let Some((_, store)) = state.given_up.as_ref().filter(|(at, _)| *at == state.history.len()) {
            store.upgrade().unwrap().give_up();
        }
        Ok(())
    }

    fn seen<T>(&self, look: impl FnOnce(&Content) -> T) -> T {
        let mut state = self.state();
        if state.shown.len() > 1 {
            let shown = state.shown.remove(0);
            return look(&shown);
        }
        look(state.shown.first().unwrap_or(&state.items))
    }
}

impl items::Items for Fake {
    fn probe(&self) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn accounts(&self) -> Result<BTreeSet<String>, StoreFailure> {
        Ok(self.seen(|items| items.keys().cloned().collect()))
    }

    fn read(&self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(self.seen(|items| items.get(account).cloned()).map(Zeroizing::new))
    }

    fn write(&self, account: &str, value: &Secret) -> Result<(), StoreFailure> {
        self.change(account, |items| drop(items.insert(account.to_owned(), value.expose_secret().into())))
    }

    fn remove(&self, account: &str) -> Result<(), StoreFailure> {
        // What is not there is no change.
        if !self.items().contains_key(account) {
            return Ok(());
        }
        self.change(account, |items| drop(items.remove(account)))
    }
}
