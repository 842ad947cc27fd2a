//! A session's token: how long and how often anything is waited for and tried, and what is used when that was in vain.
//! What must hold whatever happens is in `properties`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::time::Duration;

use doorkey_core::bearer::Bearer;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse};
use doorkey_core::notice::Notice;
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::rotation::{Access, Journal, Moment, Rotation, Spending};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::store::{StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::time::WallTime;
use doorkey_core::url::Url;
use doorkey_core::verdict::{Refusal, RefusalKind};
use world::World;

type Answer = Result<HttpResponse, FailureKind>;

/// How old an access token is when it should be renewed and still lives, and when it is dead; of 300 s.
const DUE: u64 = 280_000;
const DEAD: u64 = 300_000;

fn service(grace: Option<Duration>) -> Service {
    let url = |path: &str| Url::parse(&format!("https://auth.example.com{path}")).unwrap();
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        client_id: Some("cli".into()),
        grace,
        ..OAuth::new(url("/token"))
    };
    Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap().with_oauth(oauth)
}

/// A record of login `l`, of which this is the `counter`-th write.
fn record(service: &Service, counter: u64, access: &str) -> Record {
    let received = Moment { wall: WallTime::from_unix_millis(1_700_000_000_000), ..Moment::default() };
    let access = Access { token: access.into(), received, lifetime: Some(Duration::from_secs(300)) };
    let rotation = Rotation { client_id: Some("cli".into()), access: Some(access), ..Rotation::default() };
    Record {
        generation: Some(Generation { login: "l".into(), counter }),
        rotation: Some(rotation.into()),
        ..Record::new(&service.issuer, None, Secret::from("refresh-1"))
    }
}

/// A session whose access token is so many milliseconds old, at a strict issuer that answers so.
fn aged(millis: u64, answer: impl FnMut(&HttpRequest) -> Answer + 'static) -> World {
    let mut world = World::new(answer);
    world.service = service(None);
    world.millis = millis;
    let record = record(&world.service, 3, "access-1");
    put(&mut world, record);
    world.ledger.backend = Some(Backend::File);
    world
}

fn put(world: &mut World, record: Record) {
    world.stores.get_mut(&Backend::File).unwrap().insert(Slot::Active, record);
}

fn held(world: &World) -> &Record {
    &world.stores[&Backend::File][&Slot::Active]
}

fn set_journal(world: &mut World, journal: Journal) {
    let mut record = held(world).clone();
    record.rotation_mut().unwrap().journal = journal;
    put(world, record);
}

/// Sent once when the access token was minted, and in last resorts so many times.
fn spending(last_resorts: u32) -> Journal {
    let started = Moment { wall: WallTime::from_unix_millis(1_700_000_000_000), ..Moment::default() };
    Journal::Spending(Spending { attempt: 1 + last_resorts, started, last_resorts })
}

/// The access token, or the failure.
fn token(world: &mut World) -> Result<String, Failure> {
    run(world, None).map(|bearer| bearer.token().unwrap().expose_secret().to_owned())
}

fn code(world: &mut World) -> (Exit, String) {
    let failure = token(world).unwrap_err();
    (failure.exit, failure.code.to_string())
}

fn run(world: &mut World, refusal: Option<Refusal>) -> Result<Bearer, Failure> {
    let session = refusal.clone().map_or_else(Session::new, Session::after);
    world.run(&Task::Session { refusal }, session).unwrap()
}

fn refusal(token: &str) -> Option<Refusal> {
    Some(Refusal { token: Secret::from(token).fingerprint(), kind: RefusalKind::Token })
}

fn count(world: &World, of: fn(&StoreOp) -> bool) -> usize {
    world.ops.iter().filter(|op| of(op)).count()
}

fn writes(world: &World) -> usize {
    count(world, |op| matches!(op, StoreOp::Write { .. }))
}

fn locks(world: &World) -> usize {
    count(world, |op| matches!(op, StoreOp::Lock { .. }))
}

