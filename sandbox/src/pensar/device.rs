//! Device codes (RFC 8628): what a terminal polls with while a person decides.

use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};

use super::config::millis;
use super::state::State;
use super::{Settings, legacy, user_code};
use crate::config::Speed;
use crate::credential::DEVICE_CODE;
use crate::digest::Digest;
use crate::moment::{DAY, Moment, SECOND};
use crate::ratchet::Ratchet;
use crate::state::forget_oldest;
use crate::watch::TOLERANCE;

/// By how much `slow_down` raises the interval (RFC 8628 §3.5).
const RAISE: u64 = 5 * SECOND;
/// How long a code is remembered after its time, so that its page says what became of it.
const REMEMBERED: u64 = DAY;
/// The most codes that are remembered at once.
const MOST: usize = 20_000;

/// A device code; the state knows it by its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Device {
    /// The SHA-256 of the user code.
    pub(crate) user_code: Digest,
    opened: Moment,
    lifetime: u64,
    /// The least time between two polls, in milliseconds of the client's time.
    interval: u64,
    polled: Option<Moment>,
    /// The next poll is told to slow down in any case.
    #[serde(default)]
    hurried: bool,
    /// Whether it was asked for in the older way, which gives an API key for one workspace.
    pub(crate) legacy: bool,
    pub(crate) phase: Phase,
}

/// How far a device code is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Nobody has decided.
    Waiting,
    /// Approved by this account; for an API key, with a workspace.
    Approved {
        account: String,
        workspace: Option<String>,
    },
    Denied,
    /// Exchanged for tokens.
    Exchanged,
    /// Exchanged for an API key.
    Delivered {
        account: String,
        workspace: String,
        at: Moment,
        /// With the device code it gives the key once more; wiped when the answer is no longer repeated.
        salt: Option<Digest>,
    },
}

/// The codes of one authorization, in plain text.
pub(super) struct Codes {
    pub(super) device_code: Secret,
    pub(super) user_code: String,
}

impl Device {
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.since(self.opened) >= self.lifetime
    }

    pub(super) fn is_forgotten(&self, now: Moment) -> bool {
        now.since(self.opened) > self.lifetime.saturating_add(REMEMBERED)
    }

    /// Forgets what may not be repeated any more.
    pub(super) fn wipe_old_salt(&mut self, now: Moment) {
        if let Phase::Delivered { at, salt, .. } = &mut self.phase
            && !legacy::repeats(*at, now)
        {
            *salt = None;
        }
    }

    /// Notes a poll, and says whether it came too early.
    pub(super) fn poll(&mut self, now: Moment, speed: Speed) -> bool {
        let gap = self.polled.replace(now).map(|last| speed.real_millis(now.since(last)));
        std::mem::take(&mut self.hurried) || gap.is_some_and(|gap| gap + TOLERANCE < self.interval)
    }

    /// Takes the next poll for too early, whenever it comes.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Wants slower polls from now on.
    pub(super) fn slow_down(&mut self) {
        self.interval += RAISE;
    }
}

impl State {
    /// Opens an authorization.
    pub(super) fn open_device(
        &mut self,
        ratchet: &mut Ratchet,
        settings: &Settings,
        legacy: bool,
        now: Moment,
    ) -> Codes {
        if self.devices.len() >= MOST {
            forget_oldest(&mut self.devices, |device| device.opened);
        }
        let device_code = Secret::new(format!("{DEVICE_CODE}{}", ratchet.next().to_base64url()));
        let user_code = loop {
            let Some(code) = user_code::draw(ratchet.next()) else { continue };
            if self.device_of(&code).is_none() {
                break code;
            }
        };
        let device = Device {
            user_code: Digest::of(&user_code),
            opened: now,
            lifetime: millis(settings.device_lifetime),
            interval: millis(settings.device_interval),
            polled: None,
            hurried: false,
            legacy,
            phase: Phase::Waiting,
        };
        self.devices.insert(Digest::of(device_code.expose_secret()), device);
        Codes { device_code, user_code }
    }

    /// The authorization of a user code.
    pub(crate) fn device_of(&mut self, user_code: &str) -> Option<&mut Device> {
        let wanted = Digest::of(user_code);
        self.devices.values_mut().find(|device| device.user_code == wanted)
    }
}
