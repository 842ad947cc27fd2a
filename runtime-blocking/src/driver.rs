//! The loop: perform commands, feed results back, sleep.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::nobody_finds;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::{Driven, Logic, Machine, Outcome};
use doorkey_core::secret::Entropy;
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind};
use doorkey_core::time::Timestamp;
use doorkey_core::trace::Observer;
use doorkey_host::limits::LONGEST_SLEEP;
use doorkey_host::redirect::READING;
use doorkey_host::{Browser, Clock, Surface, SystemClock};
use doorkey_store::Vault;

use crate::listener::Listener;
use crate::transport::Transport;

/// Runs machines. Requests and store operations run on one helper thread each, started when first needed, so that
/// an interrupt is obeyed at once whatever they are doing.
///
/// ```
/// use doorkey_blocking::{Driver, HttpTransport, ProxySettings, Vault, VaultConfig};
/// use doorkey_core::status::{Status, StatusOptions};
/// use doorkey_core::{machine::Machine, service::Service, url::Url};
///
/// let service = Service::pentify(
///     Url::parse("https://api.pentify.io")?,
///     Url::parse("https://app.pentify.io")?,
///     "build-box".into(),
/// );
/// let nowhere = VaultConfig::in_folder("/nonexistent/my-tool".as_ref());
/// let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
/// let mut driver = Driver::new(transport, Vault::new(nowhere));
/// let report = driver.run(Machine::new(service, Status::new(StatusOptions::default())))?;
/// assert_eq!(report.winner.unwrap_err().code, "not_signed_in");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Driver<'a> {
    clock: Box<dyn Clock + 'a>,
    surface: Option<&'a mut dyn Surface>,
    browser: Browser,
    observer: Option<&'a mut dyn Observer>,
    on_start: Option<Box<dyn FnOnce(Interrupter) + 'a>>,
    inputs: Receiver<Input>,
    results: Sender<Input>,
    transport: Arc<Mutex<dyn Transport>>,
    requests: Helper,
    requests_pending: usize,
    vault: Arc<Mutex<Vault>>,
    stores: Helper,
    stores_pending: usize,
    listener: Option<Listener>,
    /// Counts machines: what a request of an earlier one comes to is not the next one's.
    run: u32,
}

/// Interrupts a driver from another thread.
#[derive(Clone, Debug)]
pub struct Interrupter(Sender<Input>);

impl Interrupter {
    /// Makes the machine release what it holds and end.
    pub fn interrupt(&self) {
        // A driver that is gone needs no interrupt.
        let _ = self.0.send(Input::Interrupted);
    }
}

#[derive(Debug)]
enum Input {
    /// For the machine of that number.
    Event(u32, Event),
    /// A transport or a store panicked, with this.
    Panicked(Box<dyn Any + Send>),
    Interrupted,
}

