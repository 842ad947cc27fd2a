//! What the stores hold of one login, and its lock.

use doorkey_core::failure::Exit;
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use doorkey_core::text::harmless;
use doorkey_store::LockState;

use super::Login;
use super::finding::{Check, Finding};
use super::keychain;
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
type Held = (Backend, Vec<(Slot, Record)>);

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
            answer => findings.extend(failed(&answer).map(|failure| unreadable(backend, failure))),
        }
    }
    let is_sound = findings.iter().all(|finding| !finding.is_problem());
    let leftovers = leftovers(login, &ledger, &held);
    let any = held.iter().any(|(_, records)| !records.is_empty());
    if is_sound && leftovers.is_empty() {
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

fn unreadable(backend: Backend, failure: &StoreFailure) -> Finding {
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

/// What should not be there, or not here.
fn leftovers(login: &mut Login, ledger: &Ledger, held: &[Held]) -> Vec<Finding> {
    let command = login.service.login_command();
    let warning = |code, message: &str, remedy: String| {
        Finding::warning(Check::Credentials, code, of(login, message), remedy)
    };
    let mut findings = Vec::new();
    for (backend, records) in held {
        for (slot, record) in records {
            let place = name(*backend);
            if is_stale(ledger, held, *backend, slot, record) {
                let message = format!("an older login is left in the {place}, and is not used");
                findings.push(warning("stale_entry", &message, format!("{command}, which removes it")));
            } else if record.generation.is_none() {
                let message = format!("another program stored the credential in the {place}");
                findings.push(warning(
                    "foreign_entry",
                    &message,
                    format!("{command} to have one of its own"),
                ));
            }
        }
    }
    let records = || held.iter().flat_map(|(_, records)| records).map(|(_, record)| record);
    if records().any(|record| is_copied(record, login.service.machine_id.as_deref())) {
        findings.push(Finding::problem(
            Check::Credentials,
            Exit::Store,
            "copied_home",
            of(login, "this session was made on another machine; renewing it here would end it there"),
            format!("{command} on this machine"),
        ));
    }
    match login.vault.perform(StoreOp::ReadEmergency) {
        StoreAnswer::Records(records) if records.is_empty() => {}
        StoreAnswer::Failed(failure) => findings.push(Finding::store(
            Check::Credentials,
            "unreadable_emergency_file",
            &failure,
            "move it away and sign in again",
        )),
        _ => findings.push(Finding::warning(
            Check::Credentials,
            "emergency_file",
            of(login, "the newest tokens are in the emergency file: a store did not take them"),
            "mend what is told of the store; the next renewal moves them",
        )),
    }
    if matches!(login.vault.perform(StoreOp::ReadPlaintext), StoreAnswer::Records(records) if !records.is_empty())
    {
        findings.push(Finding::warning(
            Check::Credentials,
            "plain_tokens",
            of(login, "an older program left tokens in the settings, as plain text"),
            format!("{command}, which moves them"),
        ));
    }
    findings
}

/// Whether it waits to be removed, or the newest login, which rests elsewhere, has made it old.
fn is_stale(ledger: &Ledger, held: &[Held], backend: Backend, slot: &Slot, record: &Record) -> bool {
    let waits = ledger.unsettled.iter().any(|entry| {
        let is_it = entry.version.as_ref().is_none_or(|version| *version == record.version());
        entry.backend == backend && entry.slot == *slot && is_it
    });
    let newer = |home: Backend| {
        home != backend && held.iter().any(|(place, records)| *place == home && !records.is_empty())
    };
    waits || ledger.backend.is_some_and(newer)
}

fn is_copied(record: &Record, machine: Option<&str>) -> bool {
    let made_on = record.rotation.as_ref().and_then(|rotation| rotation.machine.as_deref());
    made_on.zip(machine).is_some_and(|(made_on, machine)| made_on != machine)
}

fn whole(login: &Login, held: &[Held]) -> String {
    let place = held.iter().find(|(_, records)| !records.is_empty()).map(|(backend, _)| name(*backend));
    of(login, &place.map_or_else(|| "none is stored".to_owned(), |place| format!("stored in the {place}")))
}

/// The sentence, after the profile that it is about.
fn of(login: &Login, sentence: &str) -> String {
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

#[cfg(test)]
mod tests {
    use doorkey_core::record::Generation;
    use doorkey_core::secret::Secret;
    use doorkey_core::store::Unsettled;

    use super::*;

    fn record(generation: &str) -> Record {
        Record { generation: Generation::parse(generation), ..Record::bare(Secret::from("token")) }
    }

    #[test]
    fn an_entry_is_stale_beside_a_newer_login_or_when_it_waits_to_be_removed() {
        let entry = |backend| (backend, vec![(Slot::Active, record("a.1"))]);
        let both = [entry(Backend::Keychain), entry(Backend::File)];
        let newest_in = |backend| Ledger { backend, ..Ledger::default() };
        let stale = |ledger: &Ledger, held: &[Held], backend| {
            is_stale(ledger, held, backend, &Slot::Active, &record("a.1"))
        };
        let in_file = newest_in(Some(Backend::File));
        assert!(stale(&in_file, &both, Backend::Keychain) && !stale(&in_file, &both, Backend::File));
        assert!(!stale(&in_file, &both[..1], Backend::Keychain), "nothing newer was seen");
        assert!(!stale(&newest_in(None), &both, Backend::Keychain));
        for (version, waits) in [(None, true), (Some("a.1"), true), (Some("a.2"), false)] {
            let version = version.map(|text| record(text).version());
            let unsettled = vec![Unsettled { backend: Backend::Keychain, slot: Slot::Active, version }];
            let ledger = Ledger { unsettled, ..Ledger::default() };
            assert_eq!(stale(&ledger, &both, Backend::Keychain), waits);
            assert!(!stale(&ledger, &both, Backend::File));
        }
    }

    #[test]
    fn a_session_of_another_machine_is_told_where_both_are_known() {
        let mut session = Record::bare_refresh(Secret::from("token"));
        assert!(!is_copied(&session, Some("one")), "any may renew it");
        session.rotation.as_mut().unwrap().machine = Some("one".into());
        assert!(!is_copied(&session, Some("one")) && !is_copied(&session, None));
        assert!(is_copied(&session, Some("two")));
    }
}
