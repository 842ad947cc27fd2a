//! Words that several messages use.

use std::time::Duration;

use doorkey_core::failure::Failure;
use doorkey_core::notice::PollState;
use doorkey_core::record::Backend;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;

use crate::printer::{RESET, YELLOW};

/// A backend, as in sentences.
pub fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Keychain => "keychain",
        Backend::File => "credentials file",
        Backend::EncryptedFile => "encrypted credentials file",
    }
}

/// How requests are authorized.
pub fn auth(session: bool) -> &'static str {
    if session { "WorkOS" } else { "API key" }
}

/// That a place cannot be used, as one line of a status: its remedy is not asked for where another place is in use. `told`: the
/// failure above it, whose sentence is not repeated.
pub fn not_usable(failure: &StoreFailure, told: Option<&Failure>) -> String {
    let (kind, cause) = (failure.kind.as_str(), harmless(failure.parts().0));
    let is_told = told.is_some_and(|told| told.message == cause);
    let cause = if is_told { String::new() } else { format!(": {cause}") };
    format!("{YELLOW}not usable ({kind}){cause}{RESET}")
}

/// What brings a token into the keychain that did not take it.
pub fn remedy(failure: &StoreFailure) -> &'static str {
    match failure.kind {
        StoreFailureKind::Absent => "start a keychain service and log in again to change that",
        StoreFailureKind::Locked => "unlock the keychain and log in again to change that",
        StoreFailureKind::TimedOut => "restart the keychain service and log in again to change that",
        StoreFailureKind::Volatile => {
            "give the keychain a lasting collection and log in again to change that"
        }
        _ => "mend the keychain and log in again to change that",
    }
}

/// What a poll said.
pub fn describe(state: &PollState) -> String {
    match state {
        PollState::None => "nothing heard yet".to_owned(),
        PollState::NotYet => "not authorized yet".to_owned(),
        PollState::SlowedDown => "asked to poll less often".to_owned(),
        PollState::Trouble(reason) => format!("trouble: {reason}"),
    }
}

/// Minutes and seconds; rounded up, so that the last second is shown as one.
pub fn minutes(left: Duration) -> String {
    let seconds = left.as_millis().div_ceil(1000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Seconds to the tenth.
pub(super) fn seconds(wait: Duration) -> String {
    format!("{}.{} s", wait.as_secs(), wait.subsec_millis() / 100)
}
