//! What all machines have in common: commands out, events in, a deadline, an outcome.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::backoff::Jitter;
use crate::command::{Choice, Command, CommandId, Question};
use crate::event::Event;
use crate::failure::Failure;
use crate::http::HttpRequest;
use crate::notice::Notice;
use crate::redirect::RedirectPage;
use crate::service::Service;
use crate::store::StoreOp;
use crate::time::{Now, Timestamp};
use crate::url::Url;
use crate::verdict::Refusal;

/// How a machine ended.
pub type Outcome<T> = Result<T, Failure>;

/// Why a machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WakeReason {
    /// Commands are queued.
    QueuedCommands,
    /// The next poll of a pairing is due.
    NextPoll,
    /// The pairing's time is up.
    PairingExpiry,
    /// A request is to be tried again.
    Retry,
    /// A device code expires.
    CodeExpiry,
    /// The wait for what the browser brings back is over.
    RedirectExpiry,
    /// The clocks are to be compared.
    CompareClocks,
    /// What another process stores is to be looked for again.
    LookAgain,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It was used.
    Used,
    /// It changed nothing, for this reason.
    Ignored(&'static str),
}

/// The decisions of one kind of machine. Machines are built from one another: a composition forwards events to the
/// part that is at work and looks at the [`Step`] that comes back.
pub trait Logic {
    /// What a successful end yields.
    type Output;

    /// Begins; called once, before any event.
    fn start(&mut self, cx: &mut Context<'_>) -> Step<Self::Output>;

    /// Takes an event. One that does not fit is [`Step::Ignored`] and has changed nothing.
    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Self::Output>;

    /// The person interrupts. It ends here, unless something must be brought to its end first.
    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Self::Output> {
        let _ = cx;
        Step::fail(Failure::interrupted())
    }

    /// When it wants [`Event::Woke`], queued commands aside.
    fn deadline(&self) -> Option<(Timestamp, WakeReason)>;
}

/// What a piece of [`Logic`] has come to.
#[derive(Debug)]
pub enum Step<T> {
    /// The event did not fit, for this reason.
    Ignored(&'static str),
    /// It waits for events.
    Pending,
    /// It has ended.
    Done(Outcome<T>),
}

impl<T> Step<T> {
    /// Ended with a failure.
    pub fn fail(failure: Failure) -> Self {
        Self::Done(Err(failure))
    }

    /// Goes on with how it ended, once it has.
    pub(crate) fn then<U>(self, next: impl FnOnce(Outcome<T>) -> Step<U>) -> Step<U> {
        match self {
            Self::Ignored(reason) => Step::Ignored(reason),
            Self::Pending => Step::Pending,
            Self::Done(outcome) => next(outcome),
        }
    }

    /// Goes on with what a successful end yields, as [`Result::and_then`] does; a failure stays one.
    pub(crate) fn and_then<U>(self, next: impl FnOnce(T) -> Step<U>) -> Step<U> {
        self.then(|outcome| match outcome {
            Ok(value) => next(value),
            Err(failure) => Step::fail(failure),
        })
    }

    /// With another value of a successful end, as [`Result::map`] has it.
    pub(crate) fn map<U>(self, next: impl FnOnce(T) -> U) -> Step<U> {
        self.then(|outcome| Step::Done(outcome.map(next)))
    }
}

/// A machine: plain data, told what happened, asked what to do next.
///
/// After every [`Machine::handle_event`], drain [`Machine::poll_command`], then sleep until
/// [`Machine::poll_timeout`] or until something happens. The [crate]'s example is such a loop; the
/// drivers are others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine<L: Logic> {
    service: Arc<Service>,
    logic: L,
    outbox: Outbox,
    started: bool,
    last_now: Now,
    /// Boxed: it has none for nearly all its life.
    outcome: Option<Box<Outcome<L::Output>>>,
}

impl<L: Logic> Machine<L> {
    /// A machine that has not begun; [`Event::Started`] begins it.
    ///
    /// Thousands of them can share one service.
    pub fn new(service: impl Into<Arc<Service>>, logic: L) -> Self {
        let outbox = Outbox::default();
        Self {
            service: service.into(),
            logic,
            outbox,
            started: false,
            last_now: Now::default(),
            outcome: None,
        }
    }

