//! Corners: each of these was wrong once, or could be.
use std::time::Duration;

use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::disconnect::{Disconnect, Disconnected};
use doorkey_core::failure::Exit;
use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Generation, Record};
use doorkey_core::rotation::Journal;
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailureKind};
use doorkey_core::task::Task;
use doorkey_sandbox::Rule;
use doorkey_sandbox::pensar::Settings;

use doorkey_tests::mishap::Mishap;

use crate::world::{LIFETIME, World, expired, good, grace, nobody};

fn spending(world: &World) -> bool {
    matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Spending(_))
}
fn last_resort(world: &World) -> bool {
    matches!(&world.record().rotation.as_ref().unwrap().journal, Journal::Spending(s) if s.last_resorts > 0)
}
fn disconnect(world: &mut World) -> Disconnected {
    let pid = world.start_with(Task::Disconnect, Disconnect::default(), nobody);
    world.finish_as(pid).unwrap()
}

#[test]
fn killed_twice_before_anything_was_sent_on_a_strict_issuer() {
    let mut world = expired(0);
    let pid = world.start();
    while !spending(&world) {
        world.run_for(pid, 1);
    }
    world.kill(pid);
    let pid = world.start();
    while !last_resort(&world) {
        world.run_for(pid, 1);
    }
    world.kill(pid);
    assert_eq!(world.refreshes, 0);
    let end = world.token();
    assert_eq!(world.refreshes, 1, "{end:?}");
    good(end);
}

#[test]
fn killed_twice_everywhere_strict_lost_only_if_sent() {
    let mut lost = Vec::new();
    for first in 0..60 {
        for second in (first % 3..60).step_by(3) {
            let mut world = expired(0);
            let pid = world.start();
            world.run_for(pid, first);
            if world.ended(pid).is_some() {
                break;
            }
            world.kill(pid);
            let pid = world.start();
            world.run_for(pid, second);
            if world.ended(pid).is_some() {
                break;
            }
            world.kill(pid);
            let sent = world.refreshes;
            if world.token().is_err() && sent == 0 {
                lost.push((first, second));
            }
        }
    }
    assert!(lost.is_empty(), "lost without any request: {} pairs {:?}", lost.len(), lost);
}

#[test]
fn a_429_with_an_oauth_body_is_transient() {
    for body in
        [r#"{"error":"slow_down"}"#, r#"{"error":"temporarily_unavailable"}"#, r#"{"error":"rate_limited"}"#]
    {
        let mut world = expired(0);
        world.mishaps.extend(std::iter::repeat_n(Mishap::Intercepted(429, body), 2));
        let _ = world.token();
        world.sleep(Duration::from_secs(1));
        let _ = world.token();
        world.sleep(Duration::from_secs(60));
        let c = world.token().map(|_| ()).map_err(|f| f.code);
        assert_eq!(c, Ok(()), "{body}");
    }
}

#[test]
fn two_late_journal_writes() {
    let mut world = expired(0);
    for _ in 0..2 {
        world.disk.late_write = true;
        let _ = world.token();
    }
    assert_eq!(world.refreshes, 0);
    good(world.token());
}

#[test]
fn a_logout_that_could_not_reach_the_keychain_is_still_a_logout() {
    let mut world = World::new(grace(20), Backend::Keychain);
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Locked);
    assert_eq!(disconnect(&mut world).failed().count(), 1);
    assert_eq!(world.disk.ledger.unsettled.len(), 1);
    world.disk.broken.clear();
    let end = world.token().map(|_| ()).map_err(|f| f.code.into_owned());
    assert_eq!(end, Err("not_signed_in".into()));
}

#[test]
fn logout_with_a_session_and_a_key_in_plain_text() {
    let mut world = World::new(grace(20), Backend::Keychain);
    world.disk.plaintext = Some(Record::bare_refresh("old".into()));
    world.disk.behind_plaintext = Some(Record::bare("pensar-api-key".into()));
    disconnect(&mut world);
    assert_eq!(world.disk.plaintext, None, "a key is left in the settings");
    assert_eq!(world.token().map(|_| ()).map_err(|f| f.code.into_owned()), Err("not_signed_in".into()));
}
#[test]
fn a_logout_killed_half_way_brings_nobody_else_back() {
    for killed_after in 0..60 {
        let mut world = World::new(grace(20), Backend::Keychain);
        let other = world.sign_in(5);
        world.disk.plaintext = Some(Record::bare_refresh(other.token));
        let pid = world.start_with(Task::Disconnect, Disconnect::default(), nobody);
        world.run_for(pid, killed_after);
        let done = world.has_ended(pid);
        world.kill(pid);
        if !world.record().is_tombstone() {
            continue;
        }
        let end = world.token().map(|_| ()).map_err(|f| f.code.into_owned());
        assert_eq!(end, Err("not_signed_in".into()), "killed after {killed_after}");
        if done {
            return;
        }
    }
}

