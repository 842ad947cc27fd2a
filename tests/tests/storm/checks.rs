//! What judges a storm is itself judged: by logs in which one thing is wrong.

use doorkey_tests::storm::issuer::{Log, Outcome, Request};
use doorkey_tests::storm::line::{Line, Told};
use doorkey_tests::storm::losses::{Losses, match_losses};
use doorkey_tests::storm::orderly::count_refreshes;
use doorkey_tests::storm::repeats::count_repeats;

fn line(client: u32, told: Told) -> Line {
    Line { client, told }
}

fn signed_in(login: &str) -> Line {
    let (token, access) = (format!("{login}1"), format!("access-{login}1"));
    line(0, Told::SignedIn { login: login.to_owned(), token, access })
}

/// A token is named by its login and its number.
fn sending(client: u32, token: &str, mono_millis: u64) -> Line {
    let (login, token) = (token[..1].to_owned(), token.to_owned());
    line(client, Told::Sending { login, token, attempt: 1, last_resort: false, age_millis: 0, mono_millis })
}

fn spending(client: u32, token: &str, last_resort: bool) -> Line {
    line(client, Told::Spending { login: token[..1].to_owned(), token: token.to_owned(), last_resort })
}

fn stored(client: u32, token: &str) -> Line {
    let (login, access) = (token[..1].to_owned(), format!("access-{token}"));
    line(client, Told::Stored { login, token: token.to_owned(), access })
}

fn got(client: u32, token: &str) -> Line {
    let (login, access) = (token[..1].to_owned(), format!("access-{token}"));
    line(client, Told::Token { login, access, needed: true, requests: 1, wait_micros: 1 })
}

fn told_to_sign_in(client: u32, login: &str) -> Line {
    let (login, code) = (Some(login.to_owned()), "rotation_interrupted".to_owned());
    line(client, Told::Failed { login, code, asks_for_login: true })
}

fn log(requests: &[(&str, Outcome)]) -> Log {
    let requests = requests.iter().zip(1..).map(|((token, outcome), id)| {
        let number = token[1..].parse().ok().filter(|_| *outcome != Outcome::Issued);
        Request { id, outcome: *outcome, family: Some(token[..1].to_uppercase()), number, unix_millis: id }
    });
    Log { requests: requests.collect(), undelivered: 0 }
}

/// One client renews twice, and another uses what it got.
fn orderly() -> (Vec<Line>, Log) {
    let lines = vec![
        signed_in("a"),
        spending(1, "a1", false),
        sending(1, "a1", 1_000),
        stored(1, "a2"),
        got(1, "a2"),
        got(2, "a2"),
        spending(2, "a2", false),
        sending(2, "a2", 2_000),
        stored(2, "a3"),
        got(2, "a3"),
    ];
    (lines, log(&[("a", Outcome::Issued), ("a1", Outcome::Rotated), ("a2", Outcome::Rotated)]))
}

#[test]
fn an_orderly_storm_is_counted() {
    let (lines, log) = orderly();
    assert_eq!(count_refreshes(&lines, &log, 900), Ok(2));
    assert_eq!(count_repeats(&lines, &log, 9_000), Ok(0));
    assert_eq!(match_losses(&lines, &log), Ok(Losses::default()));
}

#[test]
fn what_is_not_orderly_is_told() {
    type Change = fn(&mut Vec<Line>, &mut Log);
    let changes: [(&str, Change); 10] = [
        ("not as expected", |_, log| log.requests[2].outcome = Outcome::Repeated),
        ("skipped", |_, log| log.requests[2].number = Some(3)),
        ("without a sender", |_, log| {
            let again = Request { number: Some(3), ..log.requests[2].clone() };
            log.requests.push(again);
        }),
        ("reached nobody", |_, log| log.undelivered = 1),
        ("another login", |_, log| log.requests[1].outcome = Outcome::Issued),
        ("sent twice", |lines, _| lines.push(sending(3, "a2", 3_000))),
        ("too young", |lines, _| lines[7] = sending(2, "a2", 1_899)),
        ("used, but never stored", |lines, _| lines.push(got(3, "a4"))),
        ("never stored", |lines, _| drop(lines.drain(8..))),
        ("signed out", |lines, _| lines.push(told_to_sign_in(3, "a"))),
    ];
    for (name, change) in changes {
        let (mut lines, mut log) = orderly();
        change(&mut lines, &mut log);
        assert!(count_refreshes(&lines, &log, 900).is_err(), "{name}");
    }
}

