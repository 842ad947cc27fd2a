//! The service: one pure function on one state.

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_core::url::Url;

use crate::asked::Asked;
use crate::bearer::bearer;
use crate::config::Config;
use crate::envelope::Refusal;
use crate::fault::{Answer, Fault};
use crate::grade::Grade;
use crate::moment::Moment;
use crate::pensar::{Claims, TokenRequest};
use crate::place::Place;
use crate::rule::Rule;
use crate::session::Site;
use crate::state::State;
use crate::visit::Pages;
use crate::watch::{Said, Seen};
use crate::{api, pages, pensar};

/// The sandbox's service. It is told the time and the request and answers; it does nothing else.
///
/// Pentify has two origins, Pensar four; the URL of a request tells them apart. Browsers use the pages, programs the
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    config: Config,
    state: State,
}

/// An access token whose signature was looked at.
#[derive(Clone, Debug)]
pub struct AccessToken(Claims);

/// What a client asks for, as far as it matters for what is to become of it.
pub(crate) enum Asking {
    /// Whether a login was decided about. Where the link can be told from the request, it is there.
    Poll { link: Option<Url> },
    /// A new pair of tokens.
    Refresh,
    /// Anything that takes an access token or key.
    Api,
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

    /// What its clients did wrong so far. Rules that only silence can break are left open.
    pub fn grade(&self) -> Grade {
        self.grade_at(WallTime::from_unix_millis(0))
    }

    /// The same if nothing came to `now`.
    pub fn grade_at(&self, now: WallTime) -> Grade {
        let watched = self.state.watch.grade(Moment::from(now), self.config.speed);
        Grade { token_requests: self.state.pensar.tally.clone(), ..watched }
    }

    /// Begins the report anew: what was counted and what broke a rule is forgotten, nothing that is still under way.
    pub fn begin_report(&mut self) {
        self.state.watch.begin_report();
        self.state.pensar.tally.clear();
    }

    /// Answers one request at `now`, which is the sandbox's own time and never goes back.
    pub fn handle(&mut self, now: WallTime, request: &HttpRequest) -> HttpResponse {
        self.whole(Moment::from(now), &Asked::read(request, &self.config)).0
    }

    /// The same where `fault` happens, if the request is not for a page.
    pub fn handle_with(&mut self, now: WallTime, request: &HttpRequest, fault: Option<Fault>) -> Answer {
        self.handle_noting(now, request, fault).0
    }

    /// The same, and what a request for tokens came to.
    pub fn handle_noting(
        &mut self,
        now: WallTime,
        request: &HttpRequest,
        fault: Option<Fault>,
    ) -> (Answer, Option<TokenRequest>) {
        let asked = &Asked::read(request, &self.config);
        let place = asked.place;
        let fault = fault.filter(|_| asked.is_for_programs());
        let now = Moment::from(now);
        let (answer, noted) = match fault {
            None | Some(Fault::StrictPoll) => {
                let (response, noted) = self.whole(now, asked);
                (Answer::Whole(response), noted)
            }
            Some(Fault::Slow) => {
                let (response, noted) = self.whole(now, asked);
                (Answer::Late(response), noted)
            }
            Some(Fault::Truncate) => {
                let (response, noted) = self.respond(now, asked);
                (Answer::Cut(response), noted)
            }
            Some(Fault::LostAnswer) => (Answer::Lost, self.respond(now, asked).1),
            Some(Fault::Reset) => (Answer::Reset, self.not_handled(now, asked)),
            Some(Fault::TooManyRequests) => {
                let seconds = self.config.quirks.retry_after;
                let response = match place {
                    Some(Place::Api) | None => Refusal::too_fast(seconds).into_response(request, now),
                    Some(_) => pensar::too_fast(seconds),
                };
                self.instead(now, asked, response)
            }
            Some(Fault::HtmlError) => self.instead(now, asked, proxy_error()),
            Some(Fault::Redirect) => {
                let target = self.config.app.join(pages::REDIRECTED);
                let response = HttpResponse::new(307, "").header("location", target.to_string());
                self.instead(now, asked, response)
            }
            Some(Fault::SlowDown) => {
                pensar::slow_down(&mut self.state, asked);
                let (response, noted) = self.whole(now, asked);
                (Answer::Whole(response), noted)
            }
        };
        if fault.is_some_and(Fault::is_trouble) {
            self.watch_trouble(now, asked);
        }
        (answer, noted)
    }

    /// An access token of Pensar's, if its signature is ours; that it is good is not said by it.
    pub fn read_access_token(&self, token: &Secret) -> Option<AccessToken> {
        self.state.pensar.read_access_token(token.expose_secret()).map(AccessToken)
    }

    /// Whether Pensar's API would accept this access token at `now`. Asking leaves no mark.
    pub fn accepts_access_token(&self, now: WallTime, token: &AccessToken) -> bool {
        self.state.pensar.account_of(&token.0, Moment::from(now)).is_some()
    }

    /// Takes note that the answer to a request, given out as whole, did not reach the client after all.
    pub fn undelivered(&mut self, request: &HttpRequest) {
        pensar::undelivered(&mut self.state, &Asked::read(request, &self.config));
    }

