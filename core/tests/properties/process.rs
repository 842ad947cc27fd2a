//! A process with a machine, and what holds for every machine whatever happens:
//!
//! - an answer that is not waited for changes nothing, and neither does anything that is ignored;
//! - what is waited for is used, and woken at its deadline a machine does something or names a later one;
//! - an id is used once; an outcome is set once; whoever waits at a listener is answered;
//! - the lock and the listener are given back at the end;
//! - no `Debug` and no failure shows a secret, no trace has one, and every trace replays.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::{FailureKind, HttpResponse, RequestFailure};
use doorkey_core::machine::{Disposition, Logic, Machine, Outcome};
use doorkey_core::notice::Notice;
use doorkey_core::redirect::RedirectRequest;
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::service::Service;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::trace::{Recorder, replay};

use crate::story;
use crate::world::{ORIGIN, World};

/// An id that no machine has used.
const UNKNOWN: CommandId = CommandId(u32::MAX);
/// How many kinds of answers there are.
const KINDS: usize = 14;

/// A process with any machine.
pub trait Acting {
    /// One action: performs a command, or takes an event. `false` if there is nothing to do at this time.
    fn act(&mut self, world: &mut World) -> bool;
    /// When there will be something to do.
    fn due(&self, world: &World) -> Option<u64>;
    fn has_ended(&self) -> bool;
    /// The person interrupts.
    fn cancel(&mut self);
}

pub struct Process<L: Logic> {
    pid: usize,
    machine: Machine<L>,
    commands: VecDeque<Command>,
    /// What will be reported, and when.
    inbox: VecDeque<(u64, Event)>,
    lock_until: Option<u64>,
    /// Every id so far; and those that were answered.
    ids: BTreeSet<CommandId>,
    answered: Vec<CommandId>,
    /// Visits at the listener that wait for a page.
    visits: BTreeSet<u32>,
    listener: CommandId,
    events: usize,
    recorder: Recorder,
    trace: Option<Vec<String>>,
    ended: bool,
    outcome: Rc<RefCell<Option<Outcome<L::Output>>>>,
}

