//! An authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
//!
//! A code is sent to one place, the token endpoint, and once: again only if that request surely had no effect, because not
//! a byte of it left or because of a 429. A second use of a code costs whatever tokens came of the first (RFC 6749
//! §4.1.2), so an answer that got lost is an end of its own.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::backoff::before_next_try;
use crate::command::CommandId;
use crate::device_endpoint::{Endpoint, Verdict};
use crate::device_grant::Granted;
use crate::envelope::retry_after_at;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::oauth::{OAuth, TokenReply};
use crate::request_failure::{describe, unsendable};
use crate::secret::Secret;
use crate::time::{Now, Timestamp};

/// The grant type of RFC 6749 §4.1.3.
const AUTHORIZATION_CODE_GRANT: &str = "authorization_code";

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CodeExchange {
    client_id: String,
    code: Secret,
    request: HttpRequest,
    /// How long it may take.
    limit: Duration,
    tries: u32,
    /// When the request left.
    sent: Now,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Sending(CommandId),
    /// The code was surely not used: it may be sent again then.
    Holding(Timestamp),
}

/// What became of a code that nobody refused.
#[derive(Debug)]
pub(crate) enum Exchanged {
    /// Tokens came.
    Granted(Box<Granted>),
    /// It may be used up, and nobody knows: why.
    AnswerLost(String),
}

impl CodeExchange {
    pub(crate) fn new(
        oauth: &OAuth,
        client_id: String,
        redirect_uri: String,
        code: Secret,
        verifier: Secret,
    ) -> Self {
        let request = oauth.dialect.request(
            &oauth.token_endpoint,
            &[
                ("client_id", client_id.as_str().into()),
                ("code", code.clone().into()),
                ("code_verifier", verifier.into()),
                ("grant_type", AUTHORIZATION_CODE_GRANT.into()),
                ("redirect_uri", redirect_uri.into()),
            ],
        );
        let limit = oauth.request_limit;
        Self { client_id, code, request, limit, tries: 0, sent: Now::default(), phase: Phase::New }
    }

    /// Whether it is about that code.
    pub(crate) fn is_of(&self, code: &Secret) -> bool {
        self.code == *code
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Step<Exchanged> {
        self.tries += 1;
        self.sent = cx.now;
        self.phase = Phase::Sending(cx.send(self.request.clone(), self.limit));
        Step::Pending
    }

    fn answered(&mut self, cx: &mut Context<'_>, response: &HttpResponse) -> Step<Exchanged> {
        if response.status == 429 {
            let what = format!("{} asks for fewer requests", self.request.url.origin());
            let failure = Failure::new(Exit::Server, "rate_limited", what)
                .next(format!("wait a minute, then {} again", cx.service.login_command()));
            return self.again_or(cx, retry_after_at(response, cx.now.wall), failure);
        }
        let endpoint = Endpoint::Issuer { client_id: self.client_id.clone() };
        match endpoint.judge(cx.service, response, self.sent) {
            Verdict::Granted(granted) => Step::Done(Ok(Exchanged::Granted(Box::new(granted)))),
            Verdict::Failed(failure) => Step::fail(failure),
            Verdict::Spent => {
                let what = format!("{} does not accept the code that the browser brought", cx.service.name);
                Step::fail(
                    Failure::new(Exit::Denied, "invalid_grant", what)
                        .next(format!("{} again", cx.service.login_command())),
                )
            }
            Verdict::Pending | Verdict::SlowDown(_) | Verdict::Unclear { .. } => {
                let why = match TokenReply::read(response) {
                    TokenReply::Refused(error) => format!("HTTP {}, {}", response.status, error.code),
                    _ => format!("HTTP {} with no usable body", response.status),
                };
                Step::Done(Ok(Exchanged::AnswerLost(why)))
            }
        }
    }

    fn failed(&mut self, cx: &mut Context<'_>, failure: &RequestFailure) -> Step<Exchanged> {
        match failure.kind {
            FailureKind::NotSent => {
                let what = format!("cannot reach {}: {}", self.request.url.origin(), describe(failure));
                let failure = Failure::new(Exit::Network, "network", what)
                    .next("check the network and the proxy settings, then try again");
                self.again_or(cx, None, failure)
            }
            FailureKind::Misconfigured => Step::fail(unsendable(failure)),
            FailureKind::AnswerLost | FailureKind::BodyTooLarge => {
                Step::Done(Ok(Exchanged::AnswerLost(describe(failure))))
            }
        }
    }

    /// Sends the code again after a while if that is allowed, else ends with `failure`.
    fn again_or(
        &mut self,
        cx: &mut Context<'_>,
        asked: Option<Duration>,
        failure: Failure,
    ) -> Step<Exchanged> {
        let Some(wait) = before_next_try(cx, self.tries, asked) else { return Step::fail(failure) };
        cx.show(Notice::Retrying { reason: failure.message, wait });
        self.phase = Phase::Holding(cx.now.mono + wait);
        Step::Pending
    }
}

impl Logic for CodeExchange {
    type Output = Exchanged;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Exchanged> {
        self.send(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Exchanged> {
        match (&self.phase, event) {
            (Phase::Sending(id), Event::Response { id: answered, response }) if id == answered => {
                self.answered(cx, response)
            }
            (Phase::Sending(id), Event::RequestFailed { id: answered, failure }) if id == answered => {
                self.failed(cx, failure)
            }
            (Phase::Holding(at), Event::Woke) if *at <= cx.now.mono => self.send(cx),
            (_, Event::Woke) => Step::Ignored("nothing is due"),
            _ => Step::Ignored("not waited for"),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match self.phase {
            Phase::Holding(at) => Some((at, WakeReason::Retry)),
            Phase::New | Phase::Sending(_) => None,
        }
    }
}
