//! Everything that a service remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::digest::Digest;
use crate::key::Key;
use crate::limit::Window;
use crate::moment::{DAY, Moment, SECOND};
use crate::pairing::{Pairing, REMEMBERED, TTL};
use crate::pensar;
use crate::ratchet::Ratchet;
use crate::session::Session;
use crate::watch::Watch;

/// The most pairings that are remembered at once; opening one more forgets the oldest.
const MOST_PAIRINGS: usize = 20_000;
/// The most sign-ins that are remembered at once.
const MOST_SESSIONS: usize = 1_000;
/// How long a revoked key stays in the list of keys.
const REVOKED_SHOWN: u64 = 7 * DAY;

/// What a service remembers: plain, comparable data that can be saved and loaded. Device ids, keys and cookies are
/// in it as SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// Tells this sandbox from others; names its cookie.
    pub(crate) instance: String,
    pub(crate) ratchet: Ratchet,
    /// By the SHA-256 of the cookie.
    pub(crate) sessions: BTreeMap<Digest, Session>,
    /// By the SHA-256 of the `device_id`.
    pub(crate) pairings: BTreeMap<Digest, Pairing>,
    /// By the SHA-256 of the key.
    pub(crate) keys: BTreeMap<Digest, Key>,
    /// All clients of a sandbox come from one address, so the limit per address is one.
    pub(crate) polls: Window,
    pub(crate) watch: Watch,
    #[serde(default)]
    pub(crate) pensar: pensar::State,
    /// When what was over was last looked for.
    swept: Moment,
}

impl State {
    /// The state of a service that nothing has happened to. `seed` decides every value that nobody may guess.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut ratchet = Ratchet::new(seed);
        Self {
            instance: ratchet.next().short(),
            ratchet,
            sessions: BTreeMap::new(),
            pairings: BTreeMap::new(),
            keys: BTreeMap::new(),
            polls: Window::default(),
            watch: Watch::default(),
            pensar: pensar::State::default(),
            swept: Moment::default(),
        }
    }

    /// Forgets what is over. That is looked for once a second, not with each of thousands of requests: whatever
    /// has a lifetime is checked against it where it is used.
    pub(crate) fn sweep(&mut self, now: Moment, config: &Config) {
        let speed = config.speed;
        if now.since(self.swept) < SECOND {
            return;
        }
        self.swept = now;
        self.sessions.retain(|_, session| !session.is_over(now));
        self.pairings.retain(|_, pairing| now.since(pairing.opened) <= TTL + REMEMBERED);
        for pairing in self.pairings.values_mut() {
            pairing.wipe_old_salt(now);
        }
        self.keys.retain(|_, key| key.revoked.is_none_or(|at| now.since(at) <= REVOKED_SHOWN));
        for key in self.keys.values_mut() {
            key.window.forget_old(now, speed);
        }
        self.polls.forget_old(now, speed);
        self.watch.sweep(now, speed);
        if let Some(pensar) = &config.pensar {
            self.pensar.sweep(now, speed, &pensar.settings);
        }
    }

    /// Remembers a link that was opened, unless it is known already.
    pub(crate) fn open_pairing(&mut self, device: Digest, device_name: &str, now: Moment) -> &mut Pairing {
        if !self.pairings.contains_key(&device) && self.pairings.len() >= MOST_PAIRINGS {
            forget_oldest(&mut self.pairings, |pairing| pairing.opened);
        }
        self.pairings.entry(device).or_insert_with(|| Pairing::new(device_name, now))
    }

    /// Remembers a sign-in and gives its cookie.
    pub(crate) fn open_session(&mut self, account: &str, now: Moment) -> String {
        if self.sessions.len() >= MOST_SESSIONS {
            forget_oldest(&mut self.sessions, |session| session.since);
        }
        let cookie = self.ratchet.next().to_base64url();
        self.sessions.insert(Digest::of(&cookie), Session { account: account.to_owned(), since: now });
        cookie
    }

    /// Remembers a new key, after revoking those that the same person gave the same device and workspace.
    pub(crate) fn add_key(&mut self, digest: Digest, key: Key, now: Moment) {
        for older in self.keys.values_mut() {
            let same =
                older.name == key.name && older.account == key.account && older.workspace == key.workspace;
            if same && older.revoked.is_none() {
                older.revoked = Some(now);
            }
        }
        self.keys.insert(digest, key);
    }
}

/// Makes room for one more.
pub(crate) fn forget_oldest<T>(of: &mut BTreeMap<Digest, T>, age: impl Fn(&T) -> Moment) {
    let oldest = of.iter().min_by_key(|(_, value)| age(value)).map(|(digest, _)| *digest);
    if let Some(oldest) = oldest {
        of.remove(&oldest);
    }
}
