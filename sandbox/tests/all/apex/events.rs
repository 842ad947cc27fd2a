//! The events log, and faults that a path limits, over real sockets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use doorkey_sandbox::pensar::account;
use doorkey_sandbox::{AccessLog, Options, Running, serve};
use serde_json::{Value, json};

use super::served::{log_in, refresh_at};
use super::*;

fn serve_with(events: &Path) -> Running {
    serve(Options { events: Some(events.to_owned()), ..Options::default() }).unwrap()
}

/// The lines of the log, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let text = std::fs::read_to_string(path).unwrap();
        if text.ends_with('\n') && text.lines().count() >= count || Instant::now() > deadline {
            assert_eq!(text.lines().count(), count, "{text}");
            return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_request_for_tokens_leaves_a_line_before_its_answer_and_one_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let running = serve_with(&path);
    let tokens = log_in(&running, account::SOLO);
    let before = lines(&path, 2);
    assert_eq!((&before[0]["grant"], &before[0]["outcome"]), (&"device_code".into(), &"issued".into()));
    tokens_in(&refresh_at(&running, &tokens.refresh).unwrap());
    let lines = lines(&path, 4);
    let (asked, answered) = (&lines[2], &lines[3]);
    assert_eq!(asked["family"], before[0]["family"]);
    let expected = json!({
        "event": "token_request", "sandbox_millis": asked["sandbox_millis"], "unix_millis": asked["unix_millis"],
        "id": 2, "grant": "refresh_token", "outcome": "rotated", "family": asked["family"], "number": 1,
        "issued": 2, "fault": null,
    });
    assert_eq!(asked, &expected);
    let expected = json!({
        "event": "answered", "sandbox_millis": answered["sandbox_millis"],
        "unix_millis": answered["unix_millis"], "id": 2, "delivery": "whole",
    });
    assert_eq!(answered, &expected);
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(!log.contains("psr_") && !log.contains("eyJ"), "{log}");
    let grade = serde_json::to_value(running.grade().unwrap()).unwrap();
    assert_eq!(grade["token_requests"], json!({"issued": 1, "rotated": 1}));
}

#[test]
fn faults_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (fault, outcome, delivery) in [
        ("lost-answer", "rotated", "lost"),
        ("truncate", "rotated", "cut"),
        ("slow", "rotated", "whole"),
        ("reset", "not_handled", "reset"),
        ("429", "not_handled", "whole"),
        ("503-html", "not_handled", "whole"),
    ] {
        let path = folder.path().join(fault);
        let state = folder.path().join(format!("{fault}.state"));
        let tokens = {
            let running = serve(Options { state: Some(state.clone()), ..Options::default() }).unwrap();
            log_in(&running, account::SOLO)
        };
        let spec = format!("{fault}@/user_management/authenticate");
        let faults = vec![spec.parse().unwrap()];
        let delay = Duration::from_millis(10);
        let events = Some(path.clone());
        let options = Options { faults, delay, events, state: Some(state), ..Options::default() };
        let running = serve(options).unwrap();
        let _ = refresh_at(&running, &tokens.refresh);
        let lines = lines(&path, 2);
        assert_eq!((&lines[0]["fault"], &lines[0]["outcome"]), (&fault.into(), &outcome.into()));
        assert_eq!((&lines[1]["delivery"], &lines[0]["number"]), (&delivery.into(), &1.into()), "{fault}");
        // The fault is limited to that path.
        let config = HttpRequest::new(Method::Get, running.pensar_api.join("/api/cli/config"));
        assert_eq!(over_http(&config).unwrap().status, 200);
    }
}

#[test]
fn a_client_that_has_gone_got_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    // The log is told of a request before its answer leaves: there the server is held until the client has gone.
    let (gone, has_gone) = mpsc::channel::<()>();
    let (has_gone, held) = (Mutex::new(has_gone), Arc::new(AtomicBool::new(false)));
    let holds = Arc::clone(&held);
    let log: AccessLog = Box::new(move |access| {
        if access.place.ends_with(AUTHENTICATE) && holds.swap(false, Ordering::SeqCst) {
            has_gone.lock().unwrap().recv().unwrap();
        }
    });
    let events = Some(path.clone());
    let running = serve(Options { log: Some(log), events, ..Options::default() }).unwrap();
    let tokens = log_in(&running, account::SOLO);
    let request = served::refresh_request(&running, &tokens.refresh);
    held.store(true, Ordering::SeqCst);
    let origin = running.workos.origin();
    let head = format!(
        "POST {AUTHENTICATE} HTTP/1.1\r\nhost: {}:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        origin.host(),
        origin.port(),
        request.body.len()
    );
    let mut stream = connect(&running.workos);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(request.body.as_bytes()).unwrap();
    drop(stream);
    gone.send(()).unwrap();
    let lines = lines(&path, 4);
    assert_eq!((&lines[2]["outcome"], &lines[3]["delivery"]), (&"rotated".into(), &"gone".into()));
    // So asking again is no race.
    tokens_in(&refresh_at(&running, &tokens.refresh).unwrap());
    assert!(running.grade().unwrap().is_clean(), "{:?}", running.grade());
}

#[test]
fn a_log_is_added_to_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    for count in [2, 4] {
        log_in(&serve_with(&path), account::SOLO);
        lines(&path, count);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let nowhere = serve(Options { events: Some(folder.path().join("no/folder")), ..Options::default() });
    assert!(nowhere.is_err());
}

#[test]
fn many_clients_at_once_are_counted_exactly() {
    const FAMILIES: usize = 8;
    const ROUNDS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let running = serve_with(&path);
    let all: Vec<Tokens> = (0..FAMILIES).map(|_| log_in(&running, account::SOLO)).collect();
    std::thread::scope(|scope| {
        for tokens in all {
            let running = &running;
            scope.spawn(move || {
                let mut token = tokens.refresh;
                for _ in 0..ROUNDS {
                    token = tokens_in(&refresh_at(running, &token).unwrap()).refresh;
                }
            });
        }
    });
    let (mut asked, mut answered, mut numbers) = (Vec::new(), Vec::new(), BTreeMap::new());
    for line in lines(&path, 2 * FAMILIES * (ROUNDS + 1)) {
        let id = line["id"].as_u64().unwrap();
        if line["event"] == "answered" {
            assert!(asked.contains(&id), "{line}");
            answered.push(id);
            continue;
        }
        asked.push(id);
        // In each family one number after the other.
        let last = numbers.insert(line["family"].to_string(), line["issued"].as_u64().unwrap());
        assert_eq!(line["number"].as_u64(), last, "{line}");
    }
    let ids: Vec<u64> = (1..).take(FAMILIES * (ROUNDS + 1)).collect();
    assert_eq!(asked, ids, "in the order in which they were handled");
    answered.sort_unstable();
    assert_eq!((answered, numbers.len()), (ids, FAMILIES));
}
