//! A rotating session: what a token costs that is good as it is, what a refresh costs beyond its one request, and how
//! many requests a login and a refresh take.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorkey_blocking::{HttpTransport, ProxySettings, Transport as _};
use doorkey_core::url::Url;
use doorkey_sandbox::pensar::{Settings, account};
use doorkey_sandbox::{Options, Person, Running, serve};
use doorkey_tests::desktop::{Desktop, Services};

use crate::Binaries;
use crate::document::{table, verdict};
use crate::sample::{Sample, in_turn};

const ROUNDS: usize = 200;
/// How long an access token lives: much less than from one refresh to the next.
const LIFETIME: u64 = 300;
const LATER: u64 = 400;

/// What the sandbox was asked.
type Asked = Arc<Mutex<Vec<String>>>;

struct Place<'a> {
    binaries: &'a Binaries,
    desktop: &'a Desktop,
    sandbox: &'a Running,
    asked: &'a Asked,
}

impl Place<'_> {
    fn command(&self, program: &std::path::Path, args: &[&str]) -> Command {
        let announcement = self.sandbox.announcement();
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(self.desktop.environment()).envs(announcement.env.pairs());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn client(&self, store: &str, args: &[&str]) -> Command {
        self.command(&self.binaries.storm_client, &[&["--store", store], args].concat())
    }

    fn timed(&self, store: &str, args: &[&str]) -> Duration {
        let mut command = self.client(store, args);
        let started = Instant::now();
        let status = command.status().unwrap();
        let took = started.elapsed();
        assert!(status.success(), "{command:?} ended with {status}");
        took
    }

    /// The requests of programs that `work` brings about.
    fn requests(&self, work: impl FnOnce()) -> usize {
        self.asked.lock().unwrap().clear();
        work();
        let urls = self.sandbox.announcement().urls;
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|place| place.starts_with(&urls.pensar_api) || place.starts_with(&urls.workos))
            .count()
    }
}

pub(crate) fn measure(binaries: &Binaries) -> String {
    let desktop = Desktop::start("bench-session", Services::Installed).with_unlocked_keyring();
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let pensar = Settings {
        access_lifetime: Duration::from_secs(LIFETIME),
        device_interval: Duration::from_secs(1),
        ..Settings::default()
    };
    let mut options = Options { rate_limit: false, pensar, ..Options::default() };
    options.log = Some(Box::new(move |access| noted.lock().unwrap().push(access.place.clone())));
    let sandbox = serve(options).unwrap();
    let place = Place { binaries, desktop: &desktop, sandbox: &sandbox, asked: &asked };

    let per_login = place.requests(|| log_in(&place));
    let mut rows = vec![row("a login with one poll", "", per_login, None, String::new())];
    for store in ["file", "keychain"] {
        place.timed(store, &["sign-in"]);
        let mut commands = [place.client(store, &["nothing"]), place.client(store, &["once"])];
        let samples = in_turn(ROUNDS, &mut commands);
        let [nothing, good] = &samples[..] else { unreachable!("two commands") };
        let asked = place.requests(|| {
            place.timed(store, &["once"]);
        });
        rows.push(row(
            "nothing: a process that only starts",
            store,
            0,
            Some((nothing, nothing)),
            String::new(),
        ));
        let goal = verdict("no request", asked == 0);
        rows.push(row("a token that is good", store, asked, Some((good, nothing)), goal));

        let (mut refreshes, mut posts, mut later) = (Vec::new(), Vec::new(), 0);
        let mut refresh = || {
            later += LATER;
            place.timed(store, &["--later", &later.to_string(), "once"])
        };
        let asked = place.requests(|| {
            refresh();
        });
        for _ in 0..ROUNDS {
            refreshes.push(refresh());
            posts.push(place.timed(store, &["post"]));
        }
        let (refresh, post) = (Sample::new(refreshes), Sample::new(posts));
        rows.push(row("one POST and nothing else", store, 1, Some((&post, &post)), String::new()));
        let goal = verdict("one request", asked == 1);
        rows.push(row("a refresh", store, asked, Some((&refresh, &post)), goal));
    }
    let grade = sandbox.grade().unwrap();
    assert!(grade.is_clean(), "{grade:?}");
    table(&["what", "store", "requests", "median ms", "p99 ms", "× floor", "goal"], &rows)
}

/// Signs in by the shipped command. The one poll finds the approval there.
fn log_in(place: &Place<'_>) {
    let args = ["login", "--no-browser", "--json"];
    let mut login = place.command(&place.binaries.pensar, &args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(login.stdout.take().unwrap()).lines();
    let started: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let link = Url::parse(started["verification_uri_complete"].as_str().unwrap()).unwrap();
    let mut browser = HttpTransport::new(ProxySettings::default(), "doorkey-benches");
    let send = |request: &_| browser.send(request, Duration::from_secs(10)).map_err(|e| e.detail);
    Person::new(account::SOLO).approve(&link, send).unwrap();
    lines.for_each(drop);
    assert!(login.wait().unwrap().success());
}

/// A sample beside its floor.
fn row(
    what: &str,
    store: &str,
    requests: usize,
    sample: Option<(&Sample, &Sample)>,
    goal: String,
) -> Vec<String> {
    let [median, p99, ratio] = sample.map_or_else(Default::default, |(ours, floor)| {
        let [_, median, p99] = ours.cells();
        [median, p99, format!("{:.2}", ours.ratio(floor))]
    });
    vec![what.to_owned(), store.to_owned(), requests.to_string(), median, p99, ratio, goal]
}
