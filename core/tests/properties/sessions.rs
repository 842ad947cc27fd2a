//! Rotating sessions, with an issuer at which a refresh token counts once: `Session`, `Rotate`, `Lookup`, `Call`, `Find`,
//! `Distrust`, `SignIn`, `SignOut`, `Revoke`, `Disconnect`, in any order and two at a time (invariants 4 to 12).

use std::collections::BTreeMap;
use std::time::Duration;

use doorkey_core::bearer::Bearer;
use doorkey_core::call::{Call, Called};
use doorkey_core::disconnect::{Disconnect, Disconnected};
use doorkey_core::distrust::Distrust;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::keep::Kept;
use doorkey_core::machine::Outcome;
use doorkey_core::notice::Notice;
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::resolve::Given;
use doorkey_core::revoke::Revocation;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::sign_in::{SignIn, SignInOptions};
use doorkey_core::sign_out::{SignOut, SignedOut};
use doorkey_core::store::Ledger;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::disk::StoreFault;
use crate::issuer::{Issuer, LIFETIME};
use crate::plan::{NetFault, Plan, plan};
use crate::world::{World, bearer, parameter, refreshed};

/// A tenth of the lifetime: from then on a token is renewed (invariant 10).
const MARGIN: u64 = LIFETIME / 10;
/// How often a token of unknown fate is sent after its grace period (invariant 8).
const LAST_RESORTS: usize = 3;

/// What a process is started for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Token,
    Call,
    /// Another program saw the token refused that is stored now, or some other one.
    Distrust(bool),
    SignIn,
    SignOut(bool),
    Resume,
    Disconnect,
}

/// What it came to.
enum End {
    Token(Option<Outcome<Bearer>>),
    Call(Option<Outcome<Called>>),
    Distrust(Option<Outcome<bool>>),
    SignIn(Option<Outcome<Kept>>),
    SignOut(Option<Outcome<SignedOut>>),
    Disconnect(Option<Outcome<Disconnected>>),
}

/// Who is signed in, as far as anybody can say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Login {
    /// With this family of tokens.
    In(usize),
    Out,
    /// A login or logout did not come to its end.
    Unknown,
}

/// The reference: what is known from outside of the login, and of each refresh token that was sent.
struct Reference {
    login: Login,
    /// Something has happened that may cost a session (invariants 8 and 12).
    accident: bool,
    /// For each token: when it was first sent, and how often after its grace period.
    spent: BTreeMap<String, (u64, usize)>,
    /// What the issuer has refused, and the stores were told.
    refused: Vec<String>,
    /// A live token was declared dead.
    distrusted: bool,
}

fn url(path: &str) -> Url {
    Url::parse(&format!("https://auth.example.com{path}")).unwrap()
}

/// An issuer that is known to have this grace period, in milliseconds.
fn service(grace: u64) -> Service {
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        device_authorization_endpoint: Some(url("/device")),
        revocation_endpoint: Some(url("/revoke")),
        client_id: Some("cli".into()),
        grace: Some(Duration::from_millis(grace)).filter(|grace| !grace.is_zero()),
        ..OAuth::new(url("/token"))
    };
    let service = Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap();
    Service { machine_id: Some("m".into()), boot_id: "boot".into(), ..service.with_oauth(oauth) }
}

fn serve(issuer: &mut Issuer, request: &HttpRequest, now: u64) -> HttpResponse {
    let tokens = |(refresh, access): (String, String)| {
        let lifetime = LIFETIME / 1000;
        let body = format!(
            r#"{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":{lifetime}}}"#
        );
        HttpResponse::new(200, body)
    };
    let refused = || HttpResponse::new(400, r#"{"error":"invalid_grant"}"#);
    match request.url.path() {
        "/device" => HttpResponse::new(
            200,
            r#"{"device_code":"hush-code","user_code":"hush-user","verification_uri":"https://auth.example.com/d",
                "expires_in":300,"interval":5}"#,
        ),
        "/token" => match refreshed(request) {
            Some(token) => issuer.refresh(&token, now).map_or_else(refused, tokens),
            None => tokens(issuer.sign_in(now)),
        },
        "/revoke" => {
            issuer.revoke(&parameter(request, "token").unwrap_or_default());
            HttpResponse::new(200, "")
        }
        _ if issuer.left(&bearer(request), now).is_some() => HttpResponse::new(200, "{}"),
        _ => HttpResponse::new(401, "{}"),
    }
}

