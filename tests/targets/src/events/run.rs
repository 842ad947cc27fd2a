//! A machine that is driven, with everything that must hold whatever happens to it.

use std::collections::{BTreeMap, BTreeSet};

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::machine::Disposition;
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::text::is_treacherous;
use doorkey_core::time::Now;
use doorkey_core::trace::{Recorder, replay};

use super::secrets::MARK;
use super::setup::START;
use super::subject::{Subject, subject};

/// A machine under way.
pub struct Run {
    subject: Box<dyn Subject>,
    service: Service,
    recorder: Recorder,
    lines: Vec<String>,
    pub now: Now,
    /// Commands that have no answer yet.
    pub waiting: BTreeMap<CommandId, Command>,
    /// The listener that is there.
    pub listener: Option<CommandId>,
    /// What the browser must bring back, once it is known.
    pub state: Option<String>,
    /// Whether the trace has all that the machine saw.
    pub is_faithful: bool,
    visits: BTreeSet<u32>,
    lock: Lock,
    outcome: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Free,
    Asked(CommandId),
    Held,
}

impl Run {
    /// One that is about to begin.
    pub fn new(task: &Task, service: Service) -> Self {
        let mut recorder = Recorder::default();
        let lines = vec![recorder.begin(task, &service)];
        Self {
            subject: subject(task.clone(), service.clone()),
            service,
            recorder,
            lines,
            now: START,
            waiting: BTreeMap::new(),
            listener: None,
            state: None,
            is_faithful: true,
            visits: BTreeSet::new(),
            lock: Lock::Free,
            outcome: None,
        }
    }

    /// Whether it has an outcome.
    pub fn has_ended(&self) -> bool {
        self.outcome.is_some()
    }

    /// When it wants to be woken, in milliseconds.
    pub fn deadline(&self) -> Option<u64> {
        self.subject.timeout().map(|(at, _)| at.as_millis())
    }

    /// Reports an event, which is one that may come, or one that nobody waits for.
    pub fn report(&mut self, event: &Event) {
        let is_awaited = self.is_awaited(event);
        let is_early =
            *event == Event::Woke && self.deadline().is_none_or(|at| at > self.now.mono.as_millis());
        let mut before = self.subject.another();
        let disposition = self.subject.handle(self.now, event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| self.subject.poll()).collect();
        if let Disposition::Ignored(_) = disposition {
            assert_eq!(commands, [], "{event:?} is ignored");
            // The same but for the time that it was told.
            let nonsense = Event::Store { id: CommandId(u32::MAX), answer: StoreAnswer::Done };
            before.handle(self.now, nonsense);
            assert!(self.subject.is(&*before), "{event:?} is ignored, and changes something");
        } else {
            assert!(is_awaited, "{event:?} is used, and nobody waits for it");
            assert!(!is_early, "it is woken early");
            assert!(!self.has_ended(), "it has ended");
        }
        self.note(event, disposition);
        self.write(event, disposition, &commands);
        for command in &commands {
            self.check(command);
        }
        self.check_end(&commands);
        let is_spinning = *event == Event::Woke
            && !is_early
            && commands.is_empty()
            && self.deadline().is_some_and(|at| at <= self.now.mono.as_millis());
        assert!(!is_spinning, "it is woken, does nothing, and wants to be woken again");
        let is_stuck = !self.has_ended() && self.waiting.is_empty() && self.listener.is_none();
        let has_begun = self.lines.len() > 1 && !matches!(event, Event::Cancelled);
        assert!(
            !(is_stuck && has_begun && self.deadline().is_none()),
            "it waits for nothing, and has not ended"
        );
    }

    /// It is over, or nobody goes on: what was written down can be replayed.
    pub fn finish(mut self) {
        if let Some(failure) = self.subject.end() {
            self.lines.push(self.recorder.end(failure));
            if let Some(failure) = failure {
                let texts = [Some(&failure.message), failure.next.as_ref(), failure.request_id.as_ref()];
                for text in texts.into_iter().flatten().map(String::as_str).chain([failure.code.as_ref()]) {
                    assert!(!text.chars().any(is_treacherous), "{text:?}");
                }
            }
        }
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        for line in &lines {
            assert!(!line.contains(MARK), "{line}");
        }
        match replay(&lines) {
            Ok(Ok(_)) => {}
            Ok(Err(difference)) => {
                assert!(!self.is_faithful, "{}\n{}", difference.recorded, difference.replayed);
            }
            Err(unreadable) => panic!("{unreadable}: {}", lines[unreadable.line - 1]),
        }
    }

