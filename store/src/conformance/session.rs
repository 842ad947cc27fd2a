//! The rules for one rotating session.

use std::time::Duration;

use doorkey_core::record::{Gateway, Generation, Record, Slot, Workspace};
use doorkey_core::rotation::{Access, Journal, Moment, Rotation, Spending};
use doorkey_core::secret::{Fingerprint, Secret};
use doorkey_core::time::{Timestamp, WallTime};
use doorkey_core::url::Url;

use super::{Rule, conflict, done, expect_load};
use crate::credential_store::CredentialStore;

/// Longer than access tokens with many claims.
const LONG: usize = 10_000;

pub(super) const RULES: [(&str, Rule); 6] = [
    ("a session is kept whole, its journal included", whole),
    ("the journal is written by compare-and-swap", journal),
    ("a rotation happens only over the generation that was spent", rotation),
    ("an access token of 10,000 bytes is kept whole", long_access_token),
    ("a tombstone is a record, and no slow writer gets over it", tombstones),
    ("an API key takes a session's place, and the other way round", api_keys),
];

type RuleBesideOthers = fn(&dyn CredentialStore, &dyn Fn(Option<&str>)) -> Result<(), String>;

pub(super) const RULES_BESIDE_OTHERS: [(&str, RuleBesideOthers); 4] = [
    ("another program's refresh token is a bare record, and counted by fingerprint", their_login),
    ("over another program's refresh token nothing is written that does not expect it", their_refresh),
    ("a session that another program ended is gone", their_logout),
    ("another program's refresh token can be deleted", their_session_ended),
];

fn whole(store: &dyn CredentialStore) -> Result<(), String> {
    expect_load(store, &Slot::Active, None)?;
    let journals = [
        Journal::Settled,
        Journal::Spending(Spending { attempt: 3, started: moment(7), last_resorts: 1 }),
        Journal::Refused { interrupted: true },
        Journal::Refused { interrupted: false },
    ];
    let mut expected = None;
    for (counter, journal) in (1..).zip(journals) {
        let record = with_journal(session("l", counter), journal);
        done("write", store.write(&Slot::Active, expected.as_ref(), &record))?;
        expect_load(store, &Slot::Active, Some(&record))?;
        expected = Some(record.version());
    }
    Ok(())
}

fn journal(store: &dyn CredentialStore) -> Result<(), String> {
    let settled = session("l", 1);
    let spending = Spending { attempt: 1, started: moment(1), last_resorts: 0 };
    let first = with_journal(next(&settled), Journal::Spending(spending.clone()));
    let second = with_journal(next(&first), Journal::Spending(Spending { attempt: 2, ..spending }));
    done("login", store.write(&Slot::Active, None, &settled))?;
    done("journal", store.write(&Slot::Active, Some(&settled.version()), &first))?;
    conflict("another's journal", store.write(&Slot::Active, Some(&settled.version()), &second))?;
    expect_load(store, &Slot::Active, Some(&first))?;
    done("second attempt", store.write(&Slot::Active, Some(&first.version()), &second))?;
    expect_load(store, &Slot::Active, Some(&second))
}

fn rotation(store: &dyn CredentialStore) -> Result<(), String> {
    let (old, new, late) = (session("l", 1), session("l", 2), session("l", 3));
    done("login", store.write(&Slot::Active, None, &old))?;
    done("rotation", store.write(&Slot::Active, Some(&old.version()), &new))?;
    conflict("a late rotation", store.write(&Slot::Active, Some(&old.version()), &late))?;
    conflict("a late end", store.delete(&Slot::Active, &old.version()))?;
    conflict("a login that expects nothing", store.write(&Slot::Active, None, &session("m", 1)))?;
    expect_load(store, &Slot::Active, Some(&new))?;
    done("another login", store.write(&Slot::Active, Some(&new.version()), &session("m", 1)))?;
    expect_load(store, &Slot::Active, Some(&session("m", 1)))
}

fn long_access_token(store: &dyn CredentialStore) -> Result<(), String> {
    let mut long = session("l", 1);
    if let Some(access) = long.rotation_mut().and_then(|rotation| rotation.access.as_mut()) {
        access.token = Secret::new("x".repeat(LONG));
    }
    done("write", store.write(&Slot::Active, None, &long))?;
    expect_load(store, &Slot::Active, Some(&long))?;
    done("shorter again", store.write(&Slot::Active, Some(&long.version()), &session("l", 2)))?;
    expect_load(store, &Slot::Active, Some(&session("l", 2)))
}

fn tombstones(store: &dyn CredentialStore) -> Result<(), String> {
    let live = session("l", 1);
    let ended = Record::tombstone(Generation { login: "l".into(), counter: 2 });
    done("login", store.write(&Slot::Active, None, &live))?;
    done("logout", store.write(&Slot::Active, Some(&live.version()), &ended))?;
    expect_load(store, &Slot::Active, Some(&ended))?;
    conflict("a late rotation", store.write(&Slot::Active, Some(&live.version()), &session("l", 2)))?;
    expect_load(store, &Slot::Active, Some(&ended))?;
    done("login again", store.write(&Slot::Active, Some(&ended.version()), &session("m", 1)))?;
    expect_load(store, &Slot::Active, Some(&session("m", 1)))
}

