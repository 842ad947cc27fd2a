//! One state, several servers: in a file, each request a transaction.

use std::path::PathBuf;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_sandbox::{Options, Person, Running, ServeError, serve};
use serde_json::{Value, json};

use crate::held::{hold, hold_all, hold_any};
use crate::world::*;

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("deep/sandbox.json")
    }

    fn serve(&self) -> Running {
        serve(Options { state: Some(self.path()), ..Options::default() }).unwrap()
    }
}

fn pair(running: &Running, id: &str) -> Secret {
    let link = running.app.join("/auth/terminal-pair").with("device_id", id).with("device_name", id);
    Person::new(SOLO).approve(&link, over_http).unwrap();
    Secret::from(token_in(&poll(running, id)))
}

fn poll(running: &Running, id: &str) -> HttpResponse {
    let poll = running.api.join("/auth/terminal/poll").with("device_id", id);
    over_http(&HttpRequest::new(Method::Get, poll)).unwrap()
}

fn usage(running: &Running, key: &Secret) -> u16 {
    let usage = HttpRequest::new(Method::Get, running.api.join("/v1/usage")).bearer(key);
    over_http(&usage).unwrap().status
}

#[test]
fn a_state_outlives_its_server_and_keeps_its_ports() {
    let home = Home::new();
    let first = home.serve();
    let place = first.announcement().urls;
    let key = pair(&first, &device_id(1));
    let _held = hold_all(&first);
    drop(first);
    let second = home.serve();
    assert_eq!(second.announcement().urls, place);
    assert_eq!(usage(&second, &key), 200);
    assert_eq!(second.grade().unwrap().requests, 2);
}

#[test]
fn two_servers_share_a_state_and_its_ports() {
    let home = Home::new();
    let first = home.serve();
    let second = home.serve();
    assert_eq!(first.announcement(), second.announcement(), "a key is good at one place only");
    let key = pair(&first, &device_id(1));
    for _ in 0..10 {
        assert_eq!(usage(&second, &key), 200);
    }
    drop(first);
    assert_eq!(usage(&second, &key), 200);
    let third = home.serve();
    assert_eq!((&third.api, usage(&third, &key)), (&second.api, 200));
    assert_eq!(third.grade().unwrap(), second.grade().unwrap());
}

#[test]
fn two_servers_on_ports_of_their_own_share_a_state() {
    let home = Home::new();
    let first = home.serve();
    let (port, _held) = hold_any();
    let second = serve(Options { state: Some(home.path()), api_port: port, ..Options::default() }).unwrap();
    assert_eq!(second.api.origin().port(), port);
    assert_ne!(first.api, second.api);
    let id = device_id(1);
    let link =
        first.app.join("/auth/terminal-pair").with("device_id", id.as_str()).with("device_name", "laptop");
    Person::new(SOLO).approve(&link, over_http).unwrap();
    let key = Secret::from(token_in(&poll(&second, &id)));
    assert_eq!((usage(&first, &key), usage(&second, &key)), (200, 200));
    let revoke = HttpRequest::new(Method::Delete, first.api.join("/v1/keys/current")).bearer(&key);
    assert_eq!(over_http(&revoke).unwrap().status, 200);
    assert_eq!((usage(&first, &key), usage(&second, &key)), (401, 401));
}

#[test]
fn no_request_is_lost_when_two_servers_are_busy() {
    let home = Home::new();
    let (port, _held) = hold_any();
    let serve = |api_port| {
        serve(Options { state: Some(home.path()), api_port, rate_limit: false, ..Options::default() })
            .unwrap()
    };
    let (first, second) = (serve(0), serve(port));
    std::thread::scope(|scope| {
        for running in [&first, &second] {
            scope.spawn(move || {
                for id in 0..50 {
                    poll(running, &device_id(id));
                }
            });
        }
    });
    assert_eq!(first.grade().unwrap().requests, 100);
}

