//! `doorkey sandbox` in the foreground: its announcement, its faults, its grade; and traces replayed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::io::Read;
use std::process::{Command, Stdio};

use data_encoding::BASE64URL_NOPAD;
use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::text::is_treacherous;
use doorkey_core::url::Url;
use doorkey_sandbox::pensar::account;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sealed::{PATIENCE, Sandbox, Sealed, finish};
use serde_json::{Value, json};

#[test]
fn it_announces_itself_on_stdout_and_tells_people_on_stderr() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorkey"))
        .args(["sandbox", "--grade"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = sealed::wait_for_line(child.stdout.as_mut().unwrap(), "urls");
    let announced: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(announced["env"]["PENTIFY_API_URL"], announced["urls"]["api"]);
    assert_eq!(announced["env"]["PENTIFY_APP_URL"], announced["urls"]["app"]);
    assert_eq!(announced["env"]["WORKOS_API_URL"], announced["urls"]["workos"]);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let ended = finish(child).expect(0);
    assert_eq!(ended.json()["rules"].as_array().unwrap().len(), 15);
    let export = format!("export PENTIFY_API_URL={}", announced["urls"]["api"].as_str().unwrap());
    assert!(ended.stderr.contains(&export), "{ended:?}");
}

#[test]
fn a_bad_client_fails_the_grade() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorkey"))
        .args(["sandbox", "--grade", "--access-log"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = sealed::wait_for_line(child.stdout.as_mut().unwrap(), "urls");
    let announced: Value = serde_json::from_str(&first).unwrap();
    let api = announced["urls"]["api"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(api).unwrap();
    // A key in a URL.
    let request = format!(
        "GET /v1/usage?api_key=pt_live_abcdefgh HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\n\r\n"
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let ended = finish(child).expect(1);
    assert!(ended.stdout.contains("token-in-url"), "{ended:?}");
    assert!(ended.stderr.contains("✗ token-in-url: broken once"), "{ended:?}");
    assert!(
        !ended.stderr.contains("pt_live_abcdefgh") && !ended.stdout.contains("pt_live_abcdefgh"),
        "{ended:?}"
    );
}

#[test]
fn pensar_is_set_by_flags() {
    let sealed = Sealed::new("apex-flags");
    let events = sealed.home.join("events.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorkey"))
        .args(["sandbox", "--grade", "--grace", "0", "--access-lifetime", "7"])
        .args(["--device-interval", "1", "--device-lifetime", "60", "--events"])
        .arg(&events)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = sealed::wait_for_line(child.stdout.as_mut().unwrap(), "urls");
    let announced: Value = serde_json::from_str(&first).unwrap();
    let url = |name: &str| Url::parse(announced["urls"][name].as_str().unwrap()).unwrap();
    let mut transport = HttpTransport::new(ProxySettings::default(), "test");
    let mut send = |request: &HttpRequest| -> Value {
        let answer = transport.send(request, PATIENCE).unwrap();
        serde_json::from_slice(answer.body.as_bytes()).unwrap()
    };
    let post = |path: &str, body: &Value| {
        HttpRequest::new(Method::Post, url("workos").join(path)).body("application/json", body.to_string())
    };
    let config = HttpRequest::new(Method::Get, url("pensar_api").join("/api/cli/config"));
    let client_id = send(&config)["workosClientId"].clone();
    let begun = send(&post("/user_management/authorize/device", &json!({"client_id": client_id})));
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&1.into(), &60.into()));
    sealed::approve_as(account::SOLO, begun["verification_uri_complete"].as_str().unwrap());
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({"client_id": client_id, "grant_type": grant, "device_code": begun["device_code"]});
    let authenticate = "/user_management/authenticate";
    let mut tokens = send(&post(authenticate, &body));
    let claims = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 7);
    let body = json!({
        "client_id": client_id, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
    });
    for refused in [Value::Null, "invalid_grant".into()] {
        tokens = send(&post(authenticate, &body));
        assert_eq!(tokens["error"], refused, "without grace a token is good once");
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let ended = finish(child).expect(1);
    assert!(ended.stderr.contains("✗ refresh-replayed: broken once"), "{ended:?}");
    let grade = ended.stdout.lines().find(|line| line.contains("token_requests")).unwrap();
    let grade: Value = serde_json::from_str(grade).unwrap();
    assert_eq!(grade["token_requests"], json!({"issued": 1, "rotated": 1, "reuse_revoked": 1}));
    assert_eq!(sealed.file("events.jsonl").lines().count(), 6);
}

#[test]
fn what_it_cannot_have_is_named() {
    let sealed = Sealed::new("sandbox-trouble");
    let home = |name: &str| sealed.home.join(name).to_str().unwrap().to_owned();
    std::fs::write(home("odd.json"), "hello").unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, exit, code, named) in [
        (["--gateway-port", &port], 2, "port_taken", format!("port {port} of 127.0.0.1")),
        (["--state", &home("odd.json")], 6, "unusable_state", home("odd.json")),
        (["--events", &home("none/events")], 6, "unusable_events", home("none/events")),
        (["--", "no-such-client"], 2, "command_not_found", "no-such-client".to_owned()),
    ] {
        let all = [&["sandbox", "--json", "--limit", "1"], &args[..]].concat();
        let output = sealed.command(env!("CARGO_BIN_EXE_doorkey"), &all).output().unwrap();
        let last = String::from_utf8(output.stdout).unwrap();
        let error = &serde_json::from_str::<Value>(last.lines().last().unwrap()).unwrap()["error"];
        assert_eq!((output.status.code(), &error["code"]), (Some(exit), &code.into()), "{error}");
        assert!(error["message"].as_str().unwrap().contains(&named) && error["next"].is_string(), "{error}");
    }
}

