//! One API request with its retries.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::{String, ToString};

use crate::backoff::before_next_try;
use crate::command::CommandId;
use crate::envelope::{Envelope, retry_after, retry_after_at};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::request_failure::{describe, unsendable};
use crate::service::Service;
use crate::time::Timestamp;
use crate::url::Origin;
use crate::verdict::RefusalKind;

/// Sends a request until there is a definite answer: `GET` and `DELETE` are tried again after network failures, 429
/// and 5xx; everything else is sent once. Ends with a 2xx answer or a failure.
///
/// [`Exchange::asking`] is for requests that change nothing, or nothing that matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exchange {
    request: HttpRequest,
    asking: bool,
    tries: u32,
    refused: Option<RefusalKind>,
    repeatable: bool,
    last_sent: Timestamp,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Sending(CommandId),
    Waiting(Timestamp),
}

impl Exchange {
    /// An exchange of this request.
    pub fn new(request: HttpRequest) -> Self {
        let repeatable = matches!(request.method, Method::Get | Method::Delete);
        let request = match request.header_value("accept") {
            Some(_) => request,
            None => request.header("accept", "application/json"),
        };
        Self { asking: false, repeatable, ..Self::asking(request) }
    }

    /// The same of a request that may be sent again though its method does not say so: the second time changes nothing.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// An exchange of this request as it is, which may be sent again whatever became of it. Ends with every answer but
    /// those that mean "later" (429, 5xx without 501): what a refusal means is the caller's to say.
    pub fn asking(request: HttpRequest) -> Self {
        Self {
            request,
            asking: true,
            tries: 0,
            refused: None,
            repeatable: true,
            last_sent: Timestamp::default(),
            phase: Phase::New,
        }
    }

    /// The same without a second try.
    #[must_use]
    pub(crate) fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }

    /// How the last answer refused the token, if it did.
    pub fn refused(&self) -> Option<RefusalKind> {
        self.refused
    }

    /// When the last try left.
    pub fn last_sent(&self) -> Timestamp {
        self.last_sent
    }

    fn refusal(&self, service: &Service, response: &HttpResponse) -> Failure {
        refusal(service, self.request.url.origin(), response)
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Step<HttpResponse> {
        self.tries += 1;
        self.last_sent = cx.now.mono;
        self.phase = Phase::Sending(cx.send(self.request.clone(), cx.service.retry.request_limit));
        Step::Pending
    }

    /// Tries again if that is allowed, else ends with `failure`.
    fn again_or(
        &mut self,
        cx: &mut Context<'_>,
        asked: Option<core::time::Duration>,
        failure: Failure,
    ) -> Step<HttpResponse> {
        let wait = before_next_try(cx, self.tries, asked).filter(|_| self.repeatable);
        let Some(wait) = wait else { return Step::fail(failure) };
        cx.show(Notice::Retrying { reason: failure.message, wait });
        self.phase = Phase::Waiting(cx.now.mono + wait);
        Step::Pending
    }
}

