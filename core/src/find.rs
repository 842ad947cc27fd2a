//! Which token to use now, whatever kind of service it is for: a session's, rotated if need be, or an API token.

use alloc::boxed::Box;

use crate::bearer::Bearer;
use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::resolve::{Given, Resolve, Resolved, Source, given_token};
use crate::session::Session;
use crate::time::Timestamp;
use crate::verdict::Refusal;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Find {
    refusal: Option<Refusal>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New(Given),
    /// Whoever drives this one finds the token, once for all who want it.
    NewShared,
    Token(Resolve),
    Session(Box<Session>),
    Asked(CommandId),
}

impl Find {
    /// Looks for the token as `given` says. After a refusal: for a newer one.
    pub fn new(given: Given, refusal: Option<Refusal>) -> Self {
        Self { refusal, phase: Phase::New(given) }
    }

    /// Asks the driver ([`Command::FindToken`](crate::command::Command::FindToken)), which may run one [`Find`] for many.
    pub fn shared(refusal: Option<Refusal>) -> Self {
        Self { refusal, phase: Phase::NewShared }
    }
}

/// The answer of a driver that runs no [`Find`] for others.
pub fn nobody_finds(id: CommandId) -> Event {
    let failure = Failure::new(Exit::Internal, "internal", "this driver finds no tokens for others");
    Event::TokenFound { id, found: Err(failure) }
}

impl Logic for Find {
    /// `None`: nothing newer than what was refused.
    type Output = Option<Resolved>;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Option<Resolved>> {
        let refusal = self.refusal.take();
        match &self.phase {
            Phase::NewShared => {
                self.phase = Phase::Asked(cx.find_token(refusal));
                Step::Pending
            }
            Phase::New(given) if cx.service.oauth.is_some() => {
                match given_token(cx.service, given) {
                    Err(failure) => return Step::fail(failure),
                    // One that was given is all there is: no store has anything to say.
                    Ok(Some(_)) if refusal.is_some() => return Step::Done(Ok(None)),
                    Ok(Some(resolved)) => return Step::Done(Ok(Some(resolved))),
                    Ok(None) => {}
                }
                let mut session = Box::new(refusal.map_or_else(Session::new, Session::after));
                let step = session.start(cx);
                self.phase = Phase::Session(session);
                step.map(borne)
            }
            Phase::New(given) => {
                let mut resolve = Resolve::new(given.clone());
                let step = resolve.start(cx);
                self.phase = Phase::Token(resolve);
                step.map(Some)
            }
            Phase::Token(_) | Phase::Session(_) | Phase::Asked(_) => Step::Ignored("started already"),
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Option<Resolved>> {
        match (&mut self.phase, event) {
            (Phase::Token(resolve), event) => resolve.handle(cx, event).map(Some),
            (Phase::Session(session), event) => session.handle(cx, event).map(borne),
            (Phase::Asked(asked), Event::TokenFound { id, found }) if id == asked => {
                Step::Done(found.clone().map(|found| found.map(|found| *found)))
            }
            (Phase::New(_) | Phase::NewShared | Phase::Asked(_), _) => Step::Ignored("not waited for"),
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Option<Resolved>> {
        match &mut self.phase {
            Phase::Token(resolve) => resolve.interrupted(cx).map(Some),
            Phase::Session(session) => session.interrupted(cx).map(borne),
            Phase::New(_) | Phase::NewShared | Phase::Asked(_) => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Token(resolve) => resolve.deadline(),
            Phase::Session(session) => session.deadline(),
            Phase::New(_) | Phase::NewShared | Phase::Asked(_) => None,
        }
    }
}

/// What a session bears, if that is newer than what was refused.
fn borne(bearer: Bearer) -> Option<Resolved> {
    match bearer {
        Bearer::Good(kept) => Some(Resolved { source: Source::Store(kept.backend), record: kept.record }),
        Bearer::NothingNewer => None,
    }
}