/// When each request left, from when the machine was started.
fn sent(world: &World, started: u64) -> Vec<u64> {
    world.sent.iter().map(|(at, _)| at - started).collect()
}

fn not_renewed(world: &World) -> usize {
    world.notices.iter().filter(|notice| matches!(notice, Notice::NotRenewed { .. })).count()
}

fn recovered(world: &World) -> bool {
    world.notices.contains(&Notice::Recovered)
}

fn nobody(_: &HttpRequest) -> Answer {
    panic!("nothing is sent")
}

fn renewed(_: &HttpRequest) -> Answer {
    let body =
        r#"{"access_token":"access-2","refresh_token":"refresh-2","token_type":"Bearer","expires_in":300}"#;
    Ok(HttpResponse::new(200, body).header("content-type", "application/json"))
}

fn refused(_: &HttpRequest) -> Answer {
    let body = r#"{"error":"invalid_grant"}"#;
    Ok(HttpResponse::new(400, body).header("content-type", "application/json"))
}

fn busy(seconds: &'static str) -> impl FnMut(&HttpRequest) -> Answer {
    move |_| Ok(HttpResponse::new(429, "").header("retry-after", seconds))
}

fn busy_store() -> (Exit, String) {
    (Exit::Store, "store_busy".into())
}

fn interrupted() -> (Exit, String) {
    (Exit::NotSignedIn, "rotation_interrupted".into())
}

#[test]
fn a_good_token_is_used_without_the_lock() {
    let mut world = aged(DUE - 10_000, nobody);
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!(locks(&world), 0);
}

#[test]
fn an_old_token_is_renewed_under_the_lock() {
    for age in [DUE, DEAD] {
        let mut world = aged(age, renewed);
        assert_eq!(token(&mut world).unwrap(), "access-2");
        assert_eq!((locks(&world), world.sent.len()), (1, 1));
        assert_eq!(held(&world).token.expose_secret(), "refresh-2");
    }
}

#[test]
fn a_refused_token_is_renewed_however_good_it_seems() {
    let mut world = aged(DUE - 10_000, renewed);
    let bearer = run(&mut world, refusal("access-1")).unwrap();
    assert_eq!(bearer.token().unwrap().expose_secret(), "access-2");
}

#[test]
fn the_refusal_of_another_token_means_nothing() {
    let mut world = aged(DUE - 10_000, nobody);
    let bearer = run(&mut world, refusal("access-0")).unwrap();
    assert_eq!(bearer.token().unwrap().expose_secret(), "access-1");
}

#[test]
fn a_refused_token_that_is_young_is_not_renewed() {
    let mut world = aged(1_000, nobody);
    assert_eq!(run(&mut world, refusal("access-1")), Ok(Bearer::NothingNewer));
    assert_eq!(locks(&world), 0);
}

/// In slices of a tenth of a second.
#[test]
fn the_lock_is_awaited_for_two_seconds_with_a_live_token_and_for_thirty_without() {
    let mut world = aged(DUE, nobody);
    world.locked_by_another = true;
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!((locks(&world), not_renewed(&world)), (20, 1));
    let slice = StoreOp::Lock { wait: Duration::from_millis(100) };
    assert!(world.ops.contains(&slice));

    let mut world = aged(DEAD, nobody);
    world.locked_by_another = true;
    assert_eq!(code(&mut world), busy_store());
    assert_eq!((locks(&world), not_renewed(&world)), (300, 0));
}

#[test]
fn a_refused_token_is_no_live_one() {
    let mut world = aged(DUE, nobody);
    world.locked_by_another = true;
    assert_eq!(run(&mut world, refusal("access-1")).unwrap_err().code, "store_busy");
    assert_eq!(locks(&world), 300);
}

#[test]
fn a_lock_that_cannot_be_had_at_all_is_not_awaited() {
    let mut world = aged(DUE, nobody);
    world.unlockable = Some(StoreFailureKind::Refused);
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!(locks(&world), 1);

    world.millis = DEAD;
    assert_eq!(code(&mut world), (Exit::Store, "store_refused".into()));
    assert_eq!(locks(&world), 1);
}

