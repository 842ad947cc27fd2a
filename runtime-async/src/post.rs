//! What a session and the person's side of it tell each other.

use std::fmt;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use doorkey_core::command::Command;
use doorkey_core::event::Event;

/// Events for the session, and commands for the person, each with whom to wake for them.
#[derive(Default)]
pub(crate) struct Post(Mutex<Trays>);

#[derive(Default)]
struct Trays {
    events: Tray<Event>,
    commands: Tray<Command>,
}

/// What lies here, and who waits for it. Without memory of its own while it is empty.
struct Tray<T> {
    things: Vec<T>,
    waiting: Option<Waker>,
}

impl<T> Default for Tray<T> {
    fn default() -> Self {
        Self { things: Vec::new(), waiting: None }
    }
}

impl<T> Tray<T> {
    fn put(&mut self, thing: T) -> Option<Waker> {
        self.things.push(thing);
        self.waiting.take()
    }

    fn take(&mut self, cx: &Context<'_>) -> Vec<T> {
        if self.things.is_empty() {
            self.waiting = Some(cx.waker().clone());
        }
        take(&mut self.things)
    }
}

impl Post {
    fn trays(&self) -> MutexGuard<'_, Trays> {
        // No panic can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self, event: Event) {
        let waiting = self.trays().events.put(event);
        wake(waiting);
    }

    pub(crate) fn ask(&self, command: Command) {
        let waiting = self.trays().commands.put(command);
        wake(waiting);
    }

    /// The events that came; if there are none, the task of `cx` is woken for the next one.
    pub(crate) fn events(&self, cx: &Context<'_>) -> Vec<Event> {
        self.trays().events.take(cx)
    }

    /// The commands for the person; if there are none, the task of `cx` is woken for the next one.
    pub(crate) fn commands(&self, cx: &Context<'_>) -> Vec<Command> {
        self.trays().commands.take(cx)
    }
}

/// Without the lock: whoever is woken may look into the trays at once.
fn wake(waiting: Option<Waker>) {
    if let Some(waker) = waiting {
        waker.wake();
    }
}

/// Interrupts a session from anywhere.
#[derive(Clone)]
pub struct Interrupter(pub(crate) Arc<Post>);

impl Interrupter {
    /// Makes the machine release what it holds and end, once what must not be torn is done.
    pub fn interrupt(&self) {
        self.0.report(Event::Cancelled);
    }
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").finish_non_exhaustive()
    }
}
