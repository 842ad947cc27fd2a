//! What a scenario's computer, its person and its network have come to: shared by whatever runs it, with the trace of
//! every command.
//!
//! Time passes only while nothing is under way, and then at once to the next deadline; or where an answer gets lost, as
//! long as that takes to notice. So everything happens in one order, however fast or slow anything really is, and even
//! the times in the traces of all columns agree.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorkey_blocking::Clock;
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::Disposition;
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::service::Service;
use doorkey_core::store::StoreOp;
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::trace::{Observer, Recorder};
use doorkey_core::url::Url;
use doorkey_tests::mishap::{Answer, Mishap};
use doorkey_tests::somebody::Somebody;

use crate::scenario::Step;

/// When it begins, on the wall clock: in milliseconds.
const EPOCH: u64 = 1_800_000_000_000;
/// And on the monotonic one.
const BOOTED: u64 = 1_000_000;
/// How long to wait, in real time, before looking again whether time may pass.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Clones share everything.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

/// What came of one command.
#[derive(Default)]
pub struct Played {
    /// The trace.
    pub lines: Vec<String>,
    /// The seed of its jitter.
    pub jitter_seed: u64,
    /// `ok`, or the failure's code.
    pub end: String,
    /// How many requests there were.
    pub requests: usize,
    /// Pages on which the person could not do what she wanted to.
    pub troubles: Vec<String>,
}

struct State {
    step: &'static Step,
    millis: u64,
    wall_jump: i64,
    /// Commands without an answer: requests, and all others.
    requests_under_way: usize,
    others_under_way: usize,
    person: Somebody,
    /// The page that was shown last.
    page: Option<Url>,
    /// What was stored last.
    minted: Option<Record>,
    recorder: Recorder,
    played: Played,
}

impl World {
    /// A world before this step, its first one.
    pub fn before(step: &'static Step) -> Self {
        Self(Arc::new(Mutex::new(State {
            step,
            millis: 0,
            wall_jump: 0,
            requests_under_way: 0,
            others_under_way: 0,
            person: step.person,
            page: None,
            minted: None,
            recorder: Recorder::default(),
            played: Played::default(),
        })))
    }

    /// Goes on to this step.
    pub fn begin(&self, step: &'static Step) {
        let mut state = self.state();
        state.step = step;
        state.pass(step.later);
        state.wall_jump += step.wall_jump * 1000;
        state.person = step.person;
        // Of the command before, nothing is left.
        (state.requests_under_way, state.others_under_way, state.page) = (0, 0, None);
        (state.recorder, state.played) = (Recorder::default(), Played::default());
    }

    /// Begins the trace.
    pub fn task(&self, task: &Task, service: &Service) {
        let mut state = self.state();
        let line = state.recorder.begin(task, service);
        state.played.lines.push(line);
    }

    /// Ends the trace.
    pub fn end(&self, end: Result<(), Failure>) -> Played {
        let mut state = self.state();
        let line = state.recorder.end(end.as_ref().err());
        state.played.lines.push(line);
        state.played.end = end.map_or_else(|failure| failure.code.into_owned(), |()| "ok".to_owned());
        std::mem::take(&mut state.played)
    }

    /// What was stored last.
    pub fn minted(&self) -> Option<Record> {
        self.state().minted.clone()
    }

    /// The issuer's time.
    pub fn issuer_time(&self) -> WallTime {
        WallTime::from_unix_millis(EPOCH + self.state().millis)
    }

    /// Passes all at once.
    pub fn pass(&self, span: Duration) {
        self.state().pass(span);
    }

    /// Whether anything is under way that a request has to wait for. What is answered next to each other, by threads of
    /// their own, would be answered in any order.
    pub fn requests_must_wait(&self) -> bool {
        self.state().others_under_way > 0
    }

