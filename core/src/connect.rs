//! `login` of a service with rotating sessions: device grant, storing, workspace.
//!
//! The tokens are stored before the person chooses a workspace: choosing may take longer than an access token lives,
//! and whatever happens then, nothing that was granted is lost.

use alloc::boxed::Box;
use alloc::string::String;

use crate::amend::Amend;
use crate::billing::Billing;
use crate::command::{CommandId, Question};
use crate::device_grant::{DeviceGrant, Granted};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::granted::granted_record;
use crate::keep::{Keep, Kept};
use crate::lookup::{Found, Lookup, check_issuer};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::places::Places;
use crate::record::{Backend, Record};
use crate::store::{ROUNDS, StoreAnswer, StoreOp};
use crate::store_failure::unexpected;
use crate::time::Timestamp;
use crate::verdict::{is_ending, is_over};
use crate::workspace::ChooseWorkspace;
use crate::workspace_answers::Selected;

/// What the command line says about a login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectOptions {
    /// The workspace to work in, by slug or name.
    pub workspace: Option<String>,
    /// Sign in anew without asking, even if there is a connection.
    pub force: bool,
    /// Open a browser.
    pub open_browser: bool,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connect {
    options: ConnectOptions,
    /// Signed in during this run, so that it need not be done again.
    fresh: bool,
    /// How often plain text was removed.
    rounds: u32,
    phase: Phase,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connected {
    /// What is stored, and where.
    pub kept: Kept,
    /// The state of the workspace's credits, if it was asked for.
    pub billing: Option<Billing>,
    /// It was there already, and nothing was changed.
    pub already: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Preparing(Places),
    Looking(Lookup),
    AskingToReconnect(CommandId, Box<Kept>),
    Granting(Box<DeviceGrant>),
    Keeping(Box<Keep>, Option<Box<Billing>>),
    /// What an older program left as plain text is older than this login.
    ReadingPlaintext(CommandId, Box<Kept>, Option<Box<Billing>>),
    RemovingPlaintext(CommandId, Box<Kept>, Option<Box<Billing>>),
    /// The lock that the storing took is never held while the person chooses.
    Unlocking(CommandId, Box<Kept>, Option<Box<Billing>>),
    Choosing(Box<ChooseWorkspace>, Box<Kept>),
    Amending(Box<Amend>, Box<Billing>),
}

impl Connect {
    /// A login as the command line asks for it.
    pub fn new(options: ConnectOptions) -> Self {
        Self { options, fresh: false, rounds: 0, phase: Phase::New }
    }

    fn prepared(&mut self, cx: &mut Context<'_>) -> Step<Connected> {
        if self.options.force {
            return self.grant(cx);
        }
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<Connected> {
        // Whatever cannot be read is replaced.
        let Ok(found) = end else { return self.grant(cx) };
        let Some(kept) = connection(cx, &found) else { return self.grant(cx) };
        let slug = kept.record.slug();
        match &self.options.workspace {
            // Signed in, but never told where to work; or now to work elsewhere.
            _ if kept.record.lacks_workspace() => self.choose(cx, kept),
            Some(wanted) if slug != Some(wanted) && kept.record.rotation.is_some() => self.choose(cx, kept),
            _ if cx.service.person_present => {
                cx.show(Notice::AlreadyConnected {
                    workspace: kept.record.workspace.as_deref().cloned(),
                    session: kept.record.rotation.is_some(),
                    backend: kept.backend,
                });
                self.phase = Phase::AskingToReconnect(cx.ask(Question::Reconnect), Box::new(kept));
                Step::Pending
            }
            _ => Step::Done(Ok(Connected { kept, billing: None, already: true })),
        }
    }

    fn grant(&mut self, cx: &mut Context<'_>) -> Step<Connected> {
        self.fresh = true;
        let mut grant = Box::new(DeviceGrant::new(self.options.open_browser));
        let step = grant.start(cx);
        self.phase = Phase::Granting(grant);
        step.and_then(|granted| self.granted(cx, granted))
    }

    fn granted(&mut self, cx: &mut Context<'_>, granted: Granted) -> Step<Connected> {
        let (record, billing) = match granted {
            Granted::Tokens { client_id, tokens, sent } => {
                if tokens.refresh.is_none() {
                    return Step::fail(no_refresh_token(cx));
                }
                (granted_record(cx, client_id, tokens, sent), None)
            }
            Granted::ApiKey(grant) => {
                let slug = grant.workspace.as_ref().map(|workspace| workspace.slug.clone());
                let billing = |balance| {
                    let slug = slug.unwrap_or_default();
                    Box::new(Billing::of_balance(&cx.service.app, &slug, balance))
                };
                let record = Record {
                    gateway: grant.gateway,
                    ..Record::new(&cx.service.issuer, grant.workspace, grant.key)
                };
                (record, grant.balance.map(billing))
            }
        };
        let mut keep = Box::new(Keep::new(record, cx.service.backends));
        let step = keep.start(cx);
        self.phase = Phase::Keeping(keep, billing);
        step.and_then(|kept| self.stored(cx, kept))
    }

    fn stored(&mut self, cx: &mut Context<'_>, kept: Kept) -> Step<Connected> {
        let Phase::Keeping(_, billing) = core::mem::replace(&mut self.phase, Phase::New) else {
            return unexpected();
        };
        self.phase = Phase::ReadingPlaintext(cx.store(StoreOp::ReadPlaintext), Box::new(kept), billing);
        Step::Pending
    }

    fn unlock(
        &mut self,
        cx: &mut Context<'_>,
        kept: Box<Kept>,
        billing: Option<Box<Billing>>,
    ) -> Step<Connected> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), kept, billing);
        Step::Pending
    }

    /// Stored, and nothing older is left: an API key names its workspace, a session's is chosen.
    fn settled(
        &mut self,
        cx: &mut Context<'_>,
        kept: Kept,
        billing: Option<Box<Billing>>,
    ) -> Step<Connected> {
        match kept.record.rotation {
            Some(_) => self.choose(cx, kept),
            None => {
                let billing = billing.map(|billing| *billing);
                Step::Done(Ok(Connected { kept, billing, already: false }))
            }
        }
    }

    fn choose(&mut self, cx: &mut Context<'_>, kept: Kept) -> Step<Connected> {
        let mut choose =
            Box::new(ChooseWorkspace::new(self.options.workspace.clone(), self.options.open_browser));
        let step = choose.start(cx);
        self.phase = Phase::Choosing(choose, Box::new(kept));
        step.then(|end| self.chosen(cx, end))
    }

    fn chosen(&mut self, cx: &mut Context<'_>, end: Outcome<Selected>) -> Step<Connected> {
        let Selected { workspace, billing, gateway } = match end {
            Ok(selected) => selected,
            // The connection that was found is none any more.
            Err(failure) if failure.exit == Exit::NotSignedIn && !self.fresh => return self.grant(cx),
            Err(failure) => return Step::fail(failure),
        };
        let Phase::Choosing(_, kept) = &self.phase else { return unexpected() };
        let mut amend = Box::new(Amend::new(&kept.record, Some(workspace), gateway));
        let step = amend.start(cx);
        self.phase = Phase::Amending(amend, Box::new(billing));
        step.and_then(|kept| self.amended(kept))
    }

    fn amended(&mut self, kept: Kept) -> Step<Connected> {
        let Phase::Amending(_, billing) = core::mem::replace(&mut self.phase, Phase::New) else {
            return unexpected();
        };
        Step::Done(Ok(Connected { kept, billing: Some(*billing), already: false }))
    }
}

