//! Bytes choose a machine, a service, what is stored, and then one event after another: answers of servers and stores as
//! they should be and as they should not, clocks that jump, questions answered, events that nobody waits for, and an
//! interrupt anywhere. What must hold is in [`Run`].

mod replies;
mod run;
mod secrets;
mod setup;
mod stores;
mod subject;

use std::collections::BTreeSet;
use std::time::Duration;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::redirect::RedirectRequest;
use doorkey_core::resolve::{Resolved, Source};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailureKind, StoreOp, Unsettled};
use doorkey_core::task::Task;
use doorkey_core::time::{Now, WallTime};

use crate::bytes::Bytes;

use replies::{Reply, reply};
use run::Run;
use secrets::{entropy, secret};
use stores::{Stores, failed};

/// No run needs more steps to show what it is made of.
const MOST_STEPS: usize = 300;

/// The target.
pub fn events(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let service = setup::service(&mut bytes);
    let task = setup::task(&mut bytes, &service);
    let stores = setup::stores(&mut bytes, &service);
    let mut world = World::new(task, service, stores);
    for _ in 0..MOST_STEPS {
        if bytes.is_empty() {
            break;
        }
        world.step(&mut bytes);
    }
    world.run.finish();
}

/// A machine, and everything around it.
struct World {
    run: Run,
    stores: Stores,
    service: Service,
    draws: u8,
    visits: u32,
    last: Option<CommandId>,
    /// What took the place of parts of answers.
    junk: BTreeSet<String>,
}

impl World {
    fn new(task: Task, service: Service, stores: Stores) -> Self {
        let mut run = Run::new(&task, service.clone());
        // In a trace the fingerprint of what is loaded only later belongs to nothing.
        let is_opaque = |entry: &Unsettled| matches!(entry.version, Some(Version::Fingerprint(_)));
        run.is_faithful = !stores.ledger.unsettled.iter().any(is_opaque)
            && !matches!(task, Task::Session { refusal: Some(_) });
        run.report(&Event::Started { jitter_seed: 11 });
        Self { run, stores, service, draws: 0, visits: 0, last: None, junk: BTreeSet::new() }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() {
            // Most of what happens is that something is answered.
            0..=159 => self.answer_next(bytes),
            160..=199 => self.wake(),
            200..=209 => self.wait(bytes),
            210..=214 => self.run.report(&Event::Woke),
            215..=219 => self.run.report(&Event::Cancelled),
            220..=224 => self.run.report(&Event::Started { jitter_seed: 5 }),
            225..=232 => self.meddle(bytes),
            233..=242 => self.visit(bytes),
            _ => self.stray(bytes),
        }
    }

    /// What waits longest is answered, or another one.
    fn answer_next(&mut self, bytes: &mut Bytes<'_>) {
        let waiting: Vec<CommandId> = self.run.waiting.keys().copied().collect();
        let Some(first) = waiting.first() else { return self.wake() };
        let id = match bytes.below(8) {
            7 => *bytes.pick(&waiting),
            _ => *first,
        };
        let command = self.run.waiting[&id].clone();
        let event = self.answer(bytes, &command);
        self.last = Some(id);
        self.run.report(&event);
    }

    fn answer(&mut self, bytes: &mut Bytes<'_>, command: &Command) -> Event {
        let odd = bytes.below(8) == 7;
        match command {
            Command::DrawEntropy { id } => {
                self.draws += 1;
                Event::Entropy { id: *id, entropy: entropy(self.draws) }
            }
            Command::Send { id, request, .. } => {
                let Reply { result, is_faithful, junk } = reply(bytes, request);
                // What stood for something public before and for a secret now is no secret.
                let repeated = junk.is_some_and(|junk| !self.junk.insert(junk));
                self.run.is_faithful &= is_faithful && !repeated;
                match result {
                    Ok(response) => Event::Response { id: *id, response },
                    Err(failure) => Event::RequestFailed { id: *id, failure },
                }
            }
            Command::Store { id, op } => {
                let answer = if odd { self.odd_answer(bytes, op) } else { self.stores.perform(op) };
                Event::Store { id: *id, answer }
            }
            Command::OpenPage { id, .. } if odd => {
                Event::PageNotOpened { id: *id, reason: "there is no browser".to_owned() }
            }
            Command::OpenPage { id, .. } => Event::PageOpened { id: *id },
            Command::Ask { id, .. } => Event::Answered { id: *id, yes: !odd },
            Command::Choose { id, choices } => {
                let index = [Some(0), None, Some(choices.len() - 1), Some(choices.len()), Some(usize::MAX)];
                Event::Chosen { id: *id, index: *bytes.pick(&index) }
            }
            Command::Listen { id, .. } if odd => {
                Event::NotListening { id: *id, reason: "it is forbidden".to_owned() }
            }
            Command::Listen { id, .. } => Event::Listening { id: *id, port: 4711 },
            Command::FindToken { id, .. } => Event::TokenFound { id: *id, found: self.found(bytes) },
            other => panic!("nobody answers {other:?}"),
        }
    }

