//! The reference for sessions: what is known from outside of a login, and of each refresh token that was sent.

use std::collections::BTreeMap;

use doorkey_core::disconnect::Disconnected;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::money::Money;
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::revoke::Revocation;
use doorkey_core::rotation::Journal;
use doorkey_core::secret::Secret;
use doorkey_core::session::Session;
use doorkey_core::sign_out::SignedOut;
use doorkey_core::task::Task;
use proptest::test_runner::TestCaseResult;

use crate::deeds::{Deed, End};
use crate::disk::StoreFault;
use crate::issuer::LIFETIME;
use crate::plan::{NetFault, Plan};
use crate::world::{World, refreshed};

/// A tenth of the lifetime: from then on a token is renewed (invariant 10).
const MARGIN: u64 = LIFETIME / 10;
/// How often a token of unknown fate is sent after its grace period (invariant 8).
const LAST_RESORTS: usize = 3;

/// Who is signed in, as far as anybody can say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Login {
    /// With this family of tokens.
    In(usize),
    Out,
    /// With one family or another.
    Someone,
    /// A login or logout did not come to its end.
    Unknown,
}

/// What is known.
pub struct Reference {
    pub login: Login,
    /// Something has happened that may cost a session (invariants 8 and 12).
    pub accident: bool,
    /// For each token: when it was first sent, and how often after its grace period.
    spent: BTreeMap<String, (u64, usize)>,
    /// What the issuer has refused, and the stores were told.
    refused: Vec<String>,
    /// A live token was declared dead, or never stored.
    pub distrusted: bool,
    /// There are settings that may not have been readable: then they hold nothing for anybody.
    hidden: bool,
}

impl Reference {
    pub fn new() -> Self {
        Self {
            login: Login::In(0),
            accident: false,
            spent: BTreeMap::new(),
            refused: Vec::new(),
            distrusted: false,
            hidden: false,
        }
    }

    /// One deed, or two at once, with what goes wrong meanwhile.
    pub fn run(&mut self, world: &mut World, deeds: &[Deed], turns: &[usize], plan: &Plan) {
        world.plan(plan);
        let tokens =
            |world: &World| world.disk.tokens().map(|record| record.token.clone()).collect::<Vec<_>>();
        let before = tokens(world);
        self.hidden = world.disk.plaintext.is_some() && !plan.store.is_empty();
        let (pids, ends): (Vec<usize>, Vec<_>) = deeds.iter().map(|deed| deed.start(world)).unzip();
        world.finish(&pids, turns);
        // What adds to a record or reports on it moves it at most; no token changes.
        if matches!(deeds, [Deed::Amend | Deed::Distrust(_) | Deed::Connection]) {
            let strange = tokens(world).into_iter().find(|token| !before.contains(token));
            world.check(strange.is_none(), || "another token is stored".to_owned());
            world.check(before.is_empty() || !tokens(world).is_empty(), || "the token is gone".to_owned());
            let asks = world.sent.iter().any(|sent| refreshed(&sent.request).is_some());
            world.check(!asks, || "a token is spent".to_owned());
        }
        self.count(world, deeds, plan);
        let (login, ends) = (self.login, ends.into_iter().map(|end| end()).collect::<Vec<_>>());
        let (logins, asked): (Vec<_>, Vec<_>) = ends.iter().partition(|end| end.is_login());
        let logins: Vec<Login> = logins.into_iter().filter_map(|end| self.changed(world, end)).collect();
        let lies = plan.store.values().any(|fault| *fault == StoreFault::Forgotten);
        self.login = match logins.as_slice() {
            [] => login,
            _ if lies => Login::Unknown,
            [changed] if deeds.len() == 1 => *changed,
            // Whoever asked meanwhile may have found it as it was, and which of two was the last is not known.
            _ => Login::Unknown,
        };
        let racing = self.login != login;
        for end in asked {
            self.asked(world, end, racing);
        }
        if let ([changed], false) = (logins.as_slice(), lies) {
            self.login = *changed;
        }
        // After a logout that had no trouble nothing is left, and nothing comes back (invariant 6).
        let left = world.disk.tokens().filter(|record| !is_revoking(record)).count();
        let out = self.login == Login::Out;
        world.check(!out || left == 0, || format!("{left} tokens are left after a logout"));
        world.plan(&Plan::default());
        self.hidden = false;
    }