impl<'a> Driver<'a> {
    /// A driver with these means. Nothing is opened or started until a command needs it.
    pub fn new<T: Transport + 'static>(transport: T, vault: Vault) -> Self {
        let (results, inputs) = mpsc::channel();
        Self {
            clock: Box::new(SystemClock),
            surface: None,
            browser: Browser::default(),
            observer: None,
            on_start: None,
            inputs,
            results,
            transport: Arc::new(Mutex::new(transport)),
            requests: Helper::Idle,
            requests_pending: 0,
            vault: Arc::new(Mutex::new(vault)),
            stores: Helper::Idle,
            stores_pending: 0,
            listener: None,
            run: 0,
        }
    }

    /// The same with this browser; the default one opens nothing.
    #[must_use]
    pub fn with_browser(self, browser: Browser) -> Self {
        Self { browser, ..self }
    }

    /// The same by this clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'a) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// The same, showing what there is to show and asking what there is to ask. Without a surface every question is
    /// answered no.
    #[must_use]
    pub fn with_surface(self, surface: &'a mut dyn Surface) -> Self {
        Self { surface: Some(surface), ..self }
    }

    /// The same, with every event and every command shown to `observer`, too.
    #[must_use]
    pub fn with_observer(self, observer: &'a mut dyn Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Calls `prepare` once, before the first command is performed, with what interrupts [`Driver::run`]: the place
    /// to listen for signals, which a machine that decides without any command need not pay for.
    pub fn on_start(&mut self, prepare: impl FnOnce(Interrupter) + 'a) {
        self.on_start = Some(Box::new(prepare));
    }

    /// Runs a machine to its end. What it stored is stored then, and the lock given back; after an interrupt that may still
    /// be going on.
    ///
    /// # Errors
    /// As the machine says: the failure names the next step.
    pub fn run<L: Logic>(&mut self, mut machine: Machine<L>) -> Outcome<L::Output> {
        self.drive(&mut machine);
        machine.into_outcome().unwrap_or_else(|| Err(Failure::new(Exit::Internal, "internal", "no outcome")))
    }

    fn drive(&mut self, machine: &mut dyn Driven) {
        self.run = self.run.wrapping_add(1);
        self.forget_interrupts();
        let mut jitter_seed = [0; 8];
        // Without randomness there is only no jitter; secrets fail where they are drawn.
        let _ = getrandom::fill(&mut jitter_seed);
        self.handle(machine, Event::Started { jitter_seed: u64::from_ne_bytes(jitter_seed) });
        let mut interrupted = false;
        while !machine.has_ended() {
            let event = self.next_event(machine);
            interrupted |= event == Some(Event::Cancelled);
            if let Some(event) = event {
                self.handle(machine, event);
            }
        }
        let listener = self.listener.take();
        // What was stored is stored and the lock is back before the end is told; an interrupt does not wait.
        while self.stores_pending > 0 && !interrupted {
            match self.inputs.recv() {
                Ok(Input::Event(_, event)) => self.count(&event),
                Ok(Input::Panicked(cause)) => self.panicked(cause),
                Ok(Input::Interrupted) | Err(_) => break,
            }
        }
        if let Some(listener) = listener.filter(|_| !interrupted) {
            listener.finish();
        }
    }

    fn handle(&mut self, machine: &mut dyn Driven, event: Event) {
        self.count(&event);
        let now = self.clock.now();
        let observed = self.observer.is_some().then(|| event.clone());
        let disposition = machine.handle_event(now, event);
        let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
        if let (Some(observer), Some(event)) = (&mut self.observer, &observed) {
            observer.handled(now, event, disposition, &commands);
        }
        if !commands.is_empty()
            && let Some(prepare) = self.on_start.take()
        {
            prepare(Interrupter(self.results.clone()));
        }
        for command in commands {
            self.perform(command);
        }
    }

    /// Whoever interrupted an earlier machine did not mean this one.
    fn forget_interrupts(&mut self) {
        while let Ok(input) = self.inputs.try_recv() {
            match input {
                Input::Event(_, event) => self.count(&event),
                Input::Panicked(cause) => self.panicked(cause),
                Input::Interrupted => {}
            }
        }
    }

    /// The panic of a transport or a store is the caller's, as if it had been called here.
    fn panicked(&mut self, cause: Box<dyn Any + Send>) -> ! {
        (self.requests_pending, self.stores_pending) = (0, 0);
        self.listener = None;
        resume_unwind(cause)
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Store { .. } => self.stores_pending = self.stores_pending.saturating_sub(1),
            Event::Response { .. } | Event::RequestFailed { .. } => {
                self.requests_pending = self.requests_pending.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// The next thing that happened; `None` if it is only time to look again.
    fn next_event(&mut self, machine: &dyn Driven) -> Option<Event> {
        let now = self.clock.now();
        let deadline = machine.poll_timeout().map(|(at, _)| at);
        let wait = deadline.map_or(LONGEST_SLEEP, |at| self.clock.real(at.since(now.mono)));
        match self.inputs.recv_timeout(wait.min(LONGEST_SLEEP)) {
            Ok(Input::Event(run, event)) if run == self.run => return Some(event),
            Ok(Input::Event(_, event)) => {
                self.count(&event);
                return None;
            }
            Ok(Input::Interrupted) => return Some(Event::Cancelled),
            Ok(Input::Panicked(cause)) => self.panicked(cause),
            // The driver holds a sender itself, so the channel is never closed.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let now = self.clock.now();
        if let Some(surface) = &mut self.surface {
            surface.tick(now);
        }
        deadline.is_some_and(|at| at <= now.mono).then_some(Event::Woke)
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::DrawEntropy { id } => {
                match Entropy::draw(getrandom::fill) {
                    Ok(entropy) => self.report(Event::Entropy { id, entropy }),
                    // Nothing secret can be made without it.
                    Err(_) => self.report(Event::Cancelled),
                }
            }
            Command::Send { id, request, limit } => {
                let waits_since = (self.requests_pending > 0).then(|| SystemClock.now().mono);
                self.requests_pending += 1;
                let transport = Arc::clone(&self.transport);
                let job = move || match send(&mut *locked(&transport), &request, limit, waits_since) {
                    Ok(response) => Event::Response { id, response },
                    Err(failure) => Event::RequestFailed { id, failure },
                };
                if let Err(e) = self.requests.submit(&self.results, self.run, Box::new(job)) {
                    let failure = RequestFailure { kind: FailureKind::NotSent, detail: e.to_string() };
                    self.report(Event::RequestFailed { id, failure });
                }
            }
            Command::Store { id, op } => {
                self.stores_pending += 1;
                let vault = Arc::clone(&self.vault);
                let job = move || Event::Store { id, answer: locked(&vault).perform(op) };
                if let Err(e) = self.stores.submit(&self.results, self.run, Box::new(job)) {
                    let failure = StoreFailure { kind: StoreFailureKind::Refused, detail: e.to_string() };
                    self.report(Event::Store { id, answer: StoreAnswer::Failed(failure) });
                }
            }
            Command::OpenPage { id, url } => {
                let (browser, results, run) = (self.browser.clone(), self.results.clone(), self.run);
                let opens = begin(move || {
                    let event = match browser.open(&url) {
                        Ok(()) => Event::PageOpened { id },
                        Err(reason) => Event::PageNotOpened { id, reason },
                    };
                    let _ = results.send(Input::Event(run, event));
                });
                if let Err(e) = opens {
                    self.report(Event::PageNotOpened { id, reason: e.to_string() });
                }
            }
            Command::Ask { id, question } => {
                let Some(surface) = &mut self.surface else {
                    return self.report(Event::Answered { id, yes: false });
                };
                let (answer, results, run) = (surface.ask(question), self.results.clone(), self.run);
                let asks = begin(move || {
                    let yes = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_default();
                    let _ = results.send(Input::Event(run, Event::Answered { id, yes }));
                });
                if asks.is_err() {
                    self.report(Event::Answered { id, yes: false });
                }
            }
            Command::Choose { id, choices } => {
                let Some(surface) = &mut self.surface else {
                    return self.report(Event::Chosen { id, index: None });
                };
                let (choice, results, run) = (surface.choose(&choices), self.results.clone(), self.run);
                let asks = begin(move || {
                    let index = catch_unwind(AssertUnwindSafe(choice)).unwrap_or_default();
                    let _ = results.send(Input::Event(run, Event::Chosen { id, index }));
                });
                if asks.is_err() {
                    self.report(Event::Chosen { id, index: None });
                }
            }
            Command::Listen { id, address } => {
                let (results, run) = (self.results.clone(), self.run);
                let report = move |visit, request| {
                    let _ = results.send(Input::Event(run, Event::Redirected { id, visit, request }));
                };
                match Listener::bind(id, address, READING, report) {
                    Ok(listener) => {
                        self.report(Event::Listening { id, port: listener.port() });
                        self.listener = Some(listener);
                    }
                    Err(e) => self.report(Event::NotListening { id, reason: e.to_string() }),
                }
            }
            Command::AnswerRedirect { id, visit, page } => {
                if let Some(listener) = self.listener.as_ref().filter(|listener| listener.id() == id) {
                    listener.answer(visit, page);
                }
            }
            Command::StopListening { id, page } => {
                if let Some(listener) = self.listener.as_ref().filter(|listener| listener.id() == id) {
                    listener.stop(page);
                }
            }
            Command::FindToken { id, .. } => self.report(nobody_finds(id)),
            Command::Show(notice) => {
                if let Some(surface) = &mut self.surface {
                    surface.show(self.clock.now(), &notice);
                }
            }
            _ => {}
        }
    }

    fn report(&self, event: Event) {
        let _ = self.results.send(Input::Event(self.run, event));
    }
}

impl std::fmt::Debug for Driver<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("stores_pending", &self.stores_pending).finish_non_exhaustive()
    }
}