#[test]
fn under_a_lock_that_other_machines_do_not_see_nothing_is_sent() {
    let mut world = aged(DUE, nobody);
    world.lock_is_shared = true;
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!(not_renewed(&world), 1);

    world.millis = DEAD;
    assert_eq!(code(&mut world), (Exit::Store, "store_shared".into()));
}

#[test]
fn after_a_refusal_a_newer_token_is_looked_for_four_times_in_two_seconds() {
    let mut world = aged(DEAD, refused);
    assert_eq!(code(&mut world), (Exit::NotSignedIn, "session_expired".into()));
    assert_eq!(sent(&world, DEAD), [0]);
    assert_eq!(world.millis - DEAD, 2_000);
    // Without the lock, with it, as it was written, and four times more.
    let looks = count(&world, |op| matches!(op, StoreOp::ReadLedger));
    assert_eq!((looks, locks(&world)), (6, 1));
}

#[test]
fn a_newer_token_that_turns_up_is_used() {
    let mut world = aged(DEAD, refused);
    // The fourth look.
    world.meddling = Some((23, |world| {
        assert_eq!(world.millis - DEAD, 2_000);
        let mut record = record(&world.service, 9, "access-9");
        record.rotation_mut().unwrap().access.as_mut().unwrap().lifetime = None;
        put(world, record);
    }));
    assert_eq!(token(&mut world).unwrap(), "access-9");
}

#[test]
fn a_refused_token_that_another_program_puts_back_is_no_newer_one() {
    let mut world = aged(DEAD, refused);
    world.service.bare_issuer.clone_from(&world.service.issuer);
    world.meddling = Some((23, |world| put(world, Record::bare_refresh(Secret::from("refresh-1")))));
    assert_eq!(code(&mut world), (Exit::NotSignedIn, "session_expired".into()));
    assert_eq!(sent(&world, DEAD), [0]);
}

#[test]
fn nor_is_what_a_store_has_that_forgot_what_it_took() {
    let mut world = aged(DEAD, refused);
    world.forgets = true;
    assert_eq!(code(&mut world), (Exit::NotSignedIn, "session_expired".into()));
    assert_eq!(sent(&world, DEAD), [0]);
}

#[test]
fn what_somebody_signs_out_of_while_a_newer_token_is_looked_for_is_not_used() {
    let mut world = aged(DUE, refused);
    world.meddling = Some((23, |world| set_journal(world, Journal::Revoking)));
    assert_eq!(code(&mut world).1, "revocation_pending");
}

#[test]
fn a_refusal_after_an_interrupted_rotation_says_that_it_was_interrupted() {
    let mut world = aged(DEAD, refused);
    set_journal(&mut world, spending(0));
    assert_eq!(code(&mut world), interrupted());
    assert_eq!((sent(&world, DEAD), world.millis - DEAD), (vec![0], 2_000));
}

#[test]
fn nothing_is_waited_for_longer_than_a_live_token_is_worth() {
    let mut world = aged(DUE, busy("2"));
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!((sent(&world, DUE), not_renewed(&world)), (vec![0, 2_000, 4_000], 1));

    let mut world = aged(DUE, busy("3"));
    assert_eq!(token(&mut world).unwrap(), "access-1");
    assert_eq!((sent(&world, DUE), not_renewed(&world)), (vec![0], 1));
}

#[test]
fn without_one_it_is_waited_for_as_long_as_the_issuer_asks_within_reason() {
    let not_renewed = || (Exit::Network, "session_not_renewed".to_owned());
    let mut world = aged(DEAD, busy("120"));
    assert_eq!(code(&mut world), not_renewed());
    assert_eq!(sent(&world, DEAD), [0, 120_000, 240_000]);

    let mut world = aged(DEAD, busy("121"));
    assert_eq!(code(&mut world), not_renewed());
    assert_eq!(sent(&world, DEAD), [0]);
}

