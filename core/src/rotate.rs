//! One rotation of a refresh token, from the journal to the stored pair (invariants 6 to 12). It begins and ends with
//! the lock held, and once the journal says that the token is being spent, nothing but its end stops it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::command::CommandId;
use crate::envelope::retry_after_at;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpResponse};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::oauth::{OAuthError, REFRESH_GRANT, TokenReply, Tokens};
use crate::record::{Backend, Generation, Record, Slot};
use crate::request_failure::{describe, unsendable};
use crate::rotation::{Access, Journal, Moment, Spending};
use crate::seeded::Seeded;
use crate::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use crate::store_failure::unexpected;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Text;
use crate::verdict::grace_left;

/// How long to wait for the lock where nothing can be done without it: longer than a rotation of another process takes.
pub(crate) const ROTATION_WAIT: Duration = Duration::from_secs(15);
/// A new pair takes no more room than the old one and so many bytes.
const ROOM: usize = 4096;
/// How often storing a new pair is tried before the emergency file takes it.
const STORE_TRIES: u32 = 3;
/// The pause between two of these tries.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rotate {
    backend: Backend,
    /// As it was read under the lock.
    before: Record,
    /// As it is stored while the token is being spent.
    spending: Record,
    journal: Spending,
    /// When the request left: an access token is never taken for younger than it is, whatever happens on the way.
    sent: Moment,
    interrupted: bool,
    phase: Phase,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rotated {
    /// What came of it.
    pub end: End,
    /// The person interrupted meanwhile.
    pub interrupted: bool,
}

/// What came of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// There is a new pair, and it is stored as well as can be.
    New(Record),
    /// Somebody else changed the record meanwhile. `discarded`: a new pair was thrown away for it.
    Overtaken {
        /// Whether the token had been spent.
        discarded: bool,
    },
    /// It was not begun: the new pair could not have been stored.
    Unwritable(StoreFailure),
    /// Nothing was spent; it can be tried again.
    Transient {
        /// What happened.
        failure: Failure,
        /// How long the issuer asks to wait.
        wait: Option<Duration>,
    },
    /// The token may have been spent; nobody knows.
    Unknown(Failure),
    /// The issuer does not accept the token; the record says so, as far as it could be written.
    Refused(Box<Record>),
    /// The issuer does not accept the client; nothing was spent.
    Misconfigured(Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Reserving(CommandId),
    Journaling(CommandId),
    Sending(CommandId),
    /// Putting the journal back as it was, since nothing was spent, or marking a dead token.
    Clearing(CommandId, Box<End>),
    Storing(CommandId, Box<Record>, u32),
    ReadingBack(CommandId, Box<Record>, u32),
    Pausing(Timestamp, Box<Record>, u32),
    Rescuing(CommandId, Box<Record>, StoreFailure),
    Tidying(CommandId, Box<End>),
}

impl Rotate {
    /// A rotation of `before`, as read under the lock in `backend`, with a journal that says `journal`. `first` is
    /// the generation for a token that another program stored.
    pub fn new(
        backend: Backend,
        before: Record,
        journal: Spending,
        first: Generation,
        client_id: String,
        machine: Option<String>,
    ) -> Self {
        let mut spending = before.clone();
        spending.generation = Some(before.generation.as_ref().map_or(first, Generation::next));
        let rotation = spending.rotation_or_default();
        rotation.client_id = Some(client_id);
        rotation.machine = machine;
        rotation.journal = Journal::Spending(journal.clone());
        Self {
            backend,
            before,
            spending,
            journal,
            sent: Moment::default(),
            interrupted: false,
            phase: Phase::New,
        }
    }

    /// The record as it was before, and where.
    pub(crate) fn before(&self) -> (Backend, &Record) {
        (self.backend, &self.before)
    }

    /// What the journal says while it runs.
    pub(crate) fn journal(&self) -> &Spending {
        &self.journal
    }

