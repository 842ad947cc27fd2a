//! The service: one pure function on one state.

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::time::WallTime;
use doorkey_core::url::{Origin, Url};

use crate::config::Config;
use crate::envelope::Refusal;
use crate::moment::Moment;
use crate::state::State;
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

    /// Answers one request at `now`, which is the sandbox's own time and never goes back.
    pub fn handle(&mut self, now: WallTime, request: &HttpRequest) -> HttpResponse {
        let now = Moment::from(now);
        self.state.sweep(now, self.config.speed);
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
