//! What `pensar` puts on the wire, byte for byte, beside the fixtures of the contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::net::SocketAddr;

use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::{Settings, account};
use sealed::apex::{Apex, click, quick};
use sealed::recorder::{Log, Recorder};
use serde_json::Value;

/// What a request needs besides what the contract is about.
const LEFT_OUT: [&str; 3] = ["connection", "content-length", "user-agent"];
const CLIENT_ID: &str = "client_pensar_apex_sandbox";

/// A sandbox with a recorder before each of its places.
struct Wire {
    apex: Apex,
    log: Log,
    /// Names of hosts, and what stands for them in a fixture.
    hosts: Vec<(String, &'static str)>,
}

impl Wire {
    fn new(name: &str, settings: Settings, canned: Option<(&'static str, &'static str)>) -> Self {
        let mut apex = Apex::with(name, settings);
        let log = Log::default();
        let address = |url: &Url| -> SocketAddr {
            url.origin().to_string().strip_prefix("http://").unwrap().parse().unwrap()
        };
        let running = &apex.running;
        let places = [
            ("<api>", "PENSAR_API_URL", address(&running.pensar_api)),
            ("<workos>", "WORKOS_API_URL", address(&running.workos)),
            ("<gateway>", "PENSAR_GATEWAY_URL", address(&running.gateway)),
        ]
        .map(|(name, variable, target)| (name, variable, target, Recorder::listen()));
        let instead: Vec<_> =
            places.iter().map(|(_, _, target, (_, url))| (format!("http://{target}"), url.clone())).collect();
        let mut hosts = Vec::new();
        for (name, variable, target, (listener, url)) in places {
            hosts.push((url.strip_prefix("http://").unwrap().to_owned(), name));
            apex.sealed.set(variable, url);
            Recorder { name, target, instead: instead.clone(), canned }.start(listener, Log::clone(&log));
        }
        Self { apex, log, hosts }
    }

    /// Compares what was sent since the last time with these fixtures; a `+` says that one may come several times.
    fn expect(&self, fixtures: &[&str]) {
        let mut sent = Vec::new();
        for (place, request) in std::mem::take(&mut *self.log.lock().unwrap()) {
            sent.push(self.canonical(place, &request));
        }
        let mut sent = sent.iter().peekable();
        for name in fixtures {
            let (name, many) = name.strip_suffix('+').map_or((*name, false), |name| (name, true));
            let fixture = fixture(name);
            assert_eq!(sent.next(), Some(&fixture), "{name}");
            while many && sent.next_if_eq(&&fixture).is_some() {}
        }
        assert_eq!(sent.next(), None);
    }

    /// A request in the form of the fixtures' README.
    fn canonical(&self, place: &str, request: &str) -> String {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let (method, target) =
            lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap().split_once(' ').unwrap();
        let target = match target.split_once("?id=") {
            Some((path, id)) if !id.contains('&') => format!("{path}?id=<selection-id>"),
            _ => target.to_owned(),
        };
        let mut headers: Vec<String> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.trim()))
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", self.shown(place, &name, value)))
            .collect();
        headers.sort();
        let mut text = format!("{method} {target} HTTP/1.1\n{}\n\n", headers.join("\n"));
        if !body.is_empty() {
            let mut body: Value = serde_json::from_str(body).unwrap();
            for (name, value) in body.as_object_mut().unwrap() {
                let shown = self.shown(place, name, value.as_str().unwrap());
                *value = shown.into();
            }
            text += &format!("{body}\n");
        }
        text
    }

    /// A value, or what stands for it. That it is the right one is the sandbox's to say: it took it.
    fn shown(&self, place: &str, name: &str, value: &str) -> String {
        if let Some((_, shown)) = self.hosts.iter().find(|(host, _)| name == "host" && host == value) {
            return (*shown).to_owned();
        }
        if let Some(token) = value.strip_prefix("Bearer ") {
            let kind = match token {
                _ if place == "<gateway>" => "<token>",
                token if token.starts_with("psr_key_") => "<api-key>",
                token if token.split('.').count() == 3 => "<access-token>",
                _ => "<unknown>",
            };
            return format!("Bearer {kind}");
        }
        let kinds = [
            (CLIENT_ID, "<client-id>"),
            ("psr_device_", "<device-code>"),
            ("psr_refresh_", "<refresh-token>"),
            ("wks_", "<workspace-id>"),
        ];
        let kind = kinds.iter().find(|(front, _)| value.starts_with(front));
        kind.map_or(value, |(_, shown)| shown).to_owned()
    }
}