#[test]
fn bad_flags_are_usage_errors() {
    for args in [
        ["sandbox", "--fault", "nonsense"],
        ["sandbox", "--fault", "reset:2"],
        ["sandbox", "--speed", "0"],
        ["sandbox", "--fault", "reset@here"],
        ["sandbox", "--rate-limit", "perhaps"],
        ["sandbox", "--grace", "-1"],
        ["sandbox", "--access-lifetime", "0"],
        ["sandbox", "--device-lifetime", "soon"],
        ["sandbox", "--limit", "0"],
        ["sandbox", "--then", "true"],
        ["sandbox", "--examine", "--access-log"],
        ["sandbox", "--only", "plain"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_doorkey")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_login_survives_every_fault_at_once() {
    let sandbox = Sandbox::start(&[
        "--fault",
        "lost-answer:0.2",
        "--fault",
        "reset:0.2",
        "--fault",
        "503-html:0.2",
        "--fault",
        "truncate:0.2",
        "--seed",
        "5",
    ]);
    let mut sealed = Sealed::new("faults");
    sealed.use_sandbox(&sandbox);
    let mut child = sealed.start_pentify(&["login", "--trace", "trace.jsonl"]);
    let link = sealed::wait_for_line(child.stderr.as_mut().unwrap(), "/auth/terminal-pair");
    sealed::approve(link.trim());
    let ended = finish(child).expect(0);
    assert!(ended.stdout.contains("✓ Signed in"), "{ended:?}");
    // What happened is in the trace, without secrets, and gives the same commands again.
    let trace = sealed.file("trace.jsonl");
    let token = sealed.file(".config/pentify/credentials");
    let token = token.split("pt_live_").nth(1).unwrap().split('"').next().unwrap();
    let device = link.split("device_id=").nth(1).unwrap().split('&').next().unwrap();
    assert!(!trace.contains(token) && !trace.contains(device), "{trace}");
    let replay = |name: &str| {
        let output =
            sealed.command(env!("CARGO_BIN_EXE_doorkey"), &["replay", name, "--json"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, report) = replay("trace.jsonl");
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("\"same\":true"), "{report}");
    // A changed trace does not.
    let changed =
        trace.replace("\"not_paired_yet\"", "\"something_else\"").replace("\"status\":200", "\"status\":500");
    std::fs::write(sealed.home.join("changed.jsonl"), changed).unwrap();
    let (code, report) = replay("changed.jsonl");
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("replay_differs"), "{report}");
    std::fs::write(sealed.home.join("no.jsonl"), "hello").unwrap();
    assert_eq!(replay("no.jsonl").0, Some(2));
    // Somebody else's trace: what it shows must not steer the terminal.
    let steering = "{\"trace\":2,\"task\":{\"logout\":{\"workspace\":\"\u{9b}2J\u{202e}\",\"revoke\":false,\"x\":0}},\
        \"service\":{\"name\":\"x\",\"command\":\"x\",\"login\":\"x\",\"token_variable\":\"X\",\"api_variable\":\"X\",\"backends\":[],\
        \"api\":\"https://a.example\",\"app\":\"https://a.example\",\"device_name\":\"x\",\
        \"issuer\":\"https://a.example\",\"bare_issuer\":\"https://a.example\",\"person_present\":false}}";
    std::fs::write(sealed.home.join("steering.jsonl"), steering).unwrap();
    let output =
        sealed.command(env!("CARGO_BIN_EXE_doorkey"), &["replay", "steering.jsonl"]).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("recorded: "), "{shown:?}");
    assert!(!shown.chars().any(|c| c != '\n' && is_treacherous(c)), "{shown:?}");
}
