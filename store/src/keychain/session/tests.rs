//! Every step of a change, interrupted and watched, on a keychain in memory.

use std::sync::Arc;

use doorkey_core::record::Generation;

use super::fake::{BARE, Content, Fake, State};
use super::*;
use crate::conformance::Kit;
use crate::records::{refresh_token, session, tombstone};
use crate::scratch::Scratch;

/// A session in two pieces.
fn two(login: &str, counter: u64) -> Record {
    let mut record = session(login, counter);
    let access = record.rotation_mut().unwrap().access.as_mut().unwrap();
    access.token = Secret::new("x".repeat(3_000));
    record
}

/// A write to the journal: the next generation of the same refresh token.
fn journaled(record: &Record) -> Record {
    Record { generation: record.generation.as_ref().map(Generation::next), ..record.clone() }
}

fn api_key(login: &str, counter: u64) -> Record {
    let generation = Some(Generation { login: login.into(), counter });
    Record { generation, ..Record::bare(Secret::new("k".repeat(3_000))) }
}

fn pieces(record: &Record) -> Content {
    let parts = split(record.generation.as_ref().unwrap(), record);
    parts.iter().map(|(part, piece)| (part.to_string(), piece.expose_secret().into())).collect()
}

/// What lies there when this record counts and nothing else is left.
fn settled(record: &Record) -> Content {
    let bare = record.rotation.as_ref().map(|_| (BARE.to_owned(), record.token.expose_secret().into()));
    pieces(record).into_iter().chain(bare).collect()
}

fn join(all: &[Content]) -> Content {
    all.iter().flatten().map(|(account, value)| (account.clone(), value.clone())).collect()
}

fn first_piece(record: &Record) -> Content {
    pieces(record).into_iter().take(1).collect()
}

fn bare(token: &str) -> Content {
    Content::from([(BARE.to_owned(), token.into())])
}

/// A change, and what counts after so many steps of it: `o`ld, `n`ew or `-` nothing.
struct Change {
    name: &'static str,
    before: Content,
    new: Record,
    counts: &'static str,
}

fn changes() -> Vec<Change> {
    let (old, new) = (two("l", 1), two("l", 2));
    let row = |name, before, new: &Record, counts| Change { name, before, new: new.clone(), counts };
    let foreign = || bare("theirs");
    vec![
        row("first login", Content::new(), &old, "---n"),
        row("first login with a key", Content::new(), &api_key("k", 1), "--n"),
        row("refresh", settled(&old), &new, "oonnnn"),
        row("journal", settled(&old), &journaled(&old), "oonnn"),
        row("another login", settled(&old), &two("m", 5), "ooonnn"),
        row("session to key", settled(&old), &api_key("k", 1), "ooonnn"),
        row("key to session", settled(&api_key("k", 1)), &new, "ooonnn"),
        row("one key to another", settled(&api_key("k", 1)), &api_key("j", 1), "ooonn"),
        row("one key to a later one", settled(&api_key("k", 1)), &api_key("z", 1), "oonnn"),
        row("a key renewed", settled(&api_key("k", 1)), &api_key("k", 2), "oonnn"),
        row("logout of a session", settled(&old), &tombstone("l", 2), "o-nnn"),
        row("logout of a key", settled(&api_key("k", 1)), &tombstone("k", 2), "onnn"),
        row("logout of another program's", foreign(), &tombstone("t", 1), "o-n"),
        row("login after a logout", settled(&tombstone("l", 2)), &two("m", 5), "ooonn"),
        row("a key after a logout", settled(&tombstone("l", 2)), &api_key("k", 1), "oonn"),
        row("over another program's", foreign(), &old, "ooon"),
        row("a key over another program's", foreign(), &api_key("k", 1), "ooon"),
        row("adopting another program's", bare("refresh-l1"), &old, "oon"),
        row("after another program's logout", pieces(&old), &two("m", 5), "-----n"),
        row("with leftovers", join(&[settled(&old), first_piece(&new)]), &new, "ooonnnn"),
        row(
            "over another program's, with leftovers",
            join(&[pieces(&api_key("k", 1)), foreign()]),
            &old,
            "ooooon",
        ),
        // Were the key not removed first, it would count once the bare token is gone.
        row(
            "logout beside an older key",
            join(&[settled(&old), pieces(&api_key("k", 1))]),
            &tombstone("l", 2),
            "ooo-nnn",
        ),
        row("with a restored token", join(&[pieces(&new), bare("refresh-l1")]), &two("l", 3), "oonnnn"),
    ]
}

