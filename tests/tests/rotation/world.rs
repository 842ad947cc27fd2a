//! Machines of several processes on one computer, with the sandbox's own issuer, in virtual time: what the processes
//! do is interleaved one action at a time, and each of them can be killed between any two.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::amend::Amend;
use doorkey_core::bearer::{Bearer, bearer_of};
use doorkey_core::call::Call;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::connection::Connection;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::notice::Notice;
use doorkey_core::oauth::{DEVICE_CODE_GRANT, Dialect, TokenReply};
use doorkey_core::record::{Backend, Gateway, Generation, Record, Workspace};
use doorkey_core::resolve::Given;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::service::{PensarHosts, Service as Descriptor};
use doorkey_core::session::Session;
use doorkey_core::store::{Ledger, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::trace::{Recorder, replay};
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::pensar::{self, Settings, account};
use doorkey_sandbox::{Config, Person, Rule, Service};
use doorkey_tests::disk::Disk;
use doorkey_tests::mishap::Mishap;
use doorkey_tests::somebody::Somebody;

/// When the world begins, on the issuer's clock.
const EPOCH: u64 = 1_800_000_000_000;

/// How long the issuer's access tokens live.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// The whole world.
pub struct World {
    pub descriptor: Descriptor,
    pub issuer: Service,
    /// Milliseconds since the world began.
    pub millis: u64,
    /// This computer's wall clock minus the issuer's.
    pub wall_offset: i64,
    pub disk: Disk,
    pub processes: Vec<Option<Box<dyn Running>>>,
    /// Who sits here.
    pub person: Somebody,
    /// The pages that were opened, without their queries.
    pub pages: Vec<String>,
    /// What becomes of the next requests to the issuer, one each; then all is well.
    pub mishaps: VecDeque<Mishap>,
    /// What the API answers to a bearer; `None`: as the sandbox does.
    pub api_says: Option<u16>,
    /// Access tokens that the API does not accept though they live.
    pub refused: Vec<Secret>,
    /// How long it takes to notice that an answer is lost.
    pub losing_takes: Duration,
    /// Requests for tokens that reached the issuer.
    pub refreshes: usize,
    pub notices: Vec<Notice>,
    /// The person chooses nothing.
    pub declines: bool,
    /// What each process ended with.
    outputs: BTreeMap<usize, Box<dyn Any>>,
    entropy: u8,
}

/// A process with any machine.
pub trait Running {
    /// One action: performs a command, or takes an event. `false` if it has nothing to do at this time.
    fn act(&mut self, world: &mut World, pid: usize) -> bool;
    /// When it wants to be woken.
    fn wakes_at(&self) -> Option<u64>;
    fn ended(&self) -> Option<Result<Bearer, Failure>>;
    fn interrupt(&mut self);
}

struct Process<L: Logic> {
    machine: Machine<L>,
    queue: VecDeque<Command>,
    inbox: VecDeque<Event>,
    waits_for_lock_until: Option<u64>,
    recorder: Recorder,
    lines: Vec<String>,
    bearer: fn(&L::Output) -> Bearer,
}

impl World {
    /// A computer that is signed in, with everything in `backend`.
    pub fn new(settings: Settings, backend: Backend) -> Self {
        /// Signing in takes longer than most of what is tried afterwards: once for each kind of issuer.
        static SIGNED_IN: Mutex<Vec<(Settings, Service, Record)>> = Mutex::new(Vec::new());
        let mut world = Self::signed_out(settings);
        let mut known = SIGNED_IN.lock().unwrap_or_else(PoisonError::into_inner);
        let record = match known.iter().find(|(of, ..)| *of == settings) {
            Some((_, issuer, record)) => {
                world.issuer = issuer.clone();
                record.clone()
            }
            None => {
                let record = world.sign_in(1);
                known.push((settings, world.issuer.clone(), record.clone()));
                record
            }
        };
        world.disk.records.insert(backend, record);
        let active = Some("acme".into());
        world.disk.ledger = Ledger { backend: Some(backend), active, session: true, ..Ledger::default() };
        world
    }

    /// A computer on which nobody has signed in yet.
    pub fn signed_out(settings: Settings) -> Self {
        let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let pensar =
            pensar::Config { api: url(3), gateway: url(4), console: url(5), workos: url(6), settings };
        let config = Config::new(url(1), url(2)).with_pensar(pensar);
        let hosts = PensarHosts { api: url(3), gateway: url(4), console: url(5), workos: url(6) };
        let mut descriptor = Descriptor::pensar(hosts, "build-box".into());
        descriptor.machine_id = Some("machine-1".into());
        descriptor.boot_id = "boot-1".into();
        descriptor.bare_issuer = descriptor.issuer.clone();
        let grace = Some(settings.grace).filter(|grace| !grace.is_zero());
        if let Some(oauth) = &mut descriptor.oauth {
            oauth.grace = grace;
        }
        Self {
            descriptor,
            issuer: Service::new(config, [7; 32]),
            millis: 0,
            wall_offset: 0,
            disk: Disk { keeps_text: true, ..Disk::default() },
            processes: Vec::new(),
            person: Somebody::SOLO,
            pages: Vec::new(),
            mishaps: VecDeque::new(),
            api_says: None,
            refused: Vec::new(),
            refreshes: 0,
            losing_takes: Duration::from_secs(10),
            notices: Vec::new(),
            declines: false,
            outputs: BTreeMap::new(),
            entropy: 0,
        }
    }

    /// A new family of tokens at the issuer, as a record of login number `login`.
    pub fn sign_in(&mut self, login: u8) -> Record {
        let oauth = self.descriptor.oauth.clone().unwrap();
        let client_id = "client_pensar_apex_sandbox";
        let client = || ("client_id", Text::from(client_id));
        let endpoint = oauth.device_authorization_endpoint.clone().unwrap();
        let codes = self.ask(&Dialect::Json.request(&endpoint, &[client()]));
        let codes: serde_json::Value = serde_json::from_slice(codes.body.as_bytes()).unwrap();
        let text = |key: &str| codes[key].as_str().unwrap().to_owned();
        let link = Url::parse(&text("verification_uri_complete")).unwrap();
        let (wall, issuer) = (self.issuer_time(), &mut self.issuer);
        let send = |request: &HttpRequest| Ok::<_, Infallible>(issuer.handle(wall, request));
        Person::new(account::SOLO).approve(&link, send).unwrap();
        let grant = ("grant_type", Text::from(DEVICE_CODE_GRANT));
        let code = ("device_code", Text::from(text("device_code")));
        let answer = self.ask(&Dialect::Json.request(&oauth.token_endpoint, &[client(), grant, code]));
        let TokenReply::Tokens(tokens) = TokenReply::read(&answer) else { panic!("{}", answer.status) };
        let rotation = Rotation {
            client_id: Some(client_id.into()),
            machine: self.descriptor.machine_id.clone(),
            access: Some(Access {
                token: tokens.access,
                received: Moment::new(self.now(), &self.descriptor.boot_id),
                lifetime: tokens.lifetime,
            }),
            journal: Journal::Settled,
            spent: Vec::new(),
        };
        let workspace = Workspace { id: Some("w".into()), name: None, slug: "acme".into() };
        let issuer = self.descriptor.issuer.clone();
        Record {
            generation: Some(Generation { login: format!("login-{login}").into(), counter: 1 }),
            rotation: Some(rotation.into()),
            ..Record::new(&issuer, Some(workspace), tokens.refresh.unwrap())
        }
    }

    pub fn ask(&mut self, request: &HttpRequest) -> HttpResponse {
        self.issuer.handle(self.issuer_time(), request)
    }

    /// The person looks at a page and does what is asked there.
    fn visit(&mut self, page: &Url) {
        self.pages.push(page.path().to_owned());
        let (wall, issuer) = (self.issuer_time(), &mut self.issuer);
        let send = |request: &HttpRequest| Ok::<_, Infallible>(issuer.handle(wall, request));
        self.person.visit(page, send).unwrap();
    }

    pub fn issuer_time(&self) -> WallTime {
        WallTime::from_unix_millis(EPOCH + self.millis)
    }

    /// What this computer's clocks say.
    pub fn now(&self) -> Now {
        let wall = (EPOCH + self.millis).saturating_add_signed(self.wall_offset);
        Now { mono: Timestamp::from_millis(1_000_000 + self.millis), wall: WallTime::from_unix_millis(wall) }
    }

    pub fn sleep(&mut self, time: Duration) {
        self.millis += u64::try_from(time.as_millis()).unwrap();
    }

    /// Whether a process has come to its end by itself.
    pub fn has_ended(&self, pid: usize) -> bool {
        self.outputs.contains_key(&pid)
    }

    /// To its end, and what it ended with.
    pub fn finish_as<T: 'static>(&mut self, pid: usize) -> Result<T, Failure> {
        self.run_for(pid, 100_000);
        let output = self.outputs.remove(&pid).unwrap_or_else(|| panic!("it waits for nothing"));
        *output.downcast::<Outcome<T>>().unwrap()
    }

    /// Starts a process that wants a token.
    pub fn start(&mut self) -> usize {
        self.start_with(Task::Session { refusal: None }, Session::new(), Bearer::clone)
    }

    /// Starts a process with this machine.
    pub fn start_with<L>(&mut self, task: Task, logic: L, bearer: fn(&L::Output) -> Bearer) -> usize
    where
        L: Logic + 'static,
        L::Output: Clone + Debug + 'static,
    {
        let mut recorder = Recorder::default();
        let lines = vec![recorder.begin(&task, &self.descriptor)];
        let process = Process {
            machine: Machine::new(self.descriptor.clone(), logic),
            queue: VecDeque::new(),
            inbox: VecDeque::from([Event::Started { jitter_seed: 11 }]),
            waits_for_lock_until: None,
            recorder,
            lines,
            bearer,
        };
        self.processes.push(Some(Box::new(process)));
        self.processes.len() - 1
    }

    /// One action of a process; `false` if it has ended, was killed, or waits for time to pass.
    pub fn act(&mut self, pid: usize) -> bool {
        let Some(mut process) = self.processes.get_mut(pid).and_then(Option::take) else { return false };
        let acted = process.act(self, pid);
        self.processes[pid] = Some(process);
        acted
    }

    /// SIGKILL: the kernel gives its lock back, nothing else happens.
    pub fn kill(&mut self, pid: usize) {
        self.processes[pid] = None;
        if self.disk.lock == Some(pid) {
            self.disk.lock = None;
        }
    }

    pub fn interrupt(&mut self, pid: usize) {
        self.processes[pid].as_mut().unwrap().interrupt();
    }

    pub fn ended(&self, pid: usize) -> Option<Result<Bearer, Failure>> {
        self.processes[pid].as_ref().and_then(|process| process.ended())
    }

    /// At most so many actions, time passing where there is nothing to do before; the number done.
    pub fn run_for(&mut self, pid: usize, actions: usize) -> usize {
        for done in 0..actions {
            while !self.act(pid) {
                let wakes = self.processes[pid].as_ref().and_then(|process| process.wakes_at());
                match wakes.filter(|_| self.ended(pid).is_none()) {
                    Some(at) => self.millis = self.millis.max(at),
                    None => return done,
                }
            }
        }
        actions
    }

    /// To its end.
    pub fn finish(&mut self, pid: usize) -> Result<Bearer, Failure> {
        assert!(self.run_for(pid, 10_000) < 10_000, "it never ends");
        self.ended(pid).unwrap_or_else(|| panic!("it waits for nothing"))
    }

    /// A new process, to its end.
    pub fn token(&mut self) -> Result<Bearer, Failure> {
        let pid = self.start();
        self.finish(pid)
    }

    pub fn record(&self) -> &Record {
        &self.disk.records[&self.disk.ledger.backend.unwrap()]
    }

    /// A new process that sends a request to the API, to its end.
    pub fn call(&mut self) -> Result<(), Failure> {
        let pid = self.start_call();
        self.finish(pid).map(|_| ())
    }

    pub fn start_call(&mut self) -> usize {
        let request = HttpRequest::new(Method::Get, self.descriptor.api.join("/api/cli/workspaces"));
        let task = Task::Call { given: Given::default(), request: request.clone() };
        // What it ends with is no bearer.
        self.start_with(task, Call::new(Given::default(), request), |_| Bearer::NothingNewer)
    }

    /// Adds to the record of this login; no command does only that.
    pub fn amend(&mut self, record: &Record, workspace: Workspace, gateway: Gateway) -> Result<(), Failure> {
        let mut machine = Machine::new(self.descriptor.clone(), Amend::new(record, Some(workspace), gateway));
        machine.handle_event(self.now(), Event::Started { jitter_seed: 1 });
        while let Some(command) = machine.poll_command() {
            let Command::Store { id, op } = command else { continue };
            let answer = self.disk.perform(usize::MAX, op);
            machine.handle_event(self.now(), Event::Store { id, answer });
        }
        machine.into_outcome().unwrap().map(|_| ())
    }

    /// A process that asks for the status.
    pub fn status(&mut self) -> usize {
        self.start_with(Task::Connection, Connection::default(), |_| Bearer::NothingNewer)
    }

    /// Whether the API accepts this bearer.
    pub fn accepts(&mut self, bearer: &Bearer) -> bool {
        let Some(token) = bearer.token().cloned() else { return false };
        let url = self.descriptor.api.join("/api/cli/workspaces");
        self.ask(&HttpRequest::new(Method::Get, url).bearer(&token)).status == 200
    }

    /// The API no longer accepts any access token that is out there now.
    pub fn forget_access_tokens(&mut self) {
        self.refused =
            self.record().rotation.iter().filter_map(|r| r.access.clone()).map(|a| a.token).collect();
    }

    pub fn broken_rules(&self, rule: Rule) -> u64 {
        self.issuer.grade().count(rule)
    }

    fn send(&mut self, id: CommandId, request: &HttpRequest, limit: Duration) -> Event {
        assert!(request.to_http().is_ok(), "what no transport can send: {request:?}");
        let is_token_request = request.url.path() == "/user_management/authenticate";
        if !is_token_request {
            let response = match self.api_says {
                Some(status) => HttpResponse::new(status, "{}"),
                None if self.refused.iter().any(|token| bears(request, token)) => {
                    HttpResponse::new(401, "{}")
                }
                None => self.ask(request),
            };
            return Event::Response { id, response };
        }
        let mishap = self.mishaps.pop_front().unwrap_or(Mishap::None);
        self.refreshes += usize::from(matches!(mishap, Mishap::None | Mishap::AnswerLost));
        let answer = mishap.instead().unwrap_or_else(|| mishap.befall(self.ask(request)));
        if matches!(mishap, Mishap::AnswerLost) {
            self.issuer.undelivered(request);
            self.sleep(self.losing_takes.min(limit));
        }
        match answer {
            Ok(response) => Event::Response { id, response },
            Err(failure) => Event::RequestFailed { id, failure },
        }
    }
}

