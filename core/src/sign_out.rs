//! `logout` at any issuer: here first, then at the issuer (RFC 7009).
//!
//! One compare-and-swap turns the record into one that is kept for its revocation alone. Only an answer, whatever it
//! says, removes it: without a network it stays, and the next `logout` tells the issuer.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::disconnect::{Disconnect, Disconnected, keeps_changing};
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::http::{HttpRequest, HttpResponse};
use crate::lookup::{Found, Lookup, check_issuer};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::oauth::{OAuth, TokenReply};
use crate::record::{Generation, Record, Slot};
use crate::resolve::{store_failure, unexpected};
use crate::rotate::ROTATION_WAIT;
use crate::rotation::{Journal, Rotation};
use crate::secret::Secret;
use crate::store::{StoreAnswer, StoreOp};
use crate::time::Timestamp;
use crate::url::Text;
use crate::verdict::is_revoking;

/// Changes by others before giving up on telling the issuer: nobody writes that often.
const ROUNDS: u32 = 5;
/// Why nobody is told.
const ELSEWHERE: &str = "they were granted at other endpoints than are known now";

/// The machine. Interrupted, it can be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignOut {
    revoke: bool,
    revocation: Revocation,
    rounds: u32,
    /// The login whose tokens are revoked: no other one is removed.
    told_login: Option<String>,
    phase: Phase,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedOut {
    /// The places that were cleared; `None`: the record is kept until the issuer has been told, or another login has
    /// taken its place meanwhile.
    pub cleared: Option<Disconnected>,
    /// What the issuer knows of it.
    pub revocation: Revocation,
}

/// What became of telling the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Nobody wanted that, or nothing was stored.
    NotAsked,
    /// The issuer has no place to be told at.
    NotOffered,
    /// The tokens are dead.
    Done,
    /// The issuer answered otherwise, or was not told, for this reason.
    Refused(String),
    /// The issuer could not be reached; the next `logout` tells it.
    Pending(Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Locking(CommandId),
    Looking(Lookup),
    Marking(CommandId, Box<Record>),
    /// The lock is not held while the issuer is asked; `None`: there is nothing to ask.
    Unlocking(CommandId, Option<Box<Record>>),
    /// The tokens still to be revoked.
    Telling(Exchange, Box<Record>, Vec<HttpRequest>),
    /// Another login may have taken its place meanwhile.
    LookingAgain(Lookup, Box<Record>),
    Clearing(Box<Disconnect>),
}

impl SignOut {
    /// Signs out; with `revoke` the issuer is told.
    pub fn new(revoke: bool) -> Self {
        Self { revoke, revocation: Revocation::NotAsked, rounds: 0, told_login: None, phase: Phase::New }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        self.looked(cx, step)
    }

    fn unlock(&mut self, cx: &mut Context<'_>, then_tell: Option<Box<Record>>) -> Step<SignedOut> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), then_tell);
        Step::Pending
    }

    fn clear(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        let mut disconnect = Box::new(match self.told_login.take() {
            Some(login) => Disconnect::of_login(login),
            None => Disconnect::default(),
        });
        let step = disconnect.start(cx);
        self.phase = Phase::Clearing(disconnect);
        self.cleared(step)
    }

    fn cleared(&mut self, step: Step<Disconnected>) -> Step<SignedOut> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => Step::fail(failure),
            Step::Done(Ok(cleared)) => {
                let revocation = core::mem::replace(&mut self.revocation, Revocation::NotAsked);
                Step::Done(Ok(SignedOut { cleared: Some(cleared), revocation }))
            }
        }
    }

    fn looked(&mut self, cx: &mut Context<'_>, step: Step<Found>) -> Step<SignedOut> {
        let found = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            // Once it is removed it can never be revoked: it stays until it can be read.
            Step::Done(Err(failure)) if self.revoke => return Step::fail(failure),
            // Clearing tells why, place by place.
            Step::Done(Err(_)) => return self.unlock(cx, None),
            Step::Done(Ok(found)) => found,
        };
        let Some((backend, record)) = found.newest().map(|(backend, record)| (backend, record.clone()))
        else {
            return self.unlock(cx, None);
        };
        let held = found.held.as_ref().map(|(_, held)| held.version());
        let wanted = self.revoke || is_revoking(&record);
        if record.is_tombstone() || !wanted {
            return self.unlock(cx, None);
        }
        // Another issuer's tokens are told to nobody (invariant 17).
        if check_issuer(cx, &record).is_err() {
            self.revocation = Revocation::Refused(ELSEWHERE.to_owned());
            return self.unlock(cx, None);
        }
        if cx.service.oauth.as_ref().is_none_or(|oauth| oauth.revocation_endpoint.is_none()) {
            self.revocation = Revocation::NotOffered;
            return self.unlock(cx, None);
        }
        let Some(marked) = marked(&record) else { return self.unlock(cx, None) };
        let op = StoreOp::Write { backend, slot: Slot::Active, expected: held, record: marked.clone() };
        self.phase = Phase::Marking(cx.store(op), Box::new(marked));
        Step::Pending
    }

    fn tell(
        &mut self,
        cx: &mut Context<'_>,
        record: Box<Record>,
        mut rest: Vec<HttpRequest>,
    ) -> Step<SignedOut> {
        if rest.is_empty() {
            let mut lookup = Lookup::default();
            let step = lookup.start(cx);
            self.phase = Phase::LookingAgain(lookup, record.clone());
            return self.looked_again(cx, step, &record);
        }
        let mut exchange = Exchange::asking(rest.remove(0));
        let step = exchange.start(cx);
        self.phase = Phase::Telling(exchange, record.clone(), rest.clone());
        self.told(cx, step, record, rest)
    }

    fn told(
        &mut self,
        cx: &mut Context<'_>,
        step: Step<HttpResponse>,
        record: Box<Record>,
        rest: Vec<HttpRequest>,
    ) -> Step<SignedOut> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => {
                Step::Done(Ok(SignedOut { cleared: None, revocation: Revocation::Pending(failure) }))
            }
            Step::Done(Ok(response)) => {
                if !matches!(self.revocation, Revocation::Refused(_)) {
                    self.revocation = answer(&response);
                }
                self.tell(cx, record, rest)
            }
        }
    }

    fn looked_again(&mut self, cx: &mut Context<'_>, step: Step<Found>, told: &Record) -> Step<SignedOut> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Ok(found))
                if found.newest().is_some_and(|(_, newest)| !is_of_one_login(newest, told)) =>
            {
                let revocation = core::mem::replace(&mut self.revocation, Revocation::NotAsked);
                Step::Done(Ok(SignedOut { cleared: None, revocation }))
            }
            Step::Done(_) => {
                self.told_login = told.generation.as_ref().map(|generation| generation.login.clone());
                self.clear(cx)
            }
        }
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        answer: &StoreAnswer,
    ) -> Step<SignedOut> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => self.look(cx),
            (Phase::Marking(_, record), StoreAnswer::Done) => self.unlock(cx, Some(record)),
            (Phase::Marking(..), StoreAnswer::Conflict) if self.rounds < ROUNDS => {
                self.rounds += 1;
                self.look(cx)
            }
            (Phase::Unlocking(_, None), _) => self.clear(cx),
            // Nothing is removed that was to be revoked first.
            (Phase::Locking(_) | Phase::Marking(..), StoreAnswer::Failed(failure)) => {
                Step::fail(store_failure(failure.clone()))
            }
            (Phase::Marking(..), StoreAnswer::Conflict) => Step::fail(store_failure(keeps_changing())),
            (Phase::Unlocking(_, Some(record)), _) => {
                let requests = cx.service.oauth.as_ref().map(|oauth| requests(oauth, &record));
                self.tell(cx, record, requests.unwrap_or_default())
            }
            _ => unexpected(),
        }
    }
}

