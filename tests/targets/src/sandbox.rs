//! The sandbox's service: requests of anybody.

use std::convert::Infallible;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::pensar::{self, Settings, account};
use doorkey_sandbox::{ACCOUNTS, Config, Fault, Person, Service};

use crate::bytes::Bytes;

const METHODS: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
const PATHS: [&str; 31] = [
    "/",
    "/sign-in",
    "/sign-out",
    "/auth/terminal-pair",
    "/settings/api-keys",
    "/settings/api-keys/revoke",
    "/style.css",
    "/auth/terminal/poll",
    "/v1/usage",
    "/v1/profile",
    "/v1/scans",
    "/v1/keys/current",
    "/device",
    "/sign-up",
    "/create-workspace",
    "/select-workspace",
    "/credits",
    "/acme/settings/billing",
    "/acme/settings/usage",
    "/api/cli/config",
    "/api/cli/workspaces",
    "/api/cli/select-workspace",
    "/api/cli/workspace-selection",
    "/auth/validate",
    "/auth/device/code",
    "/auth/device/token",
    "/user_management/authorize/device",
    "/user_management/authenticate",
    "/gateway/validate",
    "/v1/messages",
    "/redirected",
];
const NAMES: [&str; 22] = [
    "device_id",
    "device_name",
    "workspace",
    "next",
    "email",
    "key",
    "decision",
    "form_token",
    "user_code",
    "id",
    "redirect",
    "your_name",
    "workspace_name",
    "top_up",
    "inference",
    "client_id",
    "grant_type",
    "device_code",
    "refresh_token",
    "workspaceId",
    "deviceCode",
    "error",
];
const VALUES: [&str; 14] = [
    "",
    "approve",
    "deny",
    "acme",
    "solo@pentify.sandbox",
    "client_pensar_apex_sandbox",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
    "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI",
    "/credits",
    "//evil.example",
    "\u{1b}[2J\r\nset-cookie: a=b",
    "1",
];
const FAULTS: [Fault; 7] = [
    Fault::LostAnswer,
    Fault::Slow,
    Fault::TooManyRequests,
    Fault::HtmlError,
    Fault::Truncate,
    Fault::Reset,
    Fault::StrictPoll,
];
/// What an answer has in it that grants something.
const GRANTS: [&str; 5] = ["\"access_token\"", "\"refresh_token\"", "\"apiKey\"", "pt_live_", "pk_live_"];

struct World {
    service: Service,
    config: Config,
    millis: u64,
    /// A person has approved something.
    approved: bool,
    /// Cookies, codes and tokens that were seen.
    seen: Vec<String>,
}

/// No request panics, or gets anything before a person approved it; answers are whole; and the state is kept by its file.
pub fn sandbox(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let config = config(bytes.flag());
    let mut world = World {
        service: Service::new(config.clone(), [7; 32]),
        config,
        millis: 1_767_225_600_000,
        approved: false,
        seen: Vec::new(),
    };
    for _ in 0..100 {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte() {
            0..=3 => world.approve(&mut bytes),
            4..=23 => world.millis += [1, 999, 2_500, 5_000, 60_000, 300_000, 86_400_000][bytes.below(7)],
            24 => world.millis = world.millis.saturating_add(u64::MAX / (1 + u64::from(bytes.byte()))),
            // A person who signs in has approved nothing yet.
            25..=40 => world.sign_in(&mut bytes),
            _ => {
                let request = world.request(&mut bytes);
                let fault = (bytes.below(8) == 7).then(|| *bytes.pick(&FAULTS));
                let answer =
                    world.service.handle_with(WallTime::from_unix_millis(world.millis), &request, fault);
                if let Some(response) = answer.complete() {
                    world.check(&response);
                }
            }
        }
    }
    let kept = serde_json::to_string(world.service.state()).expect("it can be kept");
    assert_eq!(
        serde_json::from_str::<doorkey_sandbox::State>(&kept).as_ref().ok(),
        Some(world.service.state())
    );
}

/// A state file that somebody changed: it is refused, or the service goes on with it.
pub fn state(bytes: &[u8]) {
    let Ok(state) = serde_json::from_slice::<doorkey_sandbox::State>(bytes) else { return };
    let config = config(false);
    let mut service = Service::with_state(config.clone(), state);
    let bases = bases(&config);
    for (at, path) in PATHS.into_iter().enumerate() {
        for method in [Method::Get, Method::Post] {
            let request = HttpRequest::new(method, bases[at % 6].join(path).with("device_id", VALUES[8]));
            let answer =
                service.handle(WallTime::from_unix_millis(1_767_225_600_000 + 1000 * at as u64), &request);
            assert!((200..600).contains(&answer.status));
        }
    }
    let _ = service.grade();
}