impl<L: Logic> Process<L> {
    fn handle(&mut self, now: Now, event: Event) {
        let disposition = self.machine.handle_event(now, event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| self.machine.poll_command()).collect();
        self.lines.push(self.recorder.line(now, &event, disposition, &commands));
        self.queue.extend(commands);
    }
}

impl<L: Logic> Running for Process<L>
where
    L::Output: Clone + Debug + 'static,
{
    fn act(&mut self, world: &mut World, pid: usize) -> bool {
        if let Some(command) = self.queue.pop_front() {
            match command {
                Command::Show(notice) => {
                    world.notices.push(notice);
                    return self.act(world, pid);
                }
                Command::DrawEntropy { id } => {
                    world.entropy += 1;
                    let entropy = Entropy::new([world.entropy; 32]);
                    self.inbox.push_back(Event::Entropy { id, entropy });
                }
                Command::Send { id, request, limit } => {
                    let event = world.send(id, &request, limit);
                    self.inbox.push_back(event);
                }
                Command::Store { id, op: StoreOp::Lock { wait } } if world.disk.lock.is_some() => {
                    let wait = u64::try_from(wait.as_millis()).unwrap();
                    let until = *self.waits_for_lock_until.get_or_insert(world.millis + wait);
                    if world.millis < until {
                        self.queue
                            .push_front(Command::Store { id, op: StoreOp::Lock { wait: Duration::ZERO } });
                        return false;
                    }
                    self.waits_for_lock_until = None;
                    let answer = world.disk.perform(pid, StoreOp::Lock { wait: Duration::ZERO });
                    self.inbox.push_back(Event::Store { id, answer });
                }
                Command::Store { id, op } => {
                    self.waits_for_lock_until = None;
                    let answer = world.disk.perform(pid, op);
                    self.inbox.push_back(Event::Store { id, answer });
                }
                Command::OpenPage { id, url } => {
                    world.visit(&url);
                    self.inbox.push_back(Event::PageOpened { id });
                }
                Command::Choose { id, choices } => {
                    let index = Some(world.person.chooses).filter(|index| *index < choices.len());
                    let index = index.filter(|_| !world.declines);
                    self.inbox.push_back(Event::Chosen { id, index });
                }
                Command::Ask { id, .. } => {
                    self.inbox.push_back(Event::Answered { id, yes: world.person.says_yes });
                }
                other => panic!("unknown command {other:?}"),
            }
            return true;
        }
        if let Some(event) = self.inbox.pop_front() {
            self.handle(world.now(), event);
            if let Some(outcome) = self.machine.outcome()
                && self.queue.is_empty()
            {
                self.lines.push(self.recorder.end(outcome.as_ref().err()));
                check_trace(&self.lines, &world.disk);
                world.outputs.insert(pid, Box::new(outcome.clone()));
            }
            return true;
        }
        let due = self.wakes_at().is_some_and(|at| at <= world.millis);
        if due && self.machine.outcome().is_none() {
            self.handle(world.now(), Event::Woke);
        }
        due
    }

    fn wakes_at(&self) -> Option<u64> {
        let timeout = self.machine.poll_timeout().map(|(at, _)| at.as_millis() - 1_000_000);
        self.waits_for_lock_until.or(timeout)
    }

    fn ended(&self) -> Option<Result<Bearer, Failure>> {
        let outcome: &Outcome<L::Output> = self.machine.outcome().filter(|_| self.queue.is_empty())?;
        Some(outcome.as_ref().map(self.bearer).map_err(Clone::clone))
    }

    fn interrupt(&mut self) {
        self.inbox.push_front(Event::Cancelled);
    }
}

