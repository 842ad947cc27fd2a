//! The storms themselves. Each ends with one line of figures; what is asserted does not depend on how fast the machine
//! is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::measured;
use crate::storm::fleet::Fleet;
use crate::storm::issuer::{Log, Outcome};
use crate::storm::line::{Line, Told};
use crate::storm::losses::{Losses, match_losses};
use crate::storm::orderly::count_refreshes;
use crate::storm::repeats::count_repeats;
use crate::storm::site::{Issuer, Site, Store};
use crate::storm::waits::Waits;
use crate::{PATIENCE, wait_for};

/// Whole seconds are what tokens say; so this is the shortest life.
const LIFETIME: u64 = 1;
/// A token is due when less than a tenth of its life is left (invariant 10).
const DUE_MILLIS: u64 = 900;
/// The clients' idea of the issuer's grace period, as for Pensar; what is left of it must be a second.
const BELIEVED_GRACE: u64 = 10;
/// Much longer than that, so that a machine that stops for a while is no token that comes too late.
const GRACE: u64 = 3_600;
/// So many lines of each side are shown when something does not hold.
const EVIDENCE: usize = 300;
/// When nothing is renewed for so long, it is worth looking why.
const STANDSTILL: Duration = Duration::from_secs(10);
/// Who signs in is none of the fleet.
const PERSON: u32 = 0;

/// How large a storm is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Processes at any time.
    pub clients: usize,
    /// Access tokens that expire, at least.
    pub expiries: usize,
    /// The longest pause of a client between two asks.
    pub pause: Duration,
    /// The longest pause between two kills.
    pub calm: Duration,
}

/// A strict issuer and nothing that goes wrong: as many refreshes as expiries.
///
/// # Panics
/// If anything is otherwise.
pub fn strict(store: Store, size: Size) {
    let issuer = Issuer { access_lifetime: LIFETIME, grace: 0, believed_grace: 0, faults: &[] };
    let site = Site::new("storm-strict", store, &issuer);
    let started = Instant::now();
    site.sign_in(PERSON);
    let fleet = Fleet::start(&site, size.clients, asking(size, &[]));
    until(&site, |log| {
        std::thread::sleep(Duration::from_millis(100));
        log.count(Outcome::Rotated) >= size.expiries
    });
    fleet.end();
    let (lines, log) = (site.lines(), site.issuer_log());
    let refreshes = count_refreshes(&lines, &log, DUE_MILLIS).unwrap_or_else(|e| broken(&e, &lines, &log));
    assert!(refreshes >= size.expiries);
    assert_eq!(asked(&lines), size.clients, "all of them were there until the end");
    assert_eq!(site.errors(), "");
    report("strict", store, size, started, &lines, &format!("{refreshes} expiries, {refreshes} refreshes"));
}

/// A grace period, kills and lost answers: nothing is lost.
///
/// # Panics
/// If anything is otherwise.
pub fn with_grace(store: Store, size: Size) {
    // A slow answer gives a kill its chance.
    let faults = &["lost-answer:0.1", "slow:0.25"];
    let issuer = Issuer { access_lifetime: LIFETIME, grace: GRACE, believed_grace: BELIEVED_GRACE, faults };
    let site = Site::new("storm-grace", store, &issuer);
    let started = Instant::now();
    site.sign_in(PERSON);
    let mut fleet = Fleet::start(&site, size.clients, asking(size, &[]));
    until(&site, |log| {
        fleet.pause(size.calm);
        fleet.kill_one_of(size.clients / 4);
        // One in which nothing was hit proves nothing.
        log.count(Outcome::Rotated) >= size.expiries && log.count(Outcome::Repeated) > 0
    });
    let kills = fleet.killed();
    let last = fleet.next_name();
    fleet.end();
    let is_lost = |told: &Told| matches!(told, Told::Failed { code, .. } if code == "session_not_renewed");
    let (told, signed_in) = wait_for("an answer that is not lost", || {
        let ran = site.run(last, &["--later", "5", "once"]);
        (!ran.0.last().is_some_and(is_lost)).then_some(ran)
    });
    assert!(signed_in, "{told:?}");
    let (lines, log) = (site.lines(), site.issuer_log());
    let repeats = count_repeats(&lines, &log, (BELIEVED_GRACE - 1) * 1_000)
        .unwrap_or_else(|e| broken(&e, &lines, &log));
    let (rotated, lost) = (log.count(Outcome::Rotated), log.undelivered);
    let longest = log.longest_replay_millis();
    let figures = format!(
        "{rotated} refreshes, {kills} kills, {lost} answers that reached nobody, {repeats} repeats, the latest after \
         {longest} ms, 0 sessions lost"
    );
    report("grace", store, size, started, &lines, &figures);
}

