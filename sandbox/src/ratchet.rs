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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn neither_values_nor_states_repeat() {
        let mut ratchet = Ratchet::new([0; 32]);
        let mut seen = BTreeSet::from([ratchet.0]);
        for _ in 0..100 {
            assert!(seen.insert(ratchet.next()));
            assert!(seen.insert(ratchet.0));
        }
        assert_ne!(Ratchet::new([1; 32]).next(), Ratchet::new([0; 32]).next());
    }
}