/// A trace gives the same commands again, and no token is in it.
fn check_trace(lines: &[String], disk: &Disk) {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let tokens = disk.records.values().flat_map(|record| [Some(&record.token), bearer_of(record)]);
    for token in tokens.flatten().filter(|token| !token.expose_secret().is_empty()) {
        assert!(!lines.iter().any(|line| line.contains(token.expose_secret())), "a token in the trace");
    }
    replay(&lines).unwrap_or_else(|e| panic!("{e}: {lines:#?}")).unwrap_or_else(|d| panic!("{d:#?}"));
}

/// A computer whose access token is dead.
pub fn expired(grace_seconds: u64) -> World {
    let mut world = World::new(grace(grace_seconds), Backend::File);
    world.sleep(LIFETIME);
    world
}

/// For machines that end with something else than a bearer.
pub fn nobody<T>(_: &T) -> Bearer {
    Bearer::NothingNewer
}

/// The bearer of a successful end.
pub fn good(end: Result<Bearer, Failure>) -> Bearer {
    match end {
        Ok(bearer @ Bearer::Good(_)) => bearer,
        other => panic!("a token was expected, not {other:?}"),
    }
}

/// The issuer's settings: access tokens of five minutes, and this grace period in seconds.
pub fn grace(seconds: u64) -> Settings {
    Settings { grace: Duration::from_secs(seconds), ..Settings::default() }
}

/// Whether a record can still be used in some way.
pub fn holds_session(record: &Record) -> bool {
    !record.is_tombstone() && bearer_of(record).is_some()
}

fn bears(request: &HttpRequest, token: &Secret) -> bool {
    let header = request.header_value("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ") == Some(token.expose_secret())
}