    /// The service it works for.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Reports what happened outside.
    pub fn handle_event(&mut self, now: Now, event: Event) -> Disposition {
        self.last_now = now;
        if self.outcome.is_some() {
            return Disposition::Ignored("finished");
        }
        let gone = match &event {
            Event::NotListening { id, .. } => self.outbox.listener.take_if(|listener| listener == id),
            _ => None,
        };
        let step = match (&event, self.started) {
            (Event::Cancelled, _) => {
                let cx = &mut Context { now, service: &self.service, outbox: &mut self.outbox };
                let step = self.logic.interrupted(cx);
                if matches!(step, Step::Done(_)) {
                    self.outbox.forget_queued();
                }
                step
            }
            (Event::Started { jitter_seed }, false) => {
                self.started = true;
                self.outbox.jitter = Jitter::new(*jitter_seed);
                self.logic.start(&mut Context { now, service: &self.service, outbox: &mut self.outbox })
            }
            (Event::Started { .. }, true) => Step::Ignored("started already"),
            (_, false) => Step::Ignored("not started"),
            (event, true) => {
                let cx = &mut Context { now, service: &self.service, outbox: &mut self.outbox };
                self.logic.handle(cx, event)
            }
        };
        match step {
            Step::Ignored(reason) => {
                self.outbox.listener = self.outbox.listener.or(gone);
                return Disposition::Ignored(reason);
            }
            Step::Pending => {}
            Step::Done(outcome) => {
                self.outbox.release_lock();
                self.outbox.stop_listening(RedirectPage::Interrupted);
                self.outcome = Some(Box::new(outcome));
            }
        }
        Disposition::Used
    }

    /// The next thing to do, in order; `None` when there is nothing left.
    pub fn poll_command(&mut self) -> Option<Command> {
        let command = self.outbox.queue.pop_front();
        if command.is_none() {
            // Machines wait for longer than they work: the room for four commands is more than all they know.
            self.outbox.queue = VecDeque::new();
        }
        command
    }

    /// When to report [`Event::Woke`] at the latest, and why. Queued commands are due now.
    pub fn poll_timeout(&self) -> Option<(Timestamp, WakeReason)> {
        if !self.outbox.queue.is_empty() {
            return Some((self.last_now.mono, WakeReason::QueuedCommands));
        }
        if self.outcome.is_some() || !self.started { None } else { self.logic.deadline() }
    }

    /// How it ended; once set, it never changes.
    pub fn outcome(&self) -> Option<&Outcome<L::Output>> {
        self.outcome.as_deref()
    }

    /// The end, taken out; `None` while it runs.
    pub fn into_outcome(self) -> Option<Outcome<L::Output>> {
        self.outcome.map(|outcome| *outcome)
    }
}

/// A machine of any kind, so that a driver's loop is compiled once and not for each of them.
pub trait Driven {
    /// [`Machine::handle_event`].
    fn handle_event(&mut self, now: Now, event: Event) -> Disposition;
    /// [`Machine::poll_command`].
    fn poll_command(&mut self) -> Option<Command>;
    /// [`Machine::poll_timeout`].
    fn poll_timeout(&self) -> Option<(Timestamp, WakeReason)>;
    /// Whether it has an [outcome](Machine::outcome).
    fn has_ended(&self) -> bool;
}

impl<L: Logic> Driven for Machine<L> {
    fn handle_event(&mut self, now: Now, event: Event) -> Disposition {
        Self::handle_event(self, now, event)
    }

    fn poll_command(&mut self) -> Option<Command> {
        Self::poll_command(self)
    }

