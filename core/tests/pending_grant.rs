//! A login that one process begins and another one finishes, on a timetable.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod timetable;

use std::time::Duration;

use doorkey_core::command::CommandId;
use doorkey_core::device_grant::{DeviceGrant, Granted};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::FailureKind;
use doorkey_core::machine::WakeReason;
use doorkey_core::notice::Notice;
use doorkey_core::oauth::Dialect;
use doorkey_core::pending_grant::{PendingGrant, StartGrant};
use doorkey_core::rotation::Moment;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::Url;
use issuer::{code, error, known_client, page, pending, slow_down, tokens};
use timetable::{ORIGIN, Timetable, WALL};

const TIMES: &str = r#","expires_in":600,"interval":7"#;

fn service() -> Service {
    Service { boot_id: "boot-1".into(), ..known_client(Dialect::Form) }
}

/// Begun, with an answer that took a second.
fn begun() -> PendingGrant {
    let mut table = Timetable::new(service(), StartGrant::default());
    let (id, request) = table.take_request();
    assert_eq!(request.url.path(), "/user_management/authorize/device");
    table.jump_to(1_000);
    table.reply(id, code(TIMES));
    assert!(matches!(table.notices.as_slice(), [Notice::DeviceCode { .. }]));
    table.success().clone()
}

/// Another process, which begins so many milliseconds after the code came.
fn resumed(grant: PendingGrant, after: u64) -> Timetable<DeviceGrant> {
    let mut grant = grant;
    // Each timetable begins at the same time: what happened before moves back.
    grant.started.mono = Timestamp::from_millis(ORIGIN - after);
    grant.started.wall = WallTime::from_unix_millis(WALL - after);
    Timetable::new(service(), DeviceGrant::resumed(false, grant))
}

#[test]
fn what_is_begun_is_read_back_as_it_was() {
    let grant = begun();
    assert_eq!((grant.lifetime.as_secs(), grant.interval.as_secs(), grant.lag.as_millis()), (600, 7, 1_000));
    assert_eq!(PendingGrant::decode(&grant.encode()), Some(grant.clone()));
    let text = grant.encode().expose_secret().to_owned();
    for damaged in [&text[1..], &text[..text.len() - 1], "", "{}", &text.replace("\"v\":1", "\"v\":2")] {
        assert_eq!(PendingGrant::decode(&Secret::from(damaged)), None, "{damaged}");
    }
    assert!(!format!("{grant:?}").contains("dev-code-1") && !format!("{grant:?}").contains("ABCD"));
}

#[test]
fn the_next_process_polls_an_interval_later_and_until_the_same_end() {
    let mut table = resumed(begun(), 100_000);
    table.expect_silence_until(7_000);
    let (id, request) = table.expect_poll_now();
    assert!(str::from_utf8(request.body.as_bytes()).unwrap().contains("device_code=dev-code-1"));
    table.reply(id, pending());
    table.expect_silence_until(14_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, tokens());
    assert!(matches!(table.success(), Granted::Tokens { client_id, .. } if client_id == "client_01"));

    // Nobody approves: it ends when the code does, 600 s after it came, and no poll leaves in the last second.
    let mut table = resumed(begun(), 100_000);
    let mut last = 0;
    while table.outcome().is_none() {
        let (at, why) = table.next_wake().unwrap();
        table.jump_to(at);
        if why == WakeReason::NextPoll {
            let (id, _) = table.expect_poll_now();
            last = at;
            table.reply(id, pending());
        } else {
            table.event(Event::Woke);
        }
    }
    assert!((490_000..=499_000).contains(&last), "{last}");
    assert_eq!((table.millis(), table.failure().exit), (500_000, Exit::TimedOut));
}

#[test]
fn one_that_is_over_sends_nothing() {
    for after in [599_000, 600_000, 900_000] {
        let table = resumed(begun(), after);
        table.expect_nothing_left();
        assert_eq!((table.failure().exit, &*table.failure().code), (Exit::TimedOut, "expired_token"));
    }
}

#[test]
fn after_a_restart_the_wall_clock_tells() {
    let grant = begun();
    let at = |mono: u64, wall: u64| Now {
        mono: Timestamp::from_millis(mono),
        wall: WallTime::from_unix_millis(wall),
    };
    let began = grant.started.wall.as_unix_millis();
    assert_eq!(grant.left(at(5, began + 60_000), "boot-2"), Duration::from_secs(540));
    assert_eq!(grant.left(at(5, began + 600_000), "boot-2"), Duration::ZERO);
    assert_eq!(
        grant.left(at(5, began - 1), "boot-2"),
        Duration::from_secs(600),
        "set back: the issuer knows"
    );
    let mono = grant.started.mono.as_millis();
    assert_eq!(grant.left(at(mono + 60_000, 0), "boot-1"), Duration::from_secs(540), "not restarted");
}

