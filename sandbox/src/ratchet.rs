//! Where unpredictable values come from: a hash chain over one seed.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A generator that only turns forward. What it gave out cannot be computed from what it holds now, so a saved state
/// betrays no key that was minted before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Ratchet(Digest);

impl Ratchet {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(Digest::from_bytes(seed))
    }

    /// The next value.
    pub(crate) fn next(&mut self) -> Digest {
        let value = Digest::of_parts("value", &[self.0.as_bytes()]);
        self.0 = Digest::of_parts("turn", &[self.0.as_bytes()]);
        value
    }
}
