//! A small world for whole commands: two backends that can fail, a scripted server, time that jumps. Every run is
//! traced, and every trace is replayed.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::{Disposition, Logic, Machine, Outcome};
use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Generation, Record, Slot, Workspace};
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::service::Service;
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::trace::{Recorder, replay};
use doorkey_core::url::Url;

pub const KEYCHAIN: Backend = Backend::Keychain;
pub const FILE: Backend = Backend::File;

/// What another process does in between.
pub type Meddling = fn(&mut World);

/// What the server does with a request.
pub type Server = Box<dyn FnMut(&HttpRequest) -> Result<HttpResponse, FailureKind>>;

pub struct World {
    pub service: Service,
    pub stores: BTreeMap<Backend, BTreeMap<Slot, Record>>,
    /// What every operation on a backend answers.
    pub broken: BTreeMap<Backend, StoreFailureKind>,
    /// What only writes answer.
    pub unwritable: BTreeMap<Backend, StoreFailureKind>,
    /// Writes are acknowledged, and nothing is there afterwards.
    pub forgets: bool,
    pub ledger: Ledger,
    /// What is remembered cannot be written.
    pub ledger_full: bool,
    pub lock_held: bool,
    pub locked_by_another: bool,
    /// So many attempts at the lock find it taken, from the second one on.
    pub busy_for: usize,
    /// What every attempt at the lock answers.
    pub unlockable: Option<StoreFailureKind>,
    /// The lock does not hold against other machines.
    pub lock_is_shared: bool,
    /// What a session's emergency file holds.
    pub emergency: Option<Record>,
    pub server: Server,
    /// Milliseconds since the start of the world.
    pub millis: u64,
    pub ops: Vec<StoreOp>,
    /// Requests with the time each was sent.
    pub sent: Vec<(u64, HttpRequest)>,
    pub pages: Vec<Url>,
    pub notices: Vec<Notice>,
    /// The process is killed when it asks for the operation of this number, from 1.
    pub killed_at_op: Option<usize>,
    /// The person presses Ctrl-C while the operation of this number is under way.
    pub cancelled_at_op: Option<usize>,
    /// The person presses Ctrl-C while the request of this number is under way.
    pub cancelled_at_send: Option<usize>,
    /// Done just before the operation of this number.
    pub meddling: Option<(usize, Meddling)>,
    /// Done just before every write of a credential.
    pub meddling_with_writes: Option<Meddling>,
    /// Another program writes into the keychain whenever we have looked.
    pub rival: bool,
    /// What a store says to its failures.
    pub detail: &'static str,
    /// Whether the person answers the keychain's prompt.
    pub unseals: bool,
    /// Between all that happens there are wake-ups too early, and answers to commands of long ago.
    pub noisy: bool,
    draws: u8,
}

impl World {
    pub fn new(server: impl FnMut(&HttpRequest) -> Result<HttpResponse, FailureKind> + 'static) -> Self {
        let url = |text| Url::parse(text).unwrap();
        Self {
            service: Service::pentify(
                url("https://api.pentify.io"),
                url("https://app.pentify.io"),
                "build-box".into(),
            ),
            stores: BTreeMap::from([(KEYCHAIN, BTreeMap::new()), (FILE, BTreeMap::new())]),
            broken: BTreeMap::new(),
            unwritable: BTreeMap::new(),
            forgets: false,
            ledger: Ledger::default(),
            ledger_full: false,
            lock_held: false,
            locked_by_another: false,
            busy_for: 0,
            unlockable: None,
            lock_is_shared: false,
            emergency: None,
            server: Box::new(server),
            millis: 0,
            ops: Vec::new(),
            sent: Vec::new(),
            pages: Vec::new(),
            notices: Vec::new(),
            killed_at_op: None,
            cancelled_at_op: None,
            cancelled_at_send: None,
            meddling: None,
            meddling_with_writes: None,
            rival: false,
            detail: "it is so",
            unseals: false,
            noisy: false,
            draws: 0,
        }
    }

