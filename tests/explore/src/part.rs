//! A part of a state: shared until it changes, and hashed once for each moment.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use crate::fingerprint::Relative;

/// The part.
#[derive(Clone, Debug, Default)]
pub struct Part<T>(Rc<Known<T>>);

#[derive(Clone, Debug, Default)]
struct Known<T> {
    value: T,
    /// The fingerprint, and relative to which moment.
    fingerprint: Cell<Option<(u64, u128)>>,
}

impl<T: Clone> Part<T> {
    pub fn new(value: T) -> Self {
        Self(Rc::new(Known { value, fingerprint: Cell::new(None) }))
    }

    /// To be changed, here alone.
    pub fn change(&mut self) -> &mut T {
        let known = Rc::make_mut(&mut self.0);
        known.fingerprint.set(None);
        &mut known.value
    }

    /// Its fingerprint relative to this moment, made by `hash` if it is not known.
    pub fn fingerprint(&self, millis: u64, hash: impl FnOnce(&T, &mut Relative)) -> u128 {
        match self.0.fingerprint.get() {
            Some((at, fingerprint)) if at == millis => fingerprint,
            _ => {
                let mut hasher = Relative::to(millis);
                hash(&self.0.value, &mut hasher);
                let fingerprint = hasher.finish128();
                self.0.fingerprint.set(Some((millis, fingerprint)));
                fingerprint
            }
        }
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}