#[test]
fn conformance() {
    let fake = Fake::default();
    let folder = Scratch::new("conformance-session-keychain");
    let kit = Kit::new(|| Box::new(fake.store())).under_lock(folder.join("kit.lock"));
    kit.check_session().unwrap();
    kit.check_beside_others(|token| {
        let items = &mut fake.state().items;
        match token {
            Some(token) => drop(items.insert(BARE.to_owned(), token.into())),
            None => drop(items.remove(BARE)),
        }
    })
    .unwrap();
    assert_eq!(fake.items(), Content::new(), "nothing is left");
}

#[test]
fn profiles_of_one_service_do_not_see_each_other() {
    let fake = Fake::default();
    let folder = Scratch::new("conformance-profiles-keychain");
    let profiles = ["https://issuer.example", "https://issuer.example/", "work", "work:record"];
    let records: Vec<Record> = profiles.iter().zip(1..).map(|(_, counter)| two("l", counter)).collect();
    let keep = |profile: &str, record: &Record| {
        assert_eq!(fake.store_of(profile).write(&Slot::Active, None, record), Ok(Swap::Done));
    };
    profiles.iter().zip(&records).for_each(|(profile, record)| keep(profile, record));
    for (profile, record) in profiles.iter().zip(&records) {
        let mut others = fake.items();
        let scope = Fingerprint::of(profile.as_bytes());
        others.retain(|account, _| account != profile && !account.starts_with(scope.as_str()));
        assert_eq!(others.len(), 9, "all but two pieces and a token");
        let store = fake.store_of(profile);
        assert_eq!(store.load_all(), Ok(vec![(Slot::Active, record.clone())]));
        Kit::new(|| Box::new(fake.store_of(profile)))
            .under_lock(folder.join("kit.lock"))
            .check_session()
            .unwrap();
        assert!(fake.items() == others, "only what is its own is gone");
        keep(profile, record);
    }
}

#[test]
fn interrupted_after_any_step_the_old_or_the_new_counts() {
    for Change { name, before, new, counts } in changes() {
        let old = Fake::holding(before.clone()).store().load(&Slot::Active).unwrap();
        let version = old.as_ref().map(Record::version);
        let whole = Fake::holding(before.clone());
        assert_eq!(whole.store().write(&Slot::Active, version.as_ref(), &new), Ok(Swap::Done), "{name}");
        assert_eq!(whole.items(), settled(&new), "{name}: nothing else is left");
        assert_eq!(whole.state().history.len() + 1, counts.len(), "{name}: so many steps");

        for (steps, counting) in counts.chars().enumerate() {
            for happens_late in [false, true].into_iter().take(1 + steps) {
                let name =
                    format!("{name}: {steps} steps{}", if happens_late { ", the last one late" } else { "" });
                let fake = Fake::holding(before.clone());
                let changes_left = Some(steps - usize::from(happens_late));
                *fake.state() =
                    State { items: before.clone(), changes_left, happens_late, ..State::default() };
                let answer = fake.store().write(&Slot::Active, version.as_ref(), &new);

                let fake = Fake::holding(fake.items());
                let found = fake.store().load(&Slot::Active).unwrap();
                let expected = match counting {
                    'o' => old.as_ref(),
                    'n' => Some(&new),
                    _ => None,
                };
                assert_eq!(found.as_ref(), expected, "{name}");
                assert!(answer.is_err() || found.as_ref() == Some(&new), "{name}: not done, but {answer:?}");
                finish(&fake, found, &new, &name);
            }
        }
    }
}

