//! Every place that a session's tokens may come from, and which of them counts.

use alloc::vec::Vec;

use crate::disconnect::Place;
use crate::looks::Look;
use crate::lookup::Found;
use crate::record::{Record, Slot};
use crate::store::StoreFailure;

/// One place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Where.
    pub place: Place,
    /// What it counts for.
    pub standing: Standing,
    /// What it holds: a credential, or what is left of one.
    pub record: Option<Record>,
}

/// What a place counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Commands take their token from here.
    Used,
    /// They would, but what lies here is not to be used.
    Rejected,
    /// Something that counts more hides what lies here, or this waits to be moved or removed.
    Hidden,
    /// A logout left its mark.
    SignedOut,
    /// There is nothing.
    Empty,
    /// It could not be read.
    Failed(StoreFailure),
}

/// What was read of each place.
pub(crate) struct Places {
    /// Every backend, in the order in which they are read.
    pub(crate) backends: Vec<Look>,
    pub(crate) emergency: Result<Option<Record>, StoreFailure>,
    pub(crate) plaintext: Result<Option<Record>, StoreFailure>,
}

/// Judges the places by what a command would find, and whether it would use that.
pub(crate) fn sources(found: Option<&Found>, usable: bool, places: Places) -> Vec<Source> {
    let held = found.and_then(|found| found.held.as_ref());
    let rescued = found.and_then(Found::rescued);
    let counts = if usable { Standing::Used } else { Standing::Rejected };
    let backend = |(backend, look): Look| {
        let is_home = held.is_some_and(|(home, _)| *home == backend);
        let stands = if is_home && rescued.is_none() { &counts } else { &Standing::Hidden };
        source(Place::Backend(backend), look.map(first), stands)
    };
    // What is there and not hidden by anything could not be moved.
    let has_session = held.is_some_and(|(_, held)| !held.is_tombstone());
    let plaintext = if has_session { Standing::Hidden } else { Standing::Rejected };
    let emergency = if rescued.is_some() { &counts } else { &Standing::Hidden };
    let backends: Vec<_> = places.backends.into_iter().map(backend).collect();
    let files = [
        source(Place::Emergency, places.emergency, emergency),
        source(Place::Settings, places.plaintext, &plaintext),
    ];
    backends.into_iter().chain(files).collect()
}

fn source(place: Place, look: Result<Option<Record>, StoreFailure>, stands: &Standing) -> Source {
    let (standing, record) = match look {
        Err(failure) => (Standing::Failed(failure), None),
        Ok(None) => (Standing::Empty, None),
        Ok(Some(record)) if record.is_tombstone() => (Standing::SignedOut, Some(record)),
        Ok(Some(record)) => (stands.clone(), Some(record)),
    };
    Source { place, standing, record }
}

fn first(records: Vec<(Slot, Record)>) -> Option<Record> {
    records.into_iter().next().map(|(_, record)| record)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::record::{Backend, Generation};
    use crate::secret::Secret;
    use crate::store::{Ledger, StoreFailureKind};

    fn record(generation: &str) -> Record {
        Record { generation: Generation::parse(generation), ..Record::bare_refresh(Secret::from("r")) }
    }

    fn standings(
        held: Option<&str>,
        emergency: Option<&str>,
        plaintext: bool,
        usable: bool,
    ) -> Vec<Standing> {
        let held = held.map(record);
        let emergency = emergency.map(record);
        let found = Found {
            ledger: Ledger::default(),
            held: held.clone().map(|held| (Backend::File, held)),
            emergency: emergency.clone(),
            passed: Vec::new(),
        };
        let at =
            |record: Option<Record>| Ok(record.into_iter().map(|record| (Slot::Active, record)).collect());
        let places = Places {
            backends: vec![(Backend::File, at(held)), (Backend::Keychain, at(Some(record("k.1"))))],
            emergency: Ok(emergency),
            plaintext: Ok(plaintext.then(|| record("p.1"))),
        };
        let told = sources(Some(&found), usable, places);
        let order = [
            Place::Backend(Backend::File),
            Place::Backend(Backend::Keychain),
            Place::Emergency,
            Place::Settings,
        ];
        assert!(told.iter().map(|source| source.place).eq(order));
        told.into_iter().map(|source| source.standing).collect()
    }

    #[test]
    fn what_counts_hides_the_rest() {
        use Standing::{Empty, Hidden, Rejected, Used};
        assert_eq!(standings(Some("l.1"), None, false, true), [Used, Hidden, Empty, Empty]);
        assert_eq!(standings(Some("l.1"), Some("l.2"), true, true), [Hidden, Hidden, Used, Hidden]);
        assert_eq!(standings(Some("l.3"), Some("l.2"), false, true), [Used, Hidden, Hidden, Empty]);
        assert_eq!(standings(Some("l.1"), Some("l.2"), false, false), [Hidden, Hidden, Rejected, Empty]);
        assert_eq!(standings(Some("l.1"), None, true, false), [Rejected, Hidden, Empty, Hidden]);
        assert_eq!(standings(None, None, true, false), [Empty, Hidden, Empty, Rejected]);
    }

    #[test]
    fn without_a_record_the_place_says_what_is_wrong() {
        let failure = StoreFailure { kind: StoreFailureKind::Locked, detail: "closed".into() };
        let tombstone = Record::tombstone(Generation { login: "l".into(), counter: 2 });
        let places = Places {
            backends: vec![
                (Backend::Keychain, Err(failure.clone())),
                (Backend::File, Ok(vec![(Slot::Active, tombstone)])),
            ],
            emergency: Err(failure.clone()),
            plaintext: Ok(None),
        };
        let told: Vec<_> = sources(None, false, places).into_iter().map(|source| source.standing).collect();
        let failed = Standing::Failed(failure);
        assert_eq!(told, [failed.clone(), Standing::SignedOut, failed, Standing::Empty]);
    }
}