impl Logic for Connect {
    type Output = Connected;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Connected> {
        let mut places = Places::default();
        let step = places.start(cx);
        self.phase = Phase::Preparing(places);
        step.and_then(|_| self.prepared(cx))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Connected> {
        match (&mut self.phase, event) {
            (Phase::Preparing(places), event) => places.handle(cx, event).and_then(|_| self.prepared(cx)),
            (Phase::Looking(lookup), event) => lookup.handle(cx, event).then(|end| self.looked(cx, end)),
            (Phase::AskingToReconnect(id, kept), Event::Answered { id: answered, yes }) if id == answered => {
                if *yes {
                    return self.grant(cx);
                }
                let kept = Kept::clone(kept);
                Step::Done(Ok(Connected { kept, billing: None, already: true }))
            }
            (Phase::Granting(grant), event) => {
                grant.handle(cx, event).and_then(|granted| self.granted(cx, granted))
            }
            (Phase::Keeping(keep, _), event) => keep.handle(cx, event).and_then(|kept| self.stored(cx, kept)),
            (Phase::Choosing(choose, _), event) => choose.handle(cx, event).then(|end| self.chosen(cx, end)),
            (Phase::Amending(amend, _), event) => amend.handle(cx, event).and_then(|kept| self.amended(kept)),
            (Phase::ReadingPlaintext(id, kept, billing), Event::Store { id: answered, answer })
                if id == answered =>
            {
                let (kept, billing) = (kept.clone(), billing.clone());
                match answer {
                    StoreAnswer::Records(records) if !records.is_empty() => {
                        let expected = records.first().map(|(_, record)| record.version());
                        let Some(expected) = expected else { return unexpected() };
                        let id = cx.store(StoreOp::RemovePlaintext { expected });
                        self.phase = Phase::RemovingPlaintext(id, kept, billing);
                        Step::Pending
                    }
                    _ => self.unlock(cx, kept, billing),
                }
            }
            (Phase::RemovingPlaintext(id, kept, billing), Event::Store { id: answered, answer })
                if id == answered =>
            {
                let (kept, billing) = (kept.clone(), billing.clone());
                match answer {
                    // It stays then; whoever asks for the status is told.
                    StoreAnswer::Failed(_) => self.unlock(cx, kept, billing),
                    // So does what another program writes anew each time.
                    _ if self.rounds == ROUNDS => self.unlock(cx, kept, billing),
                    // Behind a session an API key may come to light.
                    _ => {
                        self.rounds += 1;
                        let id = cx.store(StoreOp::ReadPlaintext);
                        self.phase = Phase::ReadingPlaintext(id, kept, billing);
                        Step::Pending
                    }
                }
            }
            (Phase::Unlocking(id, kept, billing), Event::Store { id: answered, .. }) if id == answered => {
                let (kept, billing) = (kept.clone(), billing.clone());
                self.settled(cx, *kept, billing)
            }
            _ => Step::Ignored("not waited for"),
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Connected> {
        match &mut self.phase {
            Phase::Choosing(choose, _) => match choose.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                _ => Step::Pending,
            },
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Granting(grant) => grant.deadline(),
            Phase::Choosing(choose, _) => choose.deadline(),
            _ => None,
        }
    }
}

/// A connection that still is one, with this service.
fn connection(cx: &Context<'_>, found: &Found) -> Option<Kept> {
    let (backend, record): (Backend, &Record) =
        found.newest().filter(|(_, record)| !record.is_tombstone())?;
    check_issuer(cx, record).ok()?;
    // One that only lives until its access token ends is nothing to be content with.
    let lasts = !is_over(cx.service, cx.now, record) && !is_ending(cx.service, record);
    lasts.then(|| Kept { backend, record: record.clone() })
}

fn no_refresh_token(cx: &Context<'_>) -> Failure {
    let message = alloc::format!("{} granted access, but no refresh token", cx.service.name);
    Failure::new(Exit::Server, "no_refresh_token", message).next("ask the service's support")
}