#[test]
fn a_repeat_that_comes_too_late_or_for_nothing_is_told() {
    let repeat = |age_millis, last_resort| {
        let (login, token) = ("a".to_owned(), "a1".to_owned());
        line(3, Told::Sending { login, token, attempt: 2, last_resort, age_millis, mono_millis: 1 })
    };
    let outcomes = |last| log(&[("a", Outcome::Issued), ("a1", Outcome::Rotated), ("a1", last)]);
    let lines = |repeat| vec![signed_in("a"), sending(1, "a1", 0), line(1, Told::Killed), repeat];
    let repeated = outcomes(Outcome::Repeated);
    assert_eq!(count_repeats(&lines(repeat(8_999, false)), &repeated, 9_000), Ok(1));
    assert_eq!(count_repeats(&lines(repeat(60_000, true)), &repeated, 9_000), Ok(1), "the last resort");
    assert!(count_repeats(&lines(repeat(9_000, false)), &repeated, 9_000).is_err());
    assert!(count_repeats(&lines(told_to_sign_in(3, "a")), &repeated, 9_000).is_err());
    for last in [Outcome::ReuseRevoked, Outcome::Revoked, Outcome::Other] {
        assert!(count_repeats(&lines(repeat(1, false)), &outcomes(last), 9_000).is_err());
    }
}

/// Killed with a token on its way, whose answer therefore never was stored; then a new login.
fn lost() -> (Vec<Line>, Log) {
    let lines = vec![
        signed_in("a"),
        spending(1, "a1", false),
        sending(1, "a1", 1_000),
        line(1, Told::Killed),
        spending(2, "a1", true),
        sending(2, "a1", 2_000),
        told_to_sign_in(2, "a"),
        signed_in("b"),
        spending(2, "b1", false),
        sending(2, "b1", 3_000),
        stored(2, "b2"),
        got(2, "b2"),
    ];
    let log = log(&[
        ("a", Outcome::Issued),
        ("a1", Outcome::Rotated),
        ("a1", Outcome::ReuseRevoked),
        ("b", Outcome::Issued),
        ("b1", Outcome::Rotated),
    ]);
    (lines, log)
}

#[test]
fn a_loss_is_matched_with_its_kill() {
    let (lines, log) = lost();
    assert_eq!(match_losses(&lines, &log), Ok(Losses { kills: 1, in_flight: 1, lost: 1, given_up: 0 }));
}

#[test]
fn a_kill_that_took_nothing_is_none_of_the_losses() {
    let (mut lines, mut log) = lost();
    // The request had not arrived: the next one was the first.
    log.requests.remove(2);
    lines.splice(6..7, [stored(2, "a2"), got(2, "a2")]);
    assert_eq!(match_losses(&lines, &log), Ok(Losses { kills: 1, in_flight: 1, ..Losses::default() }));
    // It had been stored before the kill.
    let (lines, log) = orderly();
    let killed = [&lines[..4], &[line(1, Told::Killed)], &lines[5..]].concat();
    assert_eq!(match_losses(&killed, &log), Ok(Losses { kills: 1, ..Losses::default() }));
}

#[test]
fn a_loss_without_its_kill_is_told() {
    type Change = fn(&mut Vec<Line>, &mut Log);
    let changes: [(&str, Change); 10] = [
        ("nobody was killed", |lines, _| drop(lines.remove(3))),
        ("somebody else was", |lines, _| lines[3].client = 3),
        ("killed before it sent", |lines, _| lines[1..4].rotate_right(1)),
        ("killed after it was told the end", |lines, _| lines.insert(3, got(1, "a1"))),
        ("killed after it stored", |lines, _| lines.insert(3, stored(1, "a2"))),
        ("told to sign in for nothing", |lines, _| lines.push(told_to_sign_in(4, "b"))),
        ("refused for nothing", |_, log| log.requests[4].outcome = Outcome::Revoked),
        ("sent by nobody", |_, log| {
            let again = Request { number: Some(2), ..log.requests[4].clone() };
            log.requests.push(again);
        }),
        ("stored by nobody", |lines, _| drop(lines.drain(10..))),
        ("sent without a note", |lines, _| drop(lines.remove(4))),
    ];
    for (name, change) in changes {
        let (mut lines, mut log) = lost();
        change(&mut lines, &mut log);
        assert!(match_losses(&lines, &log).is_err(), "{name}");
    }
}

#[test]
fn a_session_is_given_up_after_four_kills_and_no_earlier() {
    // None of the requests arrived; the last three were the last resorts.
    let attempts = |last_resorts: usize| {
        let mut lines = vec![signed_in("a")];
        for (client, attempt) in (1..).zip(0..=last_resorts) {
            lines.extend([
                spending(client, "a1", attempt > 0),
                sending(client, "a1", 1),
                line(client, Told::Killed),
            ]);
        }
        lines.push(told_to_sign_in(9, "a"));
        lines
    };
    let log = log(&[("a", Outcome::Issued)]);
    let losses = Losses { kills: 4, in_flight: 4, lost: 0, given_up: 1 };
    assert_eq!(match_losses(&attempts(3), &log), Ok(losses));
    assert!(match_losses(&attempts(2), &log).is_err());
    for killed in [6, 9, 12] {
        let mut lines = attempts(3);
        assert_eq!(lines.remove(killed).told, Told::Killed);
        assert!(match_losses(&lines, &log).is_err(), "{killed}");
    }
}
