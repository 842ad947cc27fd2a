//! The service: one pure function on one state.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::time::WallTime;
use doorkey_core::url::{Origin, Url};

use crate::config::Config;
use crate::digest::Digest;
use crate::envelope::Refusal;
use crate::fault::{Answer, Fault};
use crate::grade::Grade;
use crate::moment::Moment;
use crate::pairing::is_device_id;
use crate::state::State;
use crate::watch::Said;
use crate::{api, pages};

/// The sandbox's service. It is told the time and the request and answers; it does nothing else.
///
/// Two origins are served, told apart by the URL of the request: programs use the API, browsers the pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    config: Config,
    state: State,
}

impl Service {
    /// A service that nothing has happened to. `seed` decides every value that nobody may guess.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self::with_state(config, State::new(seed))
    }

    /// A service that goes on from a state.
    pub fn with_state(config: Config, state: State) -> Self {
        Self { config, state }
    }

    /// What it remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What its clients did wrong so far.
    pub fn grade(&self) -> Grade {
        self.state.watch.grade()
    }

    /// Answers one request at `now`, which is the sandbox's own time and never goes back.
    pub fn handle(&mut self, now: WallTime, request: &HttpRequest) -> HttpResponse {
        let now = Moment::from(now);
        let response = self.respond(now, request);
        self.watch_answer(now, request, &response);
        response
    }

    /// The same where `fault` happens, if the request is for the API.
    pub fn handle_with(&mut self, now: WallTime, request: &HttpRequest, fault: Option<Fault>) -> Answer {
        let fault = fault.filter(|_| self.config.api.origin() == request.url.origin());
        let moment = Moment::from(now);
        match fault {
            None | Some(Fault::StrictPoll) => Answer::Whole(self.handle(now, request)),
            Some(Fault::Slow) => Answer::Late(self.handle(now, request)),
            Some(Fault::Truncate) => Answer::Cut(self.respond(moment, request)),
            Some(Fault::LostAnswer) => {
                self.respond(moment, request);
                Answer::Lost
            }
            Some(Fault::Reset) => {
                self.watch_request(moment, request);
                Answer::Reset
            }
            Some(Fault::TooManyRequests) => {
                self.watch_request(moment, request);
                let response = Refusal::too_fast(1).into_response(request, moment);
                self.watch_answer(moment, request, &response);
                Answer::Whole(response)
            }
            Some(Fault::HtmlError) => {
                self.watch_request(moment, request);
                Answer::Whole(proxy_error())
            }
        }
    }

    fn respond(&mut self, now: Moment, request: &HttpRequest) -> HttpResponse {
        self.state.sweep(now, self.config.speed);
        self.watch_request(now, request);
        if is_for(&self.config.api, request) {
            api::respond(&mut self.state, &self.config, now, request)
        } else if is_for(&self.config.app, request) {
            pages::respond(&mut self.state, &self.config, now, request)
        } else {
            // A name that was made to point here by somebody else's DNS is not ours (RFC 9110 §15.5.20).
            Refusal::new(421, "misdirected_request", "This host name is not served here.")
                .into_response(request, now)
        }
    }

    fn watch_request(&mut self, now: Moment, request: &HttpRequest) {
        if !is_for(&self.config.api, request) {
            self.state.watch.asked_elsewhere(request);
            return;
        }
        self.state.watch.asked(request);
        if let Some(device) = polling_device(request) {
            self.state.watch.polled(device, now, self.config.speed);
        }
    }

    /// Notes an answer that reaches the client whole.
    fn watch_answer(&mut self, now: Moment, request: &HttpRequest, response: &HttpResponse) {
        let Some(device) = polling_device(request).filter(|_| is_for(&self.config.api, request)) else {
            return;
        };
        let said = match response.status {
            200 | 403 | 410 => Said::Final,
            429 => {
                let seconds = response.header_value("retry-after").and_then(|value| value.parse().ok());
                Said::Wait(seconds.unwrap_or(0))
            }
            _ => Said::GoOn,
        };
        self.state.watch.answered(device, &said, now, self.config.speed);
    }
}

/// The device that a well-formed poll is about.
fn polling_device(request: &HttpRequest) -> Option<Digest> {
    let device_id = request.url.query_value("device_id").filter(|id| is_device_id(id))?;
    (request.url.path() == api::POLL && request.method == Method::Get).then(|| Digest::of(device_id))
}

/// What a proxy in front of a service says when the service is away.
fn proxy_error() -> HttpResponse {
    let html = "<html><head><title>503 Service Temporarily Unavailable</title></head>\
                <body><h1>503 Service Temporarily Unavailable</h1></body></html>";
    HttpResponse::new(503, html).header("content-type", "text/html")
}

/// Whether a request is for this base URL. Where it came over a wire, its `Host` counts too.
fn is_for(base: &Url, request: &HttpRequest) -> bool {
    base.origin() == request.url.origin()
        && request.header_value("host").is_none_or(|host| host == authority(base.origin()))
}

/// Host and port as they stand in a `Host` header.
fn authority(origin: &Origin) -> String {
    let whole = origin.to_string();
    whole.split_once("://").map(|(_, authority)| authority.to_owned()).unwrap_or_default()
}