/// Sends a request, which may have waited since then for the end of an abandoned one: what must arrive within a time
/// must not leave after it.
fn send(
    transport: &mut dyn Transport,
    request: &HttpRequest,
    limit: Duration,
    waits_since: Option<Timestamp>,
) -> Result<HttpResponse, RequestFailure> {
    let waited = waits_since.map_or(Duration::ZERO, |since| SystemClock.now().mono.since(since));
    match limit.checked_sub(waited) {
        Some(left) => transport.send(request, left),
        None => Err(RequestFailure {
            kind: FailureKind::NotSent,
            detail: "the one before took too long".to_owned(),
        }),
    }
}

/// Does this on a thread of its own.
fn begin(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(work).map(drop)
}

/// A thread that works off one kind of job, in order; started with the first one.
enum Helper {
    Idle,
    Running(Sender<(u32, Job)>),
    /// The system had no thread to give.
    Missing,
}

/// What is to be done for a machine, and what came of it.
type Job = Box<dyn FnOnce() -> Event + Send>;

impl Helper {
    /// Hands a job in.
    ///
    /// # Errors
    /// There is nobody to do it.
    fn submit(&mut self, results: &Sender<Input>, run: u32, job: Job) -> io::Result<()> {
        if matches!(self, Self::Idle) {
            let (jobs, queue) = mpsc::channel();
            let results = results.clone();
            *self = Self::Missing;
            begin(move || work_off(&queue, &results))?;
            *self = Self::Running(jobs);
        }
        match self {
            Self::Running(jobs) => {
                // What panicked has said so.
                let _ = jobs.send((run, job));
                Ok(())
            }
            Self::Idle | Self::Missing => Err(io::Error::other("the system has no thread to give")),
        }
    }
}

fn work_off(jobs: &Receiver<(u32, Job)>, results: &Sender<Input>) {
    for (run, job) in jobs {
        let done = catch_unwind(AssertUnwindSafe(job));
        if results.send(done.map_or_else(Input::Panicked, |event| Input::Event(run, event))).is_err() {
            return;
        }
    }
}

/// Only one helper's jobs lock it. What a panic left in it is theirs again if the caller goes on.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
