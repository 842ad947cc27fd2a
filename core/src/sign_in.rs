//! `login` at any issuer: the grant that fits, then storing.

use alloc::boxed::Box;

use crate::device_grant::{DeviceGrant, Granted};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::granted::granted_record;
use crate::keep::{Keep, Kept};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::pending_grant::PendingGrant;
use crate::places::Places;
use crate::resolve::unexpected;
use crate::store::Ledger;
use crate::time::Timestamp;

/// What the command line says about a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SignInOptions {
    /// Whether a browser may be opened here.
    pub open_browser: bool,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignIn {
    options: SignInOptions,
    /// What another process began.
    pending: Option<Box<PendingGrant>>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Preparing(Places),
    Granting(Box<DeviceGrant>),
    Keeping(Box<Keep>),
}

impl SignIn {
    /// A login as the command line asks for it.
    pub fn new(options: SignInOptions) -> Self {
        Self { options, pending: None, phase: Phase::New }
    }

    /// The rest of a login that another process began.
    pub fn resumed(options: SignInOptions, pending: PendingGrant) -> Self {
        Self { pending: Some(Box::new(pending)), ..Self::new(options) }
    }

    fn prepared(&mut self, cx: &mut Context<'_>, step: Step<Ledger>) -> Step<Kept> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => Step::fail(failure),
            Step::Done(Ok(_)) => {
                let open_browser = self.options.open_browser;
                let mut grant = Box::new(match self.pending.take() {
                    Some(pending) => DeviceGrant::resumed(open_browser, *pending),
                    None => DeviceGrant::new(open_browser),
                });
                let step = grant.start(cx);
                self.phase = Phase::Granting(grant);
                self.granted(cx, step)
            }
        }
    }

    fn granted(&mut self, cx: &mut Context<'_>, step: Step<Granted>) -> Step<Kept> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => Step::fail(failure),
            Step::Done(Ok(Granted::Tokens { client_id, tokens })) => {
                let record = granted_record(cx, client_id, tokens);
                let mut keep = Box::new(Keep::new(record, cx.service.backends));
                let step = keep.start(cx);
                self.phase = Phase::Keeping(keep);
                step
            }
            // Only a service with an API of its own has older deployments.
            Step::Done(Ok(Granted::ApiKey(_))) => unexpected(),
        }
    }
}

/// Whether nobody can finish a login any more that ended so: it was decided, or its code is over. Anything else can be
/// tried again with the same code.
pub fn is_decided(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Denied | Exit::TimedOut | Exit::Server)
}

impl Logic for SignIn {
    type Output = Kept;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        let offers = |oauth: &crate::oauth::OAuth| oauth.device_authorization_endpoint.is_some();
        if !cx.service.oauth.as_ref().is_some_and(offers) {
            return Step::fail(no_grant(cx));
        }
        let mut places = Places::default();
        let step = places.start(cx);
        self.phase = Phase::Preparing(places);
        self.prepared(cx, step)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Kept> {
        match &mut self.phase {
            Phase::New => Step::Ignored("not started"),
            Phase::Preparing(places) => {
                let step = places.handle(cx, event);
                self.prepared(cx, step)
            }
            Phase::Granting(grant) => {
                let step = grant.handle(cx, event);
                self.granted(cx, step)
            }
            Phase::Keeping(keep) => keep.handle(cx, event),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Granting(grant) => grant.deadline(),
            Phase::Keeping(keep) => keep.deadline(),
            Phase::New | Phase::Preparing(_) => None,
        }
    }
}

fn no_grant(cx: &Context<'_>) -> Failure {
    let what = alloc::format!("{} names no endpoint to begin a login at", cx.service.name);
    Failure::new(Exit::Server, "no_endpoint", what)
        .next("give --device-authorization-endpoint, as the issuer's documentation has it")
}
