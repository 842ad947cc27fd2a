//! One terminal's request to be paired, from the opened page to the delivered key.

use doorkey_core::text::harmless;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::moment::{DAY, MINUTE, Moment, SECOND};

/// How long a link can be used after it was opened first.
pub(crate) const TTL: u64 = 5 * MINUTE;
/// How long the answer with the key is repeated.
pub(crate) const REPEAT: u64 = 30 * SECOND;
/// How long a finished pairing is remembered, so that its link says what became of it.
pub(crate) const REMEMBERED: u64 = DAY;
/// The most that is shown of a device's name.
const NAME_CHARACTERS: usize = 64;

/// A pairing; the state knows it by the SHA-256 of its `device_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Pairing {
    pub(crate) device_name: String,
    pub(crate) opened: Moment,
    pub(crate) phase: Phase,
}

/// How far a pairing is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Nobody has decided.
    Waiting,
    /// Approved; the key is minted when the terminal asks, so that nothing is minted for a terminal that is gone.
    Approved {
        account: String,
        workspace: String,
    },
    Denied,
    /// The key was given out.
    Delivered {
        account: String,
        workspace: String,
        at: Moment,
        /// With the device id it gives the key once more; wiped when the answer is no longer repeated.
        salt: Option<Digest>,
    },
}

impl Pairing {
    pub(crate) fn new(device_name: &str, opened: Moment) -> Self {
        Self { device_name: shown_name(device_name), opened, phase: Phase::Waiting }
    }

    /// Whether its time is over, whatever became of it.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.since(self.opened) > TTL
    }

    /// Forgets what may not be repeated any more.
    pub(crate) fn wipe_old_salt(&mut self, now: Moment) {
        if let Phase::Delivered { at, salt, .. } = &mut self.phase
            && now.since(*at) > REPEAT
        {
            *salt = None;
        }
    }
}

/// Whether a text is 32 bytes in base64url without padding, as every `device_id` is.
pub(crate) fn is_device_id(text: &str) -> bool {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}

/// A device's name as it is shown and compared.
fn shown_name(name: &str) -> String {
    let harmless = harmless(name.trim());
    let mut shown: String = harmless.chars().take(NAME_CHARACTERS).collect();
    if shown.len() < harmless.len() {
        shown.push('…');
    }
    shown
}
