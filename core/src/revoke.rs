//! Telling an issuer that tokens are over (RFC 7009).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::http::{HttpRequest, HttpResponse};
use crate::lookup::check_issuer;
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::oauth::{OAuth, TokenReply};
use crate::record::Record;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::url::Text;

/// Why nobody is told.
const ELSEWHERE: &str = "they were granted at other endpoints than are known now";

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
    /// The issuer could not be reached; it is told later.
    Pending(Failure),
}

/// The machine: a record's tokens, one after the other, to the first request that nobody answers. It touches no store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Revoke {
    record: Box<Record>,
    once: bool,
    /// Whether no answer so far was other than success.
    refused: Option<String>,
    rest: Vec<HttpRequest>,
    exchange: Option<Exchange>,
}

impl Revoke {
    /// Tells the issuer of this record's tokens.
    pub(crate) fn new(record: Record) -> Self {
        Self { record: Box::new(record), once: false, refused: None, rest: Vec::new(), exchange: None }
    }

    /// The same without a second try: where it is not what the person waits for.
    pub(crate) fn once(record: Record) -> Self {
        Self { once: true, ..Self::new(record) }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Step<Revocation> {
        if self.rest.is_empty() {
            return Step::Done(Ok(match self.refused.take() {
                Some(reason) => Revocation::Refused(reason),
                None => Revocation::Done,
            }));
        }
        let exchange = Exchange::asking(self.rest.remove(0));
        let mut exchange = if self.once { exchange.once() } else { exchange };
        let step = exchange.start(cx);
        self.exchange = Some(exchange);
        step.then(|end| self.answered(cx, end))
    }

    fn answered(&mut self, cx: &mut Context<'_>, end: Outcome<HttpResponse>) -> Step<Revocation> {
        match end {
            Err(failure) => Step::Done(Ok(Revocation::Pending(failure))),
            Ok(response) => {
                self.refused = self.refused.take().or_else(|| refusal(&response));
                self.next(cx)
            }
        }
    }
}

impl Logic for Revoke {
    type Output = Revocation;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Revocation> {
        if let Some(untold) = untold(cx, &self.record) {
            return Step::Done(Ok(untold));
        }
        self.rest = cx.service.oauth.as_ref().map(|oauth| requests(oauth, &self.record)).unwrap_or_default();
        self.next(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Revocation> {
        let Some(exchange) = &mut self.exchange else { return Step::Ignored("not waited for") };
        exchange.handle(cx, event).then(|end| self.answered(cx, end))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.exchange.as_ref().and_then(Logic::deadline)
    }
}

/// Why nobody is told of this record's tokens; `None`: somebody can be.
pub(crate) fn untold(cx: &Context<'_>, record: &Record) -> Option<Revocation> {
    // Another issuer's tokens are told to nobody (invariant 17).
    if check_issuer(cx, record).is_err() {
        return Some(Revocation::Refused(ELSEWHERE.to_owned()));
    }
    let endpoint = cx.service.oauth.as_ref().and_then(|oauth| oauth.revocation_endpoint.as_ref());
    endpoint.is_none().then_some(Revocation::NotOffered)
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

/// How an answer is no success; the issuer knows of it all the same.
fn refusal(response: &HttpResponse) -> Option<String> {
    match (response.status, TokenReply::read(response)) {
        (200..=299, _) => None,
        (status, TokenReply::Refused(error)) => Some(format!("HTTP {status}, {}", error.code)),
        (status, _) => Some(format!("HTTP {status}")),
    }
}