    /// Invariants 8 to 10: which refresh tokens were sent, and how often.
    fn count(&mut self, world: &mut World, deeds: &[Deed], plan: &Plan) {
        let only_asks = deeds.iter().all(|deed| *deed == Deed::Token);
        let killed = plan.killed.is_some();
        for sent in world.sent.clone() {
            let Some(token) = refreshed(&sent.request) else { continue };
            let access = token.replace("-r-", "-a-");
            let left = world.issuer.families.iter().all(|family| !family.revoked);
            let left = world.issuer.left(&access, sent.at).filter(|_| left).unwrap_or_default();
            if only_asks && !self.distrusted {
                world.check(left <= MARGIN, || format!("renewed with {left} ms left"));
            }
            world.check(!self.refused.contains(&token), || format!("{token} is sent after it was refused"));
            if matches!(sent.fault, Some(NetFault::NotSent | NetFault::Later(_))) {
                continue;
            }
            self.accident |= killed || sent.fault.is_some();
            let grace = world.issuer.grace;
            let (first, late) = self.spent.entry(token.clone()).or_insert((sent.at, 0));
            let is_late = grace == 0 || sent.at > *first + grace;
            if sent.at != *first && is_late {
                *late += 1;
                let (late, dead) = (*late, left == 0);
                world.check(late <= LAST_RESORTS, || {
                    format!("{token} is sent {late} times after its grace period")
                });
                world.check(dead || !only_asks, || format!("{token} is sent again with {left} ms left"));
            }
            if sent.status == Some(400) && plan.store.is_empty() && !killed {
                self.refused.push(token);
            }
        }
        let not_kept = world.notices.iter().any(|notice| matches!(notice, Notice::NotKept { .. }));
        let lies = plan.store.values().any(|fault| *fault == StoreFault::Forgotten);
        self.accident |= not_kept || lies;
        world
            .check(self.accident || world.issuer.replayed == 0, || "a spent token was used again".to_owned());
    }

    /// What the end of a login or logout says.
    fn changed(&mut self, world: &mut World, end: &End) -> Option<Login> {
        match end {
            End::SignIn(Some(Ok(kept))) => {
                (self.accident, self.distrusted) = (false, false);
                family_of(&kept.record).map(Login::In)
            }
            End::Connect(Some(Ok(connected)), wanted) => {
                let record = &connected.kept.record;
                let slug = record.workspace.as_ref().map(|workspace| workspace.slug.clone());
                let other = wanted.is_some_and(|wanted| slug != Some(format!("slug-{wanted}")));
                world.check(!other, || format!("{slug:?} is not the workspace that was wanted"));
                (self.accident, self.distrusted) = (connected.already && self.accident, false);
                family_of(record).map(Login::In)
            }
            // What was granted is stored before the person chooses, and stays.
            End::Connect(Some(Err(failure)), _) if NO_CHOICE.contains(&failure.code.as_ref()) => {
                Some(Login::Someone)
            }
            End::SignOut(Some(Ok(out))) => self.signed_out(world, out),
            End::Disconnect(Some(Ok(done))) => Some(cleared(done)),
            _ => Some(Login::Unknown),
        }
    }