impl<L> Process<L>
where
    L: Logic + Clone + Debug + Eq + Hash,
    L::Output: Clone + Debug + Eq + Hash,
{
    pub fn new(
        pid: usize,
        service: &Service,
        task: Option<Task>,
        logic: L,
        outcome: Rc<RefCell<Option<Outcome<L::Output>>>>,
    ) -> Self {
        let mut recorder = Recorder::default();
        Self {
            pid,
            machine: Machine::new(service.clone(), logic),
            commands: VecDeque::new(),
            inbox: VecDeque::from([(0, Event::Started { jitter_seed: 11 })]),
            lock_until: None,
            ids: BTreeSet::new(),
            answered: Vec::new(),
            visits: BTreeSet::new(),
            listener: UNKNOWN,
            events: 0,
            trace: task.map(|task| vec![recorder.begin(&task, service)]),
            recorder,
            ended: false,
            outcome,
        }
    }

    fn handle(&mut self, world: &mut World, event: Event) {
        self.events += 1;
        // It brings the machine's clock up to now, so that the next one can be seen to change nothing at all.
        self.expect_ignored(world, Event::Store { id: UNKNOWN, answer: StoreAnswer::Done });
        let known = self.answered.get(self.events % self.answered.len().max(1)).copied();
        self.expect_unchanged(world, stale(self.events, known.unwrap_or(UNKNOWN)));
        let (now, before) = (world.now(), self.machine.clone());
        let disposition = self.machine.handle_event(now, event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| self.machine.poll_command()).collect();
        world.tell(story::turn(self.pid, &event, disposition, &commands));
        if let Some(trace) = &mut self.trace {
            trace.push(self.recorder.line(now, &event, disposition, &commands));
        }
        if disposition != Disposition::Used {
            let same = commands.is_empty() && self.machine == before;
            world.check(same, || format!("#{} ignored it, and changed", self.pid));
            // A page may open late, and the lock is sometimes given back in passing.
            let answers = answered_id(&event).is_some_and(|id| !self.answered.contains(&id));
            let late = before.outcome().is_some()
                || matches!(event, Event::PageOpened { .. } | Event::Redirected { .. });
            let in_passing =
                matches!(event, Event::PageNotOpened { .. } | Event::Store { answer: StoreAnswer::Done, .. });
            world.check(!answers || late || in_passing, || {
                format!("#{} does not use what it waits for", self.pid)
            });
        }
        self.answered.extend(answered_id(&event));
        match &event {
            Event::Listening { id, .. } => self.listener = *id,
            Event::Redirected { visit, .. } if disposition == Disposition::Used => {
                self.visits.insert(*visit);
            }
            _ => {}
        }
        for command in &commands {
            self.note(world, command);
        }
        let outcome = before.outcome();
        world.check(outcome.is_none() || outcome == self.machine.outcome(), || {
            "the outcome changed".to_owned()
        });
        if self.machine.poll_timeout().is_some_and(|(at, _)| at > now.mono) {
            self.expect_unchanged(world, Event::Woke);
        }
        if self.events.is_multiple_of(4) {
            self.check_debug(world);
        }
        self.commands.extend(commands);
    }

    fn note(&mut self, world: &mut World, command: &Command) {
        match command {
            Command::Show(Notice::AuthorizationRequest { link, .. }) => {
                let visits = (world.browser)(link);
                for (visit, (after, request)) in (0..).zip(visits) {
                    let event = Event::Redirected { id: self.listener, visit, request };
                    self.inbox.push_back((world.millis + after, event));
                }
            }
            Command::AnswerRedirect { visit, .. } => {
                world.check(self.visits.remove(visit), || format!("visit {visit} is answered twice"));
            }
            Command::StopListening { .. } => self.visits.clear(),
            _ => {}
        }
        if let Some(id) = story::id_of(command) {
            world.check(self.ids.insert(id), || format!("#{} uses an id again: {command:?}", self.pid));
        }
    }

    fn expect_ignored(&mut self, world: &mut World, event: Event) {
        let disposition = self.machine.handle_event(world.now(), event.clone());
        world.check(disposition != Disposition::Used, || {
            format!("#{} uses what is stale: {event:?}", self.pid)
        });
    }

    fn expect_unchanged(&mut self, world: &mut World, event: Event) {
        let before = self.machine.clone();
        self.expect_ignored(world, event.clone());
        world.check(self.machine == before, || {
            format!("#{} is changed by what is stale: {event:?}", self.pid)
        });
    }

    fn check_debug(&self, world: &mut World) {
        let shown = format!("{:?}", self.machine);
        if let Some(mark) = world.secret_in(&shown).map(str::to_owned) {
            world.check(false, || format!("#{} shows {mark}: {shown}", self.pid));
        }
    }

    /// The end: nothing is left, and nothing changes it.
    fn finish(&mut self, world: &mut World) {
        self.ended = true;
        let held = world.disk.lock == Some(self.pid);
        world.check(!held, || format!("#{} ended with the lock", self.pid));
        world.check(self.visits.is_empty(), || format!("#{} ended, and {:?} wait", self.pid, self.visits));
        self.check_debug(world);
        self.expect_ignored(world, Event::Woke);
        let known = *self.answered.last().unwrap_or(&UNKNOWN);
        for event in (0..KINDS).map(|kind| stale(kind, known)).chain([Event::Woke, Event::Cancelled]) {
            self.expect_unchanged(world, event);
        }
        for (_, late) in std::mem::take(&mut self.inbox) {
            self.expect_unchanged(world, late);
        }
        let end = self.machine.outcome().cloned();
        if let Some(mut lines) = self.trace.take() {
            lines.push(self.recorder.end(end.as_ref().and_then(|end| end.as_ref().err())));
            check_trace(world, &lines);
        }
        world.tell(format!("#{} ends: {}", self.pid, story::end(end.as_ref())));
        *self.outcome.borrow_mut() = end;
    }
}