    /// Answers without having handled anything.
    fn instead(
        &mut self,
        now: Moment,
        asked: &Asked<'_>,
        response: HttpResponse,
    ) -> (Answer, Option<TokenRequest>) {
        let noted = self.not_handled(now, asked);
        let response = dated(asked.place, now, response);
        self.watch_answer(now, asked, &response);
        (Answer::Whole(response), noted)
    }

    /// What a request asks for.
    pub(crate) fn asking(&self, request: &HttpRequest) -> Option<Asking> {
        let asked = Asked::read(request, &self.config);
        if asked.device.is_some() {
            let id = request.url.query_value("device_id")?;
            let link =
                self.config.app.join(pages::PAIR).with("device_id", id).with("device_name", "examined");
            return Some(Asking::Poll { link: Some(link) });
        }
        if asked.presented.device_code.is_some() {
            return Some(Asking::Poll { link: None });
        }
        if asked.presented.refresh_token.is_some() {
            return Some(Asking::Refresh);
        }
        (asked.is_for_programs() && bearer(request).is_some()).then_some(Asking::Api)
    }

    /// Revokes all sessions of Pensar's.
    pub(crate) fn revoke_sessions(&mut self, now: WallTime) {
        self.state.pensar.revoke_all(Moment::from(now));
    }

    /// Answers, and takes note that the answer reaches the client.
    fn whole(&mut self, now: Moment, asked: &Asked<'_>) -> (HttpResponse, Option<TokenRequest>) {
        let (response, noted) = self.respond(now, asked);
        self.watch_answer(now, asked, &response);
        (response, noted)
    }

    fn respond(&mut self, now: Moment, asked: &Asked<'_>) -> (HttpResponse, Option<TokenRequest>) {
        self.state.sweep(now, &self.config);
        self.watch_request(now, asked);
        let (response, noted) = self.respond_at(now, asked);
        if let Some(noted) = &noted {
            self.state.pensar.count(noted.outcome);
        }
        (dated(asked.place, now, response), noted)
    }

    fn respond_at(&mut self, now: Moment, asked: &Asked<'_>) -> (HttpResponse, Option<TokenRequest>) {
        let Self { config, state } = self;
        let request = asked.request;
        let pages = match (asked.place, &config.pensar) {
            (Some(Place::App), _) => {
                Pages { site: Site::Pentify, base: &config.app, get: pages::get, post: pages::post }
            }
            (Some(Place::Console), Some(pensar)) => {
                Pages { site: Site::Pensar, base: &pensar.console, get: pensar::get, post: pensar::post }
            }
            (Some(Place::Api), _) => return (api::respond(state, config, now, request), None),
            (Some(place), Some(pensar)) => {
                return pensar::respond(place, state, config, pensar, now, asked);
            }
            // A name that was made to point here by somebody else's DNS is not ours (RFC 9110 §15.5.20).
            _ => {
                let refusal = Refusal::new(421, "misdirected_request", "This host name is not served here.");
                return (refusal.into_response(request, now), None);
            }
        };
        (pages.respond(state, config, now, request), None)
    }

    /// Takes note of a request that a fault keeps from being handled.
    fn not_handled(&mut self, now: Moment, asked: &Asked<'_>) -> Option<TokenRequest> {
        self.watch_request(now, asked);
        let noted = pensar::not_handled(&self.state.pensar, asked)?;
        self.state.pensar.count(noted.outcome);
        Some(noted)
    }

    fn watch_request(&mut self, now: Moment, asked: &Asked<'_>) {
        let seen = Seen { asked, now, speed: self.config.speed };
        self.state.watch.asked(seen);
        if let Some(device) = asked.device {
            self.state.watch.polled(device, seen);
        }
        pensar::watch_request(&mut self.state, seen);
    }

    /// Notes an answer that reaches the client whole.
    fn watch_answer(&mut self, now: Moment, asked: &Asked<'_>, response: &HttpResponse) {
        let seen = Seen { asked, now, speed: self.config.speed };
        if asked.is_for_programs() && (300..400).contains(&response.status) {
            self.state.watch.occasion(Rule::RedirectFollowed);
        }
        if let Some(device) = asked.device {
            self.state.watch.answered(device, &Said::of(response), now, seen.speed);
        }
        pensar::watch_answer(&mut self.state, seen, response);
    }

    /// Notes that a request had no answer, or one that says nothing of what it asked.
    fn watch_trouble(&mut self, now: Moment, asked: &Asked<'_>) {
        if let Some(device) = asked.device {
            self.state.watch.troubled(device, now);
        }
        pensar::watch_trouble(&mut self.state, Seen { asked, now, speed: self.config.speed });
    }
}

/// What a proxy in front of a service says when the service is away.
fn proxy_error() -> HttpResponse {
    let html = "<html><head><title>503 Service Temporarily Unavailable</title></head>\
                <body><h1>503 Service Temporarily Unavailable</h1></body></html>";
    HttpResponse::new(503, html).header("content-type", "text/html")
}

/// WorkOS says what time it is, whatever else it says (RFC 9110 §6.6.1).
fn dated(place: Option<Place>, now: Moment, response: HttpResponse) -> HttpResponse {
    match place {
        Some(Place::WorkOs) => response.header("date", now.to_http_date()),
        _ => response,
    }
}