    /// The login that it rotates.
    pub(crate) fn login(&self) -> Option<Arc<str>> {
        self.spending.generation.as_ref().map(|generation| generation.login.clone())
    }

    fn end(&self, cx: &mut Context<'_>, end: End) -> Step<Rotated> {
        cx.show(Notice::RotationEnded);
        Step::Done(Ok(Rotated { end, interrupted: self.interrupted }))
    }

    fn write(&self, cx: &mut Context<'_>, over: &Record, record: Record) -> CommandId {
        let (backend, expected) = (self.backend, Some(over.version()));
        cx.store(StoreOp::Write { backend, slot: Slot::Active, expected, record })
    }

    /// Whether the token was sent before, within the grace period.
    fn is_repeat(&self) -> bool {
        self.journal.attempt > 1 && self.journal.last_resorts == 0
    }

    /// When the token of an answer was minted, at the earliest: what came to nothing before may be answered once more
    /// within the grace period, with the token of then. A request may have left long after its journal said so.
    fn minted(&self, cx: &Context<'_>) -> Moment {
        let grace = cx.service.oauth.as_ref().and_then(|oauth| oauth.grace);
        match grace {
            Some(_) if self.is_repeat() => self.journal.started.clone(),
            Some(grace) if self.journal.attempt > 1 => self.sent.before(grace),
            _ => self.sent.clone(),
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Step<Rotated> {
        let Some(oauth) = &cx.service.oauth else { return unexpected() };
        let client_id = self.spending.rotation.as_ref().and_then(|rotation| rotation.client_id.clone());
        let parameters = [
            ("client_id", Text::from(client_id.unwrap_or_default())),
            ("grant_type", Text::from(REFRESH_GRANT)),
            ("refresh_token", Text::Secret(self.spending.token.clone())),
        ];
        let request = oauth.dialect.request(&oauth.token_endpoint, &parameters);
        // A repeated one must arrive within the grace period, or not at all.
        let is_repeat = self.is_repeat();
        let limit = match grace_left(cx.service, cx.now, &self.journal).filter(|_| is_repeat) {
            Some(left) => left.min(oauth.request_limit),
            None if is_repeat => {
                let failure = trouble(cx, "this machine slept over the time in which it could be repeated");
                return self.clear(cx, End::Unknown(failure));
            }
            None => oauth.request_limit,
        };
        if cx.service.makes(Seeded::UnlockedBeforeSend) {
            cx.store(StoreOp::Unlock);
        }
        self.sent = Moment::new(cx.now, &cx.service.boot_id);
        self.phase = Phase::Sending(cx.send(request, limit));
        Step::Pending
    }

    fn answered(&mut self, cx: &mut Context<'_>, response: &HttpResponse) -> Step<Rotated> {
        if response.status == 429 {
            let failure = trouble(cx, "it asks for fewer requests");
            return self.clear(cx, End::Transient { failure, wait: retry_after_at(response, cx.now.wall) });
        }
        match TokenReply::read(response) {
            TokenReply::Tokens(tokens) => self.store(cx, tokens),
            TokenReply::Refused(error) if error.code == "invalid_grant" => self.refuse(cx),
            TokenReply::Unclear if cx.service.makes(Seeded::NonsenseIsTransient) => {
                let failure = trouble(cx, "nonsense");
                self.clear(cx, End::Transient { failure, wait: None })
            }
            TokenReply::Refused(error) if error.is_transient() => {
                let failure = trouble(cx, &format!("it says {}", error.code));
                self.tidy(cx, End::Unknown(failure))
            }
            TokenReply::Refused(error) => {
                let failure = misconfigured(cx, &error);
                self.clear(cx, End::Misconfigured(failure))
            }
            TokenReply::Unclear => {
                let failure =
                    trouble(cx, &format!("an answer that makes no sense (HTTP {})", response.status));
                self.tidy(cx, End::Unknown(failure))
            }
        }
    }

    /// Nothing was spent: the journal becomes what it was before.
    fn clear(&mut self, cx: &mut Context<'_>, end: End) -> Step<Rotated> {
        let mut cleared = self.spending.clone();
        cleared.generation = cleared.generation.as_ref().map(Generation::next);
        if let (Some(cleared), Some(before)) = (cleared.rotation_mut(), &self.before.rotation) {
            cleared.journal = before.journal.clone();
        }
        self.phase = Phase::Clearing(self.write(cx, &self.spending, cleared), Box::new(end));
        Step::Pending
    }

    /// The token is dead, and is never sent again: marked at once, while nobody else can send it.
    fn refuse(&mut self, cx: &mut Context<'_>) -> Step<Rotated> {
        if cx.service.makes(Seeded::RefusalNotNoted) {
            return self.clear(cx, End::Refused(Box::new(self.before.clone())));
        }
        if cx.service.makes(Seeded::DeletedWhenRefused) {
            let (backend, slot, expected) = (self.backend, Slot::Active, self.spending.version());
            let id = cx.store(StoreOp::Delete { backend, slot, expected });
            self.phase = Phase::Clearing(id, Box::new(End::Refused(Box::new(self.spending.clone()))));
            return Step::Pending;
        }
        let mut refused = self.spending.clone();
        refused.generation = refused.generation.as_ref().map(Generation::next);
        let interrupted = self.journal.attempt > 1;
        refused.rotation_or_default().journal = Journal::Refused { interrupted };
        let id = self.write(cx, &self.spending, refused.clone());
        self.phase = Phase::Clearing(id, Box::new(End::Refused(Box::new(refused))));
        Step::Pending
    }

    fn store(&mut self, cx: &mut Context<'_>, tokens: Tokens) -> Step<Rotated> {
        let mut new = self.spending.clone();
        new.generation = new.generation.as_ref().map(Generation::next);
        // Without a new refresh token the old one stays valid (RFC 6749 §6).
        new.token = tokens.refresh.unwrap_or(new.token);
        let spent = self.spending.token.fingerprint();
        let is_new = new.token != self.spending.token;
        let rotation = new.rotation_or_default();
        if is_new {
            rotation.remember_spent(spent);
        }
        rotation.journal = Journal::Settled;
        let received = if cx.service.makes(Seeded::AgedFromAnswer) {
            Moment::new(cx.now, &cx.service.boot_id)
        } else {
            self.minted(cx)
        };
        rotation.access = Some(Access {
            token: tokens.access,
            received,
            lifetime: tokens.lifetime.or_else(|| cx.service.oauth.as_ref()?.access_lifetime),
        });
        if cx.service.makes(Seeded::OldTokenKept) {
            new.token = self.spending.token.clone();
        }
        if cx.service.makes(Seeded::HandedOutBeforeStored) {
            return self.end(cx, End::New(new));
        }
        if cx.service.makes(Seeded::UnlockedBeforeStore) {
            cx.store(StoreOp::Unlock);
        }
        self.try_storing(cx, Box::new(new), 1)
    }

    fn try_storing(&mut self, cx: &mut Context<'_>, new: Box<Record>, tries: u32) -> Step<Rotated> {
        let id = self.write(cx, &self.spending, Record::clone(&new));
        self.phase = Phase::Storing(id, new, tries);
        Step::Pending
    }

    fn not_stored(
        &mut self,
        cx: &mut Context<'_>,
        new: Box<Record>,
        tries: u32,
        failure: &StoreFailure,
    ) -> Step<Rotated> {
        if tries < STORE_TRIES {
            self.phase = Phase::Pausing(cx.now.mono + STORE_PAUSE, new, tries);
            return Step::Pending;
        }
        if cx.service.makes(Seeded::NoEmergency) {
            return self.end(cx, End::New(*new));
        }
        let id = cx.store(StoreOp::WriteEmergency(Record::clone(&new)));
        self.phase = Phase::Rescuing(id, new, failure.clone());
        Step::Pending
    }

    /// Whether a record is no login but what was spent here, as another program knew it: it has nothing that could be
    /// lost, and the new pair is all that is left of it.
    fn is_spent(&self, record: &Record) -> bool {
        let is_bare = record.generation.is_none() && record.rotation.is_some();
        *record == self.before || is_bare && record.token == self.spending.token
    }

    fn load(&self, cx: &mut Context<'_>) -> CommandId {
        cx.store(StoreOp::Load { backend: self.backend, slot: Slot::Active })
    }

    /// The emergency file is not needed any more.
    fn tidy(&mut self, cx: &mut Context<'_>, end: End) -> Step<Rotated> {
        self.phase = Phase::Tidying(cx.store(StoreOp::RemoveEmergency), Box::new(end));
        Step::Pending
    }

    fn store_answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<Rotated> {
        match (phase, answer) {
            (Phase::Reserving(_), StoreAnswer::Done) if cx.service.makes(Seeded::NoJournal) => {
                self.spending.generation.clone_from(&self.before.generation);
                self.send(cx)
            }
            (Phase::Reserving(_), StoreAnswer::Done) => {
                self.phase = Phase::Journaling(self.write(cx, &self.before, self.spending.clone()));
                Step::Pending
            }
            (Phase::Reserving(_), StoreAnswer::Failed(failure)) => {
                self.end(cx, End::Unwritable(failure.clone()))
            }
            (Phase::Journaling(_), StoreAnswer::Done) => self.send(cx),
            (Phase::Journaling(_), StoreAnswer::Conflict)
                if cx.service.makes(Seeded::TokenReadBeforeLock) =>
            {
                self.send(cx)
            }
            (Phase::Journaling(_), StoreAnswer::Conflict) => {
                self.tidy(cx, End::Overtaken { discarded: false })
            }
            (Phase::Journaling(_), StoreAnswer::Failed(failure)) => {
                self.tidy(cx, End::Unwritable(failure.clone()))
            }
            // If the journal could not be put back, it says "unknown", which errs on the safe side.
            (Phase::Clearing(_, end), _) => self.tidy(cx, *end),
            (Phase::Storing(_, new, _), StoreAnswer::Done) if cx.service.makes(Seeded::NotReadBack) => {
                self.tidy(cx, End::New(*new))
            }
            (Phase::Storing(_, new, _), StoreAnswer::Conflict)
                if cx.service.makes(Seeded::ConflictIsSuccess) =>
            {
                self.tidy(cx, End::New(*new))
            }
            (Phase::Storing(_, new, tries), StoreAnswer::Conflict)
                if cx.service.makes(Seeded::ConflictIsFailure) =>
            {
                let detail = "a conflict".into();
                self.not_stored(cx, new, tries, &StoreFailure { kind: StoreFailureKind::Refused, detail })
            }
            // After a conflict, too: an earlier try may have been late, not lost.
            (Phase::Storing(_, new, tries), StoreAnswer::Done | StoreAnswer::Conflict) => {
                self.phase = Phase::ReadingBack(self.load(cx), new, tries);
                Step::Pending
            }
            (Phase::ReadingBack(_, new, tries), StoreAnswer::Records(records)) => match records.first() {
                Some((_, record)) if *record == *new => self.tidy(cx, End::New(*new)),
                Some((_, record)) if self.is_spent(record) && tries < STORE_TRIES => {
                    let id = self.write(cx, record, Record::clone(&new));
                    self.phase = Phase::Storing(id, new, tries + 1);
                    Step::Pending
                }
                _ => self.tidy(cx, End::Overtaken { discarded: true }),
            },
            (
                Phase::Storing(_, new, tries) | Phase::ReadingBack(_, new, tries),
                StoreAnswer::Failed(failure),
            ) => self.not_stored(cx, new, tries, failure),
            (Phase::Rescuing(_, new, failure), answer) => {
                match answer {
                    StoreAnswer::Done => cx.show(Notice::KeptInEmergencyFile { failure }),
                    _ => cx.show(Notice::NotKept { failure }),
                }
                self.end(cx, End::New(*new))
            }
            // A file that stays is empty, or older than what is stored: the next one to take the lock removes it.
            (Phase::Tidying(_, end), _) => self.end(cx, *end),
            _ => unexpected(),
        }
    }
}

impl Logic for Rotate {
    type Output = Rotated;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Rotated> {
        cx.show(Notice::RotationStarted);
        let bytes = self.spending.encoded_len() * 2 + ROOM;
        self.phase = Phase::Reserving(cx.store(StoreOp::ReserveEmergency { bytes }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Rotated> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Sending(id), Event::Response { id: answered, response }) if id == *answered => {
                self.answered(cx, response)
            }
            (Phase::Sending(id), Event::RequestFailed { id: answered, failure }) if id == *answered => {
                match failure.kind {
                    FailureKind::Misconfigured => self.clear(cx, End::Misconfigured(unsendable(failure))),
                    FailureKind::AnswerLost if cx.service.makes(Seeded::LossIsTransient) => {
                        let failure = trouble(cx, &describe(failure));
                        self.clear(cx, End::Transient { failure, wait: None })
                    }
                    FailureKind::NotSent => {
                        let failure = trouble(cx, &describe(failure));
                        self.clear(cx, End::Transient { failure, wait: None })
                    }
                    FailureKind::AnswerLost | FailureKind::BodyTooLarge => {
                        let failure = trouble(cx, &describe(failure));
                        self.tidy(cx, End::Unknown(failure))
                    }
                }
            }
            (Phase::Pausing(at, new, tries), Event::Woke) if at <= cx.now.mono => {
                self.try_storing(cx, new, tries + 1)
            }
            (phase, Event::Store { id, answer }) if phase.waits_for() == Some(*id) => {
                self.store_answered(cx, phase, answer)
            }
            (phase, event) => {
                self.phase = phase;
                match event {
                    Event::Woke => Step::Ignored("nothing is due"),
                    _ => Step::Ignored("not waited for"),
                }
            }
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Rotated> {
        if !core::mem::replace(&mut self.interrupted, true) {
            cx.show(Notice::FinishingRotation);
        }
        Step::Pending
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match self.phase {
            Phase::Pausing(at, ..) => Some((at, WakeReason::Retry)),
            _ => None,
        }
    }
}

impl Phase {
    /// The store operation that it waits for.
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Reserving(id)
            | Self::Journaling(id)
            | Self::Clearing(id, _)
            | Self::Storing(id, ..)
            | Self::ReadingBack(id, ..)
            | Self::Rescuing(id, ..)
            | Self::Tidying(id, _) => Some(*id),
            Self::New | Self::Sending(_) | Self::Pausing(..) => None,
        }
    }
}

fn trouble(cx: &Context<'_>, what: &str) -> Failure {
    let host = cx.service.oauth.as_ref().map(|oauth| oauth.token_endpoint.origin());
    let host = host.map(|host| format!("{host}")).unwrap_or_default();
    Failure::new(
        Exit::Network,
        "session_not_renewed",
        format!("the session could not be renewed at {host}: {what}"),
    )
    .next("check the network and the proxy settings, then try again")
}

fn misconfigured(cx: &Context<'_>, error: &OAuthError) -> Failure {
    let said = error.description.as_ref().map(|said| format!(": {}", harmless(said))).unwrap_or_default();
    Failure::new(
        Exit::Server,
        error.code.clone(),
        format!("{} does not renew this session ({}{said})", cx.service.name, error.code),
    )
    .next("update this program; if that does not help, ask the service's support")
}
