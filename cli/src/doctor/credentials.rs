//! What the stores hold of one login, and its lock.

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use doorkey_core::text::harmless;
use doorkey_store::LockState;

use super::finding::{Check, Finding};
use super::{Login, keychain, leftovers};
use crate::surface::name;

/// What is stored of some logins.
#[derive(Default)]
pub struct Stored {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether there is a credential at all.
    pub any: bool,
    /// Whether the newest one went to the keychain.
    pub in_keychain: bool,
}

/// What one kind of place holds.
pub type Held = (Backend, Vec<(Slot, Record)>);

impl Stored {
    /// The same of one more.
    pub fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.any |= other.any;
        self.in_keychain |= other.in_keychain;
    }
}

/// Looks at one login. Where its files are not as they must be, nothing is known of it.
pub fn look(login: &mut Login, trusts_files: bool, keychain_answers: bool) -> Stored {
    if !trusts_files {
        return Stored::default();
    }
    let mut findings = lock(login);
    let ledger = match login.vault.perform(StoreOp::ReadLedger) {
        StoreAnswer::Ledger(ledger) => ledger,
        answer => {
            findings.extend(failed(&answer).map(|failure| {
                Finding::store(Check::Settings, "unreadable_state", failure, "move it away and sign in again")
            }));
            return Stored { findings, ..Stored::default() };
        }
    };
    let mut held: Vec<Held> = Vec::new();
    for &backend in login.service.backends {
        if backend == Backend::Keychain && !keychain_answers {
            continue;
        }
        match login.vault.perform(StoreOp::LoadAll(backend)) {
            StoreAnswer::Records(mut records) => {
                records.retain(|(_, record)| !record.is_tombstone());
                held.push((backend, records));
            }
            answer => {
                let unreadable = |failure| unreadable(backend, failure, login.needs_passphrase);
                findings.extend(failed(&answer).map(unreadable));
            }
        }
    }
    let is_sound = findings.iter().all(|finding| !finding.is_problem());
    let leftovers = leftovers::look(login, &ledger, &held);
    let any = held.iter().any(|(_, records)| !records.is_empty());
    if is_sound && leftovers.is_empty() && !held.is_empty() {
        findings.push(Finding::ok(Check::Credentials, whole(login, &held)));
    }
    findings.extend(leftovers);
    Stored { findings, any, in_keychain: ledger.backend == Some(Backend::Keychain) }
}

fn lock(login: &mut Login) -> Vec<Finding> {
    let state = match login.vault.lock_state() {
        Ok(LockState::Free) => Finding::ok(Check::Lock, "it is free"),
        Ok(LockState::Held) => {
            Finding::note(Check::Lock, "lock_held", of(login, "another process has it right now"))
        }
        Err(failure) => Finding::store(Check::Lock, "lock_not_ours", &failure, "give it back to its owner"),
    };
    // An API token is never renewed: its lock guards nothing that another machine could spend.
    if login.service.oauth.is_none() || state.is_problem() {
        return vec![state];
    }
    match login.vault.perform(StoreOp::CheckLock) {
        StoreAnswer::Failed(failure) => {
            let remedy = "keep that folder on a local disk";
            vec![Finding::store(Check::Lock, "shared_file_system", &failure, remedy)]
        }
        _ => vec![state],
    }
}

fn unreadable(backend: Backend, failure: &StoreFailure, needs_passphrase: bool) -> Finding {
    if needs_passphrase && backend == Backend::EncryptedFile && failure.kind == StoreFailureKind::Locked {
        let message = "they are encrypted by a passphrase, which commands ask for: not looked into";
        return Finding::note(Check::Credentials, "passphrase_needed", message);
    }
    let code = match (backend, failure.kind) {
        (Backend::Keychain, StoreFailureKind::Unreadable) => "unreadable_entry",
        (Backend::Keychain, kind) => keychain::code(kind),
        (Backend::EncryptedFile, StoreFailureKind::Locked) => "no_key",
        (Backend::EncryptedFile, StoreFailureKind::Unreadable) => "undecryptable",
        (Backend::EncryptedFile, _) => "unusable_key",
        (Backend::File, _) => "unreadable_credentials",
    };
    Finding::store(Check::Credentials, code, failure, "move it away and sign in again")
}

fn whole(login: &Login, held: &[Held]) -> String {
    let place = held.iter().find(|(_, records)| !records.is_empty()).map(|(backend, _)| name(*backend));
    of(login, &place.map_or_else(|| "none is stored".to_owned(), |place| format!("stored in the {place}")))
}

/// The sentence, after the profile that it is about.
pub fn of(login: &Login, sentence: &str) -> String {
    match &login.profile {
        Some(profile) => format!("{}: {sentence}", harmless(profile)),
        None => sentence.to_owned(),
    }
}

fn failed(answer: &StoreAnswer) -> Option<&StoreFailure> {
    match answer {
        StoreAnswer::Failed(failure) => Some(failure),
        _ => None,
    }
}
