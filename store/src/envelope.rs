//! What a text goes through on its way into a file and back, where it may not rest as plain text.

use std::fmt;
use std::path::Path;

use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

/// An envelope with its key. `path` is the file that a failure names.
pub(crate) trait Envelope: fmt::Debug + Send + Sync {
    /// Whether there is a key at all; without one, everything else fails with `Locked`.
    fn has_key(&self) -> bool;

    /// Does now what takes long: afterwards sealing is a matter of microseconds, and so is opening what was sealed with
    /// the same key and the same salt.
    fn make_ready(&self, path: &Path) -> Result<(), StoreFailure>;

    /// The text, as one line that says nothing of it but its length.
    fn seal(&self, path: &Path, purpose: Purpose, text: &Secret) -> Result<Secret, StoreFailure>;

    /// The text of such a line, if not one bit of it was changed.
    fn open(&self, path: &Path, purpose: Purpose, line: &str) -> Result<Secret, StoreFailure>;

    /// No less than the bytes of the line that so many bytes of text become.
    fn sealed_length(&self, bytes: usize) -> usize;
}

/// What a text is for: nothing that was sealed for one purpose opens for another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Credentials,
    Emergency,
}