impl Logic for Exchange {
    type Output = HttpResponse;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<HttpResponse> {
        self.send(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<HttpResponse> {
        match (&self.phase, event) {
            (Phase::Sending(id), Event::Response { id: answered, response }) if id == answered => {
                self.refused = refused(response);
                match response.status {
                    200..=299 => Step::Done(Ok(response.clone())),
                    501 if self.asking => Step::Done(Ok(response.clone())),
                    429 | 500..=599 => {
                        let asked = retry_after_at(response, cx.now.wall);
                        self.again_or(cx, asked, self.refusal(cx.service, response))
                    }
                    _ if self.asking => Step::Done(Ok(response.clone())),
                    _ => Step::fail(self.refusal(cx.service, response)),
                }
            }
            (Phase::Sending(id), Event::RequestFailed { id: answered, failure }) if id == answered => {
                if failure.kind == FailureKind::Misconfigured {
                    return Step::fail(unsendable(failure));
                }
                let host = self.request.url.origin();
                if failure.kind == FailureKind::BodyTooLarge {
                    // No accident of the network: it would be as long the next time.
                    return Step::fail(
                        Failure::new(
                            Exit::Server,
                            "unexpected_answer",
                            format!("{host}: {}", describe(failure)),
                        )
                        .next(format!("check {} and the proxy settings", cx.service.api_variable)),
                    );
                }
                let failure = Failure::new(
                    Exit::Network,
                    "network",
                    format!("cannot reach {host}: {}", describe(failure)),
                )
                .next("check the network and the proxy settings, then try again");
                self.again_or(cx, None, failure)
            }
            (Phase::Waiting(at), Event::Woke) if *at <= cx.now.mono => self.send(cx),
            (_, Event::Woke) => Step::Ignored("nothing is due"),
            _ => Step::Ignored("not waited for"),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match self.phase {
            Phase::Waiting(at) => Some((at, WakeReason::Retry)),
            _ => None,
        }
    }
}

/// RFC 6750 §3.1.
fn refused(response: &HttpResponse) -> Option<RefusalKind> {
    let says = response.header_value("www-authenticate").unwrap_or_default();
    match response.status {
        401 => Some(RefusalKind::Token),
        403 if says.contains("invalid_token") => Some(RefusalKind::Token),
        403 => Some(RefusalKind::Rights),
        _ => None,
    }
}

/// An answer that is no success, as a failure. Switches on the envelope's code first, then on the status.
fn refusal(service: &Service, host: &Origin, response: &HttpResponse) -> Failure {
    let status = response.status;
    let envelope = Envelope::read(response);
    let request_id = envelope.as_ref().and_then(|e| e.request_id.clone());
    let code: Option<&str> = envelope.as_ref().map(|e| e.code.as_str());
    let said: String = envelope
        .as_ref()
        .and_then(|e| e.message.as_ref())
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    let name = &service.name;
    let stable = |fallback: &'static str| code.map_or(Cow::Borrowed(fallback), |c| Cow::Owned(c.to_string()));
    let failure = match (status, code) {
        (_, Some("invalid_api_key")) | (401, _) => Failure::new(
            Exit::NotSignedIn,
            stable("unauthorized"),
            format!("{name} does not accept this token (HTTP {status}{})", in_words(code)),
        )
        .next(service.login_command()),
        (_, Some("insufficient_tokens")) | (402, _) => {
            let failure = Failure::new(
                Exit::RefusedByApi,
                stable("payment_required"),
                format!("the workspace has not enough tokens left{said}"),
            );
            match envelope.as_ref().and_then(|e| e.top_up_url.clone()) {
                Some(url) => failure.next(format!("top up at {url}")),
                None => failure.next(format!("top up at {}", service.app.origin())),
            }
        }
        (_, Some("insufficient_scope")) => Failure::new(
            Exit::RefusedByApi,
            stable("forbidden"),
            format!("this token's scopes do not allow that{said}"),
        )
        .next(format!("see its scopes at {}", service.keys_page())),
        (300..=399, _) => Failure::new(
            Exit::Server,
            "redirect_refused",
            format!("{} answers with a redirect, which is never followed with a token", host),
        )
        .next(format!("check {} and the proxy settings", service.api_variable)),
        (400..=428 | 430..=499, _) => Failure::new(
            Exit::RefusedByApi,
            stable(if status == 404 { "not_found" } else { "refused" }),
            format!("{name} refused the request (HTTP {status}{}){said}", in_words(code)),
        )
        .next(match status {
            _ if code == Some("target_not_verified") => {
                format!("verify at {} that the target is yours, then try again", service.app.origin())
            }
            403 => "ask for the right to do that, or sign in as somebody who has it".to_owned(),
            404 => format!("check the path, and {}", service.api_variable),
            409 => "look at how things stand now, then try again".to_owned(),
            _ => "correct the request, then try again".to_owned(),
        }),
        (429, _) => Failure::new(
            Exit::Server,
            stable("rate_limited"),
            format!("{name} asks for fewer requests{said}"),
        )
        .next(match retry_after(response) {
            Some(wait) => format!("try again in {} s", wait.as_secs()),
            None => "wait a minute, then try again".to_string(),
        }),
        _ => Failure::new(
            Exit::Server,
            stable("server_error"),
            format!("{name} has trouble (HTTP {status}{}){said}", in_words(code)),
        )
        .next("try again later"),
    };
    failure.request_id(request_id)
}

/// A success that is not the API's: a page of something in between.
pub fn not_the_api(service: &Service) -> Failure {
    let host = service.api.origin();
    let message = format!("{host} does not answer like the {} API", service.name);
    Failure::new(Exit::Server, "unexpected_answer", message)
        .next(format!("check the network, {} and the proxy settings", service.api_variable))
}

fn in_words(code: Option<&str>) -> String {
    code.map(|code| format!(", {code}")).unwrap_or_default()
}