#[test]
fn a_port_that_a_stranger_took_is_not_shared() {
    let home = Home::new();
    let first = home.serve();
    let port = first.api.origin().port();
    let _held = hold(port);
    drop(first);
    let stranger = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let second = home.serve();
    assert_ne!(second.api.origin().port(), port);
    drop(stranger);
    let other_home = Home::new();
    let port = second.api.origin().port();
    let other = serve(Options { state: Some(other_home.path()), api_port: port, ..Options::default() });
    let other = other.unwrap_err();
    assert!(matches!(other, ServeError::Port(taken, _) if taken == port), "another state must not join in");
}

#[test]
fn the_file_is_private_and_holds_no_key() {
    let home = Home::new();
    let running = home.serve();
    let key = pair(&running, &device_id(1));
    let saved = std::fs::read_to_string(home.path()).unwrap();
    assert!(saved.contains("\"prefix\":\"pt_live_"));
    assert!(!saved.contains(key.expose_secret().strip_prefix("pt_live_").unwrap()));
    #[cfg(unix)]
    for (path, mode) in [(home.path(), 0o600), (home.folder.path().join("deep"), 0o700)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_file_that_is_no_state_is_left_alone() {
    let home = Home::new();
    drop(home.serve());
    let good = std::fs::read_to_string(home.path()).unwrap();
    for bad in ["", "{}", "not json", &good.replace("\"v\":2", "\"v\":3")] {
        std::fs::write(home.path(), bad).unwrap();
        let served = serve(Options { state: Some(home.path()), ..Options::default() });
        assert!(served.is_err(), "{bad}");
        assert_eq!(std::fs::read_to_string(home.path()).unwrap(), bad);
    }
    std::fs::write(home.path(), &good).unwrap();
    let running = home.serve();
    let key = pair(&running, &device_id(1));
    let saved = std::fs::read(home.path()).unwrap();
    std::fs::write(home.path(), "broken meanwhile").unwrap();
    assert_eq!(usage(&running, &key), 500);
    std::fs::write(home.path(), saved).unwrap();
    assert_eq!(usage(&running, &key), 200);
}

#[test]
fn a_file_from_before_pensar_is_read() {
    let home = Home::new();
    let first = home.serve();
    let (place, key) = ((first.api.clone(), first.app.clone()), pair(&first, &device_id(1)));
    let _held = hold_all(&first);
    drop(first);
    let mut saved: Value = serde_json::from_slice(&std::fs::read(home.path()).unwrap()).unwrap();
    saved["v"] = 1.into();
    saved["ports"] = json!({"api": saved["ports"]["api"], "app": saved["ports"]["app"]});
    saved["state"].as_object_mut().unwrap().remove("pensar").unwrap();
    saved["state"]["watch"].as_object_mut().unwrap().remove("codes").unwrap();
    std::fs::write(home.path(), saved.to_string()).unwrap();
    let second = home.serve();
    assert_eq!(((second.api.clone(), second.app.clone()), usage(&second, &key)), (place, 200));
    let sign_in = HttpRequest::new(Method::Get, second.console.join("/sign-in"));
    assert!(text_of(&over_http(&sign_in).unwrap()).contains("solo@pensar.sandbox"));
    assert!(std::fs::read_to_string(home.path()).unwrap().contains("\"v\":2"));
}

#[test]
fn time_goes_on_where_a_faster_server_left_it() {
    let home = Home::new();
    let speed = "20000".parse().unwrap();
    let fast = serve(Options { state: Some(home.path()), speed, ..Options::default() }).unwrap();
    let open = |running: &Running| {
        let link = running.app.join("/auth/terminal-pair").with("device_id", device_id(1).as_str());
        over_http(&HttpRequest::new(Method::Get, link.with("device_name", "laptop"))).unwrap().status
    };
    assert_eq!(open(&fast), 303, "to the sign-in");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(open(&fast), 410, "expired");
    drop(fast);
    assert_eq!(open(&home.serve()), 410, "expired for good, though the wall clock is behind");
}