impl Logic for SignOut {
    type Output = SignedOut;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<SignedOut> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Looking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Looking(lookup);
                self.looked(cx, step)
            }
            (Phase::Telling(mut exchange, record, rest), event) => {
                let step = exchange.handle(cx, event);
                self.phase = Phase::Telling(exchange, record.clone(), rest.clone());
                self.told(cx, step, record, rest)
            }
            (Phase::LookingAgain(mut lookup, record), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::LookingAgain(lookup, record.clone());
                self.looked_again(cx, step, &record)
            }
            (Phase::Clearing(mut disconnect), event) => {
                let step = disconnect.handle(cx, event);
                self.phase = Phase::Clearing(disconnect);
                self.cleared(step)
            }
            (phase, Event::Store { id, answer }) if phase.waits_for() == Some(*id) => {
                self.store_answered(cx, phase, answer)
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Telling(exchange, ..) => exchange.deadline(),
            _ => None,
        }
    }
}

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Locking(id) | Self::Marking(id, _) | Self::Unlocking(id, _) => Some(*id),
            _ => None,
        }
    }
}

/// The record as it is kept for its revocation alone; `None` if it is none that a login of ours left.
fn marked(record: &Record) -> Option<Record> {
    let generation = record.generation.as_ref().map(Generation::next)?;
    let rotation = Rotation { journal: Journal::Revoking, ..*record.rotation.clone()? };
    Some(Record { generation: Some(generation), rotation: Some(Box::new(rotation)), ..record.clone() })
}

fn is_of_one_login(one: &Record, other: &Record) -> bool {
    let login = |record: &Record| record.generation.as_ref().map(|generation| generation.login.clone());
    login(one) == login(other)
}

/// The requests that revoke a record's tokens: the refresh token first, which takes the access token with it at most
/// issuers (RFC 7009 §2.1).
fn requests(oauth: &OAuth, record: &Record) -> Vec<HttpRequest> {
    let Some(endpoint) = &oauth.revocation_endpoint else { return Vec::new() };
    let rotation = record.rotation.as_deref();
    let client_id =
        rotation.and_then(|rotation| rotation.client_id.as_deref()).or(oauth.client_id.as_deref());
    let access = rotation.and_then(|rotation| rotation.access.as_ref()).map(|access| &access.token);
    let refresh = Some(&record.token).filter(|token| Some(*token) != access);
    let request = |token: &Secret, hint: &str| {
        let id = client_id.map(|id| ("client_id", Text::from(id)));
        let token = ("token", Text::from(token.clone()));
        let parameters: Vec<_> = id.into_iter().chain([token, ("token_type_hint", hint.into())]).collect();
        oauth.dialect.request(endpoint, &parameters)
    };
    let refresh = refresh.map(|token| request(token, "refresh_token"));
    refresh.into_iter().chain(access.map(|token| request(token, "access_token"))).collect()
}

fn answer(response: &HttpResponse) -> Revocation {
    match (response.status, TokenReply::read(response)) {
        (200..=299, _) => Revocation::Done,
        (status, TokenReply::Refused(error)) => Revocation::Refused(format!("HTTP {status}, {}", error.code)),
        (status, _) => Revocation::Refused(format!("HTTP {status}")),
    }
}
