//! The server, over real sockets.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_sandbox::{
    Access, AccessLog, LastPage, Options, Person, PersonError, Running, ServeError, TimeSource, serve,
};

use crate::held::hold_any;
use crate::world::*;

#[test]
fn a_person_approves_over_http() {
    let running = serve(Options::default()).unwrap();
    let id = device_id(1);
    let link =
        running.app.join("/auth/terminal-pair").with("device_id", id.as_str()).with("device_name", "laptop");
    Person::new(MULTI).choosing("blue-team").approve(&link, over_http).unwrap();
    let poll = running.api.join("/auth/terminal/poll").with("device_id", id.as_str());
    let answer = over_http(&HttpRequest::new(Method::Get, poll)).unwrap();
    assert_eq!(json_of(&answer)["workspace"]["slug"], "blue-team");
    let token = Secret::from(token_in(&answer));
    let scans = HttpRequest::new(Method::Get, running.api.join("/v1/scans")).bearer(&token);
    assert_eq!(over_http(&scans).unwrap().status, 200);
}

#[test]
fn a_person_denies_over_http() {
    let running = serve(Options::default()).unwrap();
    let id = device_id(1);
    let link =
        running.app.join("/auth/terminal-pair").with("device_id", id.as_str()).with("device_name", "laptop");
    let page = Person::new(SOLO).deny(&link, over_http).unwrap();
    assert_eq!((page.status, page.heading.as_str()), (200, "Request denied"));
    let poll = running.api.join("/auth/terminal/poll").with("device_id", id.as_str());
    let answer = over_http(&HttpRequest::new(Method::Get, poll)).unwrap();
    assert_eq!(refusal(&answer), (403, "access_denied".to_owned()));
    assert_eq!(running.grade().unwrap().requests, 1);
}

#[test]
fn one_connection_carries_many_requests() {
    let running = serve(Options::default()).unwrap();
    let mut stream = connect(&running.api);
    let port = running.api.origin().port();
    let request = format!("GET /v1/usage HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_one(&mut stream);
        assert_eq!(refusal(&parse(&answer).unwrap()), (401, "invalid_api_key".to_owned()));
    }
    // Two at once, the second in two pieces.
    stream.write_all(format!("{request}{}", &request[..20]).as_bytes()).unwrap();
    assert_eq!(parse(&read_one(&mut stream)).unwrap().status, 401);
    stream.write_all(&request.as_bytes()[20..]).unwrap();
    assert_eq!(parse(&read_one(&mut stream)).unwrap().status, 401);
}

