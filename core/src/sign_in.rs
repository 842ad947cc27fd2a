//! `login` at any issuer: the grant that fits, then storing.
//!
//! Its record takes the place of one that is kept for its revocation alone ([`SignOut`]), whose tokens must not be
//! forgotten untold: the issuer is told before the person is sent anywhere, while they are still stored; and where it
//! had no answer then, or could not be read, once more after the new login is safe.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;

use crate::browser_grant::{BrowserGrant, NOT_LISTENING};
use crate::command::CommandId;
use crate::device_grant::{DeviceGrant, Granted};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::granted::granted_record;
use crate::keep::{Keep, Kept};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::pending_grant::PendingGrant;
use crate::places::Places;
use crate::record::Record;
use crate::revoke::{Revocation, Revoke};
use crate::sign_out::{SignOut, SignedOut};
use crate::store::StoreOp;
use crate::store_failure::unexpected;
use crate::time::Timestamp;

/// What the command line says about a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SignInOptions {
    /// Whether pages may be opened in a browser.
    pub open_browser: bool,
    /// Whether that browser runs on this machine, so that it reaches a listener here: not over SSH, in a container or
    /// without a display.
    pub browser_is_here: bool,
    /// How to sign in; `None`: by the browser if it is here, can be listened to, and the issuer offers it, else by a device
    /// code.
    pub grant: Option<GrantKind>,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantKind {
    /// The device authorization grant (RFC 8628): a code that is typed or compared on any device.
    Device,
    /// The authorization code grant with a loopback redirect (RFC 8252 §7.3): the browser of this machine.
    Browser,
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
    Preparing(Places, GrantKind),
    ResumingSignOut(Box<SignOut>, GrantKind),
    Granting(Box<DeviceGrant>),
    GrantingInBrowser(Box<BrowserGrant>),
    Keeping(Box<Keep>),
    /// The lock that the storing took is not held while the issuer is asked.
    Unlocking(CommandId, Box<Record>, Box<Kept>),
    Revoking(Box<Revoke>, Box<Kept>),
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

    fn prepared(&mut self, cx: &mut Context<'_>, kind: GrantKind) -> Step<Kept> {
        let mut sign_out = Box::new(SignOut::resume());
        let step = sign_out.start(cx);
        self.phase = Phase::ResumingSignOut(sign_out, kind);
        step.then(|end| self.resumed_sign_out(cx, end, kind))
    }

    /// Whatever came of it, the login goes on.
    fn resumed_sign_out(
        &mut self,
        cx: &mut Context<'_>,
        end: Outcome<SignedOut>,
        kind: GrantKind,
    ) -> Step<Kept> {
        if let Ok(SignedOut { cleared: Some(_), revocation }) = end {
            tell(cx, revocation);
        }
        self.grant(cx, kind)
    }

    fn grant(&mut self, cx: &mut Context<'_>, kind: GrantKind) -> Step<Kept> {
        if kind == GrantKind::Device {
            return self.grant_to_device(cx);
        }
        let mut grant = Box::new(BrowserGrant::new(self.options.open_browser));
        let step = grant.start(cx);
        self.phase = Phase::GrantingInBrowser(grant);
        step.then(|end| self.granted(cx, end))
    }

    fn grant_to_device(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        let open_browser = self.options.open_browser;
        let mut grant = Box::new(match self.pending.take() {
            Some(pending) => DeviceGrant::resumed(open_browser, *pending),
            None => DeviceGrant::new(open_browser),
        });
        let step = grant.start(cx);
        self.phase = Phase::Granting(grant);
        step.then(|end| self.granted(cx, end))
    }

    /// How to sign in, of what the issuer offers.
    fn kind(&self, cx: &Context<'_>) -> Result<GrantKind, Failure> {
        let wanted = match self.options.grant {
            // It was begun as such.
            _ if self.pending.is_some() => [GrantKind::Device; 2],
            Some(kind) => [kind; 2],
            None if self.options.browser_is_here => [GrantKind::Browser, GrantKind::Device],
            None => [GrantKind::Device, GrantKind::Browser],
        };
        let kind = wanted.into_iter().find(|kind| offers(cx, *kind));
        kind.ok_or_else(|| no_grant(cx, self.options.grant))
    }

    fn granted(&mut self, cx: &mut Context<'_>, end: Outcome<Granted>) -> Step<Kept> {
        match end {
            Err(failure) if failure.code == NOT_LISTENING => self.not_listening(cx, failure),
            Err(failure) => Step::fail(failure),
            Ok(Granted::Tokens { client_id, tokens, sent }) => {
                let record = granted_record(cx, client_id, tokens, sent);
                let mut keep = Box::new(Keep::new(record, cx.service.backends));
                let step = keep.start(cx);
                self.phase = Phase::Keeping(keep);
                step.and_then(|kept| self.kept(cx, kept))
            }
            // Only a service with an API of its own has older deployments.
            Ok(Granted::ApiKey(_)) => unexpected(),
        }
    }

    fn kept(&mut self, cx: &mut Context<'_>, kept: Kept) -> Step<Kept> {
        let Phase::Keeping(keep) = &mut self.phase else { return Step::Done(Ok(kept)) };
        let Some(record) = keep.take_revoking() else { return Step::Done(Ok(kept)) };
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Box::new(record), Box::new(kept));
        Step::Pending
    }

    fn revoke(&mut self, cx: &mut Context<'_>, record: Record, kept: Box<Kept>) -> Step<Kept> {
        let mut revoke = Box::new(Revoke::once(record));
        let step = revoke.start(cx);
        self.phase = Phase::Revoking(revoke, kept);
        step.then(|end| self.revoked(cx, end))
    }

    fn revoked(&mut self, cx: &mut Context<'_>, end: Outcome<Revocation>) -> Step<Kept> {
        let Phase::Revoking(_, kept) = &self.phase else { return unexpected() };
        let kept = Kept::clone(kept);
        tell(cx, end.unwrap_or_else(Revocation::Pending));
        Step::Done(Ok(kept))
    }

    /// No browser can bring anything back here: the code can be typed in any.
    fn not_listening(&mut self, cx: &mut Context<'_>, failure: Failure) -> Step<Kept> {
        match self.options.grant {
            _ if !offers(cx, GrantKind::Device) => Step::fail(failure),
            None => {
                cx.show(Notice::NotListening { reason: failure.message });
                self.grant_to_device(cx)
            }
            Some(_) => {
                Step::fail(failure.next("give --device instead, or allow programs to listen on 127.0.0.1"))
            }
        }
    }
}

