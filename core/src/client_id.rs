//! The client id that the service's API names for its issuer.

use alloc::string::String;

use serde_json::Value;

use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::{Exchange, not_the_api};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::service::Service;
use crate::time::Timestamp;

/// Where it is asked for.
pub const CLIENT_CONFIG: &str = "/api/cli/config";

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId {
    exchange: Exchange,
}

impl ClientId {
    /// Asks the service's API.
    pub fn new(service: &Service) -> Self {
        let request = HttpRequest::new(Method::Get, service.api.join(CLIENT_CONFIG));
        Self { exchange: Exchange::new(request) }
    }

    fn answered(cx: &Context<'_>, step: Step<HttpResponse>) -> Step<String> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => Step::fail(failure),
            Step::Done(Ok(response)) => match read_client_id(&response) {
                Some(client_id) => Step::Done(Ok(client_id)),
                None => Step::fail(not_the_api(cx.service)),
            },
        }
    }
}

impl Logic for ClientId {
    type Output = String;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<String> {
        let step = self.exchange.start(cx);
        Self::answered(cx, step)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<String> {
        let step = self.exchange.handle(cx, event);
        Self::answered(cx, step)
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.exchange.deadline()
    }
}

/// The id in an answer, if it can be one (RFC 6749 §A.1).
pub(crate) fn read_client_id(response: &HttpResponse) -> Option<String> {
    let body = json_object(response)?;
    let id = body.get("workosClientId").and_then(Value::as_str)?;
    let fits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| id.into())
}
