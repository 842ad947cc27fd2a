//! Where machines run: stores, servers, a person and a clock, all of which do what a plan says. What the machines must
//! not do at any time is looked for here and in `process.rs`; what is found first is the verdict, with the story so far.

use std::cell::RefCell;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::{Logic, Outcome};
use doorkey_core::notice::Notice;
use doorkey_core::redirect::RedirectRequest;
use doorkey_core::rotation::Journal;
use doorkey_core::secret::Entropy;
use doorkey_core::service::Service;
use doorkey_core::store::{StoreAnswer, StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::Url;
use proptest::test_runner::{TestCaseError, TestCaseResult};

use crate::disk::{Disk, StoreFault};
use crate::issuer::Issuer;
use crate::plan::{NetFault, Plan};
use crate::process::{Acting, Process};

/// When the world begins, on the monotonic clock.
pub const ORIGIN: u64 = 1_000_000;
/// The same on the wall clock.
pub const EPOCH: u64 = 1_700_000_000_000;
/// There and back again.
const LATENCY: u64 = 50;
/// From a question to its answer.
const THINKING: u64 = 1_000;
/// So many actions are more than any machine needs.
const ENOUGH: usize = 20_000;

/// What the servers answer.
pub type Server = Box<dyn FnMut(&mut Issuer, &HttpRequest, u64) -> HttpResponse>;
/// What comes to the listener of a login with that link, and after how many milliseconds.
pub type Browser = Box<dyn FnMut(&Url) -> Vec<(u64, RedirectRequest)>>;

pub struct World {
    pub service: Service,
    pub disk: Disk,
    pub issuer: Issuer,
    /// Milliseconds since the beginning.
    pub millis: u64,
    pub person: Person,
    pub server: Server,
    pub browser: Browser,
    /// No address can be listened on; only the first one.
    pub ports: [bool; 2],
    /// What a search for a token comes to, in this order.
    pub finds: Vec<Event>,
    pub plan: Plan,
    pub operations: usize,
    pub sent: Vec<Sent>,
    pub notices: Vec<Notice>,
    pub pages: Vec<Url>,
    story: Vec<String>,
    violation: Option<String>,
    /// What no `Debug`, no failure and no trace may have in it.
    marks: Vec<String>,
    draws: u8,
    processes: Vec<Option<Box<dyn Acting>>>,
}

/// Who sits there.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub says_yes: bool,
    pub chooses: Option<usize>,
    /// Whether there is a browser.
    pub has_browser: bool,
}

/// A request that was to leave.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: u64,
    pub request: HttpRequest,
    pub fault: Option<NetFault>,
    /// Of the answer, if one came back.
    pub status: Option<u16>,
}

/// A process, and what it ended with.
pub struct Handle<T> {
    pub pid: usize,
    outcome: Rc<RefCell<Option<Outcome<T>>>>,
}

impl<T: Clone> Handle<T> {
    /// `None`: it was killed.
    pub fn outcome(&self) -> Option<Outcome<T>> {
        self.outcome.borrow().clone()
    }
}

impl World {
    pub fn new(
        service: Service,
        server: impl FnMut(&mut Issuer, &HttpRequest, u64) -> HttpResponse + 'static,
    ) -> Self {
        Self {
            service,
            disk: Disk::default(),
            issuer: Issuer::default(),
            millis: 0,
            person: Person { says_yes: true, chooses: Some(0), has_browser: true },
            server: Box::new(server),
            browser: Box::new(|_| Vec::new()),
            ports: [true; 2],
            finds: Vec::new(),
            plan: Plan::default(),
            operations: 0,
            sent: Vec::new(),
            notices: Vec::new(),
            pages: Vec::new(),
            story: Vec::new(),
            violation: None,
            marks: vec!["hush-".to_owned()],
            draws: 0,
            processes: Vec::new(),
        }
    }

    pub fn now(&self) -> Now {
        Now {
            mono: Timestamp::from_millis(ORIGIN + self.millis),
            wall: WallTime::from_unix_millis(EPOCH + self.millis),
        }
    }

    pub fn sleep(&mut self, millis: u64) {
        self.millis += millis;
        self.tell(format!("{millis} ms pass"));
    }

    /// What goes wrong from now on.
    pub fn plan(&mut self, plan: &Plan) {
        self.plan = plan.clone();
        self.operations = 0;
        self.sent.clear();
        self.notices.clear();
        self.pages.clear();
    }

    /// Starts a process with this machine. One that there is a [`Task`] for is traced.
    pub fn start<L>(&mut self, task: Option<Task>, logic: L) -> Handle<L::Output>
    where
        L: Logic + Clone + Debug + Eq + Hash + 'static,
        L::Output: Clone + Debug + Eq + Hash + 'static,
    {
        let (pid, outcome) = (self.processes.len(), Rc::default());
        self.tell(format!("#{pid} begins: {task:?}"));
        let process = Process::new(pid, &self.service, task, logic, Rc::clone(&outcome));
        self.processes.push(Some(Box::new(process)));
        Handle { pid, outcome }
    }

