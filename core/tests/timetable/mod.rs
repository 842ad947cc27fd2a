//! A machine on a timetable: virtual time, and nothing that happens unasked goes unnoticed. A machine that there is a
//! [`Task`] for is traced, and every trace is replayed.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::{Disposition, Logic, Machine, Outcome, WakeReason};
use doorkey_core::notice::Notice;
use doorkey_core::pairing::Pairing;
use doorkey_core::secret::Entropy;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::StoreOp;
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::trace::{Recorder, replay};
use doorkey_core::url::Url;

pub const ORIGIN: u64 = 1_000_000;
pub const WALL: u64 = 1_700_000_000_000;

/// What the servers of the tests give out, and no trace may have.
const SECRETS: [&str; 13] = [
    "dev-code-1",
    "legacy-code-1",
    "ABCD-EFGH",
    "WXYZ",
    "access-minted-1",
    "refresh-minted-1",
    "pk-legacy-1",
    "sign-1",
    "code-given-1",
    "~c~",
    // State, verifier and challenge of a login in the browser.
    "AQEBAQEB",
    "AgICAgIC",
    "bB1ju9q0",
];

pub fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

pub fn pensar() -> Service {
    Service::pensar(
        PensarHosts {
            api: url("https://api.pensar.dev"),
            console: url("https://console.pensar.dev"),
            gateway: url("https://gateway.pensar.dev"),
            workos: url("https://api.workos.com"),
        },
        "build-box".into(),
    )
}

pub fn service() -> Service {
    Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into())
}

/// A pairing whose page is open.
pub fn start_pairing(service: Service) -> Timetable<Pairing> {
    let mut table = Timetable::new(service, Pairing::new(None, true));
    table.give_entropy();
    let Command::OpenPage { id, url } = table.take() else { panic!("the page is opened") };
    assert_eq!(
        url.to_string(),
        "https://app.pentify.io/auth/terminal-pair?device_id=…&device_name=build-box"
    );
    table.event(Event::PageOpened { id });
    table
}

pub struct Timetable<L: Logic> {
    pub machine: Machine<L>,
    /// Real time.
    now: u64,
    /// How fast the monotonic clock runs, in thousandths of real time.
    rate: u64,
    /// How far the wall clock has been set.
    wall_set: i64,
    commands: VecDeque<Command>,
    pub notices: Vec<Notice>,
    trace: Option<(Recorder, Vec<String>)>,
}

impl Timetable<DeviceGrant> {
    pub fn grant(service: Service, open_browser: bool) -> Self {
        Self::grant_at(service, open_browser, 1000)
    }

    pub fn grant_at(service: Service, open_browser: bool, rate: u64) -> Self {
        let mut recorder = Recorder::default();
        let begun = recorder.begin(&Task::DeviceGrant { open_browser }, &service);
        Self::begin(service, DeviceGrant::new(open_browser), rate, Some((recorder, vec![begun])))
    }
}

impl Timetable<BrowserGrant> {
    pub fn browser(service: Service, open_browser: bool) -> Self {
        let mut recorder = Recorder::default();
        let begun = recorder.begin(&Task::BrowserGrant { open_browser }, &service);
        Self::begin(service, BrowserGrant::new(open_browser), 1000, Some((recorder, vec![begun])))
    }
}