fn fixture(name: &str) -> String {
    let path = format!("{}/../tests/fixtures/pensar/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What begins every login.
const BEGIN: [&str; 3] = ["config", "device-authorization", "device-poll+"];

#[test]
fn logins_credits_and_renewals_are_as_the_fixtures_say() {
    let wire = Wire::new("wire", quick(), None);
    let apex = &wire.apex;
    apex.login(account::SOLO, &[]).expect(0);
    wire.expect(&[&BEGIN[..], &["workspaces", "select-workspace"]].concat());
    apex.pensar(&["credits"]).expect(0);
    wire.expect(&["gateway-validate"]);
    apex.make_due();
    apex.pensar(&["credits"]).expect(0);
    wire.expect(&["refresh", "gateway-validate"]);
    for args in [["login", "status"], ["login", "logout"]] {
        apex.pensar(&args).expect(0);
        wire.expect(&[]);
    }
    // Several workspaces: by name, then chosen in the browser.
    apex.login(account::MULTI, &["--workspace", "acme"]).expect(0);
    wire.expect(&[&BEGIN[..], &["workspaces", "select-workspace"]].concat());
    let live = apex.start(&["login", "--force"]);
    click(|send| Person::new(account::MULTI).approve(&live.link(0), send).unwrap());
    click(|send| Person::new(account::MULTI).choose_workspace(&live.link(1), send).unwrap());
    live.finish().expect(0);
    let choice = ["workspaces", "workspace-selection-start", "workspace-selection-poll+", "select-workspace"];
    wire.expect(&[&BEGIN[..], &choice].concat());
    // None yet.
    let live = apex.start(&["login", "--force"]);
    click(|send| Person::new(account::NEW).approve(&live.link(0), send).unwrap());
    click(|send| Person::new(account::NEW).create_workspace(&live.link(1), "My Team", send).unwrap());
    live.finish().expect(0);
    wire.expect(&[&BEGIN[..], &["workspaces+", "select-workspace"]].concat());
    apex.expect_good_grade();
}

#[test]
fn an_older_deployment_is_asked_as_the_fixtures_say() {
    let legacy = Settings { legacy: true, ..quick() };
    let wire = Wire::new("wire-legacy", legacy, None);
    let apex = &wire.apex;
    apex.login(account::SOLO, &[]).expect(0);
    wire.expect(&["config", "legacy-code", "legacy-poll+"]);
    apex.pensar(&["credits"]).expect(0);
    wire.expect(&["gateway-validate"]);
    let mut key = apex.file("auth.json");
    key.as_object_mut().unwrap().remove("workspace");
    apex.put("auth.json", &key.to_string());
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.contains("Workspace: Acme (acme)"), "{status:?}");
    wire.expect(&["auth-validate"]);

    // One that tells its client's id, but whose issuer knows no device codes.
    let config = ("/api/cli/config", r#"{"workosClientId":"client_pensar_apex_sandbox"}"#);
    let wire = Wire::new("wire-legacy", legacy, Some(config));
    wire.apex.login(account::SOLO, &[]).expect(0);
    wire.expect(&[
        "config",
        "device-authorization",
        "legacy-code-with-client-id",
        "legacy-poll-with-client-id+",
    ]);
}