    /// Runs a machine to its end; `None` if it was killed on the way.
    pub fn run<L: Logic>(&mut self, task: &Task, logic: L) -> Option<Outcome<L::Output>>
    where
        L::Output: Debug + Clone,
    {
        self.ops.clear();
        self.sent.clear();
        self.pages.clear();
        self.notices.clear();
        let mut machine = Machine::new(self.service.clone(), logic);
        let mut recorder = Recorder::default();
        let mut lines = vec![recorder.begin(task, &self.service)];
        let mut event = Event::Started { jitter_seed: 11 };
        // What the interrupted request comes to, for a machine that does not end at once.
        let mut late = None;
        let mut queue = std::collections::VecDeque::new();
        loop {
            let now = self.now();
            if self.noisy && !matches!(event, Event::Started { .. }) {
                self.disturb(&mut machine, &mut recorder, &mut lines);
            }
            let disposition = machine.handle_event(now, event.clone());
            let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
            lines.push(recorder.line(now, &event, disposition, &commands));
            queue.extend(commands);
            event = loop {
                match queue.pop_front() {
                    Some(command) => {
                        if self.killed_at_op == Some(self.ops.len() + 1)
                            && matches!(command, Command::Store { .. })
                        {
                            self.lock_held = false;
                            return None;
                        }
                        if self.cancelled_at_op == Some(self.ops.len() + 1)
                            && matches!(command, Command::Store { .. })
                        {
                            self.cancelled_at_op = None;
                            self.perform(command);
                            break Event::Cancelled;
                        }
                        let cancels = self.cancelled_at_send == Some(self.sent.len() + 1)
                            && matches!(command, Command::Send { .. });
                        match self.perform(command) {
                            Some(event) if cancels => {
                                late = Some(event);
                                break Event::Cancelled;
                            }
                            Some(event) => break event,
                            None => {}
                        }
                    }
                    None if machine.outcome().is_some() => {
                        assert!(!self.lock_held, "the lock is given back");
                        let outcome = machine.into_outcome();
                        lines.push(recorder.end(outcome.as_ref().and_then(|o| o.as_ref().err())));
                        // What the token of an opaque fingerprint is, no replay can know.
                        if !matches!(task, Task::Session { refusal: Some(_) }) {
                            check_trace(&lines);
                        }
                        return outcome;
                    }
                    None if late.is_some() => break late.take().unwrap(),
                    None => {
                        let (at, _) =
                            machine.poll_timeout().unwrap_or_else(|| panic!("it waits for nothing"));
                        if self.noisy {
                            self.disturb(&mut machine, &mut recorder, &mut lines);
                        }
                        self.millis = self.millis.max(at.as_millis());
                        break Event::Woke;
                    }
                }
            };
        }
    }

    /// What changes nothing at this time, and brings no command.
    fn disturb<L: Logic>(&self, machine: &mut Machine<L>, recorder: &mut Recorder, lines: &mut Vec<String>) {
        let (now, id) = (self.now(), CommandId(u32::MAX));
        let sleeps = machine.poll_timeout().map(|(at, _)| at);
        let early = sleeps.is_none_or(|at| at > now.mono).then_some(Event::Woke);
        let late = [
            Event::Store { id, answer: StoreAnswer::Done },
            Event::Entropy { id, entropy: Entropy::new([77; 32]) },
        ];
        for event in early.into_iter().chain(late) {
            let disposition = machine.handle_event(now, event.clone());
            assert!(matches!(disposition, Disposition::Ignored(_)), "{event:?}");
            // Whoever reads a trace sees that it was the clock's turn, and too early.
            if event == Event::Woke && sleeps.is_some() {
                assert_eq!(disposition, Disposition::Ignored("nothing is due"));
            }
            assert_eq!(machine.poll_command(), None, "{event:?}");
            lines.push(recorder.line(now, &event, disposition, &[]));
        }
    }

