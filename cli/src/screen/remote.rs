//! The surface of a machine that runs on a thread of its own, for the screen to show.

use std::sync::mpsc::{self, Sender};

use doorkey_blocking::Surface;
use doorkey_core::command::{Choice, Question};
use doorkey_core::notice::Notice;
use doorkey_core::time::Now;

use super::terminal::Input;
use crate::signals::Watch;
use crate::surface::{Link, LinkHook, Message};

/// Something that happened, for the screen.
#[derive(Debug)]
pub enum Event<D> {
    /// At the terminal.
    Terminal(Input),
    /// A machine tells something.
    Notice(Now, Notice),
    /// Something else is to be told.
    Tell(Message),
    /// A machine lets the person choose; the answer goes there.
    Choose(Vec<Choice>, Sender<Option<usize>>),
    /// A machine asks.
    Ask(Question, Sender<bool>),
    /// What became of opening a page that the person asked for.
    Opened(Result<(), String>),
    /// A machine has ended.
    Done(D),
}

/// The surface.
pub struct Remote<D> {
    events: Sender<Event<D>>,
    watch: Watch,
    on_link: Option<LinkHook>,
    link: Option<Link>,
}

impl<D> Remote<D> {
    /// A surface that reports to the screen. Signals wait in `watch` while a session is being renewed.
    pub fn new(events: Sender<Event<D>>, watch: Watch, on_link: Option<LinkHook>) -> Self {
        Self { events, watch, on_link, link: None }
    }

    fn report(&self, event: Event<D>) {
        // A screen that is gone needs no news.
        let _ = self.events.send(event);
    }
}

impl<D: Send + 'static> Remote<D> {
    fn use_link(&mut self) {
        if let (Some(hook), Some(link)) = (&self.on_link, self.link.take()) {
            let events = self.events.clone();
            (hook.call)(&link, Box::new(move |message| drop(events.send(Event::Tell(message)))));
        }
    }
}

impl<D: Send + 'static> Surface for Remote<D> {
    fn show(&mut self, now: Now, notice: &Notice) {
        match notice {
            Notice::RotationStarted => self.watch.shield(true),
            Notice::RotationEnded => self.watch.shield(false),
            _ => {}
        }
        self.report(Event::Notice(now, notice.clone()));
        let is_due = |hook: &LinkHook| hook.immediately || matches!(notice, Notice::PageNotOpened { .. });
        self.link = Link::of(notice).or(self.link.take());
        if self.on_link.as_ref().is_some_and(is_due) {
            self.use_link();
        }
    }

    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        let (answer, chosen) = mpsc::channel();
        self.report(Event::Choose(choices.to_vec(), answer));
        Box::new(move || chosen.recv().ok().flatten())
    }

    fn ask(&mut self, question: Question) -> Box<dyn FnOnce() -> bool + Send> {
        let (answer, answered) = mpsc::channel();
        self.report(Event::Ask(question, answer));
        Box::new(move || answered.recv().unwrap_or(false))
    }
}