impl<L: Logic> Timetable<L>
where
    L::Output: Debug + Clone + PartialEq,
{
    pub fn new(service: Service, logic: L) -> Self {
        Self::begin(service, logic, 1000, None)
    }

    fn begin(service: Service, logic: L, rate: u64, trace: Option<(Recorder, Vec<String>)>) -> Self {
        let machine = Machine::new(service, logic);
        let (commands, notices) = (VecDeque::new(), Vec::new());
        let mut table = Self { machine, now: 0, rate, wall_set: 0, commands, notices, trace };
        table.event(Event::Started { jitter_seed: 7 });
        table
    }

    pub fn clock(&self) -> Now {
        Now {
            mono: Timestamp::from_millis(ORIGIN + self.now * self.rate / 1000),
            wall: WallTime::from_unix_millis((WALL + self.now).saturating_add_signed(self.wall_set)),
        }
    }

    /// Somebody sets the wall clock.
    pub fn set_wall_clock(&mut self, by_millis: i64) {
        self.wall_set += by_millis;
    }

    /// Milliseconds since the start.
    pub fn millis(&self) -> u64 {
        self.now
    }

    pub fn event(&mut self, event: Event) -> Disposition {
        let disposition = self.machine.handle_event(self.clock(), event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| self.machine.poll_command()).collect();
        let now = self.clock();
        if let Some((recorder, lines)) = &mut self.trace {
            lines.push(recorder.line(now, &event, disposition, &commands));
        }
        for command in commands {
            match command {
                Command::Show(notice) => self.notices.push(notice),
                command => self.commands.push_back(command),
            }
        }
        disposition
    }

    /// When the machine wants to be woken, in real milliseconds since the start.
    pub fn next_wake(&self) -> Option<(u64, WakeReason)> {
        self.machine.poll_timeout().map(|(at, why)| (self.real(at), why))
    }

    /// When the monotonic clock shows that.
    pub fn real(&self, at: Timestamp) -> u64 {
        ((at.as_millis() - ORIGIN) * 1000).div_ceil(self.rate)
    }

    /// Jumps, without a wake-up on the way.
    pub fn jump_to(&mut self, millis: u64) {
        assert!(millis >= self.now, "time goes forward");
        self.now = millis;
    }

    /// Nothing may be wanted before `millis`, even if asked at each deadline's last millisecond.
    pub fn expect_silence_until(&mut self, millis: u64) {
        self.expect_nothing_left();
        while let Some((at, WakeReason::CompareClocks)) = self.next_wake().filter(|(at, _)| *at < millis) {
            self.jump_to(at);
            self.event(Event::Woke);
            self.expect_nothing_left();
        }
        if let Some((wake, why)) = self.next_wake() {
            assert!(wake >= millis, "woken at {wake} ms for {why:?}, silence was expected until {millis} ms");
        }
        self.jump_to(millis.saturating_sub(1).max(self.now));
        let is_early = self.next_wake().is_some_and(|(at, _)| at > self.now);
        let disposition = self.event(Event::Woke);
        assert!(!is_early || disposition == Disposition::Ignored("nothing is due"), "{disposition:?}");
        assert_eq!(self.commands, [], "at {} ms", self.now);
        assert_eq!(self.machine.outcome().map(|_| ()), None, "at {} ms", self.now);
        self.jump_to(millis);
    }

    pub fn expect_nothing_left(&self) {
        assert_eq!(self.commands, [], "left over at {} ms", self.now);
    }

    /// Wakes the machine now and takes the request it must send.
    pub fn expect_poll_now(&mut self) -> (CommandId, HttpRequest) {
        self.event(Event::Woke);
        self.take_request()
    }

    /// Jumps to when the machine wants to be woken, where it must send a request.
    pub fn next_poll(&mut self) -> (CommandId, HttpRequest) {
        let (at, why) =
            self.next_wake().unwrap_or_else(|| panic!("nothing is waited for at {} ms", self.now));
        assert_eq!(why, WakeReason::NextPoll, "at {at} ms");
        self.jump_to(at.max(self.now));
        self.expect_poll_now()
    }

    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    pub fn take(&mut self) -> Command {
        self.commands.pop_front().unwrap_or_else(|| panic!("no command at {} ms", self.now))
    }

    pub fn take_request(&mut self) -> (CommandId, HttpRequest) {
        match self.take() {
            Command::Send { id, request, .. } => (id, request),
            other => panic!("a request was expected, not {other:?}"),
        }
    }

    pub fn take_store(&mut self) -> (CommandId, StoreOp) {
        match self.take() {
            Command::Store { id, op } => (id, op),
            other => panic!("a store operation was expected, not {other:?}"),
        }
    }

    pub fn give_entropy(&mut self) {
        self.give_entropy_of(42);
    }

    pub fn give_entropy_of(&mut self, byte: u8) {
        let Command::DrawEntropy { id } = self.take() else { panic!("entropy was expected") };
        self.event(Event::Entropy { id, entropy: Entropy::new([byte; 32]) });
    }

    pub fn reply(&mut self, id: CommandId, response: HttpResponse) -> Disposition {
        self.event(Event::Response { id, response })
    }

    pub fn lose(&mut self, id: CommandId, kind: FailureKind) -> Disposition {
        self.event(Event::RequestFailed {
            id,
            failure: RequestFailure { kind, detail: "a wire was cut".into() },
        })
    }

    pub fn outcome(&self) -> Option<&Outcome<L::Output>> {
        self.machine.outcome()
    }

    pub fn failure(&self) -> &Failure {
        match self.machine.outcome() {
            Some(Err(failure)) => failure,
            other => panic!("a failure was expected at {} ms, not {other:?}", self.now),
        }
    }

    pub fn success(&self) -> &L::Output {
        match self.machine.outcome() {
            Some(Ok(output)) => output,
            other => panic!("success was expected at {} ms, not {other:?}", self.now),
        }
    }
}

impl<L: Logic> Drop for Timetable<L> {
    fn drop(&mut self) {
        let Some((recorder, mut lines)) = self.trace.take().filter(|_| !std::thread::panicking()) else {
            return;
        };
        if let Some(outcome) = self.machine.outcome() {
            lines.push(recorder.end(outcome.as_ref().err()));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for secret in SECRETS {
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
        }
        replay(&lines).unwrap().unwrap_or_else(|difference| panic!("{difference:#?}"));
    }
}

pub fn envelope(status: u16, code: &str) -> HttpResponse {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"req_1"}}}}"#);
    HttpResponse::new(status, body).header("content-type", "application/json")
}

pub fn not_yet() -> HttpResponse {
    envelope(404, "not_paired_yet")
}

pub fn paired() -> HttpResponse {
    HttpResponse::new(
        200,
        r#"{"token":"pt_live_minted0123456789abcdef","workspace":{"id":"w1","name":"Acme","slug":"acme"},
            "user":{"email":"solo@pentify.sandbox"},"scopes":["scans:read"],"key_name":"Pentify Terminal · build-box"}"#,
    )
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