    pub fn now(&self) -> Now {
        Now {
            mono: Timestamp::from_millis(self.millis),
            wall: WallTime::from_unix_millis(1_700_000_000_000 + self.millis),
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event> {
        Some(match command {
            Command::DrawEntropy { id } => {
                self.draws += 1;
                Event::Entropy { id, entropy: Entropy::new([self.draws; 32]) }
            }
            Command::Send { id, request, .. } => {
                let form = String::from_utf8_lossy(request.body.as_bytes());
                let is_rotation = form.contains("grant_type=refresh_token");
                assert!(!self.lock_held || is_rotation, "the lock is not held over {}", request.url.path());
                self.sent.push((self.millis, request.clone()));
                match (self.server)(&request) {
                    Ok(response) => Event::Response { id, response },
                    Err(kind) => Event::RequestFailed {
                        id,
                        failure: RequestFailure { kind, detail: "a wire was cut".into() },
                    },
                }
            }
            Command::Store { id, op } => {
                if let Some((at, meddle)) = self.meddling
                    && at == self.ops.len() + 1
                {
                    meddle(self);
                }
                if let (StoreOp::Write { .. }, Some(meddle)) = (&op, self.meddling_with_writes) {
                    meddle(self);
                }
                self.ops.push(op.clone());
                Event::Store { id, answer: self.store(op) }
            }
            Command::OpenPage { id, url } => {
                self.pages.push(url);
                Event::PageOpened { id }
            }
            Command::Ask { id, .. } => Event::Answered { id, yes: false },
            // Nothing can listen in this world.
            Command::Listen { id, .. } => Event::NotListening { id, reason: "it is forbidden".into() },
            Command::Show(notice) => {
                self.notices.push(notice);
                return None;
            }
            other => panic!("unknown command {other:?}"),
        })
    }

    fn store(&mut self, op: StoreOp) -> StoreAnswer {
        let detail = self.detail;
        let failed = |kind: StoreFailureKind| {
            StoreAnswer::Failed(StoreFailure { kind, detail: format!("{}: {detail}", kind.as_str()) })
        };
        let backend = match &op {
            StoreOp::ReadLedger => return StoreAnswer::Ledger(self.ledger.clone()),
            StoreOp::WriteLedger(ledger) => {
                assert!(self.lock_held, "the ledger is written under the lock");
                if self.ledger_full {
                    return failed(StoreFailureKind::Refused);
                }
                self.ledger = ledger.clone();
                return StoreAnswer::Done;
            }
            StoreOp::Lock { .. } if self.lock_held || self.locked_by_another => {
                return failed(StoreFailureKind::Busy);
            }
            StoreOp::Lock { .. } if self.busy_for > 0 && self.ops.len() > 1 => {
                self.busy_for -= 1;
                return failed(StoreFailureKind::Busy);
            }
            StoreOp::Lock { .. } => {
                if let Some(kind) = self.unlockable {
                    return failed(kind);
                }
                self.lock_held = true;
                return StoreAnswer::Done;
            }
            StoreOp::Unlock => {
                self.lock_held = false;
                return StoreAnswer::Done;
            }
            StoreOp::Unseal { backend, .. } => {
                assert!(!self.lock_held, "the lock is never held over a prompt");
                if !self.unseals {
                    return failed(StoreFailureKind::TimedOut);
                }
                self.broken.remove(backend);
                return StoreAnswer::Done;
            }
            StoreOp::Probe(backend)
            | StoreOp::Load { backend, .. }
            | StoreOp::LoadAll(backend)
            | StoreOp::Write { backend, .. }
            | StoreOp::Delete { backend, .. } => *backend,
            StoreOp::ReadEmergency => {
                let records = self.emergency.iter().map(|record| (Slot::Active, record.clone()));
                return StoreAnswer::Records(records.collect());
            }
            StoreOp::RemoveEmergency => {
                assert!(self.lock_held, "the emergency file is removed under the lock");
                self.emergency = None;
                return StoreAnswer::Done;
            }
            // Nothing that an older program left is in this world.
            StoreOp::ReadPlaintext => return StoreAnswer::Records(Vec::new()),
            StoreOp::CheckLock if self.lock_is_shared => return failed(StoreFailureKind::Shared),
            StoreOp::ReserveEmergency { .. } | StoreOp::CheckLock => return StoreAnswer::Done,
            StoreOp::WritePending(_) => return StoreAnswer::Done,
            other => panic!("no operation of this world: {other:?}"),
        };
        if let Some(kind) = self.broken.get(&backend) {
            return failed(*kind);
        }
        let slots = self.stores.get_mut(&backend).unwrap();
        match op {
            StoreOp::Load { slot, .. } => StoreAnswer::Records(
                slots.get(&slot).map(|record| (slot, record.clone())).into_iter().collect(),
            ),
            StoreOp::LoadAll(_) => StoreAnswer::Records(
                slots.iter().map(|(slot, record)| (slot.clone(), record.clone())).collect(),
            ),
            StoreOp::Write { slot, expected, record, .. } => {
                assert!(self.lock_held, "credentials are written under the lock");
                if let Some(kind) = self.unwritable.get(&backend) {
                    return failed(*kind);
                }
                if self.rival && backend == KEYCHAIN {
                    let count = self.ops.len();
                    slots.insert(slot.clone(), self::record("acme", &format!("pt_live_b{count}")));
                }
                if slots.get(&slot).map(Record::version) != expected {
                    return StoreAnswer::Conflict;
                }
                if !self.forgets {
                    slots.insert(slot, record);
                }
                StoreAnswer::Done
            }
            StoreOp::Delete { slot, expected, .. } => {
                assert!(self.lock_held, "credentials are deleted under the lock");
                match slots.get(&slot).map(Record::version) {
                    Some(present) if present != expected => StoreAnswer::Conflict,
                    _ => {
                        slots.remove(&slot);
                        StoreAnswer::Done
                    }
                }
            }
            _ => StoreAnswer::Done,
        }
    }

    pub fn token(&self, backend: Backend, slot: &Slot) -> Option<&str> {
        self.stores.get(&backend)?.get(slot).map(|record| record.token.expose_secret())
    }

    /// Puts a record of an earlier login, as that login would have.
    pub fn put(&mut self, backend: Backend, slug: &str, token: &str, active: bool) -> Record {
        let record = record(slug, token);
        let slots = self.stores.get_mut(&backend).unwrap();
        slots.insert(slot(slug), record.clone());
        if active {
            slots.insert(Slot::Active, record.clone());
            self.ledger.backend = Some(backend);
            self.ledger.active = Some(slug.into());
        }
        record
    }

    pub fn paths(&self) -> Vec<&str> {
        self.sent.iter().map(|(_, request)| request.url.path()).collect()
    }
}

/// Pentify with another API.
pub fn elsewhere() -> Service {
    at("https://api.other.example")
}

fn at(api: &str) -> Service {
    let url = |text| Url::parse(text).unwrap();
    Service::pentify(url(api), url("https://app.pentify.io"), "build-box".into())
}

pub fn slot(slug: &str) -> Slot {
    Slot::Workspace(slug.into())
}

pub fn record(slug: &str, token: &str) -> Record {
    Record {
        generation: Some(Generation { login: format!("login-of-{token}").into(), counter: 1 }),
        issuer: Some("https://api.pentify.io".into()),
        workspace: Some(Workspace { id: None, name: Some(slug.to_uppercase()), slug: slug.into() }.into()),
        ..Record::bare(Secret::from(token))
    }
}

pub fn envelope(status: u16, code: &str) -> HttpResponse {
    HttpResponse::new(
        status,
        format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"req_1"}}}}"#),
    )
}