#[test]
fn what_was_not_sent_is_tried_after_longer_and_longer() {
    let mut world = aged(DEAD, |_| Err(FailureKind::NotSent));
    assert_eq!(code(&mut world).1, "session_not_renewed");
    let [0, second, third] = sent(&world, DEAD)[..] else { panic!("{:?}", sent(&world, DEAD)) };
    assert!((750..=1_250).contains(&second), "{second}");
    assert!((1_500..=2_500).contains(&(third - second)), "{second}, {third}");
    assert_eq!(held(&world).rotation.as_ref().unwrap().journal, Journal::Settled);
}

/// A third of what is left each time, until less than a second is.
#[test]
fn a_lost_answer_is_asked_for_again_within_the_grace_period() {
    let mut world = aged(DEAD, |_| Err(FailureKind::AnswerLost));
    world.service.oauth.as_mut().unwrap().grace = Some(Duration::from_secs(2));
    assert_eq!(code(&mut world).1, "session_not_renewed");
    assert_eq!(sent(&world, DEAD), [0, 666]);
    assert_eq!(locks(&world), 3);
}

#[test]
fn in_a_long_grace_period_it_is_asked_for_after_longer_and_longer() {
    let mut world = aged(DEAD, |_| Err(FailureKind::AnswerLost));
    world.service.oauth.as_mut().unwrap().grace = Some(Duration::from_secs(60));
    assert_eq!(code(&mut world).1, "session_not_renewed");
    let sent = sent(&world, DEAD);
    let gaps: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, wait) in gaps.iter().zip([1_000, 2_000, 4_000]) {
        assert!((wait * 3 / 4..=wait * 5 / 4).contains(gap), "{gaps:?}");
    }
}

#[test]
fn at_a_strict_issuer_a_lost_answer_is_left_to_a_later_run() {
    for (age, sends) in [(DUE, 0), (DEAD, 1)] {
        let mut world = aged(age, |_| Err(FailureKind::AnswerLost));
        let first = token(&mut world);
        assert_eq!(first.is_ok(), age == DUE);
        assert_eq!(sent(&world, age), [0]);
        let second = token(&mut world);
        assert_eq!(
            (second.is_ok(), world.sent.len()),
            (age == DUE, sends),
            "a last resort is for dead tokens"
        );
    }
}

#[test]
fn there_are_three_last_resorts() {
    for (resorts, sends) in [(0, 1), (2, 1), (3, 0)] {
        let mut world = aged(DEAD, |_| Err(FailureKind::AnswerLost));
        set_journal(&mut world, spending(resorts));
        let code = code(&mut world);
        assert_eq!(code == interrupted(), resorts == 3, "{code:?}");
        assert_eq!(world.sent.len(), sends, "{resorts}");
    }
}

/// Another process may be at it.
#[test]
fn what_a_journal_says_of_a_token_on_its_way_counts_under_the_lock_alone() {
    let mut world = aged(DEAD, nobody);
    set_journal(&mut world, spending(3));
    assert_eq!(code(&mut world), interrupted());
    assert_eq!(locks(&world), 1);

    set_journal(&mut world, Journal::Refused { interrupted: true });
    assert_eq!(code(&mut world), interrupted());
    assert_eq!(locks(&world), 0);
}

#[test]
fn a_record_that_keeps_changing_is_given_up_after_five_rounds() {
    let mut world = aged(DEAD, nobody);
    world.meddling_with_writes = Some(|world| {
        let Some(Generation { counter, .. }) = held(world).generation else { panic!("a login's") };
        let changed = record(&world.service, counter + 1, "access-1");
        put(world, changed);
    });
    assert_eq!(code(&mut world), busy_store());
    assert_eq!((writes(&world), locks(&world)), (5, 5));
}

#[test]
fn a_store_that_takes_no_journal_leaves_the_live_token() {
    let mut world = aged(DUE, nobody);
    world.unwritable.insert(Backend::File, StoreFailureKind::Refused);
    assert_eq!((token(&mut world).unwrap().as_str(), not_renewed(&world)), ("access-1", 1));

    world.millis = DEAD;
    assert_eq!(code(&mut world), (Exit::Store, "store_refused".into()));
}