/// What is to be kept for the next process.
fn take_pending(table: &mut Timetable<DeviceGrant>) -> (CommandId, PendingGrant) {
    match table.take_store() {
        (id, StoreOp::WritePending(grant)) => (id, *grant),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_slow_down_asked_for_is_kept_before_the_next_poll() {
    let began = begun();
    let mut table = resumed(began.clone(), 10_000);
    table.expect_silence_until(7_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, slow_down(""));
    let (id, kept) = take_pending(&mut table);
    assert_eq!((kept.interval.as_secs(), kept.polled), (12, true));
    assert_eq!(PendingGrant::decode(&kept.encode()), Some(kept.clone()));
    assert_eq!(
        PendingGrant { interval: began.interval, polled: false, started: began.started, ..kept },
        begun()
    );
    table.event(Event::Store { id, answer: StoreAnswer::Done });
    table.expect_silence_until(19_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, pending());
    table.expect_nothing_left();
    table.expect_silence_until(31_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, slow_down("60"));
    // However long that takes; and if it cannot be, the login goes on.
    let (id, kept) = take_pending(&mut table);
    assert_eq!(kept.interval.as_secs(), 60);
    table.expect_silence_until(120_000);
    let failure = StoreFailure { kind: StoreFailureKind::Absent, detail: String::new() };
    table.event(Event::Store { id, answer: StoreAnswer::Failed(failure) });
    let (id, _) = table.expect_poll_now();
    table.reply(id, tokens());
    table.success();
}

#[test]
fn whoever_goes_on_is_no_faster_than_the_one_before() {
    let slowed = PendingGrant { interval: Duration::from_secs(12), polled: true, ..begun() };
    let mut table = resumed(slowed.clone(), 10_000);
    table.expect_silence_until(12_000);
    table.expect_poll_now();
    // The first poll of all may come early where the end is near, but nobody knows when the last one left.
    let mut table = resumed(PendingGrant { polled: false, ..slowed.clone() }, 590_000);
    table.expect_silence_until(8_500);
    table.expect_poll_now();
    let mut table = resumed(slowed, 590_000);
    table.expect_silence_until(10_000);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
}

#[test]
fn a_grant_that_an_older_program_began_is_read() {
    let text = begun().encode().expose_secret().replace(",\"polled\":false", "");
    assert!(!text.contains("polled"));
    assert_eq!(PendingGrant::decode(&Secret::from(text.as_str())), Some(begun()));
}

#[test]
fn another_issuers_is_not_finished_here() {
    let grant = PendingGrant {
        issuer: "https://elsewhere.example via https://elsewhere.example/t".into(),
        ..begun()
    };
    let table = resumed(grant, 1_000);
    table.expect_nothing_left();
    assert_eq!(&*table.failure().code, "other_issuer");
}

#[test]
fn a_code_that_an_earlier_finisher_used_up_is_told_as_lost() {
    let mut table = resumed(begun(), 1_000);
    table.expect_silence_until(7_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, error(400, "invalid_grant"));
    // Nobody is there to be asked whether to begin anew.
    let doorkey_core::command::Command::Ask { id, .. } = table.take() else { panic!("it asks") };
    table.event(Event::Answered { id, yes: false });
    assert!(table.failure().message.contains("got lost"), "{}", table.failure());
}

#[test]
fn what_does_not_begin_says_why() {
    for (answer, exit) in
        [(error(400, "invalid_client"), Exit::Server), (page(200), Exit::Server), (page(404), Exit::Server)]
    {
        let mut table = Timetable::new(service(), StartGrant::default());
        let (id, _) = table.take_request();
        table.reply(id, answer);
        assert_eq!(table.failure().exit, exit);
    }
    let mut table = Timetable::new(service(), StartGrant::default());
    let (id, _) = table.take_request();
    table.lose(id, FailureKind::Misconfigured);
    assert!(table.outcome().is_some());
}

#[test]
fn it_is_written_in_this_form_and_no_other() {
    let url = |text| Url::parse(text).unwrap();
    let grant = PendingGrant {
        issuer: "https://auth.example.com".into(),
        client_id: "cli".into(),
        device_code: Secret::from("device"),
        user_code: Secret::from("A\"B"),
        verification_uri: url("https://auth.example.com/device"),
        verification_uri_complete: Some(url("https://auth.example.com/device?user_code=AB")),
        started: Moment {
            wall: WallTime::from_unix_millis(7),
            mono: Timestamp::from_millis(8),
            boot: "b".into(),
        },
        lag: Duration::from_millis(9),
        lifetime: Duration::from_secs(600),
        interval: Duration::from_secs(5),
        polled: true,
    };
    let text = concat!(
        r#"{"v":1,"issuer":"https://auth.example.com","client_id":"cli","device_code":"device","user_code":"A\"B","#,
        r#""verification_uri":"https://auth.example.com/device","#,
        r#""verification_uri_complete":"https://auth.example.com/device?user_code=AB","#,
        r#""started":{"wall":7,"mono":8,"boot":"b"},"lag_ms":9,"lifetime_ms":600000,"interval_ms":5000,"polled":true}"#,
    );
    assert_eq!(grant.encode().expose_secret(), text);
    assert_eq!(PendingGrant::decode(&grant.encode()), Some(grant));
}