impl World {
    fn approve(&mut self, bytes: &mut Bytes<'_>) {
        self.approved = true;
        let pensar = self.config.pensar.clone().expect("it is played");
        let link = match bytes.flag() {
            false => {
                self.config.app.join("/auth/terminal-pair").with("device_id", *bytes.pick(&VALUES[8..10]))
            }
            true => pensar.console.join("/device").with("user_code", self.known(bytes)),
        };
        let email = if bytes.flag() { ACCOUNTS[0].email } else { account::SOLO };
        let mut person = Person::new(email);
        let now = WallTime::from_unix_millis(self.millis);
        let service = &mut self.service;
        // Whether they find their way is not asked here.
        let _ = person.approve(&link, |request| Ok::<_, Infallible>(service.handle(now, request)));
    }

    fn sign_in(&mut self, bytes: &mut Bytes<'_>) {
        let pensar = self.config.pensar.clone().expect("it is played");
        let (base, email) = match bytes.flag() {
            true => (pensar.console, account::SOLO),
            false => (self.config.app.clone(), ACCOUNTS[0].email),
        };
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("email", email).finish();
        let request = HttpRequest::new(Method::Post, base.join("/sign-in"))
            .body("application/x-www-form-urlencoded", form)
            .header("origin", base.origin().to_string());
        let answer = self.service.handle(WallTime::from_unix_millis(self.millis), &request);
        self.check(&answer);
    }

    fn request(&mut self, bytes: &mut Bytes<'_>) -> HttpRequest {
        let base = bytes.pick(&bases(&self.config)).clone();
        let path = match bytes.below(8) {
            0 => String::from("/") + &String::from_utf8_lossy(bytes.chunk()).replace(['?', '#'], ""),
            _ => (*bytes.pick(&PATHS)).to_owned(),
        };
        let mut url = base.join(&path);
        for _ in 0..bytes.below(3) {
            let name = *bytes.pick(&NAMES);
            url = url.with(name, self.value(bytes));
        }
        let mut request = HttpRequest::new(*bytes.pick(&METHODS), url);
        let fields: Vec<(String, String)> =
            (0..bytes.below(5)).map(|_| ((*bytes.pick(&NAMES)).to_owned(), self.value(bytes))).collect();
        match bytes.below(4) {
            0 => {}
            1 => {
                let fields: std::collections::BTreeMap<_, _> = fields.into_iter().collect();
                let body = serde_json::to_string(&fields).expect("texts are JSON");
                request = request.body("application/json", body);
            }
            2 => request = request.body("application/json", bytes.chunk().to_vec()),
            _ => {
                // Who is signed in and has the page's own form could approve: that is done above.
                let fields = fields.into_iter().filter(|(name, _)| name != "form_token");
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                request = request
                    .body("application/x-www-form-urlencoded", form)
                    .header("origin", base.origin().to_string());
            }
        }
        for _ in 0..bytes.below(3) {
            let name =
                *bytes.pick(&["cookie", "authorization", "host", "origin", "content-type", "x-workspace-id"]);
            let value = match name {
                "authorization" => format!("Bearer {}", self.value(bytes)),
                _ => self.value(bytes),
            };
            request = request.header(name, Text::from(Secret::new(value)));
        }
        request
    }

    fn value(&self, bytes: &mut Bytes<'_>) -> String {
        match bytes.below(4) {
            0 => String::from_utf8_lossy(bytes.chunk()).into_owned(),
            1 => self.known(bytes),
            _ => (*bytes.pick(&VALUES)).to_owned(),
        }
    }

    fn known(&self, bytes: &mut Bytes<'_>) -> String {
        let at = bytes.below(256) % self.seen.len().max(1);
        self.seen.get(at).cloned().unwrap_or_default()
    }

    fn check(&mut self, response: &HttpResponse) {
        assert!((200..600).contains(&response.status), "{}", response.status);
        for (name, value) in &response.headers {
            assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{name}: {value:?}");
            if name == "set-cookie" {
                self.seen.extend(value.split(';').next().map(str::to_owned));
            }
        }
        let text = String::from_utf8_lossy(response.body.as_bytes());
        if !self.approved && response.status == 200 {
            let granted = GRANTS.iter().find(|grant| text.contains(**grant));
            assert_eq!(granted, None, "nobody approved anything: {text}");
        }
        if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(response.body.as_bytes()) {
            let texts = fields.values().filter_map(serde_json::Value::as_str).filter(|text| !text.is_empty());
            self.seen.extend(texts.map(str::to_owned));
        }
        let surplus = self.seen.len().saturating_sub(32);
        self.seen.drain(..surplus);
    }
}

fn config(legacy: bool) -> Config {
    let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}")).expect("a URL");
    let pensar = pensar::Config {
        api: url(8003),
        gateway: url(8004),
        console: url(8005),
        workos: url(8006),
        settings: Settings { legacy, ..Settings::default() },
    };
    Config::new(url(8001), url(8002)).with_pensar(pensar)
}

fn bases(config: &Config) -> [Url; 6] {
    let pensar = config.pensar.clone().expect("it is played");
    [config.api.clone(), config.app.clone(), pensar.api, pensar.gateway, pensar.console, pensar.workos]
}
