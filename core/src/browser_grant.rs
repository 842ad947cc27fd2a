//! The authorization code grant (RFC 6749 §4.1) of a native app (RFC 8252): a link for the browser on this machine, a
//! loopback listener for what it brings back, and PKCE (RFC 7636).
//!
//! - What comes to the listener is judged by `authorization_response.rs`. What is not this login's answer gets a 400, and
//!   the wait goes on: pages and programs on this machine can send anything there.
//! - The code goes to the token endpoint and nowhere else, once (`code_exchange.rs`). If the answer gets lost, the person
//!   is offered a new login.
//! - The browser's page waits for the tokens: it is where the person looks, and "you can close this window" is true
//!   only then. It waits no longer than the exchange may take, less than a second nearly always.
//! - A browser that brings the same answer again meanwhile (a second tab, a reload) waits for the same end.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use crate::authorization_response::{AuthorizationResponse, Expected};
use crate::code_exchange::{CodeExchange, Exchanged};
use crate::command::{CommandId, Question};
use crate::device_grant::Granted;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::{Notice, PollState};
use crate::oauth::{OAuth, OAuthError};
use crate::opening_page::OpeningPage;
use crate::pkce;
use crate::redirect::{REDIRECT_PATH, RedirectPage, RedirectRequest};
use crate::secret::Secret;
use crate::service::Service;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Url;

