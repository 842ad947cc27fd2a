//! The system's keychain: whether it would take a credential, found out without a prompt and without an entry.

use std::sync::Arc;

use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use doorkey_store::{CredentialStore as _, KeychainConfig, KeychainStore, LimitedStore};

use super::finding::{Check, Finding};
use crate::surface::remedy;

/// What it answers; `None` if it is not used. Takes as long as the limit of a call at most.
pub fn answer(config: Option<&KeychainConfig>) -> Option<Result<(), StoreFailure>> {
    let KeychainConfig { service, account, limit } = config?.clone();
    Some(LimitedStore::new(Arc::new(KeychainStore::new(service, account)), limit).probe())
}

/// What the answer means. Without need for it, credentials go to a file as well.
pub fn judge(answer: Option<Result<(), StoreFailure>>, needed: bool) -> Option<Finding> {
    Some(match answer? {
        Ok(()) => Finding::ok(Check::Keychain, "it answers, and takes credentials"),
        Err(failure) if needed => {
            let otherwise = "look at the system's keychain program";
            Finding::store(Check::Keychain, code(failure.kind), &failure, otherwise)
        }
        Err(failure) => {
            let cause = harmless(failure.parts().0);
            // A locked one is first asked for at a terminal.
            let message = match failure.kind {
                StoreFailureKind::Locked => cause,
                _ => format!("{cause}: a login goes to a file instead"),
            };
            Finding::warning(Check::Keychain, code(failure.kind), message, remedy(&failure))
        }
    })
}

/// The code of an answer (invariant 13).
pub const fn code(kind: StoreFailureKind) -> &'static str {
    match kind {
        StoreFailureKind::Absent => "keychain_absent",
        StoreFailureKind::Locked => "keychain_locked",
        StoreFailureKind::TimedOut => "keychain_timed_out",
        StoreFailureKind::Volatile => "keychain_volatile",
        _ => "keychain_refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_answers_are_five_codes_and_a_problem_only_where_it_is_needed() {
        use StoreFailureKind::{Absent, Locked, Refused, TimedOut, Volatile};
        for (kind, code) in [
            (Absent, "keychain_absent"),
            (Locked, "keychain_locked"),
            (TimedOut, "keychain_timed_out"),
            (Volatile, "keychain_volatile"),
            (Refused, "keychain_refused"),
        ] {
            for needed in [true, false] {
                let failure = StoreFailure { kind, detail: "it is so; do this".into() };
                let found = judge(Some(Err(failure)), needed).unwrap();
                let advice = found.advice().unwrap();
                assert_eq!(&*advice.code, code);
                assert_eq!(
                    advice.remedy == "do this",
                    needed,
                    "where a file is used, that is for the next login"
                );
                assert_eq!(found.is_problem(), needed, "{code}");
            }
        }
        assert_eq!(judge(None, true), None, "it is not used");
        assert!(judge(Some(Ok(())), true).unwrap().advice().is_none());
    }
}