#[test]
fn without_a_keychain_plain_text_goes_over_a_tombstone_in_the_file() {
    let mut world = World::new(grace(0), Backend::File);
    let record = world.disk.records.remove(&Backend::File).unwrap();
    let login = record.generation.clone().unwrap();
    world.disk.records.insert(Backend::File, Record::tombstone(Generation { counter: 9, ..login }));
    world.disk.plaintext = Some(Record::bare_refresh(record.token));
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
    world.disk.ledger = Ledger { backend: Some(Backend::File), ..Ledger::default() };
    good(world.token());
}

#[test]
fn a_copied_home_can_be_mended_as_its_error_says() {
    let mut world = World::new(grace(0), Backend::File);
    world.descriptor.machine_id = Some("machine-2".into());
    world.sleep(LIFETIME);
    assert_eq!(world.token().unwrap_err().code, "copied_home");
    let options = ConnectOptions { workspace: None, force: false, open_browser: true };
    let pid = world.start_with(Task::Connect(options.clone()), Connect::new(options), nobody);
    let connected: Connected = world.finish_as(pid).unwrap();
    assert!(!connected.already, "it says that it is connected");
}

#[test]
fn a_refused_token_is_not_sent_by_everybody_again_and_again() {
    let mut world = expired(20);
    world.mishaps.extend(std::iter::repeat_n(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#), 1000));
    let pids: Vec<usize> = (0..2).map(|_| world.start()).collect();
    for _ in 0..200_000 {
        let mut acted = false;
        for pid in &pids {
            acted |= world.act(*pid);
        }
        if pids.iter().all(|pid| world.ended(*pid).is_some()) {
            break;
        }
        if !acted {
            world.sleep(Duration::from_millis(50));
        }
    }
    let sent = 1000 - world.mishaps.len();
    assert!(sent <= 2, "sent {sent} times by two processes");
}

#[test]
fn a_live_token_is_used_though_the_mark_could_not_be_made() {
    let mut world = World::new(grace(20), Backend::File);
    world.sleep(LIFETIME - Duration::from_secs(25));
    world.mishaps.push_back(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#));
    let pid = world.start();
    while world.disk.lock.is_none() {
        world.run_for(pid, 1);
    }
    while world.disk.lock.is_some() {
        world.run_for(pid, 1);
    }
    // Another process holds the lock when this one wants to mark.
    world.disk.lock = Some(999);
    good(world.finish(pid));
}

#[test]
fn suspended_between_the_journal_and_a_repeat_with_a_live_token() {
    let settings = Settings { access_lifetime: Duration::from_secs(3600), ..grace(20) };
    let mut world = World::new(settings, Backend::File);
    world.sleep(Duration::from_secs(3600 - 55));
    world.losing_takes = Duration::from_millis(100);
    world.mishaps.push_back(Mishap::AnswerLost);
    let pid = world.start();
    let attempt = |world: &World| match &world.record().rotation.as_ref().unwrap().journal {
        Journal::Spending(s) => s.attempt,
        _ => 0,
    };
    while attempt(&world) < 2 {
        world.run_for(pid, 1);
    }
    assert_eq!(world.refreshes, 1);
    // SIGSTOP, or a lid, for half a minute; the access token still lives for twenty seconds.
    world.sleep(Duration::from_secs(30));
    let end = world.finish(pid);
    if let Ok(bearer) = &end {
        println!("t11 the live token is accepted: {}", world.accepts(bearer));
    }
    assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0);
}

#[test]
fn a_long_retry_after_does_not_keep_a_live_token_from_being_used() {
    let settings = Settings { access_lifetime: Duration::from_secs(3600), ..grace(0) };
    let mut world = World::new(settings, Backend::File);
    world.sleep(Duration::from_secs(3600 - 50));
    world.mishaps.push_back(Mishap::Later(45));
    let before = world.millis;
    good(world.token());
    assert!(world.millis - before < 5_000, "it waited {} ms", world.millis - before);
}

#[test]
fn every_begun_rotation_is_told_to_have_ended() {
    let mut world = expired(0);
    world.disk.no_emergency = true;
    world.token().unwrap_err();
    let count = |n: &Notice| world.notices.iter().filter(|x| *x == n).count();
    assert_eq!(count(&Notice::RotationStarted), count(&Notice::RotationEnded));
}

#[test]
fn a_keychain_locked_altogether_when_the_pair_must_be_stored() {
    let mut world = World::new(grace(0), Backend::Keychain);
    world.sleep(LIFETIME);
    let pid = world.start();
    while world.refreshes == 0 {
        world.run_for(pid, 1);
    }
    world.disk.broken.insert(Backend::Keychain, StoreFailureKind::Locked);
    good(world.finish(pid));
    assert_eq!(world.token().unwrap_err().exit, Exit::Store, "while it is locked");
    world.disk.broken.clear();
    good(world.token());
    assert_eq!(world.disk.emergency, None);
}

#[test]
fn an_interrupted_status_does_not_tear_a_renewal() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(LIFETIME);
    let session = world.record().clone();
    let key = Record {
        generation: Generation::parse("k.1"),
        workspace: None,
        rotation: None,
        token: "key".into(),
        ..session.clone()
    };
    world.disk.records.insert(Backend::File, key);
    let pid = world.status();
    // Everything is read; then another process signs in, and its access token expires.
    world.run_for(pid, 11);
    world.disk.records.insert(Backend::File, session);
    let mut n = 0;
    while world.refreshes == 0 {
        n += 1;
        assert!(n < 200 && world.ended(pid).is_none(), "not reached");
        world.run_for(pid, 1);
    }
    world.interrupt(pid);
    assert_eq!(world.finish(pid).unwrap_err().code, "interrupted");
    good(world.token());
}

/// Renewed once; then another program has written its file again, with the refresh token that it knew.
fn put_back() -> World {
    let mut world = expired(0);
    let spent = world.record().token.clone();
    good(world.token());
    let now = world.record().clone();
    assert_eq!(now.rotation.as_ref().unwrap().spent, [spent.fingerprint()]);
    let text = now.encode().expose_secret().replace(now.token.expose_secret(), spent.expose_secret());
    world.disk.records.insert(Backend::File, Record::decode(&Secret::from(text.as_str())).unwrap());
    world
}

#[test]
fn a_spent_token_that_was_put_back_is_not_sent_after_its_refusal() {
    let mut world = put_back();
    good(world.token());
    assert_eq!(world.refreshes, 1, "while the access token lives nothing is risked");
    assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0);
    world.sleep(LIFETIME);
    for _ in 0..5 {
        assert_eq!(world.token().unwrap_err().code, "rotation_interrupted");
        assert_eq!(world.refreshes, 2, "the issuer has refused it");
    }
}