#[test]
fn what_is_not_http_is_refused() {
    let running = serve(Options::default()).unwrap();
    let host = format!("host: 127.0.0.1:{}", running.api.origin().port());
    let status = |request: &str| {
        let answer = raw(&running.api, request.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(&answer).split(' ').nth(1).map(str::to_owned)
    };
    let refused = |status: &str| Some(status.to_owned());
    assert_eq!(status("GET /v1/usage HTTP/1.1\r\n\r\n"), refused("400"), "no host");
    assert_eq!(
        status(&format!("GET /v1/usage HTTP/1.1\r\n{host}\r\n{host}\r\n\r\n")),
        refused("400"),
        "two hosts"
    );
    assert_eq!(status(&format!("OPTIONS /v1/usage HTTP/1.1\r\n{host}\r\n\r\n")), refused("405"));
    assert_eq!(
        status(&format!("GET http://evil.example/v1/usage HTTP/1.1\r\n{host}\r\n\r\n")),
        refused("400")
    );
    let rebound = "GET /v1/usage HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(status(rebound), refused("421"));
    let chunked = format!(
        "DELETE /v1/keys/current HTTP/1.1\r\n{host}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\n\r\n"
    );
    assert_eq!(status(&chunked), refused("401"));
    // Too much, and nonsense: the connection just ends, and at once. The machine may be slow, but not each time; a server
    // that waits for the rest never takes less than its patience.
    let patience = Duration::from_secs(10);
    let ends_at_once = |request: &str| {
        (0..9).any(|_| {
            let start = Instant::now();
            assert_eq!(status(request), None);
            start.elapsed() < patience
        })
    };
    assert!(ends_at_once(&format!("GET / HTTP/1.1\r\nx: {}\r\n", "y".repeat(20_000))));
    let large = format!("POST / HTTP/1.1\r\n{host}\r\ncontent-length: 100000\r\n\r\n{}", "z".repeat(100_000));
    assert!(ends_at_once(&large));
    let endless =
        format!("POST / HTTP/1.1\r\n{host}\r\ntransfer-encoding: chunked\r\n\r\n1;{}", "e".repeat(100_000));
    assert!(ends_at_once(&endless));
    assert!(ends_at_once("\u{16}\u{3}\u{1}\0\u{1}\r\n\r\n"));
    // None of it harms others.
    let usage = HttpRequest::new(Method::Get, running.api.join("/v1/usage"));
    assert_eq!(over_http(&usage).unwrap().status, 401);
}

#[test]
fn many_connections_at_once_are_served() {
    let running = serve(Options { rate_limit: false, ..Options::default() }).unwrap();
    let mut idle: Vec<_> = (0..500).map(|_| connect(&running.api)).collect();
    let request =
        format!("GET /v1/usage HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", running.api.origin().port());
    for stream in &mut idle {
        stream.write_all(request.as_bytes()).unwrap();
    }
    for stream in &mut idle {
        assert_eq!(parse(&read_one(stream)).unwrap().status, 401);
    }
}

#[test]
fn a_stopped_server_lets_go_of_its_ports() {
    let ((api, _held), (app, _also_held)) = (hold_any(), hold_any());
    let running = serve(Options { api_port: api, app_port: app, ..Options::default() }).unwrap();
    let mut open = connect(&running.api);
    let taken = serve(Options { api_port: api, ..Options::default() });
    assert!(matches!(taken.unwrap_err(), ServeError::Port(port, _) if port == api));
    running.stop();
    assert_eq!(open.read(&mut [0]).unwrap_or(0), 0, "connections are closed");
    let again = serve(Options { api_port: api, app_port: app, ..Options::default() }).unwrap();
    assert_eq!((again.api.origin().port(), again.app.origin().port()), (api, app));
}

#[test]
fn time_can_be_sped_up() {
    let running = serve(Options { speed: "10000".parse().unwrap(), ..Options::default() }).unwrap();
    let id = device_id(1);
    let link =
        running.app.join("/auth/terminal-pair").with("device_id", id.as_str()).with("device_name", "laptop");
    over_http(&HttpRequest::new(Method::Get, link.clone())).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let walk = Person::new(SOLO).approve(&link, over_http);
    let expired = LastPage { status: 410, heading: "This link has expired".to_owned() };
    assert!(matches!(walk, Err(PersonError::Elsewhere(page)) if page == expired));
}

#[test]
fn time_can_be_told() {
    let millis = Arc::new(AtomicU64::new(1_800_000_000_000));
    let told = Arc::clone(&millis);
    let clock: TimeSource = Box::new(move || WallTime::from_unix_millis(told.load(Ordering::SeqCst)));
    let running = serve(Options { clock: Some(clock), ..Options::default() }).unwrap();
    let poll = running.api.join("/auth/terminal/poll").with("device_id", device_id(1).as_str());
    let poll = HttpRequest::new(Method::Get, poll);
    let polls = || (0..30).map(|_| over_http(&poll).unwrap().status).collect::<Vec<_>>();
    assert_eq!(polls(), [404; 30]);
    assert_eq!(polls(), [429; 30], "no time passes by itself");
    millis.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(polls(), [404; 30]);
}

#[test]
fn requests_are_logged_without_their_secrets() {
    let (sender, seen) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let log: AccessLog = Box::new(move |access| sender.lock().unwrap().send(access.clone()).unwrap());
    let running = serve(Options { log: Some(log), ..Options::default() }).unwrap();
    let poll = running.api.join("/auth/terminal/poll").with("device_id", device_id(1).as_str());
    over_http(&HttpRequest::new(Method::Get, poll)).unwrap();
    let place = format!("{}/auth/terminal/poll", running.api.origin());
    assert_eq!(seen.recv().unwrap(), Access { method: "GET", place, status: Some(404) });
}

#[test]
fn the_announcement_says_where_it_is() {
    let running = serve(Options::default()).unwrap();
    let announced = serde_json::to_value(running.announcement()).unwrap();
    let Running { api, app, pensar_api, gateway, console, workos, .. } = &running;
    let [api, app, pensar_api, gateway, console, workos] =
        [api, app, pensar_api, gateway, console, workos].map(|url| url.origin().to_string());
    let expected = serde_json::json!({
        "urls": {
            "api": api, "app": app, "pensar_api": pensar_api, "gateway": gateway, "console": console,
            "workos": workos,
        },
        "env": {
            "PENTIFY_API_URL": api, "PENTIFY_APP_URL": app, "PENSAR_API_URL": pensar_api,
            "PENSAR_GATEWAY_URL": gateway, "PENSAR_CONSOLE_URL": console, "WORKOS_API_URL": workos,
            "SANDBOX_ISSUER": workos, "SANDBOX_CLIENT_ID": "client_pensar_apex_sandbox",
            "SANDBOX_RESOURCE": format!("{pensar_api}/api/cli/workspaces"),
        },
    });
    assert_eq!(announced, expected);
    let announcement = running.announcement();
    let pairs = announcement.env.pairs().map(|(name, value)| (name.to_owned(), value.into()));
    assert_eq!(announced["env"].as_object().unwrap(), &pairs.into_iter().collect());
}
