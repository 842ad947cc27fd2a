//! The loop: perform commands, feed results back, sleep.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use blocking::unblock;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::nobody_finds;
use doorkey_core::machine::{Driven, Logic, Machine, Outcome};
use doorkey_core::secret::Entropy;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::trace::Observer;
use doorkey_host::redirect::READING;
use doorkey_store::Vault;

use crate::alarm::Sleeper;
use crate::client::Client;
use crate::driver::Means;
use crate::listener::Listener;
use crate::live::Alive;
use crate::post::Post;

/// A session, in one piece: thousands of them wait at once.
pub(crate) struct Session<L: Logic> {
    machine: Machine<L>,
    pub(crate) engine: Engine,
}

/// What a session has beside its machine.
pub(crate) struct Engine {
    pub(crate) means: Arc<Means>,
    post: Arc<Post>,
    /// Who finds tokens for it.
    pub(crate) client: Option<Client>,
    pub(crate) observer: Option<Box<dyn Observer + Send>>,
    /// Whether somebody is there to be shown and asked things.
    pub(crate) attended: bool,
    /// What is under way. Without memory of its own while there is nothing.
    jobs: Vec<Job>,
    stores: Option<Box<Stores>>,
    listener: Option<Box<Listener>>,
    sleeper: Sleeper,
}

impl<L: Logic> Session<L> {
    pub(crate) fn new(means: Arc<Means>, post: Arc<Post>, machine: Machine<L>) -> Self {
        Self { machine, engine: Engine::new(means, post) }
    }

    /// Drives the machine to its end; `alive` is dropped after all that it had. The outcome is boxed since a task has room
    /// for it from the beginning.
    pub(crate) async fn run(_alive: Alive, mut session: Box<Self>) -> Box<Outcome<L::Output>> {
        let Self { machine, engine } = &mut *session;
        engine.start(machine);
        poll_fn(|cx| engine.poll(machine, cx)).await;
        let ended = session.machine.into_outcome();
        Box::new(ended.unwrap_or_else(|| Err(Failure::new(Exit::Internal, "internal", "no outcome"))))
    }
}

type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Done {
    Event(Event),
    Store(CommandId, StoreAnswer, Box<Vault>),
}

/// The session's vault. Its operations are performed in order.
#[derive(Default)]
struct Stores {
    /// Made with the first operation, and away while one is under way.
    vault: Option<Box<Vault>>,
    busy: bool,
    queue: VecDeque<(CommandId, StoreOp)>,
}

impl Engine {
    fn new(means: Arc<Means>, post: Arc<Post>) -> Self {
        let sleeper = Sleeper::new(Arc::clone(&means.alarm));
        let (client, observer, attended) = (None, None, false);
        let (jobs, stores, listener) = (Vec::new(), None, None);
        Self { means, post, client, observer, attended, jobs, stores, listener, sleeper }
    }

    fn start(&mut self, machine: &mut dyn Driven) {
        let mut jitter_seed = [0; 8];
        // Without randomness there is only no jitter; secrets fail where they are drawn.
        let _ = getrandom::fill(&mut jitter_seed);
        self.handle(machine, Event::Started { jitter_seed: u64::from_ne_bytes(jitter_seed) });
    }

