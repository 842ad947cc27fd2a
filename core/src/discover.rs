//! Finding out where an issuer's endpoints are.
//!
//! The place of RFC 8414 §3 is asked first, then the one of OpenID Connect Discovery 1.0 §4, which also fills what the
//! first left open. An identifier in the metadata that is not exactly the issuer's ends it: whoever answers for another
//! issuer could name its own token endpoint (RFC 8414 §6.2).

use alloc::format;
use alloc::string::String;

use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::metadata::{Endpoints, Metadata};
use crate::notice::Notice;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Url;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Discover {
    issuer: String,
    given: Endpoints,
    remembered: Option<Metadata>,
    found: Option<Metadata>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Asking(Exchange, Place),
}

/// Where metadata may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Inserted between host and path (RFC 8414 §3).
    OAuth,
    /// Appended to the path (OpenID Connect Discovery 1.0 §4).
    OpenId,
}

impl Discover {
    /// Asks the issuer with this identifier. What is `given` counts more than what it says, and is enough if it suffices;
    /// what is `remembered` of an earlier login there fills what is left open. That it named itself in authorization
    /// responses (RFC 9207) stays in force, whatever it says now.
    pub fn new(issuer: String, given: Endpoints, remembered: Option<Metadata>) -> Self {
        let remembered = remembered.filter(|known| known.issuer == issuer);
        Self { issuer, given, remembered, found: None, phase: Phase::New }
    }

    fn ask(&mut self, cx: &mut Context<'_>, place: Place) -> Step<Metadata> {
        let url = match Url::parse(&self.issuer) {
            Ok(url) if url.query().is_empty() => place.of(&url),
            _ => return Step::fail(no_issuer(&self.issuer)),
        };
        let request = HttpRequest::new(Method::Get, url).header("accept", "application/json");
        let mut exchange = Exchange::asking(request);
        let step = exchange.start(cx);
        self.phase = Phase::Asking(exchange, place);
        step.then(|end| self.answered(cx, place, end))
    }

    fn answered(&mut self, cx: &mut Context<'_>, place: Place, end: Outcome<HttpResponse>) -> Step<Metadata> {
        let response = match end {
            Ok(response) => response,
            // Metadata is a help, no more, to somebody who was told all that is needed.
            Err(_) if self.known().suffice() => return self.end(cx),
            Err(failure) if failure.exit == Exit::Network => return Step::fail(failure),
            // Some answer with a server error for every path that they do not know.
            Err(_) => return self.next(cx, place),
        };
        let is_success = (200..300).contains(&response.status);
        let Some(body) = json_object(&response).filter(|_| is_success) else { return self.next(cx, place) };
        let read = Url::parse(&self.issuer).ok().and_then(|issuer| Metadata::read(&body, &issuer));
        match read {
            None => self.next(cx, place),
            Some(Ok(metadata)) if metadata.issuer == self.issuer => {
                match &mut self.found {
                    Some(found) => found.fill(metadata),
                    None => self.found = Some(metadata),
                }
                self.next(cx, place)
            }
            // What is not believed must not get in the way of what is known without it.
            Some(_) if self.given.suffice() => self.end(cx),
            Some(Ok(metadata)) => Step::fail(other_issuer(&self.issuer, &metadata.issuer)),
            Some(Err(failure)) => Step::fail(failure),
        }
    }

    fn next(&mut self, cx: &mut Context<'_>, asked: Place) -> Step<Metadata> {
        let found = self.found.as_ref().map(|found| &found.endpoints);
        let is_known =
            |endpoint: fn(&Endpoints) -> bool| endpoint(&self.given) || found.is_some_and(endpoint);
        // A device authorization endpoint is often in one place only.
        let complete =
            is_known(|known| known.token.is_some()) && is_known(|known| known.device_authorization.is_some());
        match asked {
            Place::OAuth if !complete => self.ask(cx, Place::OpenId),
            _ => self.end(cx),
        }
    }

    fn end(&mut self, cx: &mut Context<'_>) -> Step<Metadata> {
        let endpoints = self.known();
        if self.found.is_none() && !endpoints.suffice() {
            return Step::fail(no_metadata(&self.issuer));
        }
        let (found, remembered) = (self.found.as_ref(), self.remembered.as_ref());
        // Either of the two places may be the only one that says so, and whoever is on the way can keep it from
        // answering: that would switch the defence against mix-up attacks off (RFC 9207 §4).
        let names_issuer = found.into_iter().chain(remembered).any(|known| known.names_issuer);
        // Without metadata nothing is unlearned.
        let speaks_openid = found.or(remembered).is_some_and(|known| known.speaks_openid);
        if let Ok(issuer) = Url::parse(&self.issuer) {
            for (name, url) in endpoints.elsewhere(&issuer) {
                cx.show(Notice::EndpointElsewhere { name, origin: url.origin().clone() });
            }
        }
        Step::Done(Ok(Metadata { issuer: self.issuer.clone(), endpoints, names_issuer, speaks_openid }))
    }

    fn known(&self) -> Endpoints {
        let mut known = self.given.clone();
        known.fill(self.found.as_ref().map(|found| found.endpoints.clone()).unwrap_or_default());
        known.fill(self.remembered.as_ref().map(|known| known.endpoints.clone()).unwrap_or_default());
        known
    }
}

impl Logic for Discover {
    type Output = Metadata;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Metadata> {
        self.ask(cx, Place::OAuth)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Metadata> {
        let Phase::Asking(exchange, place) = &mut self.phase else { return Step::Ignored("not waited for") };
        let place = *place;
        exchange.handle(cx, event).then(|end| self.answered(cx, place, end))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::New => None,
            Phase::Asking(exchange, _) => exchange.deadline(),
        }
    }
}

impl Place {
    fn of(self, issuer: &Url) -> Url {
        match self {
            Self::OAuth => {
                let path = issuer.path().trim_end_matches('/');
                issuer.at_root(&format!("/.well-known/oauth-authorization-server{path}"))
            }
            Self::OpenId => issuer.join("/.well-known/openid-configuration"),
        }
    }
}

fn no_issuer(issuer: &str) -> Failure {
    let what = format!("{:?} is no issuer: an https address without a query is one", harmless(issuer));
    Failure::new(Exit::Usage, "no_issuer", what)
        .next("give the issuer's identifier, like https://auth.example.com")
}

fn other_issuer(asked: &str, named: &str) -> Failure {
    let named = harmless(named);
    let what = format!("{asked} answers in the name of another issuer: {named:?}");
    let failure = Failure::new(Exit::Server, "other_issuer", what);
    // Identifiers are compared exactly, and people type them.
    if named.trim_end_matches('/') == asked.trim_end_matches('/') {
        return failure.next(format!("give {named} as the issuer"));
    }
    failure.next("check the issuer's address; do not sign in there if you did not expect this")
}

fn no_metadata(issuer: &str) -> Failure {
    let what = format!("{issuer} does not tell where its endpoints are");
    Failure::new(Exit::Server, "no_metadata", what).next(
        "check the address, or give --token-endpoint and --device-authorization-endpoint from the issuer's documentation",
    )
}
