//! What lies in the stores and should not, or not there.

use doorkey_core::failure::Exit;
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreAnswer, StoreOp};

use super::Login;
use super::credentials::{Held, of};
use super::finding::{Check, Finding};
use crate::surface::name;

/// Looks at what was found of one login, and for what may be left of it elsewhere.
pub fn look(login: &mut Login, ledger: &Ledger, held: &[Held]) -> Vec<Finding> {
    let mut findings = entries(login, ledger, held);
    findings.extend(copied(login, held));
    findings.extend(plain_file(login));
    findings.extend(emergency(login));
    findings.extend(plain_settings(login));
    findings
}

fn entries(login: &Login, ledger: &Ledger, held: &[Held]) -> Vec<Finding> {
    let command = login.service.login_command();
    let mut findings = Vec::new();
    for (backend, records) in held {
        for (slot, record) in records {
            let place = name(*backend);
            if is_stale(ledger, held, *backend, slot, record) {
                let message = format!("an older login is left in the {place}, and is not used");
                let remedy = format!("{command}, which removes it");
                findings.push(warning(login, "stale_entry", &message, remedy));
            } else if record.generation.is_none() {
                let message = format!("another program stored the credential in the {place}");
                let remedy = format!("{command} to have one of its own");
                findings.push(warning(login, "foreign_entry", &message, remedy));
            }
        }
    }
    findings
}

fn copied(login: &Login, held: &[Held]) -> Option<Finding> {
    let machine = login.service.machine_id.as_deref();
    let mut records = held.iter().flat_map(|(_, records)| records);
    records.any(|(_, record)| is_copied(record, machine)).then(|| {
        let message = "this session was made on another machine; renewing it here would end it there";
        let remedy = format!("{} on this machine", login.service.login_command());
        Finding::problem(Check::Credentials, Exit::Store, "copied_home", of(login, message), remedy)
    })
}

/// Where another place is set, nobody looks into the plain file any more.
fn plain_file(login: &mut Login) -> Option<Finding> {
    if login.service.backends.contains(&Backend::File) {
        return None;
    }
    let StoreAnswer::Records(records) = login.vault.perform(StoreOp::LoadAll(Backend::File)) else {
        return None;
    };
    records.iter().any(|(_, record)| !record.is_tombstone()).then(|| {
        let message = "tokens are left in the credentials file as plain text, though another store is set";
        let remedy = "when no profile needs it any more, remove the file `credentials`".to_owned();
        warning(login, "plain_leftover", message, remedy)
    })
}

fn emergency(login: &mut Login) -> Option<Finding> {
    match login.vault.perform(StoreOp::ReadEmergency) {
        StoreAnswer::Records(records) if records.is_empty() => None,
        StoreAnswer::Failed(failure) => {
            let otherwise = "move it away and sign in again";
            Some(Finding::store(Check::Credentials, "unreadable_emergency_file", &failure, otherwise))
        }
        _ => {
            let message = "the newest tokens are in the emergency file: a store did not take them";
            let remedy = "mend what is told of the store; the next renewal moves them".to_owned();
            Some(warning(login, "emergency_file", message, remedy))
        }
    }
}

fn plain_settings(login: &mut Login) -> Option<Finding> {
    match login.vault.perform(StoreOp::ReadPlaintext) {
        StoreAnswer::Records(records) if !records.is_empty() => {
            let message = "an older program left tokens in the settings, as plain text";
            let remedy = format!("{}, which moves them", login.service.login_command());
            Some(warning(login, "plain_tokens", message, remedy))
        }
        _ => None,
    }
}

fn warning(login: &Login, code: &'static str, message: &str, remedy: String) -> Finding {
    Finding::warning(Check::Credentials, code, of(login, message), remedy)
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
