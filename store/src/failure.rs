//! Making a [`StoreFailure`]: one line that says what failed, why, and what to do next.

use std::io;
use std::path::Path;

use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;

/// A failure of this kind, in these words. The words are ours; foreign parts must be harmless already.
pub(crate) fn failure(kind: StoreFailureKind, detail: impl Into<String>) -> StoreFailure {
    StoreFailure { kind, detail: detail.into() }
}

/// What the system said when something was done to a file: `could not <what> <path>: <cause>; <next>`.
pub(crate) fn io_failure(what: &str, path: &Path, cause: &io::Error) -> StoreFailure {
    let next = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room and try again",
        io::ErrorKind::ReadOnlyFilesystem => "make it writable or choose another home folder",
        io::ErrorKind::PermissionDenied => "check who owns it",
        _ => "check the file and its folder",
    };
    let cause = harmless(&cause.to_string());
    failure(StoreFailureKind::Refused, format!("could not {what} {}: {cause}; {next}", shown(path)))
}

/// A path fit for a terminal.
pub(crate) fn shown(path: &Path) -> String {
    harmless(&path.display().to_string())
}