impl<L> Acting for Process<L>
where
    L: Logic + Clone + Debug + Eq + Hash,
    L::Output: Clone + Debug + Eq + Hash,
{
    fn act(&mut self, world: &mut World) -> bool {
        if self.ended {
            return false;
        }
        if let Some(command) = self.commands.pop_front() {
            if let Command::Store { id, op: StoreOp::Lock { wait } } = &command
                && world.disk.lock.is_some_and(|holder| holder != self.pid)
            {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                let until = *self.lock_until.get_or_insert(world.millis + wait);
                if world.millis < until {
                    let op = StoreOp::Lock { wait: Duration::ZERO };
                    self.commands.push_front(Command::Store { id: *id, op });
                    return false;
                }
            }
            self.lock_until = None;
            self.inbox.extend(world.perform(self.pid, command));
        } else if let Some(at) = self.inbox.iter().position(|(due, _)| *due <= world.millis)
            && self.machine.outcome().is_none()
        {
            let (_, event) = self.inbox.remove(at).unwrap_or((0, Event::Woke));
            self.handle(world, event);
        } else if self.machine.outcome().is_some() {
            self.finish(world);
        } else if self.machine.poll_timeout().is_some_and(|(at, _)| at <= world.now().mono) {
            self.handle(world, Event::Woke);
            let goes_on = !self.commands.is_empty() || self.machine.outcome().is_some();
            let later = self.machine.poll_timeout().is_none_or(|(at, _)| at > world.now().mono);
            world.check(goes_on || later, || format!("#{} was woken for nothing", self.pid));
        } else {
            return false;
        }
        true
    }

    fn due(&self, world: &World) -> Option<u64> {
        if self.ended {
            return None;
        }
        if self.lock_until.is_some() {
            return self.lock_until;
        }
        let wakes = self.machine.poll_timeout().map(|(at, _)| at.as_millis().saturating_sub(ORIGIN));
        let reported = self.inbox.iter().map(|(due, _)| *due);
        reported.chain(wakes).min().map(|at| at.max(world.millis))
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn cancel(&mut self) {
        if self.machine.outcome().is_none() {
            self.inbox.push_front((0, Event::Cancelled));
        }
    }
}

/// No secret is in a trace, and it gives the same commands again.
fn check_trace(world: &mut World, lines: &[String]) {
    for line in lines {
        if let Some(mark) = world.secret_in(line).map(str::to_owned) {
            world.check(false, || format!("{mark} in the trace: {line}"));
        }
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    match replay(&lines) {
        Ok(Ok(_)) => {}
        Ok(Err(difference)) => world.check(false, || format!("the replay differs: {difference:#?}")),
        Err(error) => world.check(false, || format!("the trace cannot be read: {error}")),
    }
}

/// An answer that nobody waits for.
fn stale(kind: usize, id: CommandId) -> Event {
    let request = RedirectRequest { method: "GET".into(), host: None, target: Secret::from("/callback") };
    let failure = RequestFailure { kind: FailureKind::NotSent, detail: "no route".into() };
    match kind % KINDS {
        0 => Event::Entropy { id, entropy: Entropy::new([77; 32]) },
        1 => Event::Response { id, response: HttpResponse::new(200, r#"{"token":"pt_live_x"}"#) },
        2 => Event::Response { id, response: HttpResponse::new(401, "") },
        3 => Event::RequestFailed { id, failure },
        4 => Event::Store { id, answer: StoreAnswer::Done },
        5 => Event::Store { id, answer: StoreAnswer::Records(Vec::new()) },
        6 => Event::PageOpened { id },
        7 => Event::PageNotOpened { id, reason: "no".into() },
        8 => Event::Answered { id, yes: true },
        9 => Event::Chosen { id, index: Some(0) },
        10 => Event::Listening { id, port: 1 },
        11 => Event::NotListening { id, reason: "no".into() },
        12 => Event::TokenFound { id, found: Ok(None) },
        // A listener's own id stays good for as long as it listens.
        _ => Event::Redirected { id: UNKNOWN, visit: 9, request },
    }
}

/// The command that an event answers.
fn answered_id(event: &Event) -> Option<CommandId> {
    match event {
        Event::Entropy { id, .. }
        | Event::Response { id, .. }
        | Event::RequestFailed { id, .. }
        | Event::Store { id, .. }
        | Event::PageOpened { id }
        | Event::PageNotOpened { id, .. }
        | Event::Answered { id, .. }
        | Event::Chosen { id, .. }
        | Event::Listening { id, .. }
        | Event::NotListening { id, .. }
        | Event::TokenFound { id, .. } => Some(*id),
        _ => None,
    }
}
