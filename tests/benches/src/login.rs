//! Whole logins into gnome-keyring: what they ask of the service, and how soon the token is stored after the click.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_blocking::{HttpTransport, ProxySettings, Transport as _};
use doorkey_core::http::Method;
use doorkey_core::url::Url;
use doorkey_sandbox::{ACCOUNTS, Options, Person, Running, serve};

use crate::Binaries;
use crate::document::{table, verdict};
use crate::sample::{Sample, millis};
use doorkey_tests::desktop::{Desktop, Services};

const LOGINS: u32 = 15;
/// Of the contract: the first poll comes after 2 s, each further one after 2.5 s.
const FIRST_POLL: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(2_500);

/// Requests by method and URL, each with its statuses.
type Asked = Arc<Mutex<BTreeMap<String, Vec<Option<u16>>>>>;

/// The command in a desktop session, pointed at a sandbox.
pub(crate) struct Terminal<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) desktop: &'a Desktop,
    pub(crate) sandbox: &'a Running,
}

impl Terminal<'_> {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let announcement = self.sandbox.announcement();
        let mut command = Command::new(self.binary);
        command.args(args).env_clear().envs(self.desktop.environment()).envs(announcement.env.pairs());
        command
    }
}

/// A sandbox that remembers what it was asked.
pub(crate) fn sandbox() -> (Running, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    // One login after the other comes from the same address.
    let mut options = Options { rate_limit: false, ..Options::default() };
    options.log = Some(Box::new(move |access| {
        let request = format!("{} {}", access.method, access.place);
        noted.lock().unwrap().entry(request).or_default().push(access.status);
    }));
    (serve(options).unwrap(), asked)
}

/// Signs in; the person opens the link and authorizes this long after it was shown. Returns the time from the click,
/// which is the moment before the browser sends the form, to the end of the command, which is after the token was
/// stored and read back.
pub(crate) fn log_in(terminal: &Terminal<'_>, thinking: Duration) -> Duration {
    let mut login = terminal.command(&["login", "--re-pair", "--no-browser", "--json"]);
    let mut login = login.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(login.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    let link = Url::parse(started["link"].as_str().unwrap()).unwrap();
    thread::sleep(thinking);

    let mut browser = HttpTransport::new(ProxySettings::default(), "doorkey-benches");
    let mut clicked = Instant::now();
    let approved = Person::new(ACCOUNTS[0].email).approve(&link, |request| {
        if request.method == Method::Post {
            clicked = Instant::now();
        }
        browser.send(request, Duration::from_secs(10)).map_err(|e| e.detail)
    });
    approved.unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(login.wait().unwrap().success());
    let took = clicked.elapsed();
    let stored: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(stored["backend"], "keychain", "{stored}");
    took
}

pub(crate) fn measure(binaries: &Binaries) -> String {
    let desktop = Desktop::start("bench-login", Services::Installed).with_unlocked_keyring();
    let (sandbox, asked) = sandbox();
    let terminal = Terminal { binary: &binaries.pentify, desktop: &desktop, sandbox: &sandbox };
    // One click in each part of an interval, at a random moment within it.
    let part = INTERVAL / LOGINS;
    let runs = (0..LOGINS).map(|login| log_in(&terminal, FIRST_POLL + part * login + random_below(part)));
    let sample = Sample::new(runs.collect());

    let grade = sandbox.grade().unwrap();
    let asked = asked.lock().unwrap();
    let api = sandbox.announcement().urls.api;
    let poll = format!("GET {api}/auth/terminal/poll");
    let polls = asked.get(&poll).unwrap();
    let others = asked.iter().filter(|(request, _)| request.contains(&api) && **request != poll);
    let others: usize = others.map(|(_, statuses)| statuses.len()).sum();
    let answered = polls.iter().filter(|status| **status == Some(200)).count();
    let beyond = others + answered.saturating_sub(LOGINS as usize);
    let row = |what: &str, figure: String, goal: String| vec![what.to_owned(), figure, goal];
    #[allow(clippy::cast_precision_loss)]
    let per_login = polls.len() as f64 / f64::from(LOGINS);
    let [min, median, most] = [0.0, 0.5, 1.0].map(|share| millis(sample.quantile(share)));
    let of_interval = sample.median().as_secs_f64() / INTERVAL.as_secs_f64();
    table(
        &["what", "figure", "goal"],
        &[
            row("logins", LOGINS.to_string(), String::new()),
            row("polls per login (mean)", format!("{per_login:.2}"), String::new()),
            row(
                "requests that are no poll, polls after the token, broken rules",
                format!("{others}, {}, {}", beyond - others, if grade.is_clean() { "none" } else { "some" }),
                verdict("none", beyond == 0 && grade.is_clean()),
            ),
            row(
                "click to stored token: min / median / max",
                format!("{min} / {median} / {most} ms"),
                String::new(),
            ),
            row("the median by the poll interval (2500 ms)", format!("{of_interval:.2}"), String::new()),
        ],
    )
}

fn random_below(limit: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    limit.mul_f64(f64::from(u16::try_from(random & 0xffff).unwrap_or_default()) / 65536.0)
}
