//! What was seen in the stores, and what of it counts.

use alloc::format;
use alloc::vec::Vec;

use crate::failure::{Exit, Failure, not_signed_in, other_issuer};
use crate::record::{Backend, Record, Slot};
use crate::resolve::{Resolved, Source};
use crate::service::Service;
use crate::store::{Ledger, StoreFailure, StoreFailureKind};
use crate::store_failure::store_failure;
use crate::text::harmless;

/// What one backend holds, or why it could not be read.
pub type Look = (Backend, Result<Vec<(Slot, Record)>, StoreFailure>);

/// The credential to use, from what was seen in the stores, in reading order.
///
/// # Errors
/// Not signed in; the backend with the newest login cannot be read; the credential is another issuer's; the
/// workspace's name is ambiguous.
pub(crate) fn pick(
    service: &Service,
    ledger: &Ledger,
    looks: &[Look],
    workspace: Option<&str>,
) -> Result<Resolved, Failure> {
    let mut found = Vec::new();
    let mut hidden = None;
    for (backend, look) in looks {
        match look {
            Ok(records) => found.extend(records.iter().filter_map(|(slot, record)| {
                let wanted = workspace.is_some() || *slot == Slot::Active;
                (wanted && is_settled(ledger, *backend, slot, record)).then(|| (*backend, record.clone()))
            })),
            // The newest login is there and nowhere else: what lies elsewhere is older.
            Err(failure) if ledger.backend == Some(*backend) => return Err(store_failure(failure.clone())),
            // "Absent" is how a machine without a keychain is; anything else may hide the credential.
            Err(failure) if failure.kind != StoreFailureKind::Absent => hidden = hidden.or(Some(failure)),
            Err(_) => {}
        }
    }
    let chosen = match workspace {
        None => found.into_iter().next(),
        Some(name) => by_workspace(found, name)?,
    };
    let Some((backend, record)) = chosen else {
        return Err(match hidden {
            Some(failure) => store_failure(failure.clone()),
            None => not_signed_in(service, workspace),
        });
    };
    let issuer = record.issuer.as_deref().unwrap_or(&service.bare_issuer);
    if issuer != service.issuer {
        return Err(other_issuer(service, issuer));
    }
    Ok(Resolved { source: Source::Store(backend), record })
}

/// The service's backends, the remembered one first.
pub(crate) fn reading_order(service: &Service, ledger: &Ledger) -> Vec<Backend> {
    let remembered = ledger.backend.filter(|backend| service.backends.contains(backend));
    let others = service.backends.iter().copied().filter(|backend| Some(*backend) != remembered);
    remembered.into_iter().chain(others).collect()
}

/// Whether an entry may be believed: it is not one that waits to be removed.
pub(crate) fn is_settled(ledger: &Ledger, backend: Backend, slot: &Slot, record: &Record) -> bool {
    !ledger.unsettled.iter().any(|u| {
        u.backend == backend && u.slot == *slot && u.version.as_ref().is_none_or(|v| *v == record.version())
    })
}

/// Whether there is anything but the mark of a logout.
pub fn holds_credential(records: &[(Slot, Record)]) -> bool {
    records.iter().any(|(_, record)| !record.is_tombstone())
}

/// Whether an entry is out of date: it waits to be removed, or the newest login, which rests in another backend, has made
/// it old. Such an entry is not used. That of another workspace is: nothing newer takes its place.
pub fn is_stale(ledger: &Ledger, looks: &[Look], backend: Backend, slot: &Slot, record: &Record) -> bool {
    if !is_settled(ledger, backend, slot, record) {
        return true;
    }
    let Some(home) = ledger.backend.filter(|home| *home != backend) else { return false };
    let newest =
        looks.iter().filter(|(looked, _)| *looked == home).filter_map(|(_, look)| look.as_ref().ok());
    newest.flatten().any(|(held, newer)| held == slot && newer.token != record.token)
}

