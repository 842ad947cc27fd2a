//! A session as its owner sees it: a future, and the person's side of it.

use std::fmt;
use std::future::Future;
use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_executor::Task;
use async_io::Timer;
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::trace::Observer;
use doorkey_host::Surface;
use futures_lite::Stream;

use crate::client::Client;
use crate::driver::Means;
use crate::engine::Session;
use crate::executor::executor;
use crate::live::{Alive, Live};
use crate::post::{Interrupter, Post};

/// How often a surface is told that time goes by.
const TICK: Duration = Duration::from_secs(1);

/// A machine that is run; made by [`Driver::run`](crate::Driver::run).
#[must_use = "a machine begins when its future is polled"]
pub struct Run<'a, L: Logic> {
    state: State<L>,
    post: Arc<Post>,
    person: Option<Box<Person<'a>>>,
}

enum State<L: Logic> {
    New(Box<Session<L>>),
    Running(Running<L::Output>),
    Ended,
}

/// What runs by itself; interrupted when its owner lets go of it.
struct Running<T> {
    task: Option<Task<Box<Outcome<T>>>>,
    post: Arc<Post>,
    live: Arc<Live>,
    /// [`abandon`], which takes what can be sent.
    abandon: fn(Task<Box<Outcome<T>>>, Alive),
}

/// Whoever is shown and asked things.
struct Person<'a> {
    means: Arc<Means>,
    surface: &'a mut (dyn Surface + Send),
    tick: Timer,
}

impl<L: Logic> Run<'static, L> {
    pub(crate) fn new(means: Arc<Means>, machine: Machine<L>) -> Self {
        let post = Arc::default();
        let session = Session::new(means, Arc::clone(&post), machine);
        Self { state: State::New(Box::new(session)), post, person: None }
    }
}

impl<'a, L: Logic> Run<'a, L> {
    /// The same, showing what there is to show and asking what there is to ask. Without a surface every question is
    /// answered no. No use once it was polled.
    pub fn with_surface<'b>(self, surface: &'b mut (dyn Surface + Send)) -> Run<'b, L> {
        let Run { mut state, post, .. } = self;
        let person = match &mut state {
            State::New(session) => {
                session.engine.attended = true;
                let means = Arc::clone(&session.engine.means);
                Some(Box::new(Person { means, surface, tick: Timer::interval(TICK) }))
            }
            State::Running(_) | State::Ended => None,
        };
        Run { state, post, person }
    }

    /// The same, with every event and every command shown to `observer`, too. No use once it was polled. It is called on
    /// the thread that all sessions share, and must neither block nor panic.
    pub fn with_observer(mut self, observer: Box<dyn Observer + Send>) -> Self {
        if let State::New(session) = &mut self.state {
            session.engine.observer = Some(observer);
        }
        self
    }

    /// The same, finding tokens as the client does.
    pub(crate) fn find_with(mut self, client: Client) -> Self {
        if let State::New(session) = &mut self.state {
            session.engine.client = Some(client);
        }
        self
    }

    /// What interrupts it without dropping it.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.post))
    }
}

impl<L> Future for Run<'_, L>
where
    L: Logic + Send + 'static,
    L::Output: Send,
{
    type Output = Outcome<L::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if matches!(this.state, State::New(_))
            && let State::New(session) = replace(&mut this.state, State::Ended)
        {
            match executor() {
                Ok(executor) => {
                    let (live, post) = (Arc::clone(&session.engine.means.live), Arc::clone(&this.post));
                    let task = executor.spawn(Session::run(Alive::new(&live), session));
                    this.state = State::Running(Running { task: Some(task), post, live, abandon });
                }
                Err(e) => return Poll::Ready(Err(Failure::new(Exit::Internal, "no_thread", e.to_string()))),
            }
        }
        if let Some(person) = &mut this.person {
            person.attend(&this.post, cx);
        }
        let State::Running(Running { task: Some(task), .. }) = &mut this.state else {
            // As other futures that are polled after their end.
            return Poll::Pending;
        };
        let ended = Pin::new(task).poll(cx);
        if let (Poll::Ready(_), Some(person)) = (&ended, &mut this.person) {
            // What was shown last came before the end.
            person.attend(&this.post, cx);
        }
        if ended.is_ready()
            && let State::Running(mut running) = replace(&mut this.state, State::Ended)
        {
            running.task = None;
        }
        ended.map(|outcome| *outcome)
    }
}

// Nothing in it is pinned.
impl<L: Logic> Unpin for Run<'_, L> {}

impl<L: Logic> fmt::Debug for Run<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.post.report(Event::Cancelled);
            (self.abandon)(task, Alive::new(&self.live));
        }
    }
}

/// Lets it go on alone. What it ends with is nobody's, and gone before nothing is under way any more.
fn abandon<T: Send + 'static>(task: Task<Box<Outcome<T>>>, alive: Alive) {
    let ends = async move {
        drop(task.await);
        drop(alive);
    };
    // The thread runs already.
    if let Ok(executor) = executor() {
        executor.spawn(ends).detach();
    }
}

impl Person<'_> {
    fn attend(&mut self, post: &Arc<Post>, cx: &mut Context<'_>) {
        loop {
            let commands = post.commands(cx);
            if commands.is_empty() {
                break;
            }
            for command in commands {
                self.perform(command, post);
            }
        }
        if Pin::new(&mut self.tick).poll_next(cx).is_ready() {
            self.surface.tick(self.means.alarm.now());
            // From now on: seconds that went by unseen, or while the surface was busy, are not made up for.
            self.tick.set_interval(TICK);
            while Pin::new(&mut self.tick).poll_next(cx).is_ready() {}
        }
    }

    fn perform(&mut self, command: Command, post: &Arc<Post>) {
        match command {
            Command::Show(notice) => self.surface.show(self.means.alarm.now(), &notice),
            Command::Ask { id, question } => {
                let (answer, post) = (self.surface.ask(question), Arc::clone(post));
                blocking::unblock(move || {
                    let yes = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_default();
                    post.report(Event::Answered { id, yes });
                })
                .detach();
            }
            Command::Choose { id, choices } => {
                let (choice, post) = (self.surface.choose(&choices), Arc::clone(post));
                blocking::unblock(move || {
                    let index = catch_unwind(AssertUnwindSafe(choice)).unwrap_or_default();
                    post.report(Event::Chosen { id, index });
                })
                .detach();
            }
            // The engine hands over no others.
            _ => {}
        }
    }
}