#[test]
fn what_was_rescued_takes_its_place_and_its_file_is_removed() {
    let mut world = aged(1_000, nobody);
    world.emergency = Some(record(&world.service, 5, "access-5"));
    assert_eq!(token(&mut world).unwrap(), "access-5");
    assert_eq!((world.emergency.clone(), recovered(&world), locks(&world)), (None, true, 1));
    assert_eq!(*held(&world), record(&world.service, 5, "access-5"));
    // And once more, without its file.
    assert_eq!(token(&mut world).unwrap(), "access-5");
    assert_eq!(locks(&world), 0);
}

#[test]
fn what_was_rescued_too_late_is_removed_without_a_word() {
    for counter in [2, 3] {
        let mut world = aged(1_000, nobody);
        let emergency = record(&world.service, counter, "access-2");
        world.emergency = Some(emergency);
        assert_eq!(token(&mut world).unwrap(), "access-1");
        assert_eq!(
            (world.emergency.clone(), recovered(&world), locks(&world)),
            (None, false, 1),
            "{counter}"
        );
    }
}

#[test]
fn what_was_rescued_is_used_where_it_cannot_be_put_back() {
    let mut world = aged(1_000, nobody);
    world.emergency = Some(record(&world.service, 5, "access-5"));
    world.unwritable.insert(Backend::File, StoreFailureKind::Refused);
    assert_eq!(token(&mut world).unwrap(), "access-5");
    assert_eq!((world.emergency.is_some(), not_renewed(&world)), (true, 1));
}

/// The newer one wins each time, and is overtaken again.
#[test]
fn a_record_that_changes_under_what_was_rescued_is_given_up_after_five_rounds() {
    let mut world = aged(1_000, nobody);
    world.emergency = Some(record(&world.service, 90, "access-90"));
    world.meddling_with_writes = Some(|world| {
        let Some(Generation { counter, .. }) = held(world).generation else { panic!("a login's") };
        let changed = record(&world.service, counter + 1, "access-1");
        put(world, changed);
    });
    assert_eq!(code(&mut world), busy_store());
    assert_eq!(writes(&world), 5);
}

#[test]
fn a_store_that_never_has_what_was_put_back_is_given_up_after_five_rounds() {
    let mut world = aged(1_000, nobody);
    world.emergency = Some(record(&world.service, 5, "access-5"));
    world.forgets = true;
    assert_eq!(code(&mut world), busy_store());
    assert_eq!((writes(&world), world.emergency.is_some()), (5, true));
}

/// As it is put there when the journal, or the new pair, is about to be.
fn another_login(world: &mut World) {
    let mut other = record(&world.service, 1, "access-m");
    other.generation = Some(Generation { login: "m".into(), counter: 1 });
    other.rotation_mut().unwrap().access.as_mut().unwrap().lifetime = None;
    put(world, other);
}

#[test]
fn another_login_that_comes_before_anything_was_sent_is_used() {
    let mut world = aged(DEAD, nobody);
    world.meddling_with_writes = Some(another_login);
    assert_eq!(token(&mut world).unwrap(), "access-m");
}

#[test]
fn another_login_that_comes_before_the_new_pair_is_stored_is_not_adopted() {
    let mut world = aged(DEAD, renewed);
    world.meddling_with_writes = Some(|world| {
        if !world.sent.is_empty() {
            another_login(world);
        }
    });
    assert_eq!(code(&mut world).1, "signed_in_as_someone_else");
    assert_eq!(&*held(&world).generation.as_ref().unwrap().login, "m");
}

#[test]
fn a_new_pair_is_stored_in_three_tries_before_the_emergency_file_takes_it() {
    let mut world = aged(DEAD, renewed);
    // After the journal.
    world.meddling_with_writes = Some(|world| {
        if !world.sent.is_empty() && world.millis < DEAD + 400 {
            world.unwritable.insert(Backend::File, StoreFailureKind::Refused);
        } else {
            world.unwritable.clear();
        }
    });
    assert_eq!(token(&mut world).unwrap(), "access-2");
    assert_eq!((world.millis - DEAD, writes(&world)), (400, 4));
    assert_eq!(held(&world).token.expose_secret(), "refresh-2");
}