    /// What the end of a process that wanted a token says; what it got may be over meanwhile if somebody was `racing`.
    fn asked(&mut self, world: &mut World, end: &End, racing: bool) {
        match end {
            End::Token(Some(Ok(bearer))) => self.good(world, bearer.token(), racing),
            End::Token(Some(Err(failure))) => self.failed(world, failure),
            End::Call(Some(Ok(called))) => {
                let access = called.record.rotation.as_ref().and_then(|rotation| rotation.access.clone());
                self.good(world, access.map(|access| access.token).as_ref(), racing);
            }
            End::Distrust(Some(Ok(true)), ours) => {
                self.distrusted = true;
                world.check(*ours, || "another token was distrusted than the one that was named".to_owned());
            }
            End::Amend(Some(Ok(kept))) => {
                // A bare token stays one.
                let added = kept.record.workspace.is_some() || kept.record.generation.is_none();
                world.check(added, || "the workspace is not stored".to_owned());
            }
            End::Connection(Some(Ok(report))) => {
                let gone = report.credential.is_err();
                let may = self.accident
                    || self.hidden
                    || racing
                    || !matches!(self.login, Login::In(_) | Login::Someone);
                world.check(!gone || may, || "the status knows of no login".to_owned());
            }
            End::Credits(Some(Ok(report))) => {
                let right = report.billing.balance == Money::from_json(&serde_json::json!(12.5));
                world.check(right, || format!("{:?}", report.billing));
            }
            _ => {}
        }
    }

    /// A token that is handed out is good, and of the login that counts.
    pub fn good(&self, world: &mut World, token: Option<&Secret>, racing: bool) {
        let token = token.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
        let is_good = world.issuer.left(&token, world.millis).is_some();
        let is_ours = match self.login {
            Login::In(family) => token.starts_with(&format!("hush-a-{family}-")),
            Login::Out => false,
            Login::Someone | Login::Unknown => true,
        };
        world.check(is_ours, || format!("{token} is used by {:?}", self.login));
        world.check(is_good || self.accident || racing, || format!("{token} is dead"));
    }

    /// A login that nothing has happened to is not given up.
    fn failed(&self, world: &mut World, failure: &Failure) {
        let gives_up = failure.exit == Exit::NotSignedIn;
        let may = self.accident || self.hidden || matches!(self.login, Login::Out | Login::Unknown);
        world.check(!gives_up || may, || format!("{} without any reason", failure.code));
    }

    fn signed_out(&self, world: &mut World, out: &SignedOut) -> Option<Login> {
        match (&out.cleared, &out.revocation) {
            (Some(done), revocation) => {
                if *revocation == Revocation::Done
                    && let Login::In(family) = self.login
                {
                    let revoked = world.issuer.families[family].revoked;
                    world.check(revoked, || "the issuer was not told".to_owned());
                }
                Some(cleared(done))
            }
            // Kept for its revocation alone.
            (None, Revocation::Pending(_)) => Some(Login::Out),
            (None, _) => None,
        }
    }
}

/// How a login ends for which no workspace is chosen.
const NO_CHOICE: [&str; 3] = ["no_workspace_chosen", "no_workspace", "unknown_workspace"];

/// The login that a record's token is of.
fn family_of(record: &Record) -> Option<usize> {
    record.token.expose_secret().split('-').nth(2)?.parse().ok()
}

/// After a logout that had no trouble nobody is signed in.
fn cleared(done: &Disconnected) -> Login {
    if done.failed().next().is_some() { Login::Unknown } else { Login::Out }
}

/// Kept for its revocation alone.
fn is_revoking(record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| rotation.journal == Journal::Revoking)
}

/// The end of every case: all is well again, and the token has expired. Whoever must be signed in is.
pub fn expect_end(world: &mut World, reference: &mut Reference) -> TestCaseResult {
    for _ in 0..2 {
        world.sleep(LIFETIME);
        let end = world.run(Some(Task::Session { refusal: None }), Session::new(), &Plan::default());
        match end {
            Some(Ok(bearer)) => reference.good(world, bearer.token(), false),
            Some(Err(failure)) => {
                reference.failed(world, &failure);
                // Nothing hinders it now.
                let known = failure.exit == Exit::NotSignedIn || reference.accident;
                world.check(known || reference.login == Login::Unknown, || {
                    format!("{} at the end", failure.code)
                });
            }
            None => {}
        }
    }
    world.verdict()
}
