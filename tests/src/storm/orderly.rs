//! What must hold where nothing goes wrong: each token is spent once, when it is time, and its successor stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::storm::issuer::{Log, Outcome};
use crate::storm::line::{Line, Told};

/// Counts the refreshes of one login with a strict issuer that answers everything. `due_millis`: how old an access token
/// must be at least before a new one is asked for.
///
/// # Errors
/// What does not hold.
pub fn count_refreshes(lines: &[Line], log: &Log, due_millis: u64) -> Result<usize, String> {
    let refreshes = log.count(Outcome::Rotated);
    let families = log.families();
    let [family] = families.as_slice() else { return Err(format!("{} logins", families.len())) };
    if log.undelivered > 0 {
        return Err(format!("{} answers reached nobody", log.undelivered));
    }
    let spent = log.requests.iter().filter(|request| request.outcome != Outcome::Issued);
    for (request, number) in spent.zip(1..) {
        if (request.outcome, request.family.as_deref(), request.number)
            != (Outcome::Rotated, Some(*family), Some(number))
        {
            return Err(format!("refresh {number} was {request:?}"));
        }
    }
    let (mut accesses, mut used) = (BTreeSet::new(), BTreeSet::new());
    let (mut sent, mut last_sent) = (BTreeMap::new(), None);
    for line in lines {
        match &line.told {
            Told::SignedIn { access, .. } | Told::Stored { access, .. } => {
                accesses.insert(access.as_str());
            }
            Told::Token { access, .. } => drop(used.insert(access.as_str())),
            Told::Sending { token, mono_millis, .. } => {
                if let Some(first) = sent.insert(token.as_str(), line.client) {
                    return Err(format!("{first} and {} have sent the same token", line.client));
                }
                let age = last_sent.map(|last| *mono_millis - last);
                if age.is_some_and(|age| age < due_millis) {
                    return Err(format!("{} refreshed a token that was {age:?} ms old", line.client));
                }
                last_sent = Some(*mono_millis);
            }
            Told::Failed { asks_for_login: true, code, .. } => {
                return Err(format!("{} was asked to sign in: {code}", line.client));
            }
            Told::Killed => return Err(format!("{} was killed", line.client)),
            _ => {}
        }
    }
    if let Some(strange) = used.difference(&accesses).next() {
        return Err(format!("{strange} was used, and stored by nobody"));
    }
    // Every access token but the one that is alive at the end has expired.
    let expiries = accesses.len().saturating_sub(1);
    if [expiries, sent.len()] == [refreshes; 2] {
        return Ok(refreshes);
    }
    Err(format!("{expiries} expiries, {} tokens sent, {refreshes} spent", sent.len()))
}
