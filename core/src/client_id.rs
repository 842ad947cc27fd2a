//! The client id that the service's API names for its issuer.

use alloc::string::String;

use crate::device_endpoint::{client_id, config_request};
use crate::event::Event;
use crate::exchange::{Exchange, not_the_api};
use crate::http::HttpResponse;
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::service::Service;
use crate::time::Timestamp;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId {
    exchange: Exchange,
}

impl ClientId {
    /// Asks the service's API.
    pub fn new(service: &Service) -> Self {
        Self { exchange: Exchange::asking(config_request(service)) }
    }

    fn answered(cx: &Context<'_>, response: &HttpResponse) -> Step<String> {
        Step::Done(client_id(response).ok_or_else(|| not_the_api(cx.service)))
    }
}

impl Logic for ClientId {
    type Output = String;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<String> {
        self.exchange.start(cx).and_then(|response| Self::answered(cx, &response))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<String> {
        self.exchange.handle(cx, event).and_then(|response| Self::answered(cx, &response))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.exchange.deadline()
    }
}
