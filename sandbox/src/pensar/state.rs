//! Everything that Pensar remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api_key::ApiKey;
use super::device::Device;
use super::rotation::{Family, Token};
use super::selection::Selection;
use super::token_request::Outcome;
use super::workspace::Workspace;
use super::{Settings, account, gateway};
use crate::config::Speed;
use crate::digest::Digest;
use crate::limit::Window;
use crate::moment::Moment;
use crate::ratchet::Ratchet;

/// The most accounts, and the most workspaces.
const MOST: usize = 1_000;

/// What Pensar remembers: plain, comparable data. Codes and tokens are in it as SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// By address.
    pub(crate) accounts: BTreeMap<String, Profile>,
    /// By slug.
    pub(crate) workspaces: BTreeMap<String, Workspace>,
    /// By the SHA-256 of the device code.
    pub(crate) devices: BTreeMap<Digest, Device>,
    /// User codes that somebody typed and nobody has. All browsers come from one address, so the limit per address is
    /// one.
    pub(crate) wrong_codes: Window,
    /// Signs access tokens; drawn when the first is minted.
    pub(super) server_key: Option<Digest>,
    /// By their own id.
    pub(super) families: BTreeMap<Digest, Family>,
    /// Refresh tokens by their SHA-256.
    pub(super) tokens: BTreeMap<Digest, Token>,
    /// API keys by their SHA-256.
    pub(super) keys: BTreeMap<Digest, ApiKey>,
    /// Choices of a workspace, by the SHA-256 of their id.
    pub(crate) selections: BTreeMap<Digest, Selection>,
    /// The nonces of signed requests, by their SHA-256, with the time at which they came.
    pub(super) nonces: BTreeMap<Digest, Moment>,
    /// How many requests for tokens came to what.
    pub(crate) tally: BTreeMap<Outcome, u64>,
}

/// Somebody who can sign in. There are no passwords: it is a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Default for State {
    /// The people and workspaces that are there from the start.
    fn default() -> Self {
        let profile = |email: &str| {
            let (short, _) = email.split_once('@').unwrap_or((email, ""));
            let mut name = short.to_owned();
            name.get_mut(..1).unwrap_or_default().make_ascii_uppercase();
            (email.to_owned(), Profile { id: format!("user_{short}"), name })
        };
        Self {
            accounts: account::ALL.into_iter().map(profile).collect(),
            workspaces: Workspace::first_ones(),
            devices: BTreeMap::new(),
            wrong_codes: Window::default(),
            server_key: None,
            families: BTreeMap::new(),
            tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            selections: BTreeMap::new(),
            nonces: BTreeMap::new(),
            tally: BTreeMap::new(),
        }
    }
}

impl State {
    /// Lets somebody sign up; `false` if the address is taken or there are too many people already.
    pub(crate) fn sign_up(&mut self, email: &str, name: &str, id: Digest) -> bool {
        if self.accounts.contains_key(email) || self.accounts.len() >= MOST {
            return false;
        }
        let profile = Profile { id: format!("user_{}", id.short()), name: name.to_owned() };
        self.accounts.insert(email.to_owned(), profile);
        true
    }

    /// Creates a workspace; `None` if the name gives no slug or there are too many already.
    pub(crate) fn create_workspace(&mut self, name: &str, owner: &str, id: Digest) -> Option<&Workspace> {
        if self.workspaces.len() >= MOST {
            return None;
        }
        let workspace = Workspace::new(name, owner, id, &self.workspaces)?;
        Some(self.workspaces.entry(workspace.slug.clone()).or_insert(workspace))
    }

    /// Forgets what is over.
    pub(crate) fn sweep(&mut self, now: Moment, speed: Speed, settings: &Settings) {
        self.devices.retain(|_, device| !device.is_forgotten(now));
        for device in self.devices.values_mut() {
            device.wipe_old_salt(now);
        }
        self.wrong_codes.forget_old(now, speed);
        self.selections.retain(|_, selection| !selection.is_forgotten(now));
        self.nonces.retain(|_, seen| !gateway::is_nonce_over(*seen, now));
        self.sweep_families(now, settings);
    }

    /// What tokens and keys are made with.
    pub(super) fn server_key(&mut self, ratchet: &mut Ratchet) -> Digest {
        *self.server_key.get_or_insert_with(|| ratchet.next())
    }

    /// Counts a request for tokens.
    pub(crate) fn count(&mut self, outcome: Outcome) {
        *self.tally.entry(outcome).or_default() += 1;
    }

    /// The workspaces of an account, by slug.
    pub(crate) fn workspaces_of(&self, email: &str) -> impl Iterator<Item = &Workspace> {
        self.workspaces.values().filter(move |workspace| workspace.has_member(email))
    }
}
