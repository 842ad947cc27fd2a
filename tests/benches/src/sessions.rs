//! Many logins at once: memory, processor time and punctuality of the async driver, beside another client.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Binaries;
use crate::document::{table, verdict};
use crate::process::{memory, processor_time};
use crate::sample::millis;

const SESSIONS: u64 = 10_000;
const INTERVAL: u64 = 5;
/// Without sockets.
const MANY: u64 = 100_000;
const MANY_INTERVAL: u64 = 20;
/// Longer than it takes to start them all: there is a moment then at which all have a code and none has polled.
const LONG_INTERVAL: u64 = 60;
/// How long polls are watched.
const WATCHED: Duration = Duration::from_secs(20);

/// Bytes per session before the first poll, between polls with a new connection each, and with one that is kept.
const GOALS: [u64; 3] = [800, 1_400, 2_000];
const LATEST: Duration = Duration::from_millis(50);
/// So many times as large the other client's kept sessions are at least.
const TIMES: u64 = 5;

/// What is seen of a client, each state if it comes to it.
#[derive(Default)]
struct Seen {
    /// Bytes per session before the first poll.
    waiting: u64,
    /// The same while it polls.
    polling: u64,
    watched: Option<Watched>,
}

/// What is seen of a client while it polls.
struct Watched {
    processor_time: Duration,
    polls: u32,
    /// How late at most half of the polls were, and all but one in a hundred.
    late: [Duration; 2],
}

pub(crate) fn measure(binaries: &Binaries) -> String {
    let ours = |service: &[&str], machine: &str, connections: &str| {
        let mut client = Command::new(&binaries.sessions);
        client.args([machine, connections, &SESSIONS.to_string(), &INTERVAL.to_string()]);
        run(binaries, service, client, SESSIONS, "polled")
    };
    let peer = |connections: &str| {
        let mut client = Command::new(&binaries.peer);
        client.args([connections, &SESSIONS.to_string()]);
        run(binaries, &ISSUER, client, SESSIONS, "polled")
    };
    const SANDBOX: [&str; 1] = ["sandbox"];
    const ISSUER: [&str; 2] = ["issuer", "5"];

    let pairing = [ours(&SANDBOX, "pairing", "reconnecting"), ours(&SANDBOX, "pairing", "kept")];
    let mut grant = [ours(&ISSUER, "device", "reconnecting"), ours(&ISSUER, "device", "kept")];
    let peer = [peer("reconnecting"), peer("kept")];
    let mut client = Command::new(&binaries.sessions);
    client.args(["device", "reconnecting", &SESSIONS.to_string(), &INTERVAL.to_string()]);
    let long = ["issuer", &LONG_INTERVAL.to_string()];
    grant[0].waiting = run(binaries, &long, client, SESSIONS, "waiting").waiting;
    let mut client = Command::new(&binaries.sessions);
    client.args(["pairing", "none", &MANY.to_string(), &MANY_INTERVAL.to_string()]);
    let many = run(binaries, &SANDBOX, client, MANY, "polled");

    let rows = [
        row("`Pairing`, sandbox", "new", &pairing[0]),
        row("`Pairing`, sandbox", "kept", &pairing[1]),
        row("`DeviceGrant`, issuer", "new", &grant[0]),
        row("`DeviceGrant`, issuer", "kept", &grant[1]),
        row("`oauth2` crate, issuer", "new", &peer[0]),
        row("`oauth2` crate, issuer", "kept", &peer[1]),
        row("100,000 × `Pairing`, answered at once", "none", &many),
    ];
    let head = [
        "10,000 × client",
        "connections",
        "bytes before the first poll",
        "bytes between polls",
        "of one processor",
        "µs per poll",
        "late ms: median",
        "p99",
    ];
    table(&head, &rows) + "\n" + &goals(&pairing, &grant, &peer)
}

/// Runs a client against a service until it says that it has come to `last`.
fn run(binaries: &Binaries, service: &[&str], mut client: Command, sessions: u64, last: &str) -> Seen {
    let mut service = Command::new(&binaries.service)
        .args(service)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let mut client = client.arg(url.trim()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let output = client.stdout.take().unwrap();
    let seen = watch(&client, output, sessions, last);
    client.kill().unwrap();
    client.wait().unwrap();
    // It ends with its input.
    drop(service.stdin.take());
    service.wait().unwrap();
    seen
}

fn watch(client: &Child, output: ChildStdout, sessions: u64, last: &str) -> Seen {
    let process = client.id();
    let (mut seen, mut before, mut time) = (Seen::default(), 0, Duration::ZERO);
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        let per_session = || memory(process).saturating_sub(before) / sessions;
        let mut words = line.split_whitespace();
        match words.next().unwrap() {
            "started" => before = memory(process),
            "waiting" => seen.waiting = per_session(),
            "polling" => time = processor_time(process),
            "polled" => {
                let mut number = || words.next().unwrap().parse::<u32>().unwrap();
                let polls = number();
                let late = [(); 2].map(|()| Duration::from_micros(number().into()));
                seen.polling = per_session();
                seen.watched = Some(Watched { processor_time: processor_time(process) - time, polls, late });
            }
            _ => panic!("{line}"),
        }
        if line.starts_with(last) {
            break;
        }
    }
    seen
}

fn row(client: &str, connections: &str, seen: &Seen) -> Vec<String> {
    let Seen { waiting, polling, watched } = seen;
    let Watched { processor_time, polls, late: [median, p99] } = watched.as_ref().unwrap();
    let share = 100.0 * processor_time.as_secs_f64() / WATCHED.as_secs_f64();
    let waiting = if connections == "kept" { String::new() } else { waiting.to_string() };
    vec![
        client.to_owned(),
        connections.to_owned(),
        waiting,
        polling.to_string(),
        format!("{share:.1} %"),
        format!("{:.0}", processor_time.as_secs_f64() * 1e6 / f64::from(*polls)),
        millis(*median),
        millis(*p99),
    ]
}

fn goals(pairing: &[Seen; 2], grant: &[Seen; 2], peer: &[Seen; 2]) -> String {
    let row = |what: &str, figure: String, goal: String| vec![what.to_owned(), figure, goal];
    let bytes = |what: &str, bytes: u64, goal: u64| {
        row(what, bytes.to_string(), verdict(&format!("< {goal}"), bytes < goal))
    };
    let [reconnecting, kept] = pairing;
    let times = peer[1].polling / grant[1].polling.max(1);
    let late = |seen: &Seen| seen.watched.as_ref().unwrap().late[1];
    let latest = pairing.iter().map(late).max().unwrap();
    table(
        &["what", "figure", "goal"],
        &[
            bytes("`Pairing`, bytes before the first poll", reconnecting.waiting, GOALS[0]),
            bytes("`Pairing`, bytes between polls with new connections", reconnecting.polling, GOALS[1]),
            bytes("`Pairing`, bytes with a connection kept", kept.polling, GOALS[2]),
            row(
                "`oauth2` crate by `DeviceGrant`, bytes with a connection kept",
                format!("{times}×"),
                verdict(&format!("≥ {TIMES}×"), times >= TIMES),
            ),
            row(
                "`Pairing`, lateness of polls, p99",
                format!("{} ms", millis(latest)),
                verdict(&format!("< {} ms", LATEST.as_millis()), latest < LATEST),
            ),
        ],
    )
}
