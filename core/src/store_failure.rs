//! What a command says when a store fails.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::failure::{Exit, Failure};
use crate::machine::Step;
use crate::record::Backend;
use crate::store::{StoreFailure, StoreFailureKind};

/// A store's failure as a command's. The next step is the one that its detail ends with, else that of its kind.
pub fn store_failure(failure: StoreFailure) -> Failure {
    let of_kind = match failure.kind {
        StoreFailureKind::Absent => "start a keychain service, or sign in again",
        StoreFailureKind::Locked => "unlock the keychain, then try again",
        StoreFailureKind::TimedOut => "restart the keychain service or log in to the desktop again",
        StoreFailureKind::Volatile => "give the keychain a lasting collection",
        StoreFailureKind::Refused => "mend that, then try again",
        StoreFailureKind::Unreadable => "move it away, then sign in again",
        StoreFailureKind::Busy => "try again in a moment",
        StoreFailureKind::Shared => "keep it on a local disk",
    };
    let (message, next) = failure.parts();
    let code = match failure.kind {
        StoreFailureKind::Absent => "store_absent",
        StoreFailureKind::Locked => "store_locked",
        StoreFailureKind::TimedOut => "store_timed_out",
        StoreFailureKind::Volatile => "store_volatile",
        StoreFailureKind::Refused => "store_refused",
        StoreFailureKind::Unreadable => "store_unreadable",
        StoreFailureKind::Busy => "store_busy",
        StoreFailureKind::Shared => "store_shared",
    };
    Failure::new(Exit::Store, code, message).next(next.unwrap_or(of_kind))
}

/// Why none of these backends can take a token, and what mends the last of them, which needs the least.
pub(crate) fn refused_by_all(failed: &[(Backend, StoreFailure)]) -> (String, String) {
    let reason =
        |(backend, failure): &(Backend, StoreFailure)| format!("{}: {}", backend.as_str(), failure.parts().0);
    let reasons: Vec<String> = failed.iter().map(reason).collect();
    let next = failed.last().and_then(|(_, failure)| failure.parts().1).unwrap_or("mend one of them");
    (reasons.join("; "), next.into())
}

/// A driver answered a store operation with an answer of another one.
pub(crate) fn unexpected<T>() -> Step<T> {
    Step::fail(misplaced())
}

/// The same as the end of a part that may hold the lock, and gives it back first: who goes on after it may want it.
pub(crate) fn misplaced() -> Failure {
    Failure::new(Exit::Internal, "internal", "a store gave an answer to another question")
}