    fn is_awaited(&self, event: &Event) -> bool {
        let waits = |id: &CommandId, fits: fn(&Command) -> bool| self.waiting.get(id).is_some_and(fits);
        match event {
            Event::Started { .. } => self.lines.len() == 1,
            Event::Woke | Event::Cancelled => true,
            Event::Entropy { id, .. } => waits(id, |command| matches!(command, Command::DrawEntropy { .. })),
            Event::Response { id, .. } | Event::RequestFailed { id, .. } => {
                waits(id, |command| matches!(command, Command::Send { .. }))
            }
            Event::Store { id, .. } => waits(id, |command| matches!(command, Command::Store { .. })),
            Event::PageOpened { id } | Event::PageNotOpened { id, .. } => {
                waits(id, |command| matches!(command, Command::OpenPage { .. }))
            }
            Event::Answered { id, .. } => waits(id, |command| matches!(command, Command::Ask { .. })),
            Event::Chosen { id, .. } => waits(id, |command| matches!(command, Command::Choose { .. })),
            Event::Listening { id, .. } | Event::NotListening { id, .. } => {
                waits(id, |command| matches!(command, Command::Listen { .. }))
            }
            Event::Redirected { id, .. } => self.listener == Some(*id),
            Event::TokenFound { id, .. } => waits(id, |command| matches!(command, Command::FindToken { .. })),
            _ => false,
        }
    }

    /// What the driver knows after it.
    fn note(&mut self, event: &Event, disposition: Disposition) {
        match event {
            Event::Store { id, answer } => {
                if self.lock == Lock::Asked(*id) {
                    self.lock = match answer {
                        StoreAnswer::Done => Lock::Held,
                        StoreAnswer::Failed(_) => Lock::Free,
                        _ => self.lock,
                    };
                }
                // An answer that is none to what was asked is ignored: no store of ours gives it.
                let is_answered = disposition == Disposition::Used;
                self.waiting.retain(|waiting, _| waiting != id || !is_answered);
            }
            Event::Listening { id, .. } if self.is_awaited(event) => {
                self.waiting.remove(id);
                self.listener = Some(*id);
            }
            Event::Redirected { visit, .. } if disposition == Disposition::Used => {
                self.visits.insert(*visit);
            }
            Event::Entropy { id, .. }
            | Event::Response { id, .. }
            | Event::RequestFailed { id, .. }
            | Event::PageOpened { id }
            | Event::PageNotOpened { id, .. }
            | Event::NotListening { id, .. }
            | Event::Answered { id, .. }
            | Event::Chosen { id, .. }
            | Event::TokenFound { id, .. } => {
                // A stray one of another kind leaves it waiting.
                let is_answered = self.is_awaited(event);
                self.waiting.retain(|waiting, _| waiting != id || !is_answered);
            }
            _ => {}
        }
    }

    fn write(&mut self, event: &Event, disposition: Disposition, commands: &[Command]) {
        let line = self.recorder.line(self.now, event, disposition, commands);
        self.lines.push(line);
        let has_ended = self.subject.end().is_some();
        // Writing a machine out takes longer than all the rest.
        if has_ended || self.lines.len().is_multiple_of(4) {
            let (machine, outcome) = self.subject.debug();
            assert!(!machine.contains(MARK), "{machine}");
            if has_ended {
                let first = self.outcome.get_or_insert(outcome.clone());
                assert_eq!(*first, outcome, "an outcome never changes");
            }
        }
        for text in [format!("{event:?}"), format!("{commands:?}")] {
            assert!(!text.contains(MARK), "{text}");
        }
    }

    fn check(&mut self, command: &Command) {
        match command {
            Command::Show(notice) => self.check_notice(notice),
            Command::AnswerRedirect { id, visit, .. } => {
                assert_eq!(Some(*id), self.listener, "nobody listens there");
                assert!(self.visits.remove(visit), "nobody waits for this answer");
            }
            Command::StopListening { id, .. } => {
                let was_asked = matches!(self.waiting.get(id), Some(Command::Listen { .. }));
                assert!(was_asked || self.listener == Some(*id), "nobody listens there");
                self.waiting.remove(id);
                self.listener = None;
                self.visits.clear();
            }
            Command::Store { id, op } => {
                self.check_op(*id, op);
                self.wait(*id, command);
            }
            Command::Send { id, request, .. } => {
                assert_eq!(
                    request.url.to_string().matches('?').count().min(1),
                    usize::from(!request.url.query().is_empty())
                );
                let authorization = request.header_value("authorization").unwrap_or_default();
                if authorization.contains(MARK) {
                    assert!(
                        self.service.takes_tokens(request.url.origin()),
                        "a token goes to {}",
                        request.url
                    );
                }
                let in_address = request.url.expose();
                let is_poll = request.url.path().ends_with("/terminal/poll")
                    || request.url.path().ends_with("/workspace-selection");
                assert!(
                    is_poll || !in_address.expose_secret().contains(MARK),
                    "a secret stands in {}",
                    request.url
                );
                self.wait(*id, command);
            }
            Command::OpenPage { id, url } => {
                self.not_under_the_lock(command);
                assert!(self.service.has_page(url) || self.is_authorization(url.path()), "{url} is opened");
                self.learn(url.query_value("state"));
                self.wait(*id, command);
            }
            Command::Ask { id, .. } | Command::Listen { id, .. } => {
                self.not_under_the_lock(command);
                self.wait(*id, command);
            }
            Command::Choose { id, choices } => {
                self.not_under_the_lock(command);
                assert!(!choices.is_empty());
                for choice in choices {
                    assert!(
                        ![&choice.name, &choice.slug]
                            .into_iter()
                            .any(|text| text.chars().any(is_treacherous))
                    );
                }
                self.wait(*id, command);
            }
            Command::DrawEntropy { id } | Command::FindToken { id, .. } => self.wait(*id, command),
            other => panic!("an unknown command: {other:?}"),
        }
    }