/// The poll's 200 for a workspace; the token names it.
pub fn paired(slug: &str, token: &str) -> HttpResponse {
    HttpResponse::new(
        200,
        format!(
            r#"{{"token":"{token}","workspace":{{"id":"w","name":"{}","slug":"{slug}"}},"user":{{"email":"a@b"}}}}"#,
            slug.to_uppercase()
        ),
    )
}

pub fn usage(slug: &str) -> HttpResponse {
    HttpResponse::new(
        200,
        format!(r#"{{"workspace":{{"id":"w","name":"N","slug":"{slug}"}},"tokens":{{}}}}"#),
    )
}

/// A server that pairs `slug` with `token` at once and accepts the tokens in `accepted`.
pub fn server(
    slug: &'static str,
    token: &'static str,
    accepted: &'static [&'static str],
) -> impl FnMut(&HttpRequest) -> Result<HttpResponse, FailureKind> {
    move |request| {
        if request.url.path() == "/auth/terminal/poll" {
            return Ok(paired(slug, token));
        }
        let bearer = request.header_value("authorization").unwrap_or_default().strip_prefix("Bearer ");
        Ok(if accepted.contains(&bearer.unwrap_or_default()) {
            usage(slug)
        } else {
            envelope(401, "invalid_api_key")
        })
    }
}

/// A trace gives the same commands again, and no secret of the tests is in it.
fn check_trace(lines: &[String]) {
    let all = lines.join("\n");
    for secret in ["pt_live_new", "pt_live_old", "pt_live_a", "pt_live_b", "login-of-"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    replay(&lines).unwrap_or_else(|e| panic!("{e}: {all}")).unwrap_or_else(|d| panic!("{d:#?}"));
}