    /// What a store should not say: it fails, has done it all the same, or says what was not asked.
    fn odd_answer(&mut self, bytes: &mut Bytes<'_>, op: &StoreOp) -> StoreAnswer {
        match bytes.below(8) {
            0..=2 => failed(*bytes.pick(&setup::KINDS)),
            3 => {
                self.stores.perform(op);
                failed(StoreFailureKind::TimedOut)
            }
            4 => StoreAnswer::Conflict,
            5 => StoreAnswer::Done,
            6 => StoreAnswer::Ledger(Ledger::default()),
            _ => {
                let slot = if bytes.flag() { Slot::Active } else { Slot::Workspace("other".into()) };
                StoreAnswer::Records(vec![(slot, setup::record(bytes, &self.service))])
            }
        }
    }

    fn found(&self, bytes: &mut Bytes<'_>) -> Result<Option<Box<Resolved>>, Failure> {
        match bytes.below(4) {
            0 => Ok(None),
            1 => Err(Failure::new(Exit::NotSignedIn, "not_signed_in", "not signed in")),
            _ => {
                let source = *bytes.pick(&[Source::Store(Backend::File), Source::Flag, Source::Variable]);
                Ok(Some(Box::new(Resolved { source, record: setup::record(bytes, &self.service) })))
            }
        }
    }

    /// Nothing happens until it wants to be woken.
    fn wake(&mut self) {
        if let Some(at) = self.run.deadline() {
            let millis = at.saturating_sub(self.run.now.mono.as_millis());
            self.pass(Duration::from_millis(millis));
            self.run.report(&Event::Woke);
        }
    }

    fn pass(&mut self, time: Duration) {
        let Now { mono, wall } = self.run.now;
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let wall = WallTime::from_unix_millis(wall.as_unix_millis().saturating_add(millis));
        self.run.now = Now { mono: mono + time, wall };
    }

    /// Time passes, also while something is under way; the wall clock may be set.
    fn wait(&mut self, bytes: &mut Bytes<'_>) {
        let millis = *bytes.pick(&[
            1,
            400,
            999,
            2_500,
            5_000,
            9_999,
            10_001,
            60_000,
            300_000,
            86_400_000,
            40_000_000_000,
        ]);
        self.pass(Duration::from_millis(millis));
        let wall = self.run.now.wall.as_unix_millis();
        let set = match bytes.below(8) {
            5 => wall.saturating_sub(3_600_000),
            6 => wall.saturating_add(3_600_000),
            7 => *bytes.pick(&[0, u64::MAX, 1]),
            _ => wall,
        };
        self.run.now.wall = WallTime::from_unix_millis(set);
    }

    /// Another process stores something, or removes it.
    fn meddle(&mut self, bytes: &mut Bytes<'_>) {
        let backend = *bytes.pick(&Backend::ALL);
        let record = setup::record(bytes, &self.service);
        match bytes.below(5) {
            0 => drop(self.stores.records.insert((backend, Slot::Active), record)),
            1 => drop(self.stores.records.remove(&(backend, Slot::Active))),
            2 => drop(self.stores.broken.insert(backend, *bytes.pick(&setup::KINDS))),
            3 => self.stores.broken.clear(),
            _ => self.stores.emergency = Some(record).filter(|record: &Record| record.generation.is_some()),
        }
    }

    /// Something comes to the listener.
    fn visit(&mut self, bytes: &mut Bytes<'_>) {
        let Some(id) = self.run.listener else { return };
        let state = match bytes.below(4) {
            0 => secret(77),
            _ => self.run.state.clone().unwrap_or_default(),
        };
        let kind = bytes.below(8);
        let query = match kind {
            0 => format!("error=access_denied&state={state}"),
            1 => format!("error=server_error&state={state}&error_description=%1b%5b2J"),
            2 => format!("code={}&state={state}&iss=https%3A%2F%2Fevil.example", secret(78)),
            3 => String::from_utf8_lossy(bytes.chunk()).replace(secrets::MARK, ""),
            4 => format!("code={}&code=b&state={state}", secret(78)),
            _ => format!("code={}&state={state}&iss={}", secret(78), "https%3A%2F%2Fauth.example.com"),
        };
        self.run.is_faithful &= kind != 3;
        let host = *bytes.pick(&[Some("127.0.0.1:4711"), None, Some("127.0.0.1:4711"), Some("evil.example")]);
        let path = *bytes.pick(&["/callback", "/callback", "/callback", "/favicon.ico", "//"]);
        let request = RedirectRequest {
            method: (*bytes.pick(&["GET", "GET", "GET", "POST", "HEAD"])).to_owned(),
            host: host.map(str::to_owned),
            target: Secret::new(format!("{path}?{query}")),
        };
        self.visits += 1;
        self.run.report(&Event::Redirected { id, visit: self.visits, request });
    }