    fn check_op(&mut self, id: CommandId, op: &StoreOp) {
        match op {
            StoreOp::Lock { .. } => {
                assert_eq!(self.lock, Lock::Free, "one lock is enough");
                self.lock = Lock::Asked(id);
            }
            StoreOp::Unlock => self.lock = Lock::Free,
            StoreOp::Unseal { .. } => assert_eq!(self.lock, Lock::Free, "a prompt under the lock"),
            StoreOp::Write { .. }
            | StoreOp::Delete { .. }
            | StoreOp::WriteLedger(_)
            | StoreOp::ReserveEmergency { .. }
            | StoreOp::WriteEmergency(_)
            | StoreOp::RemoveEmergency
            | StoreOp::RemovePlaintext { .. } => assert_eq!(self.lock, Lock::Held, "{op:?} without the lock"),
            StoreOp::ReadLedger
            | StoreOp::Probe(_)
            | StoreOp::Load { .. }
            | StoreOp::LoadAll(_)
            | StoreOp::CheckLock
            | StoreOp::ReadEmergency
            | StoreOp::ReadPlaintext
            | StoreOp::WritePending(_) => {}
        }
    }

    /// What a notice says to a person steers no terminal, and is of the service.
    fn check_notice(&mut self, notice: &Notice) {
        // `Debug` writes out by number what does not print.
        let debug = format!("{notice:?}");
        for escape in debug.split("\\u{").skip(1) {
            let number = escape.split('}').next().and_then(|hex| u32::from_str_radix(hex, 16).ok());
            assert!(!number.and_then(char::from_u32).is_some_and(is_treacherous), "{debug}");
        }
        match notice {
            Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, .. } => {
                assert!(!user_code.expose_secret().chars().any(is_treacherous));
                for page in [Some(verification_uri), verification_uri_complete.as_ref()].into_iter().flatten()
                {
                    assert!(self.service.has_page(page), "{page} is shown");
                }
            }
            Notice::AuthorizationRequest { link, .. } => self.learn(link.query_value("state")),
            _ => {}
        }
    }

    fn check_end(&mut self, commands: &[Command]) {
        if !self.has_ended() {
            return;
        }
        for command in commands {
            let is_last = matches!(
                command,
                Command::Show(_)
                    | Command::AnswerRedirect { .. }
                    | Command::StopListening { .. }
                    | Command::Store { op: StoreOp::Unlock, .. }
            );
            assert!(is_last, "it has ended, and wants an answer to {command:?}");
        }
        assert_ne!(self.lock, Lock::Held, "it has ended, and holds the lock");
        assert_eq!(self.listener, None, "it has ended, and listens");
        assert_eq!(self.visits, BTreeSet::new(), "somebody waits for an answer");
        assert_eq!(self.deadline(), None, "it has ended, and wants to be woken");
    }

    fn wait(&mut self, id: CommandId, command: &Command) {
        let before = self.waiting.insert(id, command.clone());
        assert_eq!(before, None, "an id is used once");
    }

    fn not_under_the_lock(&self, command: &Command) {
        assert_eq!(self.lock, Lock::Free, "{command:?} under the lock");
    }

    /// Where browsers are sent, whoever's site that is on: the issuer says so itself.
    fn is_authorization(&self, path: &str) -> bool {
        let oauth = self.service.oauth.as_ref();
        oauth
            .and_then(|oauth| oauth.authorization_endpoint.as_ref())
            .is_some_and(|known| known.path() == path)
    }

    fn learn(&mut self, state: Option<&str>) {
        if let Some(state) = state {
            self.state = Some(state.to_owned());
        }
    }
}

/// Whoever looks into a finding wants to know how it came to it.
impl Drop for Run {
    #[expect(clippy::print_stderr, reason = "it is what a fuzzer and a test show of a panic")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.lines.join("\n"));
        }
    }
}