    /// Ready when the machine has ended and what was to be stored is stored, the lock given back, and a browser that waits
    /// for its page has it.
    fn poll(&mut self, machine: &mut dyn Driven, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut busy = false;
            for event in self.post.events(cx) {
                busy = true;
                self.handle(machine, event);
            }
            busy |= self.poll_jobs(machine, cx);
            if let Some(event) = self.listener.as_mut().and_then(|listener| listener.poll(cx)) {
                busy = true;
                self.handle(machine, event);
            }
            if machine.has_ended() {
                // Whatever else is under way, nobody waits for it.
                if self.stores.as_ref().is_none_or(|stores| stores.is_idle())
                    && self.listener.as_ref().is_none_or(|listener| listener.is_finished())
                {
                    return Poll::Ready(());
                }
                self.sleeper.rest();
            } else if let Some((at, _)) = machine.poll_timeout() {
                if self.sleeper.poll_until(at, cx).is_ready() {
                    busy = true;
                    self.handle(machine, Event::Woke);
                }
            } else {
                self.sleeper.rest();
            }
            if !busy {
                return Poll::Pending;
            }
        }
    }

    /// Takes what has come of one job. `false` if nothing has.
    fn poll_jobs(&mut self, machine: &mut dyn Driven, cx: &mut Context<'_>) -> bool {
        let ready = self.jobs.iter_mut().enumerate().find_map(|(at, job)| match job.as_mut().poll(cx) {
            Poll::Ready(done) => Some((at, done)),
            Poll::Pending => None,
        });
        let Some((at, done)) = ready else { return false };
        drop(self.jobs.remove(at));
        if self.jobs.is_empty() {
            self.jobs = Vec::new();
        }
        match done {
            Done::Event(event) => self.handle(machine, event),
            Done::Store(id, answer, vault) => {
                if let Some(stores) = &mut self.stores {
                    (stores.vault, stores.busy) = (Some(vault), false);
                }
                self.next_store_op();
                self.handle(machine, Event::Store { id, answer });
            }
        }
        true
    }

    fn handle(&mut self, machine: &mut dyn Driven, event: Event) {
        // What is still awaited then is awaited for its own sake.
        if machine.has_ended() {
            return;
        }
        let now = self.means.alarm.now();
        let observed = self.observer.is_some().then(|| event.clone());
        let disposition = machine.handle_event(now, event);
        let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
        if let (Some(observer), Some(event)) = (&mut self.observer, &observed) {
            observer.handled(now, event, disposition, &commands);
        }
        for command in commands {
            self.perform(command);
        }
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::DrawEntropy { id } => {
                self.post.report(match Entropy::draw(getrandom::fill) {
                    Ok(entropy) => Event::Entropy { id, entropy },
                    // Nothing secret can be made without it.
                    Err(_) => Event::Cancelled,
                });
            }
            Command::Send { id, request, limit } => {
                let sending = self.means.transport.send(request, limit);
                self.begin(async move {
                    Done::Event(match sending.await {
                        Ok(response) => Event::Response { id, response },
                        Err(failure) => Event::RequestFailed { id, failure },
                    })
                });
            }
            Command::Store { id, op } => {
                self.stores.get_or_insert_default().queue.push_back((id, op));
                self.next_store_op();
            }
            Command::OpenPage { id, url } => {
                let browser = self.means.browser.clone();
                self.begin(unblock(move || {
                    Done::Event(match browser.open(&url) {
                        Ok(()) => Event::PageOpened { id },
                        Err(reason) => Event::PageNotOpened { id, reason },
                    })
                }));
            }
            Command::Listen { id, address } => {
                self.post.report(match Listener::bind(id, address, READING) {
                    Ok((listener, port)) => {
                        self.listener = Some(Box::new(listener));
                        Event::Listening { id, port }
                    }
                    Err(e) => Event::NotListening { id, reason: e.to_string() },
                });
            }
            Command::AnswerRedirect { id, visit, page } => {
                if let Some(listener) = self.listener_of(id) {
                    listener.answer(visit, page);
                }
            }
            Command::StopListening { id, page } => {
                if let Some(listener) = self.listener_of(id) {
                    listener.stop(page);
                }
            }
            Command::FindToken { id, refusal } => match self.client.clone() {
                Some(client) => self.begin(async move {
                    let found = client.find(refusal).await;
                    let found = found.map(|found| found.map(|found| Box::new(Arc::unwrap_or_clone(found))));
                    Done::Event(Event::TokenFound { id, found })
                }),
                None => self.post.report(nobody_finds(id)),
            },
            Command::Ask { id, .. } if !self.attended => self.post.report(Event::Answered { id, yes: false }),
            Command::Choose { id, .. } if !self.attended => {
                self.post.report(Event::Chosen { id, index: None });
            }
            Command::Show(_) if !self.attended => {}
            Command::Ask { .. } | Command::Choose { .. } | Command::Show(_) => self.post.ask(command),
            _ => {}
        }
    }

    fn begin(&mut self, job: impl Future<Output = Done> + Send + 'static) {
        self.jobs.reserve_exact(1);
        self.jobs.push(Box::pin(job));
    }

    fn listener_of(&mut self, id: CommandId) -> Option<&mut Listener> {
        self.listener.as_deref_mut().filter(|listener| listener.id() == id)
    }

    fn next_store_op(&mut self) {
        let Some(stores) = self.stores.as_mut().filter(|stores| !stores.busy) else { return };
        let Some((id, op)) = stores.queue.pop_front() else { return };
        stores.busy = true;
        let (vault, means) = (stores.vault.take(), Arc::clone(&self.means));
        self.begin(unblock(move || {
            let mut vault = vault.unwrap_or_else(|| Box::new((means.vaults)()));
            let answer = vault.perform(op);
            Done::Store(id, answer, vault)
        }));
    }
}

impl Stores {
    fn is_idle(&self) -> bool {
        !self.busy && self.queue.is_empty()
    }
}