#[test]
fn a_spent_token_that_was_put_back_is_sent_three_times_if_nobody_answers() {
    let mut world = put_back();
    world.sleep(LIFETIME);
    world.mishaps.extend(std::iter::repeat_n(Mishap::Intercepted(503, ""), 10));
    for _ in 0..5 {
        world.token().unwrap_err();
    }
    assert_eq!((world.mishaps.len(), world.refreshes), (7, 1));
}

#[test]
fn what_was_known_survives_another_programs_renewal() {
    let mut world = expired(20);
    let theirs = world.sign_in(1);
    let now = world.record().clone();
    assert!(now.workspace.is_some());
    let text = now.encode().expose_secret().replace(now.token.expose_secret(), theirs.token.expose_secret());
    world.disk.records.insert(Backend::File, Record::decode(&Secret::from(text.as_str())).unwrap());
    good(world.token());
    assert!(world.record().workspace.is_some(), "the workspace is forgotten");
}

#[test]
fn a_proxy_that_says_html_does_not_end_the_wait_for_a_workspace() {
    use doorkey_sandbox::pensar::account;
    let mut world = World::signed_out(grace(20));
    world.person.email = account::NEW;
    world.person.creates = false;
    let options = ConnectOptions { workspace: None, force: false, open_browser: true };
    let pid = world.start_with(Task::Connect(options.clone()), Connect::new(options), nobody);
    while world.pages.len() < 2 {
        world.run_for(pid, 1);
    }
    world.run_for(pid, 6);
    let before = world.millis;
    world.api_says = Some(502);
    assert_eq!(world.finish_as::<Connected>(pid).unwrap_err().code, "no_workspace");
    assert!(world.millis - before > 200_000, "it gave up after {} ms of an outage", world.millis - before);
}

#[test]
fn a_login_waits_for_a_renewal_of_another_process() {
    let mut world = expired(20);
    let pid = world.start();
    while world.disk.lock.is_none() {
        world.run_for(pid, 1);
    }
    let options = ConnectOptions { workspace: None, force: true, open_browser: true };
    let login = world.start_with(Task::Connect(options.clone()), Connect::new(options), nobody);
    for _ in 0..20 {
        world.act(login);
    }
    // The renewal's request alone may take ten seconds.
    world.sleep(Duration::from_secs(10));
    good(world.finish(pid));
    world.finish_as::<Connected>(login).unwrap();
}