fn tell(cx: &mut Context<'_>, revocation: Revocation) {
    let reason = match revocation {
        Revocation::NotAsked => return,
        Revocation::Done => return cx.show(Notice::EarlierLoginRevoked),
        Revocation::NotOffered => "the issuer has no place to revoke tokens at".to_owned(),
        Revocation::Refused(reason) => reason,
        Revocation::Pending(failure) => failure.message,
    };
    cx.show(Notice::EarlierLoginNotRevoked { reason });
}

/// Whether nobody can finish a login any more that ended so: it was decided, or its code is over. Anything else can be
/// tried again with the same code.
pub fn is_decided(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Denied | Exit::TimedOut | Exit::Server)
}

impl Logic for SignIn {
    type Output = Kept;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        let kind = match self.kind(cx) {
            Ok(kind) => kind,
            Err(failure) => return Step::fail(failure),
        };
        let mut places = Places::default();
        let step = places.start(cx);
        self.phase = Phase::Preparing(places, kind);
        step.and_then(|_| self.prepared(cx, kind))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Kept> {
        match &mut self.phase {
            Phase::New => Step::Ignored("not started"),
            Phase::Preparing(places, kind) => {
                let kind = *kind;
                places.handle(cx, event).and_then(|_| self.prepared(cx, kind))
            }
            Phase::ResumingSignOut(sign_out, kind) => {
                let kind = *kind;
                sign_out.handle(cx, event).then(|end| self.resumed_sign_out(cx, end, kind))
            }
            Phase::Granting(grant) => grant.handle(cx, event).then(|end| self.granted(cx, end)),
            Phase::GrantingInBrowser(grant) => grant.handle(cx, event).then(|end| self.granted(cx, end)),
            Phase::Keeping(keep) => keep.handle(cx, event).and_then(|kept| self.kept(cx, kept)),
            Phase::Unlocking(id, record, kept) => match event {
                Event::Store { id: answered, .. } if id == answered => {
                    let (record, kept) = (Record::clone(record), kept.clone());
                    self.revoke(cx, record, kept)
                }
                _ => Step::Ignored("not waited for"),
            },
            Phase::Revoking(revoke, _) => revoke.handle(cx, event).then(|end| self.revoked(cx, end)),
        }
    }

    fn interrupted(&mut self, _: &mut Context<'_>) -> Step<Kept> {
        match &self.phase {
            // The login is done; only the earlier one's end is not waited for any longer.
            Phase::Unlocking(_, _, kept) | Phase::Revoking(_, kept) => Step::Done(Ok(Kept::clone(kept))),
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Granting(grant) => grant.deadline(),
            Phase::GrantingInBrowser(grant) => grant.deadline(),
            Phase::Keeping(keep) => keep.deadline(),
            Phase::ResumingSignOut(sign_out, _) => sign_out.deadline(),
            Phase::Revoking(revoke, _) => revoke.deadline(),
            Phase::New | Phase::Preparing(..) | Phase::Unlocking(..) => None,
        }
    }
}

/// Whether the issuer has what that takes.
fn offers(cx: &Context<'_>, kind: GrantKind) -> bool {
    cx.service.oauth.as_ref().is_some_and(|oauth| match kind {
        GrantKind::Device => oauth.device_authorization_endpoint.is_some(),
        GrantKind::Browser => oauth.authorization_endpoint.is_some(),
    })
}

fn no_grant(cx: &Context<'_>, wanted: Option<GrantKind>) -> Failure {
    let (what, flag) = match wanted {
        Some(GrantKind::Browser) => ("authorization endpoint", "--authorization-endpoint"),
        _ => ("device authorization endpoint", "--device-authorization-endpoint"),
    };
    Failure::new(Exit::Server, "no_endpoint", alloc::format!("{} names no {what}", cx.service.name))
        .next(alloc::format!("give {flag}, as the issuer's documentation has it"))
}