/// A strict issuer, slow answers and kills: lost is what a kill took in the one moment where that cannot be helped.
/// Then somebody signs in anew, and it goes on.
///
/// # Panics
/// If anything is otherwise.
pub fn strict_with_kills(store: Store, size: Size) {
    let faults = &["slow:0.5"];
    let issuer = Issuer { access_lifetime: LIFETIME, grace: 0, believed_grace: 0, faults };
    let site = Site::new("storm-kills", store, &issuer);
    let started = Instant::now();
    site.sign_in(PERSON);
    let mut fleet = Fleet::start(&site, size.clients, asking(size, &[]));
    let mut tail = site.tail();
    let mut current = String::new();
    until(&site, |log| {
        fleet.pause(size.calm);
        fleet.kill_one_of(size.clients / 2);
        if is_over(&tail.look(), &mut current) {
            site.sign_in(PERSON);
        }
        log.count(Outcome::Rotated) >= size.expiries && log.count(Outcome::ReuseRevoked) > 0
    });
    let last = fleet.next_name();
    fleet.end();
    // If the last kill was such a one, it is found out now.
    site.run(last, &["--later", "5", "once"]);
    let (lines, log) = (site.lines(), site.issuer_log());
    let Losses { kills, in_flight, lost, given_up } =
        match_losses(&lines, &log).unwrap_or_else(|e| broken(&e, &lines, &log));
    let rotated = log.count(Outcome::Rotated);
    let figures = format!(
        "{rotated} refreshes, {kills} kills, {in_flight} of them with a token on its way, {lost} sessions lost, each by \
         such a kill, {given_up} given up after four kills in a row"
    );
    report("strict with kills", store, size, started, &lines, &figures);
}

/// The same without the lock and what belongs to it: the session is lost, or storms prove nothing.
///
/// # Panics
/// If it is not.
pub fn careless(store: Store, size: Size) {
    let issuer = Issuer { access_lifetime: LIFETIME, grace: 0, believed_grace: 0, faults: &[] };
    let site = Site::new("storm-careless", store, &issuer);
    let started = Instant::now();
    site.sign_in(PERSON);
    let fleet = Fleet::start(&site, size.clients, asking(size, &["--careless"]));
    until(&site, |log| {
        std::thread::sleep(Duration::from_millis(20));
        log.count(Outcome::ReuseRevoked) > 0
    });
    drop(fleet);
    let (lines, log) = (site.lines(), site.issuer_log());
    let broken = count_refreshes(&lines, &log, DUE_MILLIS).unwrap_err();
    let figures = format!("lost after {} refreshes ({broken})", log.count(Outcome::Rotated));
    report("careless", store, size, started, &lines, &figures);
}

/// Whether these lines tell that somebody must sign in anew. `current`: the login that was made last.
fn is_over(told: &str, current: &mut String) -> bool {
    let mut over = false;
    for line in Line::read_all(told) {
        match line.told {
            Told::SignedIn { login, .. } => (*current, over) = (login, false),
            Told::Failed { login: Some(login), asks_for_login: true, .. } => over |= login == *current,
            _ => {}
        }
    }
    over
}

/// Waits until `done`, which is asked with the issuer's log again and again, as long as sessions are renewed.
fn until(site: &Site, mut done: impl FnMut(&Log) -> bool) {
    let (mut seen, mut at) = (0, Instant::now());
    loop {
        let log = site.issuer_log();
        if done(&log) {
            return;
        }
        let renewed = log.count(Outcome::Rotated);
        if renewed != seen {
            (seen, at) = (renewed, Instant::now());
        }
        if at.elapsed() > STANDSTILL && site.revive_keyring() {
            measured::told("the keyring had crashed, and was started again");
            at = Instant::now();
        }
        if at.elapsed() > PATIENCE {
            broken("nothing is renewed any more", &site.lines(), &log);
        }
    }
}

fn asking(size: Size, flags: &[&str]) -> Vec<String> {
    let pause = size.pause.as_millis().to_string();
    flags.iter().chain(&["loop", "--pause-millis", &pause]).map(|arg| (*arg).to_owned()).collect()
}

fn asked(lines: &[Line]) -> usize {
    lines.iter().filter(|line| matches!(line.told, Told::Ended { asked: 1.., .. })).count()
}

/// Fails with what led there.
fn broken(what: &str, lines: &[Line], log: &Log) -> ! {
    let told = lines.iter().filter(|line| !matches!(line.told, Told::Token { .. }));
    let told: Vec<String> = told.map(|line| format!("{line:?}")).collect();
    let asked: Vec<String> = log.requests.iter().map(|request| format!("{request:?}")).collect();
    let [told, asked] = [told, asked].map(|lines| lines[lines.len().saturating_sub(EVIDENCE)..].join("\n"));
    panic!("{what}\nthe clients:\n{told}\nthe issuer:\n{asked}");
}

fn report(storm: &str, store: Store, size: Size, started: Instant, lines: &[Line], figures: &str) {
    let Size { clients, .. } = size;
    let (took, waits) = (started.elapsed().as_secs_f64(), Waits::of(lines));
    let mut troubles = BTreeMap::<&str, usize>::new();
    for line in lines {
        if let Told::Failed { code, .. } = &line.told {
            *troubles.entry(code).or_default() += 1;
        }
    }
    measured::told(format_args!(
        "storm, {storm}, {}: {clients} processes, {figures}; {waits}; failures told: {troubles:?}; {took:.1} s",
        store.name()
    ));
}