    /// What becomes of the next request.
    pub fn mishap(&self) -> Mishap {
        let mut state = self.state();
        state.played.requests += 1;
        let number = state.played.requests;
        let mishap = state.step.mishaps.iter().find(|(of, _)| *of == number);
        mishap.map_or(Mishap::None, |(_, mishap)| mishap.clone())
    }

    /// What became of the last request, which was to be answered within `limit`; `send` is how the person's browser
    /// sends.
    pub fn answered(
        &self,
        mishap: &Mishap,
        limit: Duration,
        answer: Answer,
        send: impl FnMut(&HttpRequest) -> Answer,
    ) -> Answer {
        if matches!(mishap, Mishap::AnswerLost) {
            self.pass(limit);
        }
        let (visit, person) = {
            let state = self.state();
            let visits = state.step.visits_after.contains(&state.played.requests);
            (state.page.clone().filter(|_| visits), state.person)
        };
        // A panic here would be that of a driver's thread.
        if let Some(page) = visit
            && let Err(why) = person.visit(&page, send)
        {
            self.state().played.troubles.push(why);
        }
        answer
    }

    /// Which of so many workspaces the person chooses, if anybody asks her.
    pub fn choice(&self, of: usize) -> Option<usize> {
        let state = self.state();
        Some(state.person.chooses).filter(|index| state.step.asked && *index < of)
    }

    /// What the person answers, if anybody asks her.
    pub fn says_yes(&self) -> bool {
        let state = self.state();
        state.step.asked && state.person.says_yes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for World {
    fn now(&self) -> Now {
        self.state().now()
    }

    /// While nothing is under way, waiting is over at once, and the time has passed.
    fn real(&self, span: Duration) -> Duration {
        let mut state = self.state();
        if state.requests_under_way + state.others_under_way > 0 {
            return LOOK_AGAIN;
        }
        state.pass(span);
        Duration::ZERO
    }
}

impl Observer for World {
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]) {
        let mut state = self.state();
        let line = state.recorder.line(now, event, disposition, commands);
        state.played.lines.push(line);
        match event {
            Event::Started { jitter_seed } => state.played.jitter_seed = *jitter_seed,
            Event::Response { .. } | Event::RequestFailed { .. } => answered(&mut state.requests_under_way),
            Event::Woke | Event::Cancelled => {}
            _ => answered(&mut state.others_under_way),
        }
        for command in commands {
            match command {
                Command::Show(notice) => state.shown(notice),
                Command::Send { .. } => state.requests_under_way += 1,
                command => {
                    state.stored(command);
                    state.others_under_way += 1;
                }
            }
        }
    }
}

impl State {
    fn now(&self) -> Now {
        let wall = (EPOCH + self.millis).saturating_add_signed(self.wall_jump);
        Now { mono: Timestamp::from_millis(BOOTED + self.millis), wall: WallTime::from_unix_millis(wall) }
    }

    fn pass(&mut self, span: Duration) {
        self.millis += u64::try_from(span.as_millis()).unwrap();
    }

    fn shown(&mut self, notice: &Notice) {
        match notice {
            Notice::PairingStarted { link, .. } => self.page = Some(link.clone()),
            Notice::DeviceCode { verification_uri_complete, .. } => {
                self.page.clone_from(verification_uri_complete);
            }
            Notice::CreateWorkspace { page, .. } | Notice::ChooseInBrowser { page, .. } => {
                self.page = Some(page.clone());
            }
            _ => {}
        }
    }

    fn stored(&mut self, command: &Command) {
        if let Command::Store { op: StoreOp::Write { record, .. }, .. } = command
            && !record.is_tombstone()
        {
            self.minted = Some(record.clone());
        }
    }
}

/// An answer too many is seen in the trace.
fn answered(under_way: &mut usize) {
    *under_way = under_way.saturating_sub(1);
}

/// What comes back of a request, where `ask` is the way to the sandbox.
pub fn befall(mishap: &Mishap, ask: impl FnOnce() -> Answer) -> Answer {
    match mishap.instead() {
        Some(answer) => answer,
        None => mishap.befall(ask()?),
    }
}