    /// One process alone, with what goes wrong meanwhile; `None`: it was killed.
    pub fn run<L>(&mut self, task: Option<Task>, logic: L, plan: &Plan) -> Option<Outcome<L::Output>>
    where
        L: Logic + Clone + Debug + Eq + Hash + 'static,
        L::Output: Clone + Debug + Eq + Hash + 'static,
    {
        self.plan(plan);
        let handle = self.start(task, logic);
        self.finish(&[handle.pid], &[]);
        self.plan(&Plan::default());
        handle.outcome()
    }

    /// These processes to their ends. `turns` says who acts next, as long as it lasts; cancel and kill of the plan are
    /// the first one's.
    pub fn finish(&mut self, pids: &[usize], turns: &[usize]) {
        let mut turns = turns.iter().copied();
        let mut actions = vec![0; pids.len()];
        for _ in 0..ENOUGH {
            let first = turns.next().unwrap_or_default();
            let mut acted = false;
            for at in (0..pids.len()).map(|offset| (first + offset) % pids.len()) {
                if at == 0 && self.plan.killed == Some(actions[0]) {
                    self.plan.killed = None;
                    self.kill(pids[0]);
                }
                if at == 0 && self.plan.cancelled == Some(actions[0]) {
                    self.plan.cancelled = None;
                    self.with(pids[0], |process, _| process.cancel());
                }
                if self.with(pids[at], |process, world| process.act(world)).unwrap_or(false) {
                    actions[at] += 1;
                    acted = true;
                    break;
                }
            }
            if acted {
                continue;
            }
            let due =
                pids.iter().filter_map(|pid| self.with(*pid, |process, world| process.due(world))?).min();
            let alive =
                pids.iter().any(|pid| self.with(*pid, |process, _| !process.has_ended()) == Some(true));
            match due {
                _ if !alive => return,
                Some(at) => self.millis = self.millis.max(at),
                None => return self.check(false, || "it waits for nothing".to_owned()),
            }
        }
        self.check(false, || "it goes on for ever".to_owned());
    }

    fn with<T>(&mut self, pid: usize, act: impl FnOnce(&mut dyn Acting, &mut Self) -> T) -> Option<T> {
        let mut process = self.processes.get_mut(pid)?.take()?;
        let result = act(process.as_mut(), self);
        self.processes[pid] = Some(process);
        Some(result)
    }

    fn kill(&mut self, pid: usize) {
        self.processes[pid] = None;
        self.disk.ended(pid);
        self.tell(format!("#{pid} is killed"));
    }

