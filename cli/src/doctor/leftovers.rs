//! What lies in the stores and should not, or not there.

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::failure::Exit;
use doorkey_core::record::Backend;
use doorkey_core::resolve::{Look, holds_credential, is_stale};
use doorkey_core::rotation::{Access, Journal};
use doorkey_core::store::{Ledger, StoreAnswer, StoreOp};
use doorkey_core::verdict::no_renewal;

use super::Login;
use super::credentials::{held, of};
use super::finding::{Check, Finding};
use crate::surface::name;

/// Looks at what was found of one login, and for what may be left of it elsewhere.
pub fn look(login: &mut Login, ledger: &Ledger, looks: &[Look]) -> Vec<Finding> {
    let mut findings = entries(login, ledger, looks);
    findings.extend(ending(login, ledger, looks));
    findings.extend(plain_file(login));
    findings.extend(emergency(login));
    findings.extend(plain_settings(login));
    findings
}

fn entries(login: &Login, ledger: &Ledger, looks: &[Look]) -> Vec<Finding> {
    let command = login.service.login_command();
    let mut findings = Vec::new();
    for (backend, slot, record) in held(looks) {
        let place = name(backend);
        if is_stale(ledger, looks, backend, slot, record) {
            let message = format!("an older login is left in the {place}, and is not used");
            let remedy = format!("{command}, which removes it");
            findings.push(warning(login, "stale_entry", &message, remedy));
        } else if record.generation.is_none() {
            let message = format!("another program stored the credential in the {place}");
            let remedy = format!("{command} to have one of its own");
            findings.push(warning(login, "foreign_entry", &message, remedy));
        }
    }
    findings
}

/// A session that ends with its access token, or has.
fn ending(login: &Login, ledger: &Ledger, looks: &[Look]) -> Option<Finding> {
    let mut used =
        held(looks).filter(|(backend, slot, record)| !is_stale(ledger, looks, *backend, slot, record));
    used.find_map(|(.., record)| {
        let failure = no_renewal(&login.service, record)?;
        let rotation = record.rotation.as_ref()?;
        let is_alive = |access: &Access| access.is_alive(SystemClock.now(), &login.service.boot_id);
        let lives = rotation.access.as_ref().is_some_and(is_alive);
        let remedy = failure.next.unwrap_or_else(|| login.service.login_command());
        let message = of(login, &failure.message);
        match rotation.journal {
            // As its issuer wants it, until it is over.
            Journal::Unrenewable if lives => None,
            // The person is signed out, and knows it.
            Journal::Revoking => Some(Finding::warning(Check::Credentials, failure.code, message, remedy)),
            _ => Some(Finding::problem(Check::Credentials, Exit::Store, failure.code, message, remedy)),
        }
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
    holds_credential(&records).then(|| {
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