/// How a grant ends for which no port can be opened; nobody was sent anywhere then.
pub(crate) const NOT_LISTENING: &str = "not_listening";
/// From the link to the end of the wait for the browser (chosen).
const PATIENCE: Duration = Duration::from_secs(300);

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrowserGrant {
    open_browser: bool,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Binding(CommandId, IpAddr),
    DrawingState(Listener, CommandId),
    DrawingVerifier(Listener, Secret, CommandId),
    /// For the browser.
    Waiting(Box<Grant>),
    Exchanging(Box<Grant>, Box<CodeExchange>),
    AskingAgain(CommandId, Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Listener {
    id: CommandId,
    address: SocketAddr,
}

impl Listener {
    fn redirect_uri(self) -> String {
        format!("http://{}{REDIRECT_PATH}", self.address)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Grant {
    client_id: String,
    listener: Listener,
    state: Secret,
    verifier: Secret,
    expires_at: Timestamp,
    page: OpeningPage,
}

impl Grant {
    /// The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3).
    fn link(&self, endpoint: &Url, scope: Option<&str>) -> Url {
        let link = endpoint
            .clone()
            .with("response_type", "code")
            .with("client_id", self.client_id.as_str())
            .with("redirect_uri", self.listener.redirect_uri());
        let link = match scope {
            Some(scope) => link.with("scope", scope),
            None => link,
        };
        link.with("state", self.state.clone())
            .with("code_challenge", pkce::challenge(&self.verifier))
            .with("code_challenge_method", pkce::METHOD)
    }

    fn read(&self, request: &RedirectRequest, service: &Service) -> AuthorizationResponse {
        let Some(oauth) = &service.oauth else { return AuthorizationResponse::NotAwaited };
        let host = self.listener.address.to_string();
        let expected = Expected { host: &host, state: &self.state, oauth };
        AuthorizationResponse::read(request, &expected, service)
    }
}

impl BrowserGrant {
    /// A grant that opens a browser if there may be one; without, the link is only shown.
    pub fn new(open_browser: bool) -> Self {
        Self { open_browser, phase: Phase::New }
    }

    fn bind(&mut self, cx: &mut Context<'_>, address: IpAddr) -> Step<Granted> {
        self.phase = Phase::Binding(cx.listen(address), address);
        Step::Pending
    }

    fn begin(
        &mut self,
        cx: &mut Context<'_>,
        listener: Listener,
        state: Secret,
        verifier: Secret,
    ) -> Step<Granted> {
        let Place { oauth, client_id, endpoint } = match Place::of(cx.service) {
            Ok(place) => place,
            Err(failure) => return Step::fail(failure),
        };
        let (client_id, expires_at) = (client_id.to_owned(), cx.now.mono + PATIENCE);
        let mut grant =
            Grant { client_id, listener, state, verifier, expires_at, page: OpeningPage::default() };
        let link = grant.link(endpoint, oauth.scope.as_deref());
        cx.show(Notice::AuthorizationRequest { link: link.clone(), expires_at });
        if self.open_browser {
            grant.page = OpeningPage::open(cx, link);
        }
        self.wait(cx, Box::new(grant), PollState::None)
    }

    fn wait(&mut self, cx: &mut Context<'_>, grant: Box<Grant>, last_poll: PollState) -> Step<Granted> {
        cx.show(Notice::Waiting { last_poll, next_poll: None, expires_at: grant.expires_at });
        self.phase = Phase::Waiting(grant);
        Step::Pending
    }

    /// A request came to the listener; `None` if it is none of this grant's.
    fn visited(&mut self, cx: &mut Context<'_>, event: &Event) -> Option<Step<Granted>> {
        let Event::Redirected { id, visit, request } = event else { return None };
        let listener = match &self.phase {
            Phase::DrawingState(listener, _) | Phase::DrawingVerifier(listener, ..) => listener,
            Phase::Waiting(grant) | Phase::Exchanging(grant, _) => &grant.listener,
            Phase::New | Phase::Binding(..) | Phase::AskingAgain(..) => return None,
        };
        if listener.id != *id {
            return None;
        }
        match core::mem::replace(&mut self.phase, Phase::New) {
            Phase::Waiting(grant) => return Some(self.redirected(cx, grant, *visit, request)),
            phase => self.phase = phase,
        }
        let is_same = match &self.phase {
            Phase::Exchanging(grant, exchange) => match grant.read(request, cx.service) {
                AuthorizationResponse::Code(code) => exchange.is_of(&code),
                _ => false,
            },
            _ => false,
        };
        // Whoever brings the same waits for the same end.
        if !is_same {
            cx.answer_redirect(*id, *visit, RedirectPage::NotAwaited);
        }
        Some(Step::Pending)
    }

    fn redirected(
        &mut self,
        cx: &mut Context<'_>,
        grant: Box<Grant>,
        visit: u32,
        request: &RedirectRequest,
    ) -> Step<Granted> {
        if grant.expires_at <= cx.now.mono {
            return timed_out(cx);
        }
        match grant.read(request, cx.service) {
            AuthorizationResponse::Code(code) => self.exchange(cx, grant, code),
            AuthorizationResponse::OtherIssuer(failure) => end(cx, RedirectPage::OtherIssuer, failure),
            // The link goes on to be good: the issuer may be well again before the time is over (invariant 3).
            AuthorizationResponse::Refused(error) if error.is_transient() => {
                cx.answer_redirect(grant.listener.id, visit, RedirectPage::Trouble);
                self.wait(cx, grant, PollState::Trouble(error.code))
            }
            AuthorizationResponse::Refused(error) => {
                let (page, failure) = refused(cx.service, &error);
                end(cx, page, failure)
            }
            AuthorizationResponse::NotAwaited => {
                cx.answer_redirect(grant.listener.id, visit, RedirectPage::NotAwaited);
                self.phase = Phase::Waiting(grant);
                Step::Pending
            }
        }
    }

    fn exchange(&mut self, cx: &mut Context<'_>, grant: Box<Grant>, code: Secret) -> Step<Granted> {
        let oauth = match Place::of(cx.service) {
            Ok(place) => place.oauth,
            Err(failure) => return Step::fail(failure),
        };
        let (client_id, verifier) = (grant.client_id.clone(), grant.verifier.clone());
        let exchange = CodeExchange::new(oauth, client_id, grant.listener.redirect_uri(), code, verifier);
        let mut exchange = Box::new(exchange);
        let step = exchange.start(cx);
        self.phase = Phase::Exchanging(grant, exchange);
        step.then(|outcome| self.exchanged(cx, outcome))
    }

    fn exchanged(&mut self, cx: &mut Context<'_>, outcome: Outcome<Exchanged>) -> Step<Granted> {
        match outcome {
            Err(failure) => end(cx, RedirectPage::Failed, failure),
            Ok(Exchanged::Granted(granted)) => {
                cx.stop_listening(RedirectPage::SignedIn);
                Step::Done(Ok(*granted))
            }
            Ok(Exchanged::AnswerLost(why)) => {
                cx.stop_listening(RedirectPage::AnswerLost);
                let what = format!("the answer with the tokens got lost ({why}); a code is never sent twice");
                let failure = Failure::new(Exit::Network, "answer_lost", what)
                    .next(format!("{} again", cx.service.login_command()));
                self.phase = Phase::AskingAgain(cx.ask(Question::PairAgain), failure);
                Step::Pending
            }
        }
    }
}

impl Logic for BrowserGrant {
    type Output = Granted;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Granted> {
        match Place::of(cx.service) {
            Ok(_) => self.bind(cx, Ipv4Addr::LOCALHOST.into()),
            Err(failure) => Step::fail(failure),
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Granted> {
        if let Some(step) = self.visited(cx, event) {
            return step;
        }
        if let Phase::Waiting(grant) | Phase::Exchanging(grant, _) = &mut self.phase
            && grant.page.takes(cx, event)
        {
            return Step::Pending;
        }
        if let Phase::Exchanging(_, exchange) = &mut self.phase {
            let step = exchange.handle(cx, event);
            return step.then(|outcome| self.exchanged(cx, outcome));
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Binding(id, ip), Event::Listening { id: answered, port }) if id == *answered => {
                let listener = Listener { id, address: SocketAddr::new(ip, *port) };
                self.phase = Phase::DrawingState(listener, cx.draw_entropy());
                Step::Pending
            }
            // A machine may have only one of both (RFC 8252 §7.3).
            (Phase::Binding(id, IpAddr::V4(_)), Event::NotListening { id: answered, .. })
                if id == *answered =>
            {
                self.bind(cx, Ipv6Addr::LOCALHOST.into())
            }
            (Phase::Binding(id, IpAddr::V6(_)), Event::NotListening { id: answered, reason })
                if id == *answered =>
            {
                Step::fail(not_listening(cx.service, reason))
            }
            (Phase::DrawingState(listener, id), Event::Entropy { id: drawn, entropy }) if id == *drawn => {
                let state = Secret::new(BASE64URL_NOPAD.encode(entropy.expose_bytes()));
                self.phase = Phase::DrawingVerifier(listener, state, cx.draw_entropy());
                Step::Pending
            }
            (Phase::DrawingVerifier(listener, state, id), Event::Entropy { id: drawn, entropy })
                if id == *drawn =>
            {
                self.begin(cx, listener, state, pkce::verifier(entropy))
            }
            (Phase::Waiting(grant), Event::Woke) if grant.expires_at <= cx.now.mono => timed_out(cx),
            (Phase::AskingAgain(id, failure), Event::Answered { id: answered, yes }) if id == *answered => {
                if *yes {
                    self.start(cx)
                } else {
                    Step::fail(failure)
                }
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

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Waiting(grant) => Some((grant.expires_at, WakeReason::RedirectExpiry)),
            Phase::Exchanging(_, exchange) => exchange.deadline(),
            _ => None,
        }
    }
}

/// Who is asked, and by whom.
struct Place<'a> {
    oauth: &'a OAuth,
    client_id: &'a str,
    /// The issuer's own, or named by its metadata; no nearer than its tokens (invariant 18).
    endpoint: &'a Url,
}

impl<'a> Place<'a> {
    fn of(service: &'a Service) -> Result<Self, Failure> {
        let place = service.oauth.as_ref().and_then(|oauth| {
            let client_id = oauth.client_id.as_deref()?;
            Some(Self { oauth, client_id, endpoint: oauth.authorization_endpoint.as_ref()? })
        });
        let Some(place) = place else {
            let what = format!("{} has no login in the browser for this client", service.name);
            return Err(Failure::new(Exit::Internal, "no_issuer", what));
        };
        let origin = place.endpoint.origin();
        if origin.reach() < place.oauth.token_endpoint.origin().reach() {
            let what = format!("{} names a page on {origin}, which is not its own", service.name);
            return Err(Failure::new(Exit::Server, "unsafe_page", what)
                .next(format!("check the network, {} and the proxy settings", service.api_variable)));
        }
        Ok(place)
    }
}

/// Everybody who waits at the listener is shown the page.
fn end(cx: &mut Context<'_>, page: RedirectPage, failure: Failure) -> Step<Granted> {
    cx.stop_listening(page);
    Step::fail(failure)
}

fn timed_out(cx: &mut Context<'_>) -> Step<Granted> {
    let what = format!("nobody signed in in the browser within {} minutes", PATIENCE.as_secs() / 60);
    let failure = Failure::new(Exit::TimedOut, "login_timed_out", what)
        .next(format!("{} for a new link", cx.service.login_command()));
    end(cx, RedirectPage::TimedOut, failure)
}

/// RFC 6749 §4.1.2.1.
fn refused(service: &Service, error: &OAuthError) -> (RedirectPage, Failure) {
    if error.code == "access_denied" {
        let failure = Failure::new(Exit::Denied, "access_denied", "this login was denied in the browser")
            .next(format!("{} again if that was a mistake", service.login_command()));
        return (RedirectPage::Denied, failure);
    }
    let said = error.description.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
    let what = format!("{} refused the login ({}){said}", service.name, error.code);
    let failure = Failure::new(Exit::Server, error.code.clone(), what)
        .next(format!("check how the client is registered, then {} again", service.login_command()));
    (RedirectPage::Failed, failure)
}

fn not_listening(service: &Service, reason: &str) -> Failure {
    let what = format!("no port can be opened for the browser on 127.0.0.1 or ::1: {}", harmless(reason));
    Failure::new(Exit::Network, NOT_LISTENING, what)
        .next(format!("allow programs to listen on 127.0.0.1, then {} again", service.login_command()))
}