    /// Notes the first thing that is not as it should be.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            let what = what();
            self.tell(format!("here: {what}"));
            self.violation = Some(what);
        }
    }

    pub fn tell(&mut self, what: String) {
        if self.violation.is_none() {
            self.story.push(format!("{:>7} {what}", self.millis));
        }
    }

    /// Whether all was as it should be; if not, with the sequence of events.
    pub fn verdict(&self) -> TestCaseResult {
        match &self.violation {
            None => Ok(()),
            Some(what) => Err(TestCaseError::fail(format!("{what}\n{}", self.story.join("\n")))),
        }
    }

    /// The first secret in a text that should have none.
    pub fn secret_in(&self, text: &str) -> Option<&str> {
        self.marks.iter().map(String::as_str).find(|mark| text.contains(mark))
    }

    /// What answers a command, and when; `None`: nothing does.
    pub fn perform(&mut self, pid: usize, command: Command) -> Option<(u64, Event)> {
        self.check_lock(pid, &command);
        let now = self.millis;
        Some(match command {
            Command::DrawEntropy { id } => {
                self.draws += 1;
                let bits = [self.draws; 32];
                self.marks.push(BASE64URL_NOPAD.encode(&bits)[..12].to_owned());
                (now, Event::Entropy { id, entropy: Entropy::new(bits) })
            }
            Command::Send { id, request, limit } => self.send(pid, id, request, limit),
            Command::Store { id, op } => {
                let full = self.plan.full.is_some_and(|at| at <= self.operations);
                let full = full.then_some(StoreFault::Fails(StoreFailureKind::Refused));
                let full = full.filter(|_| matches!(op, StoreOp::Write { .. }));
                let fault = self.plan.store.get(&self.operations).copied().or(full);
                self.operations += 1;
                let (answer, wrong) = self.disk.perform(pid, &op, fault);
                self.check(wrong.is_empty(), || format!("{wrong}: {op:?}"));
                if let (Some(fault), StoreAnswer::Failed(_) | StoreAnswer::Done) = (fault, &answer) {
                    self.tell(format!("#{pid}   {fault:?}"));
                }
                (now, Event::Store { id, answer })
            }
            Command::OpenPage { id, url } => {
                self.pages.push(url);
                let reason = "there is none".into();
                let opened = self.person.has_browser;
                (now, if opened { Event::PageOpened { id } } else { Event::PageNotOpened { id, reason } })
            }
            Command::Ask { id, .. } => (now + THINKING, Event::Answered { id, yes: self.person.says_yes }),
            Command::Choose { id, choices } => {
                let index = self.person.chooses.filter(|index| *index < choices.len());
                (now + THINKING, Event::Chosen { id, index })
            }
            Command::FindToken { id, .. } => {
                let mut found = if self.finds.is_empty() {
                    doorkey_core::find::nobody_finds(id)
                } else {
                    self.finds.remove(0)
                };
                if let Event::TokenFound { id: of, .. } = &mut found {
                    *of = id;
                }
                (now, found)
            }
            Command::Listen { id, address } => {
                let free = self.ports[usize::from(address.is_ipv6())];
                let reason = "it is forbidden".into();
                (
                    now,
                    if free {
                        Event::Listening { id, port: 4711 }
                    } else {
                        Event::NotListening { id, reason }
                    },
                )
            }
            Command::Show(notice) => {
                self.notices.push(notice);
                return None;
            }
            _ => return None,
        })
    }

    /// Invariant 4: the lock is never held over a prompt, a browser or a request other than a rotation's own.
    fn check_lock(&mut self, pid: usize, command: &Command) {
        let is_allowed = match command {
            Command::Ask { .. }
            | Command::Choose { .. }
            | Command::OpenPage { .. }
            | Command::Listen { .. } => false,
            Command::Store { op: StoreOp::Unseal { .. } | StoreOp::Lock { .. }, .. } => false,
            Command::Send { request, .. } => refreshed(request).is_some(),
            _ => true,
        };
        let held = self.disk.lock == Some(pid);
        self.check(!held || is_allowed, || format!("while the lock is held: {command:?}"));
        if let Command::Send { request, .. } = command
            && let Some(token) = refreshed(request)
        {
            let is_journaled = self.disk.tokens().any(|record| {
                let rotation = record.rotation.as_deref();
                let is_spending = rotation.is_some_and(|r| matches!(r.journal, Journal::Spending(_)));
                is_spending && record.token.expose_secret() == token
            });
            let lies = self.plan.store.values().any(|fault| *fault == StoreFault::Forgotten);
            // Invariants 4, 7 and 12.
            self.check(held, || "a refresh without the lock".to_owned());
            self.check(is_journaled || lies, || "a refresh without its journal".to_owned());
            self.check(self.disk.emergency.is_some(), || {
                "a refresh without a place for emergencies".to_owned()
            });
        }
    }

    fn send(&mut self, pid: usize, id: CommandId, request: HttpRequest, limit: Duration) -> (u64, Event) {
        let now = self.millis;
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let fault = self.plan.net.get(&self.sent.len()).copied();
        let is_heard = matches!(fault, None | Some(NetFault::AnswerLost(_) | NetFault::TooLarge));
        let answer = is_heard.then(|| (self.server)(&mut self.issuer, &request, now));
        let failed = |kind| {
            let failure = RequestFailure { kind, detail: "a wire was cut".into() };
            Event::RequestFailed { id, failure }
        };
        let page = |status| HttpResponse::new(status, "<html>a hotel</html>");
        let (after, event) = match (fault, answer) {
            (None, Some(response)) => (LATENCY, Event::Response { id, response }),
            (Some(NetFault::AnswerLost(after)), _) => (after, failed(FailureKind::AnswerLost)),
            (Some(NetFault::Lost), _) => (limit, failed(FailureKind::AnswerLost)),
            (Some(NetFault::TooLarge), _) => (LATENCY, failed(FailureKind::BodyTooLarge)),
            (Some(NetFault::Page(status)), _) => (LATENCY, Event::Response { id, response: page(status) }),
            (Some(NetFault::Later(seconds)), _) => {
                let response = page(429).header("retry-after", seconds.to_string());
                (LATENCY, Event::Response { id, response })
            }
            (Some(NetFault::NotSent) | None, _) => (0, failed(FailureKind::NotSent)),
        };
        let status = if let Event::Response { response, .. } = &event { Some(response.status) } else { None };
        self.tell(format!(
            "#{pid}   {} {}: {}",
            request.method.as_str(),
            request.url.path(),
            match status {
                Some(status) => status.to_string(),
                None => format!("{fault:?}"),
            }
        ));
        self.sent.push(Sent { at: now, request, fault, status });
        (now + after.min(limit), event)
    }
}

/// The token that a request bears.
pub fn bearer(request: &HttpRequest) -> String {
    let header = request.header_value("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

/// What a request's body says under this name, in either dialect.
pub fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let body = request.body.as_bytes();
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        return json.get(name)?.as_str().map(str::to_owned);
    }
    let mut pairs = form_urlencoded::parse(body);
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The token that a request would spend; `None`: it spends none.
pub fn refreshed(request: &HttpRequest) -> Option<String> {
    parameter(request, "grant_type").filter(|grant| grant == "refresh_token")?;
    parameter(request, "refresh_token")
}