    /// An event that nobody waits for: of an id that was answered, of one that never was, or of another kind.
    fn stray(&mut self, bytes: &mut Bytes<'_>) {
        let id = match bytes.below(4) {
            0 => self.last.unwrap_or(CommandId(0)),
            1 => CommandId(u32::from(bytes.byte())),
            2 => CommandId(u32::MAX),
            _ => self.run.waiting.keys().next().copied().unwrap_or(CommandId(1)),
        };
        // One that is waited for is answered as it should be.
        if let Some(command) = self.run.waiting.get(&id).cloned()
            && bytes.flag()
        {
            let event = self.answer(bytes, &command);
            return self.run.report(&event);
        }
        let waits = self.run.waiting.get(&id);
        let event = match bytes.below(12) {
            0 if !matches!(waits, Some(Command::DrawEntropy { .. })) => {
                Event::Entropy { id, entropy: entropy(99) }
            }
            1 if !matches!(waits, Some(Command::Send { .. })) => {
                let response = doorkey_core::http::HttpResponse::new(200, "{}");
                Event::Response { id, response }
            }
            2 if !matches!(waits, Some(Command::Send { .. })) => {
                Event::RequestFailed { id, failure: replies::failure(bytes) }
            }
            3 if !matches!(waits, Some(Command::Store { .. })) => {
                Event::Store { id, answer: StoreAnswer::Done }
            }
            4 if !matches!(waits, Some(Command::OpenPage { .. })) => Event::PageOpened { id },
            5 if !matches!(waits, Some(Command::Ask { .. })) => Event::Answered { id, yes: true },
            6 if !matches!(waits, Some(Command::Choose { .. })) => Event::Chosen { id, index: Some(0) },
            7 if !matches!(waits, Some(Command::Listen { .. })) => Event::Listening { id, port: 1 },
            10 if !matches!(waits, Some(Command::Listen { .. })) => {
                // Also of the listener that is there.
                let id = self.run.listener.unwrap_or(id);
                Event::NotListening { id, reason: "it is forbidden".to_owned() }
            }
            8 if !matches!(waits, Some(Command::FindToken { .. })) => {
                Event::TokenFound { id, found: self.found(bytes) }
            }
            9 if self.run.listener != Some(id) => {
                let target = Secret::from("/callback?code=x&state=y");
                let request = RedirectRequest { method: "GET".to_owned(), host: None, target };
                Event::Redirected { id, visit: 0, request }
            }
            _ => return,
        };
        self.run.report(&event);
    }
}

/// The machine that the first byte chooses, in a world where all goes well but for what servers say: an answer after
/// another, in the form of [`message`](crate::message), between lines of `---`.
pub fn answers(bytes: &[u8]) {
    let mut split = bytes.splitn(2, |byte| *byte == b'\n');
    let (setup, texts) = (split.next().unwrap_or_default(), split.next().unwrap_or_default());
    // Digits, so that people can write them: the service, the task, its options, what is stored.
    let digits: Vec<u8> = setup.iter().map(|letter| letter.wrapping_sub(b'a')).collect();
    let mut bytes = Bytes(&digits);
    let service = setup::service(&mut bytes);
    let task = setup::task(&mut bytes, &service);
    let stores = setup::stores(&mut bytes, &service);
    let text = String::from_utf8_lossy(texts);
    if text.contains(secrets::MARK) || text.contains("\\u00") || text.contains('%') {
        return;
    }
    let mut answers = text.split("\n---\n").map(|text| crate::message::response(text.as_bytes()));
    let mut world = World::new(task, service, stores);
    world.run.is_faithful = false;
    let mut nothing = Bytes(&[]);
    for _ in 0..MOST_STEPS {
        if world.run.has_ended() {
            break;
        }
        let waiting = world.run.waiting.first_key_value().map(|(id, command)| (*id, command.clone()));
        match waiting {
            None => world.wake(),
            Some((id, Command::Send { .. })) => match answers.next() {
                Some(response) => world.run.report(&Event::Response { id, response }),
                None => break,
            },
            Some((_, command)) => {
                let event = world.answer(&mut nothing, &command);
                world.run.report(&event);
            }
        }
    }
    world.run.finish();
}