fn api_keys(store: &dyn CredentialStore) -> Result<(), String> {
    let (live, key) = (session("l", 1), api_key("k", 1));
    done("login", store.write(&Slot::Active, None, &live))?;
    done("key", store.write(&Slot::Active, Some(&live.version()), &key))?;
    expect_load(store, &Slot::Active, Some(&key))?;
    done("another key", store.write(&Slot::Active, Some(&key.version()), &api_key("a", 1)))?;
    expect_load(store, &Slot::Active, Some(&api_key("a", 1)))?;
    done("login", store.write(&Slot::Active, Some(&api_key("a", 1).version()), &live))?;
    expect_load(store, &Slot::Active, Some(&live))
}

fn their_login(store: &dyn CredentialStore, others: &dyn Fn(Option<&str>)) -> Result<(), String> {
    others(Some("theirs"));
    expect_load(store, &Slot::Active, Some(&bare("theirs")))?;
    conflict("write expecting nothing", store.write(&Slot::Active, None, &session("l", 1)))?;
    conflict("write expecting another", {
        store.write(&Slot::Active, Some(&bare("other").version()), &session("l", 1))
    })?;
    done("adoption", store.write(&Slot::Active, Some(&bare("theirs").version()), &session("l", 1)))?;
    expect_load(store, &Slot::Active, Some(&session("l", 1)))
}

fn their_refresh(store: &dyn CredentialStore, others: &dyn Fn(Option<&str>)) -> Result<(), String> {
    let (old, new) = (session("l", 1), session("l", 2));
    done("login", store.write(&Slot::Active, None, &old))?;
    others(Some("theirs"));
    expect_load(store, &Slot::Active, Some(&bare("theirs")))?;
    conflict("a rotation of ours", store.write(&Slot::Active, Some(&old.version()), &new))?;
    conflict("an end of ours", store.delete(&Slot::Active, &old.version()))?;
    expect_load(store, &Slot::Active, Some(&bare("theirs")))?;
    done("adoption", store.write(&Slot::Active, Some(&bare("theirs").version()), &session("m", 1)))?;
    expect_load(store, &Slot::Active, Some(&session("m", 1)))
}

fn their_logout(store: &dyn CredentialStore, others: &dyn Fn(Option<&str>)) -> Result<(), String> {
    let old = session("l", 1);
    done("login", store.write(&Slot::Active, None, &old))?;
    others(None);
    expect_load(store, &Slot::Active, None)?;
    conflict("a rotation of ours", store.write(&Slot::Active, Some(&old.version()), &session("l", 2)))?;
    done("login again", store.write(&Slot::Active, None, &session("m", 1)))?;
    expect_load(store, &Slot::Active, Some(&session("m", 1)))
}

fn their_session_ended(store: &dyn CredentialStore, others: &dyn Fn(Option<&str>)) -> Result<(), String> {
    others(Some("theirs"));
    conflict("delete of another", store.delete(&Slot::Active, &bare("other").version()))?;
    done("delete", store.delete(&Slot::Active, &bare("theirs").version()))?;
    expect_load(store, &Slot::Active, None)?;
    others(Some("theirs"));
    let ended = Record::tombstone(Generation { login: "t".into(), counter: 1 });
    done("logout", store.write(&Slot::Active, Some(&bare("theirs").version()), &ended))?;
    expect_load(store, &Slot::Active, Some(&ended))
}

/// A writer's record.
pub(super) fn contended(counter: u64, writer: usize) -> Record {
    let mut record = session("l", counter);
    record.gateway.signing_key = Some(Secret::new(format!("writer {writer}")));
    record
}

fn session(login: &str, counter: u64) -> Record {
    let token = |counter: u64| format!("refresh-{login}-{counter}");
    let rotation = Rotation {
        client_id: Some("client".to_owned()),
        machine: Some("machine".to_owned()),
        access: Some(Access {
            token: Secret::new(format!("access-{login}-{counter}")),
            received: moment(counter),
            lifetime: Some(Duration::from_secs(300)),
        }),
        journal: Journal::Settled,
        spent: (1..counter).map(|spent| Fingerprint::of(token(spent).as_bytes())).collect(),
    };
    let workspace = Workspace { id: Some("ws".to_owned()), name: None, slug: "acme".to_owned() };
    let url = Url::parse("https://gateway.example").ok();
    Record {
        generation: Some(Generation { login: login.into(), counter }),
        rotation: Some(rotation.into()),
        gateway: Gateway { url, signing_key: Some(Secret::from("signing-key")) },
        ..Record::new("https://api.example", Some(workspace), Secret::new(token(counter)))
    }
}

fn api_key(login: &str, counter: u64) -> Record {
    let generation = Some(Generation { login: login.into(), counter });
    Record { generation, ..Record::new("https://api.example", None, Secret::from("key")) }
}

fn bare(token: &str) -> Record {
    Record::bare_refresh(Secret::from(token))
}

/// The next write of the same refresh token.
fn next(record: &Record) -> Record {
    Record { generation: record.generation.as_ref().map(Generation::next), ..record.clone() }
}

fn with_journal(mut record: Record, journal: Journal) -> Record {
    if let Some(rotation) = record.rotation_mut() {
        rotation.journal = journal;
    }
    record
}

fn moment(millis: u64) -> Moment {
    Moment {
        wall: WallTime::from_unix_millis(1_700_000_000_000 + millis),
        mono: Timestamp::from_millis(millis),
        boot: "boot".to_owned(),
    }
}
