//! A workspace chosen in the browser, for terminals that cannot ask.

use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::digest::Digest;
use crate::moment::{DAY, MINUTE, Moment};
use crate::ratchet::Ratchet;
use crate::state::forget_oldest;

/// How long a choice can be made.
pub(super) const LIFETIME: u64 = 10 * MINUTE;
/// How long a choice is remembered after that.
const REMEMBERED: u64 = DAY;
/// The most choices that are remembered at once.
const MOST: usize = 10_000;

/// A choice; the state knows it by the SHA-256 of its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Selection {
    /// The address of the account that asked; only it may choose and be told.
    pub(crate) account: String,
    opened: Moment,
    /// The id of the workspace.
    pub(crate) chosen: Option<String>,
}

impl Selection {
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.since(self.opened) >= LIFETIME
    }

    pub(super) fn is_forgotten(&self, now: Moment) -> bool {
        now.since(self.opened) > LIFETIME + REMEMBERED
    }
}

impl State {
    /// Opens a choice and gives its id.
    pub(super) fn open_selection(&mut self, ratchet: &mut Ratchet, account: &str, now: Moment) -> Secret {
        if self.selections.len() >= MOST {
            forget_oldest(&mut self.selections, |selection| selection.opened);
        }
        let id = Secret::new(ratchet.next().to_base64url());
        let selection = Selection { account: account.to_owned(), opened: now, chosen: None };
        self.selections.insert(Digest::of(id.expose_secret()), selection);
        id
    }
}