/// A computer that is signed in, with everything in `backend`.
fn signed_in(grace: u64, backend: Backend) -> World {
    let mut world = World::new(service(grace), serve);
    world.issuer.grace = grace;
    let (refresh, access) = world.issuer.sign_in(0);
    let access = Access {
        token: Secret::from(access),
        received: Moment::new(world.now(), "boot"),
        lifetime: Some(Duration::from_millis(LIFETIME)),
    };
    let rotation = Rotation {
        client_id: Some("cli".into()),
        machine: Some("m".into()),
        access: Some(access),
        ..Rotation::default()
    };
    let record = Record {
        generation: Some(Generation { login: "login".into(), counter: 1 }),
        rotation: Some(Box::new(rotation)),
        ..Record::new(world.service.issuer.clone(), None, Secret::from(refresh))
    };
    world.disk.records.insert((backend, Slot::Active), record);
    world.disk.ledger = Ledger { backend: Some(backend), session: true, ..Ledger::default() };
    world
}

impl Deed {
    fn start(self, world: &mut World) -> (usize, Box<dyn FnOnce() -> End>) {
        match self {
            Self::Token => {
                let handle = world.start(Some(Task::Session { refusal: None }), Session::new());
                (handle.pid, Box::new(move || End::Token(handle.outcome())))
            }
            Self::Call => {
                let request = HttpRequest::new(Method::Get, url("/userinfo"));
                let given = Given::default();
                let task = Task::Call { given: given.clone(), request: request.clone() };
                let handle = world.start(Some(task), Call::new(given, request));
                (handle.pid, Box::new(move || End::Call(handle.outcome())))
            }
            Self::Distrust(ours) => {
                let held = world.disk.tokens().find_map(|record| record.rotation.clone()?.access);
                let token =
                    held.filter(|_| ours).map_or_else(|| Secret::from("hush-other"), |access| access.token);
                let handle = world.start(Some(Task::Distrust { token: token.clone() }), Distrust::new(token));
                (handle.pid, Box::new(move || End::Distrust(handle.outcome())))
            }
            Self::SignIn => {
                let options = SignInOptions::default();
                let handle = world.start(Some(Task::SignIn { options, pending: None }), SignIn::new(options));
                (handle.pid, Box::new(move || End::SignIn(handle.outcome())))
            }
            Self::SignOut(revoke) => {
                let handle = world.start(Some(Task::SignOut { revoke }), SignOut::new(revoke));
                (handle.pid, Box::new(move || End::SignOut(handle.outcome())))
            }
            Self::Resume => {
                let handle = world.start(Some(Task::ResumeSignOut), SignOut::resume());
                (handle.pid, Box::new(move || End::SignOut(handle.outcome())))
            }
            Self::Disconnect => {
                let handle = world.start(Some(Task::Disconnect), Disconnect::default());
                (handle.pid, Box::new(move || End::Disconnect(handle.outcome())))
            }
        }
    }
}

impl Reference {
    fn new() -> Self {
        Self {
            login: Login::In(0),
            accident: false,
            spent: BTreeMap::new(),
            refused: Vec::new(),
            distrusted: false,
        }
    }

    /// One deed, or two at once, with what goes wrong meanwhile.
    fn run(&mut self, world: &mut World, deeds: &[Deed], turns: &[usize], plan: &Plan) {
        world.plan(plan);
        let (pids, ends): (Vec<usize>, Vec<_>) = deeds.iter().map(|deed| deed.start(world)).unzip();
        world.finish(&pids, turns);
        self.count(world, deeds, plan);
        let (before, ends) = (self.login, ends.into_iter().map(|end| end()).collect::<Vec<_>>());
        let (logins, asked): (Vec<_>, Vec<_>) = ends.iter().partition(|end| end.is_login());
        let logins: Vec<Login> = logins.into_iter().filter_map(|end| self.changed(world, end)).collect();
        let lies = plan.store.values().any(|fault| *fault == StoreFault::Forgotten);
        self.login = match logins.as_slice() {
            [] => before,
            _ if lies => Login::Unknown,
            [login] if deeds.len() == 1 => *login,
            // Whoever asked meanwhile may have found it as it was, and which of two was the last is not known.
            _ => Login::Unknown,
        };
        let racing = self.login != before;
        for end in asked {
            self.asked(world, end, racing);
        }
        if let ([login], false) = (logins.as_slice(), lies) {
            self.login = *login;
        }
        // After a logout that had no trouble nothing is left, and nothing comes back (invariant 6).
        let left = world.disk.tokens().filter(|record| !is_revoking(record)).count();
        let out = self.login == Login::Out;
        world.check(!out || left == 0, || format!("{left} tokens are left after a logout"));
        world.plan(&Plan::default());
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
                let token = kept.record.token.expose_secret().to_owned();
                let family = token.split('-').nth(2).and_then(|family| family.parse().ok());
                (self.accident, self.distrusted) = (false, false);
                family.map(Login::In)
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
            End::Distrust(Some(Ok(true))) => self.distrusted = true,
            _ => {}
        }
    }

    /// A token that is handed out is good, and of the login that counts.
    fn good(&self, world: &mut World, token: Option<&Secret>, racing: bool) {
        let token = token.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
        let is_good = world.issuer.left(&token, world.millis).is_some();
        let is_ours = match self.login {
            Login::In(family) => token.starts_with(&format!("hush-a-{family}-")),
            Login::Out => false,
            Login::Unknown => true,
        };
        world.check(is_ours, || format!("{token} is used by {:?}", self.login));
        world.check(is_good || self.accident || racing, || format!("{token} is dead"));
    }

    /// A login that nothing has happened to is not given up.
    fn failed(&self, world: &mut World, failure: &Failure) {
        let gives_up = failure.exit == Exit::NotSignedIn;
        let may = self.accident || !matches!(self.login, Login::In(_));
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

/// After a logout that had no trouble nobody is signed in.
fn cleared(done: &Disconnected) -> Login {
    if done.failed().next().is_some() { Login::Unknown } else { Login::Out }
}

/// Kept for its revocation alone.
fn is_revoking(record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| rotation.journal == Journal::Revoking)
}