#[test]
fn an_interrupt_ends_it_before_a_rotation_and_after_one() {
    let mut world = aged(DEAD, renewed);
    world.cancelled_at_op = Some(1);
    assert_eq!(code(&mut world).0, Exit::Interrupted);
    assert_eq!(world.sent.len(), 0);

    let mut world = aged(DEAD, renewed);
    world.cancelled_at_send = Some(1);
    assert_eq!(code(&mut world).0, Exit::Interrupted);
    assert_eq!(held(&world).token.expose_secret(), "refresh-2", "a rotation that has begun comes to its end");
}

#[test]
fn a_client_that_the_issuer_does_not_know_keeps_its_live_token() {
    let mut world = aged(DUE, |_| {
        let body = r#"{"error":"invalid_client"}"#;
        Ok(HttpResponse::new(401, body).header("content-type", "application/json"))
    });
    assert_eq!((token(&mut world).unwrap().as_str(), not_renewed(&world)), ("access-1", 1));
    world.millis = DEAD;
    assert_eq!(code(&mut world), (Exit::Server, "invalid_client".into()));
}

#[test]
fn a_client_id_that_only_the_api_knows_is_asked_for_again_when_the_network_fails() {
    let mut asked = 0;
    let mut world = aged(DEAD, move |request| {
        if request.url.path() == "/token" {
            return renewed(request);
        }
        asked += 1;
        let named = HttpResponse::new(200, r#"{"workosClientId":"cli"}"#);
        if asked == 1 {
            Err(FailureKind::NotSent)
        } else {
            Ok(named.header("content-type", "application/json"))
        }
    });
    world.service.oauth.as_mut().unwrap().client_id = None;
    let mut record = held(&world).clone();
    record.rotation_mut().unwrap().client_id = None;
    put(&mut world, record);
    assert_eq!((token(&mut world).unwrap().as_str(), world.sent.len()), ("access-2", 3));
}

#[test]
fn a_refresh_token_of_another_program_becomes_a_login_of_its_own() {
    let mut world = aged(DEAD, renewed);
    world.service.bare_issuer.clone_from(&world.service.issuer);
    put(&mut world, Record::bare_refresh(Secret::from("refresh-1")));
    assert_eq!(token(&mut world).unwrap(), "access-2");
    let generation = held(&world).generation.clone().unwrap();
    assert_eq!(generation.counter, 2, "its journal was the first write");
    // Found, asked for with what was drawn, and read again under the lock.
    assert_eq!(count(&world, |op| matches!(op, StoreOp::ReadLedger)), 3);
}

#[test]
fn wake_ups_too_early_and_answers_of_long_ago_change_nothing() {
    let mut world = aged(DEAD, refused);
    world.noisy = true;
    assert_eq!(code(&mut world), (Exit::NotSignedIn, "session_expired".into()));
    assert_eq!((sent(&world, DEAD), world.millis - DEAD), (vec![0], 2_000));

    let mut world = aged(DEAD, busy("120"));
    world.noisy = true;
    assert_eq!(code(&mut world).1, "session_not_renewed");
    assert_eq!(sent(&world, DEAD), [0, 120_000, 240_000]);

    let mut world = aged(DEAD, renewed);
    world.noisy = true;
    world.service.bare_issuer.clone_from(&world.service.issuer);
    put(&mut world, Record::bare_refresh(Secret::from("refresh-1")));
    assert_eq!(token(&mut world).unwrap(), "access-2");
}

#[test]
fn nothing_stored_is_not_signed_in() {
    let mut world = aged(0, nobody);
    world.stores.get_mut(&Backend::File).unwrap().clear();
    assert_eq!(code(&mut world), (Exit::NotSignedIn, "not_signed_in".into()));
    assert_eq!(count(&world, |op| matches!(op, StoreOp::ReadPlaintext)), 1);
}
