//! Each fault, as it looks on a raw socket.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use doorkey_core::http::{HttpRequest, Method};
use doorkey_sandbox::{Options, Person, Running, serve};

use crate::world::*;

fn serve_with(faults: &[&str]) -> Running {
    let faults = faults.iter().map(|text| text.parse().unwrap()).collect();
    serve(Options { faults, seed: 3, delay: Duration::from_millis(300), ..Options::default() }).unwrap()
}

/// Approves in the browser, which no fault touches, and polls once.
fn poll_approved(running: &Running) -> std::io::Result<Vec<u8>> {
    let link = running.app.join("/auth/terminal-pair").with("device_id", device_id(1).as_str());
    Person::new(SOLO).approve(&link.with("device_name", "laptop"), over_http).unwrap();
    poll(running)
}

fn poll(running: &Running) -> std::io::Result<Vec<u8>> {
    let origin = running.api.origin();
    let (id, host) = (device_id(1), format!("{}:{}", origin.host(), origin.port()));
    let request = format!("GET /auth/terminal/poll?device_id={id} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    raw_until_answered(&running.api, request.as_bytes())
}

/// Whether the pairing was handled, asked of a service without faults that goes on from the same state.
fn key_count(path: &std::path::Path) -> usize {
    let running = serve(Options { state: Some(path.to_owned()), ..Options::default() }).unwrap();
    drop(running);
    std::fs::read_to_string(path).unwrap().matches("\"prefix\":\"pt_live_").count()
}

#[test]
fn no_fault() {
    let answer = poll_approved(&serve_with(&[])).unwrap();
    assert_eq!(parse(&answer).unwrap().status, 200);
}

#[test]
fn slow() {
    let running = serve_with(&["slow"]);
    let start = Instant::now();
    let answer = poll_approved(&running).unwrap();
    assert_eq!(parse(&answer).unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn too_many_requests() {
    let response = parse(&poll_approved(&serve_with(&["429"])).unwrap()).unwrap();
    assert_eq!(refusal(&response), (429, "rate_limited".to_owned()));
    assert_eq!(response.header_value("retry-after"), Some("1"));
}

#[test]
fn html_error() {
    let response = parse(&poll_approved(&serve_with(&["503-html"])).unwrap()).unwrap();
    assert_eq!((response.status, response.header_value("content-type")), (503, Some("text/html")));
    assert!(text_of(&response).starts_with("<html>"));
}

#[test]
fn truncate() {
    let answer = poll_approved(&serve_with(&["truncate"])).unwrap();
    let head = String::from_utf8_lossy(&answer);
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\"scopes\"") && !head.contains('}'),
        "{head}"
    );
    assert_eq!(parse(&answer), None);
}

#[test]
fn lost_answer_and_reset() {
    let folder = tempfile::tempdir().unwrap();
    for (fault, keys) in [("lost-answer", 1), ("reset", 0)] {
        let path = folder.path().join(fault);
        let faults = vec![fault.parse().unwrap()];
        let running = serve(Options { faults, state: Some(path.clone()), ..Options::default() }).unwrap();
        let answer = poll_approved(&running);
        if fault == "reset" {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::ConnectionReset);
        } else {
            assert_eq!(answer.unwrap(), b"");
        }
        drop(running);
        assert_eq!(key_count(&path), keys, "{fault}");
    }
}

#[test]
fn strict_poll() {
    let running = serve_with(&["strict-poll"]);
    assert_eq!(parse(&poll_approved(&running).unwrap()).unwrap().status, 200);
    assert_eq!(parse(&poll(&running).unwrap()).unwrap().status, 410);
}

#[test]
fn the_same_seed_misbehaves_the_same_way() {
    let run = || {
        let running = serve_with(&["503-html:0.3", "reset:0.3"]);
        let usage = HttpRequest::new(Method::Get, running.api.join("/v1/usage"));
        (0..20).map(|_| over_http(&usage).map_or(0, |response| response.status)).collect::<Vec<_>>()
    };
    let first = run();
    assert_eq!(first, run());
    for status in [0, 401, 503] {
        assert!(first.contains(&status), "{first:?}");
    }
}
