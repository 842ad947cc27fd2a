//! A device grant that one process begins and another one finishes.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;

use crate::device_code::{DeviceCode, NoDeviceCode};
use crate::device_endpoint::{Endpoint, not_begun};
use crate::device_grant::no_issuer;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::http::HttpResponse;
use crate::json::{self, Object};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::record_form::{MomentForm, write_moment};
use crate::rotation::Moment;
use crate::secret::{Secret, SecretBuilder};
use crate::time::{Now, Timestamp};
use crate::url::Url;

/// The version of the form that this code writes and reads.
const FORM: u32 = 1;

/// A device code, and what those who polled with it learned about the pace. It is a secret until it is used or over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingGrant {
    /// Who gave it: [`Service::issuer`](crate::service::Service::issuer).
    pub issuer: String,
    /// The client that it was given to.
    pub client_id: String,
    /// What is polled with.
    pub device_code: Secret,
    /// What the person compares or types.
    pub user_code: Secret,
    /// The page for typing the code.
    pub verification_uri: Url,
    /// The page with the code filled in.
    pub verification_uri_complete: Option<Url>,
    /// When the code came.
    pub started: Moment,
    /// How long its answer took: the issuer's clock may have started so much earlier.
    pub lag: Duration,
    /// How long it is good from then on.
    pub lifetime: Duration,
    /// From one poll to the next: what came with the code, or what `slow_down` has raised it to since (invariant 1).
    pub interval: Duration,
    /// A poll has surely left. One may have, too, if not: only what raises the interval is noted.
    pub polled: bool,
}

impl PendingGrant {
    /// How long it is still good: by the monotonic clock within one run of the machine, else by the wall clock; as long as
    /// ever if that one was set back behind the beginning.
    pub fn left(&self, now: Now, boot: &str) -> Duration {
        self.lifetime.saturating_sub(self.started.age(now, boot).unwrap_or_default())
    }

    /// One line of JSON.
    pub fn encode(&self) -> Secret {
        let mut text = SecretBuilder::default();
        let mut written = Object::begin(&mut text);
        written.set_number("v", FORM.into());
        written.set_text("issuer", &self.issuer);
        written.set_text("client_id", &self.client_id);
        written.set_secret("device_code", &self.device_code);
        written.set_secret("user_code", &self.user_code);
        written.set_secret("verification_uri", &self.verification_uri.expose());
        let complete = self.verification_uri_complete.as_ref().map(Url::expose);
        written.set_secret("verification_uri_complete", complete.as_ref());
        written.set_object("started", |started| write_moment(&self.started, started));
        written.set_number("lag_ms", millis(self.lag));
        written.set_number("lifetime_ms", millis(self.lifetime));
        written.set_number("interval_ms", millis(self.interval));
        written.set_whether("polled", self.polled);
        written.end();
        text.finish()
    }

    /// Reads it back; `None` if it is none, or a newer program's.
    pub fn decode(text: &Secret) -> Option<Self> {
        let read: Form = serde_json::from_str(text.expose_secret()).ok()?;
        let page = |text: &Secret| Url::parse(text.expose_secret()).ok();
        (read.v == FORM).then_some(())?;
        Some(Self {
            verification_uri: page(&read.verification_uri)?,
            verification_uri_complete: read.verification_uri_complete.as_ref().and_then(page),
            issuer: read.issuer,
            client_id: read.client_id,
            device_code: read.device_code,
            user_code: read.user_code,
            started: read.started.into(),
            lag: Duration::from_millis(read.lag_ms),
            lifetime: Duration::from_millis(read.lifetime_ms),
            interval: Duration::from_millis(read.interval_ms),
            polled: read.polled,
        })
    }
}

/// The machine that begins one: asks for the device code and shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StartGrant {
    exchange: Option<Exchange>,
}

impl StartGrant {
    fn answered(&mut self, cx: &mut Context<'_>, response: &HttpResponse) -> Step<PendingGrant> {
        let (Some(exchange), Some(endpoint)) = (&self.exchange, endpoint(cx)) else {
            return Step::fail(no_issuer(cx));
        };
        let Endpoint::Issuer { client_id } = &endpoint else { return Step::fail(no_issuer(cx)) };
        let lag = cx.now.mono.since(exchange.last_sent());
        let code = match DeviceCode::read(response, endpoint.spelling(), cx.service) {
            Ok(code) if (200..300).contains(&response.status) => code,
            Err(NoDeviceCode::Unsafe(failure)) if (200..300).contains(&response.status) => {
                return Step::fail(failure);
            }
            _ => {
                let request = endpoint.code_request(cx.service);
                let asked = request.map_or_else(|| cx.service.api.clone(), |request| request.url);
                return Step::fail(not_begun(cx.service, &asked, response));
            }
        };
        let pending = PendingGrant {
            issuer: cx.service.issuer.clone(),
            client_id: client_id.clone(),
            device_code: code.device_code,
            user_code: code.user_code,
            verification_uri: code.verification_uri,
            verification_uri_complete: code.verification_uri_complete,
            started: Moment::new(cx.now, &cx.service.boot_id),
            lag,
            lifetime: code.lifetime,
            interval: code.interval,
            polled: false,
        };
        cx.show(Notice::DeviceCode {
            user_code: pending.user_code.clone(),
            verification_uri: pending.verification_uri.clone(),
            verification_uri_complete: pending.verification_uri_complete.clone(),
            expires_at: cx.now.mono + pending.lifetime,
        });
        Step::Done(Ok(pending))
    }
}

impl Logic for StartGrant {
    type Output = PendingGrant;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<PendingGrant> {
        let request = endpoint(cx).and_then(|endpoint| endpoint.code_request(cx.service));
        let Some(request) = request else { return Step::fail(no_issuer(cx)) };
        let mut exchange = Exchange::asking(request);
        let step = exchange.start(cx);
        self.exchange = Some(exchange);
        step.and_then(|response| self.answered(cx, &response))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<PendingGrant> {
        let Some(exchange) = &mut self.exchange else { return Step::Ignored("not waited for") };
        exchange.handle(cx, event).and_then(|response| self.answered(cx, &response))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.exchange.as_ref().and_then(Logic::deadline)
    }
}

/// The issuer, if the client is known: nobody else's grant is finished by another process.
fn endpoint(cx: &Context<'_>) -> Option<Endpoint> {
    let client_id = cx.service.oauth.as_ref()?.client_id.clone()?;
    Some(Endpoint::Issuer { client_id })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Deserialize)]
struct Form {
    v: u32,
    issuer: String,
    client_id: String,
    #[serde(deserialize_with = "json::secret")]
    device_code: Secret,
    #[serde(deserialize_with = "json::secret")]
    user_code: Secret,
    #[serde(deserialize_with = "json::secret")]
    verification_uri: Secret,
    #[serde(default, deserialize_with = "json::secret_if_any")]
    verification_uri_complete: Option<Secret>,
    started: MomentForm,
    lag_ms: u64,
    lifetime_ms: u64,
    interval_ms: u64,
    #[serde(default)]
    polled: bool,
}