    fn poll_timeout(&self) -> Option<(Timestamp, WakeReason)> {
        Self::poll_timeout(self)
    }

    fn has_ended(&self) -> bool {
        self.outcome.is_some()
    }
}

/// What a piece of logic sees of the world while it handles an event, and where its commands go.
#[derive(Debug)]
pub struct Context<'a> {
    /// The driver's clocks.
    pub now: Now,
    /// The service it works for.
    pub service: &'a Service,
    outbox: &'a mut Outbox,
}

impl Context<'_> {
    /// Queues a request.
    pub fn send(&mut self, request: HttpRequest, limit: Duration) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::Send { id, request, limit });
        id
    }

    /// Queues a store operation.
    pub fn store(&mut self, op: StoreOp) -> CommandId {
        match op {
            StoreOp::Lock { .. } => self.outbox.lock_wanted = true,
            StoreOp::Unlock => self.outbox.lock_wanted = false,
            _ => {}
        }
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::Store { id, op });
        id
    }

    /// Queues a request for 256 fresh random bits.
    pub fn draw_entropy(&mut self) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::DrawEntropy { id });
        id
    }

    /// Queues the opening of a page in the person's browser.
    pub fn open_page(&mut self, url: Url) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::OpenPage { id, url });
        id
    }

    /// Queues a question to the person.
    pub fn ask(&mut self, question: Question) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::Ask { id, question });
        id
    }

    /// Queues a choice for the person.
    pub fn choose(&mut self, choices: Vec<Choice>) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::Choose { id, choices });
        id
    }

    /// Queues the search for the token to use.
    pub fn find_token(&mut self, refusal: Option<Refusal>) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::FindToken { id, refusal });
        id
    }

    /// Queues the binding of a loopback listener, in the place of any other.
    pub fn listen(&mut self, address: IpAddr) -> CommandId {
        let id = self.outbox.next_id();
        self.outbox.queue.push_back(Command::Listen { id, address });
        self.outbox.listener = Some(id);
        id
    }

    /// Queues the answer to a request that came to the listener `id`.
    pub fn answer_redirect(&mut self, id: CommandId, visit: u32, page: RedirectPage) {
        self.outbox.queue.push_back(Command::AnswerRedirect { id, visit, page });
    }

    /// Queues the end of the listener, if there is one; whoever waits there is shown this page.
    pub fn stop_listening(&mut self, page: RedirectPage) {
        self.outbox.stop_listening(page);
    }

    /// Queues something to show.
    pub fn show(&mut self, notice: Notice) {
        self.outbox.queue.push_back(Command::Show(notice));
    }

    /// `wait`, ±25 %.
    pub fn jittered(&mut self, wait: Duration) -> Duration {
        self.outbox.jitter.spread(wait)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Outbox {
    queue: VecDeque<Command>,
    last_id: u32,
    jitter: Jitter,
    lock_wanted: bool,
    listener: Option<CommandId>,
}

impl Outbox {
    fn next_id(&mut self) -> CommandId {
        self.last_id = self.last_id.wrapping_add(1);
        CommandId(self.last_id)
    }

    /// Drops what no driver has taken yet, but still gives back a lock that was about to be.
    fn forget_queued(&mut self) {
        let unlock = |command: &Command| matches!(command, Command::Store { op: StoreOp::Unlock, .. });
        self.lock_wanted |= self.queue.iter().any(unlock);
        self.queue.clear();
    }

    /// However a machine ends, it has no listener then.
    fn stop_listening(&mut self, page: RedirectPage) {
        if let Some(id) = self.listener.take() {
            self.queue.push_back(Command::StopListening { id, page });
        }
    }

    /// However a machine ends, it keeps no lock.
    fn release_lock(&mut self) {
        if core::mem::take(&mut self.lock_wanted) {
            let id = self.next_id();
            self.queue.push_back(Command::Store { id, op: StoreOp::Unlock });
        }
    }
}