impl End {
    fn is_login(&self) -> bool {
        matches!(self, Self::SignIn(_) | Self::SignOut(_) | Self::Disconnect(_))
    }
}

fn asking() -> impl Strategy<Value = Deed> {
    prop_oneof![4 => Just(Deed::Token), 2 => Just(Deed::Call), 1 => any::<bool>().prop_map(Deed::Distrust)]
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => asking(),
        2 => Just(Deed::SignIn),
        2 => any::<bool>().prop_map(Deed::SignOut),
        1 => Just(Deed::Resume),
        1 => Just(Deed::Disconnect),
    ]
}

fn backend() -> impl Strategy<Value = Backend> {
    prop_oneof![Just(Backend::Keychain), Just(Backend::File)]
}

/// How long nothing happens: about a lifetime, or a moment.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![1 => 0u64..30_000, 2 => LIFETIME - 2 * MARGIN..LIFETIME + MARGIN]
}

/// The end of every case: all is well again, and the token has expired. Whoever must be signed in is.
fn expect_end(world: &mut World, reference: &mut Reference) -> Result<(), TestCaseError> {
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

proptest! {
    #![proptest_config(cases(200))]

    /// Whatever is asked for in whatever order, with all failures of stores and network, interrupts and kills.
    #[test]
    fn nothing_costs_a_session_but_what_the_invariants_name(
        grace in prop_oneof![Just(0u64), Just(20_000)],
        backend in backend(),
        steps in vec((any_deed(), plan(0..3, 0..2), pause()), 1..6),
    ) {
        let mut world = signed_in(grace, backend);
        let mut reference = Reference::new();
        for (deed, plan, pause) in &steps {
            world.sleep(*pause);
            reference.run(&mut world, &[*deed], &[], plan);
        }
        expect_end(&mut world, &mut reference)?;
    }

    /// Two processes at once, whoever acts when.
    #[test]
    fn two_at_once_are_no_worse_than_one_after_the_other(
        grace in prop_oneof![Just(0u64), Just(20_000)],
        steps in vec((any_deed(), any_deed(), vec(0usize..2, 0..60), plan(0..2, 0..2), pause()), 1..4),
    ) {
        let mut world = signed_in(grace, Backend::File);
        let mut reference = Reference::new();
        for (one, other, turns, plan, pause) in &steps {
            world.sleep(*pause);
            reference.run(&mut world, &[*one, *other], turns, plan);
        }
        expect_end(&mut world, &mut reference)?;
    }

    /// An answer lost, or a process killed anywhere: whoever comes within the grace period has the session.
    #[test]
    fn within_the_grace_period_an_accident_costs_nothing(
        lost in proptest::option::of(0u64..2_000),
        killed in proptest::option::of(0usize..40),
        store in crate::plan::plan(0..2, 0..1),
        pause in 0u64..3_000,
    ) {
        let mut world = signed_in(20_000, Backend::File);
        let mut reference = Reference::new();
        world.sleep(LIFETIME);
        let net = lost.map(|after| (0, NetFault::AnswerLost(after))).into_iter().collect();
        let lies = store.store.values().any(|fault| *fault == StoreFault::Forgotten);
        let plan = Plan { net, killed, store: if lies { BTreeMap::new() } else { store.store }, cancelled: None };
        reference.run(&mut world, &[Deed::Token], &[], &plan);
        world.sleep(pause);
        let not_kept = world.notices.iter().any(|notice| matches!(notice, Notice::NotKept { .. }));
        let end = world.run(Some(Task::Session { refusal: None }), Session::new(), &Plan::default());
        let token = end.and_then(Result::ok).and_then(|bearer| bearer.token().cloned());
        let good = token.is_some_and(|token| world.issuer.left(token.expose_secret(), world.millis).is_some());
        world.check(good || not_kept, || "the session is lost".to_owned());
        world.check(world.issuer.replayed == 0, || "a spent token was used again".to_owned());
        world.verdict()?;
    }
}
