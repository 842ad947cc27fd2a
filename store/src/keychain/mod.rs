//! Credentials in the operating system's keychain, by way of `keyring-core`.
//!
//! On Linux and its kin the store behind it is our own, on the Secret Service; on macOS and Windows it is the
//! ready-made one for the system, in modules that are thin because they are never compiled here.

use doorkey_core::record::UnreadableRecord;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use keyring_core::Error;

use crate::failure::failure;

#[cfg(target_os = "macos")]
mod apple;
mod items;
#[cfg(all(unix, not(target_os = "macos")))]
mod secret_service;
mod session;
mod slots;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "macos")]
use apple as platform;
#[cfg(all(unix, not(target_os = "macos")))]
use secret_service as platform;
#[cfg(windows)]
use windows as platform;

pub use session::SessionKeychain;
pub use slots::KeychainStore;

/// An item that holds something else than a credential.
fn unreadable(service: &str, account: &str, why: UnreadableRecord) -> StoreFailure {
    let (service, account) = (harmless(service), harmless(account));
    let next = match why {
        UnreadableRecord::NewerForm(_) => "use that version",
        _ => "remove it with the system's keychain program and sign in again",
    };
    failure(
        StoreFailureKind::Unreadable,
        format!("in the keychain, service {service}, account {account}: {why}; {next}"),
    )
}

/// What a write comes to that left nothing.
fn lost() -> StoreFailure {
    failure(
        StoreFailureKind::Refused,
        "the keychain took the credential but does not have it; look at the system's keychain program",
    )
}

/// What a store of `keyring-core` says, as one of our kinds. Our own store says so itself.
fn told(error: Error) -> StoreFailure {
    let (kind, words) = match error {
        Error::PlatformFailure(cause) => match cause.downcast::<StoreFailure>() {
            Ok(failure) => return *failure,
            Err(cause) => (StoreFailureKind::Refused, cause.to_string()),
        },
        Error::NoStorageAccess(cause) => match cause.downcast::<StoreFailure>() {
            Ok(failure) => return *failure,
            Err(cause) => (StoreFailureKind::Locked, cause.to_string()),
        },
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) => {
            (StoreFailureKind::Unreadable, "its content is damaged".to_owned())
        }
        other => (StoreFailureKind::Refused, other.to_string()),
    };
    let next = "look at the system's keychain program";
    failure(kind, format!("the keychain failed: {}; {next}", harmless(&words)))
}
