//! What the stores hold of one login, and its lock.

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::resolve::Look;
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
    let mut looks: Vec<Look> = Vec::new();
    for &backend in login.service.backends {
        if backend == Backend::Keychain && !keychain_answers {
            continue;
        }
        match login.vault.perform(StoreOp::LoadAll(backend)) {
            StoreAnswer::Records(records) => looks.push((backend, Ok(records))),
            answer => {
                let unreadable = |failure| unreadable(backend, failure, login.needs_passphrase);
                findings.extend(failed(&answer).map(unreadable));
            }
        }
    }
    let is_sound = findings.iter().all(|finding| !finding.is_problem());
    let leftovers = leftovers::look(login, &ledger, &looks);
    let any = held(&looks).next().is_some();
    if is_sound && leftovers.is_empty() && !looks.is_empty() {
        findings.push(Finding::ok(Check::Credentials, whole(login, &looks)));
    }
    findings.extend(leftovers);
    Stored { findings, any, in_keychain: ledger.backend == Some(Backend::Keychain) }
}

/// Every credential that was seen, and where. The mark of a logout is none.
pub fn held(looks: &[Look]) -> impl Iterator<Item = (Backend, &Slot, &Record)> {
    let readable = looks.iter().filter_map(|(backend, look)| Some((*backend, look.as_ref().ok()?)));
    let entries = readable
        .flat_map(|(backend, records)| records.iter().map(move |(slot, record)| (backend, slot, record)));
    entries.filter(|(.., record)| !record.is_tombstone())
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

fn whole(login: &Login, looks: &[Look]) -> String {
    let place = held(looks).next().map(|(backend, ..)| name(backend));
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