/// Slug first, then exact name; the first backend that has it wins.
pub(crate) fn by_workspace(
    found: Vec<(Backend, Record)>,
    name: &str,
) -> Result<Option<(Backend, Record)>, Failure> {
    if let Some(hit) = found.iter().find(|(_, record)| record.slug() == Some(name)) {
        return Ok(Some(hit.clone()));
    }
    let mut hits: Vec<(Backend, Record)> = Vec::new();
    for (backend, record) in found {
        let named = record.workspace.as_ref().is_some_and(|w| w.name.as_deref() == Some(name));
        if named && !hits.iter().any(|(_, hit)| hit.slug() == record.slug()) {
            hits.push((backend, record));
        }
    }
    if hits.len() > 1 {
        let slugs: Vec<&str> = hits.iter().filter_map(|(_, record)| record.slug()).collect();
        return Err(Failure::new(
            Exit::Usage,
            "ambiguous_workspace",
            format!("several workspaces are named {:?}: {}", harmless(name), slugs.join(", ")),
        )
        .next("name one by its slug"));
    }
    Ok(hits.into_iter().next())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::record::Generation;
    use crate::secret::Secret;
    use crate::store::Unsettled;

    fn record(generation: &str) -> Record {
        Record { generation: Generation::parse(generation), ..Record::bare(Secret::from(generation)) }
    }

    #[test]
    fn the_mark_of_a_logout_is_no_credential() {
        let mark = Record::tombstone(Generation { login: "a".into(), counter: 2 });
        let records = [(Slot::Active, mark), (Slot::Workspace("a".into()), record("a.1"))];
        assert!(!holds_credential(&[]) && !holds_credential(&records[..1]) && holds_credential(&records));
    }

    #[test]
    fn an_entry_is_stale_beside_a_newer_login_or_when_it_waits_to_be_removed() {
        let look = |backend, generation| (backend, Ok(vec![(Slot::Active, record(generation))]));
        let both = [look(Backend::Keychain, "a.1"), look(Backend::File, "b.1")];
        let stale = |ledger: &Ledger, looks: &[Look], backend| {
            let generation = if backend == Backend::File { "b.1" } else { "a.1" };
            is_stale(ledger, looks, backend, &Slot::Active, &record(generation))
        };
        let newest_in = |backend| Ledger { backend, ..Ledger::default() };
        let in_file = newest_in(Some(Backend::File));
        assert!(stale(&in_file, &both, Backend::Keychain) && !stale(&in_file, &both, Backend::File));
        assert!(!stale(&in_file, &both[..1], Backend::Keychain), "nothing newer was seen");
        assert!(!stale(&newest_in(None), &both, Backend::Keychain));
        let copies = [look(Backend::Keychain, "a.1"), look(Backend::File, "a.1")];
        assert!(!stale(&in_file, &copies, Backend::Keychain), "the same token");
        for (version, waits) in [(None, true), (Some("a.1"), true), (Some("a.2"), false)] {
            let version = version.map(|text| record(text).version());
            let unsettled = vec![Unsettled { backend: Backend::Keychain, slot: Slot::Active, version }];
            let ledger = Ledger { unsettled, ..Ledger::default() };
            assert_eq!(stale(&ledger, &both, Backend::Keychain), waits);
            assert!(!stale(&ledger, &both, Backend::File));
        }
    }

    #[test]
    fn a_newer_login_for_one_workspace_leaves_those_for_others() {
        let ledger = Ledger { backend: Some(Backend::Keychain), ..Ledger::default() };
        let slot = |slug: &str| Slot::Workspace(slug.into());
        let newest = vec![(Slot::Active, record("b.1")), (slot("b"), record("b.1"))];
        let older = [(Slot::Active, true), (slot("b"), true), (slot("a"), false)];
        let looks = [(Backend::Keychain, Ok(newest))];
        for (slot, stale) in older {
            assert_eq!(is_stale(&ledger, &looks, Backend::File, &slot, &record("a.1")), stale, "{slot:?}");
        }
    }
}