#[test]
fn a_lifetime_of_zero_is_an_unknown_one() {
    let mut world = expired(0);
    let body = r#"{"access_token":"access-zero","refresh_token":"refresh-zero","expires_in":0}"#;
    world.mishaps.push_back(Mishap::Intercepted(200, body));
    good(world.token());
    world.mishaps.push_back(Mishap::Intercepted(200, body));
    good(world.token());
    assert_eq!(world.mishaps.len(), 1, "a token of which nothing is known is rotated at once");
}

#[test]
fn another_host_gets_no_stored_token_whatever_the_environment_says() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(LIFETIME);
    world.descriptor.api = doorkey_core::url::Url::parse("http://127.0.0.1:9").unwrap();
    world.descriptor.issuer = "http://127.0.0.1:9 via http://127.0.0.1:6".into();
    assert_eq!(world.token().unwrap_err().code, "other_issuer");
    assert_eq!(world.call().unwrap_err().code, "other_issuer");
    assert_eq!(world.refreshes, 0);
}

#[test]
fn an_emergency_file_of_another_login_is_thrown_away() {
    let mut world = World::new(grace(0), Backend::File);
    let mut other = world.sign_in(7);
    other.generation = Generation::parse("login-7.99");
    world.disk.emergency = Some(doorkey_tests::disk::Emergency { room: 9999, record: Some(other) });
    let stored = world.record().clone();
    good(world.token());
    assert_eq!(*world.record(), stored);
    assert_eq!(world.disk.emergency, None);
}

#[test]
fn choosing_a_workspace_merges_what_the_emergency_file_has() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(LIFETIME);
    world.disk.unwritable.insert(Backend::File, (1, StoreFailureKind::Refused));
    good(world.token());
    let rescued = world.disk.emergency.clone().unwrap().record.unwrap();
    world.disk.unwritable.clear();
    let before = world.record().clone();
    let workspace = doorkey_core::record::Workspace { id: None, name: None, slug: "other".into() };
    let gateway = doorkey_core::record::Gateway::default();
    world.amend(&before, workspace, gateway).unwrap();
    assert_eq!(world.record().token, rescued.token, "the newest token");
    assert_eq!(world.record().slug(), Some("other"));
    world.sleep(LIFETIME);
    good(world.token());
    assert!(world.issuer.grade().is_clean());
}

#[test]
fn another_login_is_not_amended() {
    let mut world = World::new(grace(0), Backend::File);
    let old = world.record().clone();
    let other = world.sign_in(8);
    world.disk.records.insert(Backend::File, other.clone());
    let workspace = doorkey_core::record::Workspace { id: None, name: None, slug: "other".into() };
    let failure = world.amend(&old, workspace, doorkey_core::record::Gateway::default()).unwrap_err();
    assert_eq!(failure.code, "signed_in_as_someone_else");
    assert_eq!(*world.record(), other);
}

#[test]
fn a_session_that_cannot_be_renewed_is_no_connection_to_be_content_with() {
    let mut world = World::new(grace(0), Backend::File);
    world.sleep(LIFETIME - Duration::from_secs(20));
    world.mishaps.push_back(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#));
    good(world.token());
    let status = world.status();
    let report = world.finish_as::<ConnectionReport>(status).unwrap();
    assert_eq!(report.state, ConnectionState::Ending);
    let options = ConnectOptions { workspace: None, force: false, open_browser: true };
    let pid = world.start_with(Task::Connect(options.clone()), Connect::new(options), nobody);
    assert!(!world.finish_as::<Connected>(pid).unwrap().already);
    let status = world.status();
    assert_eq!(world.finish_as::<ConnectionReport>(status).unwrap().state, ConnectionState::Connected);
}

#[test]
fn the_emergency_file_stays_until_its_content_was_read_back() {
    let mut world = expired(0);
    world.disk.unwritable.insert(Backend::File, (1, StoreFailureKind::Refused));
    good(world.token());
    let rescued = world.disk.emergency.clone().unwrap();
    world.disk.unwritable.clear();
    world.disk.forgets_writes = true;
    assert_eq!(world.token().unwrap_err().code, "store_busy");
    assert_eq!(world.disk.emergency, Some(rescued));
    assert!(!world.notices.contains(&Notice::Recovered));
    world.disk.forgets_writes = false;
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert!(world.notices.contains(&Notice::Recovered));
    assert_eq!(world.disk.emergency, None);
}

#[test]
fn a_login_that_overtakes_the_adoption_of_a_bare_token_wins() {
    let mut world = expired(0);
    let theirs = world.record().token.clone();
    world.disk.records.insert(Backend::File, Record::bare_refresh(theirs));
    let pid = world.start();
    while world.refreshes == 0 {
        world.run_for(pid, 1);
    }
    let other = world.sign_in(9);
    world.disk.records.insert(Backend::File, other.clone());
    assert_eq!(world.finish(pid).unwrap_err().code, "signed_in_as_someone_else");
    assert_eq!(*world.record(), other);
}