/// Whatever was left: the next writes go through and leave nothing else.
fn finish(fake: &Fake, found: Option<Record>, new: &Record, name: &str) {
    let store = fake.store();
    let mut held = found;
    let next = two("n", 1);
    for record in [new, &next] {
        if held.as_ref() != Some(record) {
            let version = held.as_ref().map(Record::version);
            assert_eq!(store.write(&Slot::Active, version.as_ref(), record), Ok(Swap::Done), "{name}");
            assert_eq!(fake.items(), settled(record), "{name}: nothing else is left");
        }
        held = store.load(&Slot::Active).unwrap();
        assert_eq!(held.as_ref(), Some(record), "{name}");
    }
}

#[test]
fn a_reader_without_the_lock_sees_what_counted_at_one_moment() {
    for Change { name, before, new, .. } in changes() {
        let fake = Fake::holding(before.clone());
        let old = fake.store().load(&Slot::Active).unwrap();
        let version = old.as_ref().map(Record::version);
        fake.store().write(&Slot::Active, version.as_ref(), &new).unwrap();
        let mut moments = vec![before];
        moments.append(&mut fake.state().history);
        let counted = |items: &Content| Fake::holding(items.clone()).store().load(&Slot::Active).unwrap();
        let legal: Vec<_> = moments.iter().map(counted).collect();

        // While the reader is between two of its own steps, the writer takes its steps up to `middle`, and one step
        // of the reader later those up to `to`.
        for (from, moment) in moments.iter().enumerate() {
            for (middle, to) in
                (from..moments.len()).flat_map(|middle| (middle..moments.len()).map(move |to| (middle, to)))
            {
                for reads in 0..8 {
                    let fake = Fake::default();
                    let mut shown = vec![moment.clone(); reads];
                    shown.extend([moments[middle].clone(), moments[to].clone()]);
                    fake.state().shown = shown;
                    let found = fake.store().load(&Slot::Active).unwrap();
                    let so = format!("{name}: from {from} by {middle} to {to} after {reads} reads");
                    assert!(legal[from..=to].contains(&found), "{so}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn a_delete_interrupted_after_any_step_leaves_all_or_nothing() {
    let old = two("l", 1);
    let rows = [
        ("session", settled(&old), Some(old.clone()), "o---"),
        ("key", settled(&api_key("k", 1)), Some(api_key("k", 1)), "o--"),
        ("bare", bare("theirs"), Some(Record::bare_refresh("theirs".into())), "o-"),
        ("ended by another program", pieces(&old), None, "---"),
        ("beside a key", join(&[settled(&old), pieces(&api_key("k", 1))]), Some(old.clone()), "ooo---"),
    ];
    for (name, before, held, counts) in rows {
        let version = held.as_ref().unwrap_or(&old).version();
        for (steps, counting) in counts.chars().enumerate() {
            let fake = Fake::holding(before.clone());
            assert_eq!(fake.store().load(&Slot::Active), Ok(held.clone()), "{name}");
            fake.state().changes_left = Some(steps);
            let answer = fake.store().delete(&Slot::Active, &version);
            fake.state().changes_left = None;
            assert_eq!(answer.is_ok(), steps + 1 == counts.len(), "{name}: {steps} steps: {answer:?}");
            let found = fake.store().load(&Slot::Active).unwrap();
            assert_eq!(found, held.clone().filter(|_| counting == 'o'), "{name}: {steps} steps");
            assert_eq!(fake.store().delete(&Slot::Active, &version), Ok(Swap::Done), "{name}");
            assert_eq!(fake.items(), Content::new(), "{name}");
        }
    }
}

#[test]
fn which_record_counts() {
    let (one, two, three) = (session("l", 1), session("l", 2), session("l", 3));
    let (other, key, ended) = (session("m", 7), api_key("k", 1), tombstone("l", 4));
    let theirs = |token: &str| Some(Record::bare_refresh(token.into()));
    let piecemeal = first_piece(&three);
    let rows = [
        ("nothing", join(&[]), None),
        ("a bare token alone", bare("theirs"), theirs("theirs")),
        ("an empty bare token", join(&[pieces(&one), bare("")]), None),
        ("a session", settled(&one), Some(one.clone())),
        ("a session without its bare token", pieces(&one), None),
        ("the newest of the login", join(&[settled(&one), pieces(&two)]), Some(two.clone())),
        ("a bare token that was restored", join(&[pieces(&three), bare("refresh-l1")]), Some(three.clone())),
        ("an incomplete newer one", join(&[settled(&two), piecemeal.clone()]), Some(two.clone())),
        ("an incomplete one alone", join(&[piecemeal, bare("refresh-l3")]), theirs("refresh-l3")),
        ("a bare token of neither", join(&[pieces(&one), pieces(&other), bare("theirs")]), theirs("theirs")),
        ("the login that it belongs to", join(&[pieces(&other), settled(&one)]), Some(one.clone())),
        ("and the other way round", join(&[pieces(&one), settled(&other)]), Some(other.clone())),
        ("an API key", settled(&key), Some(key.clone())),
        ("a bare token beside an API key", join(&[pieces(&key), bare("theirs")]), theirs("theirs")),
        ("a session before an API key", join(&[pieces(&key), settled(&one)]), Some(one.clone())),
        ("an ended session beside an API key", join(&[pieces(&key), pieces(&one)]), Some(key.clone())),
        ("a tombstone", join(&[pieces(&three), pieces(&ended)]), Some(ended.clone())),
        (
            "a tombstone and its last bare token",
            join(&[settled(&three), pieces(&ended)]),
            Some(ended.clone()),
        ),
        ("a tombstone and another session", join(&[pieces(&ended), settled(&other)]), Some(other.clone())),
        ("a tombstone and a key", join(&[pieces(&ended), pieces(&key)]), Some(key)),
    ];
    for (name, items, expected) in rows {
        assert_eq!(Fake::holding(items).store().load(&Slot::Active), Ok(expected), "{name}");
    }
}

#[test]
fn torn_pieces_count_for_nothing() {
    let record = session("l", 1);
    let of = pieces(&record).len();
    for (account, value) in pieces(&record) {
        for torn in [&value[1..], b"", b"\xff"] {
            let mut items = settled(&record);
            items.insert(account.clone(), torn.to_vec());
            let found = Fake::holding(items).store().load(&Slot::Active);
            assert_eq!(found, Ok(Some(Record::bare_refresh(refresh_token("l", 1)))), "{account}");
        }
        let mut items = settled(&record);
        items.remove(&account);
        let found = Fake::holding(items).store().load(&Slot::Active);
        assert_eq!(found, Ok(Some(Record::bare_refresh(refresh_token("l", 1)))), "{account}");
    }
    // Under another name than its own.
    let moved = pieces(&record).into_iter().map(|(name, value)| (name.replace(":l.1:", ":l.2:"), value));
    let fake = Fake::holding(join(&[moved.collect(), bare("refresh-l1")]));
    assert_eq!(fake.items().len(), of + 1);
    assert_eq!(fake.store().load(&Slot::Active), Ok(Some(Record::bare_refresh(refresh_token("l", 1)))));
}

#[test]
fn what_is_not_for_us_to_read_is_told_and_left_alone() {
    let newer = Secret::from(r#"{"v":2,"gen":"l.9","token":"t"}"#);
    let name = format!("record:l.9:{}:1", newer.fingerprint().as_str());
    let newer = Content::from([(name, newer.expose_secret().into())]);
    let rows = [
        ("a newer form", join(&[settled(&session("l", 1)), newer]), "use that version"),
        ("no token", bare("a b"), "account workos-refresh-token"),
        ("a record as the bare token", bare(api_key("k", 1).encode().expose_secret()), "not a credential"),
        ("no text", Content::from([(BARE.to_owned(), b"\xff".to_vec())]), "not a credential"),
    ];
    for (name, items, words) in rows {
        let fake = Fake::holding(items.clone());
        let version = session("l", 1).version();
        for failure in [
            fake.store().load(&Slot::Active).unwrap_err(),
            fake.store().write(&Slot::Active, Some(&version), &session("l", 2)).unwrap_err(),
            fake.store().delete(&Slot::Active, &version).unwrap_err(),
        ] {
            assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{name}: {failure}");
            assert!(failure.detail.contains(words), "{name}: {failure}");
        }
        assert_eq!(fake.items(), items, "{name}");
    }
}

#[test]
fn items_of_others_are_left_alone() {
    let others = Content::from([
        ("api-key".to_owned(), b"theirs".to_vec()),
        ("record:not-ours".to_owned(), b"theirs".to_vec()),
        ("workos-refresh-token:acme".to_owned(), b"theirs".to_vec()),
    ]);
    let fake = Fake::holding(others.clone());
    let (old, new) = (session("l", 1), session("l", 2));
    assert_eq!(fake.store().write(&Slot::Active, None, &old), Ok(Swap::Done));
    assert_eq!(fake.store().write(&Slot::Active, Some(&old.version()), &new), Ok(Swap::Done));
    assert_eq!(fake.store().delete(&Slot::Active, &new.version()), Ok(Swap::Done));
    assert_eq!(fake.items(), others);
}

#[test]
fn older_pieces_that_stay_do_not_undo_a_write() {
    let (old, new) = (two("l", 1), two("l", 2));
    let fake = Fake::holding(settled(&old));
    fake.state().changes_left = Some(3);
    assert_eq!(fake.store().write(&Slot::Active, Some(&old.version()), &new), Ok(Swap::Done));
    assert_eq!(fake.items(), join(&[settled(&new), pieces(&old)]));
}

#[test]
fn what_is_not_there_when_it_is_read_back_was_not_written() {
    let old = two("l", 1);
    let write = |before: &Content, forgets, record: &Record| {
        let fake = Fake::holding(before.clone());
        fake.state().forgets = Some(forgets);
        let version = fake.store().load(&Slot::Active).unwrap().map(|held| held.version());
        let answer = fake.store().write(&Slot::Active, version.as_ref(), record);
        (answer.map_err(|failure| failure.kind), fake.store().load(&Slot::Active).unwrap())
    };
    let held = settled(&old);
    assert_eq!(write(&held, BARE, &two("m", 5)), (Ok(Swap::Conflict), Some(old.clone())));
    assert_eq!(write(&held, BARE, &api_key("k", 1)), (Ok(Swap::Conflict), Some(old)));
    assert_eq!(write(&Content::new(), "record:", &api_key("k", 1)), (Err(StoreFailureKind::Refused), None));
}

#[test]
fn a_generation_is_not_written_over() {
    let fake = Fake::holding(settled(&two("l", 1)));
    let same = session("l", 1);
    assert_eq!(fake.store().write(&Slot::Active, Some(&same.version()), &same), Ok(Swap::Conflict));
    assert_eq!(fake.items(), settled(&two("l", 1)));
}

#[test]
fn a_write_that_was_given_up_begins_no_further_step() {
    let fake = Fake::holding(settled(&two("l", 1)));
    let store = Arc::new(fake.store());
    fake.state().given_up = Some((2, Arc::downgrade(&store)));
    let expected = two("l", 1).version();
    let failure = store.write(&Slot::Active, Some(&expected), &two("l", 2)).unwrap_err();
    assert_eq!(failure.kind, StoreFailureKind::TimedOut);
    assert_eq!(fake.items(), join(&[settled(&two("l", 1)), pieces(&two("l", 2))]));
    assert_eq!(
        store.delete(&Slot::Active, &two("l", 2).version()).unwrap_err().kind,
        StoreFailureKind::TimedOut
    );
    assert_eq!(store.load(&Slot::Active), Ok(Some(two("l", 2))), "reading is no step");
}

#[test]
fn somebody_who_never_stops_writing_is_told() {
    let fake = Fake::default();
    let (one, two) = (settled(&two("l", 1)), settled(&two("l", 2)));
    fake.state().shown = (0..200).flat_map(|_| [one.clone(), two.clone()]).collect();
    assert_eq!(fake.store().load(&Slot::Active).unwrap_err().kind, StoreFailureKind::Busy);
}

#[test]
fn no_item_is_too_large() {
    let fake = Fake::default();
    fake.store().write(&Slot::Active, None, &session("l", 1)).unwrap();
    let items = fake.items();
    assert!(items.len() > 4);
    assert!(items.values().all(|value| value.len() <= 2_560));
    assert!(items.keys().all(|account| account.len() < 64), "the names are small");
}
