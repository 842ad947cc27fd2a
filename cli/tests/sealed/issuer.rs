//! An OAuth issuer in this process, strict and with a device that is approved at once, and a sealed home whose `doorkey`
//! is signed in there. What else it is asked is answered by the test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::hostile::Answer;
use super::{Ended, PATIENCE, Sealed, finish};

/// A request that is not the issuer's own to answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What becomes of such requests.
type Serve = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

pub struct Issuer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stopped: Arc<AtomicBool>,
}

/// Tokens are numbered: `access-2` came with `refresh-2`.
#[derive(Default)]
struct State {
    issued: u64,
    /// The one refresh token that is good.
    refresh: Option<String>,
    /// So many polls are still told to slow down.
    slow_downs: u64,
    /// When it was polled with a device code.
    polls: Vec<Instant>,
    /// What it answers for access tokens.
    lifetime: Option<u64>,
    asked: Vec<Asked>,
}

impl Issuer {
    /// With access tokens that live for an hour.
    pub fn start(serve: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { lifetime: Some(3600), ..State::default() }));
        let stopped = Arc::<AtomicBool>::default();
        let (shared, end, serve): (_, _, Arc<Serve>) =
            (Arc::clone(&state), Arc::clone(&stopped), Arc::new(Box::new(serve)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (state, serve) = (Arc::clone(&shared), Arc::clone(&serve));
                thread::spawn(move || answer_one(stream.unwrap(), address, &state, &serve));
            }
        });
        Self { address, state, stopped }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked beside its own endpoints, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many pairs of tokens it has issued.
    pub fn issued(&self) -> u64 {
        self.state.lock().unwrap().issued
    }

    /// The next poll with a device code is told to slow down (RFC 8628 §3.5).
    pub fn slow_down(&self) {
        self.state.lock().unwrap().slow_downs += 1;
    }

    /// When it was polled with a device code.
    pub fn polls(&self) -> Vec<Instant> {
        self.state.lock().unwrap().polls.clone()
    }

    /// From now on it does not say how long access tokens live.
    pub fn hide_lifetimes(&self) {
        self.state.lock().unwrap().lifetime = None;
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer_one(mut stream: TcpStream, address: SocketAddr, state: &Mutex<State>, serve: &Serve) {
    let Some(asked) = read_request(&mut stream) else { return };
    let own = state.lock().unwrap().own(&format!("http://{address}"), &asked);
    let answer = own.unwrap_or_else(|| {
        state.lock().unwrap().asked.push(asked.clone());
        serve(&asked)
    });
    if let Answer::Bytes(bytes) = answer {
        // The client may have had enough before the end.
        let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
    }
}

impl State {
    fn own(&mut self, base: &str, asked: &Asked) -> Option<Answer> {
        Some(match asked.path() {
            "/.well-known/oauth-authorization-server" => ok(&json!({
                "issuer": base,
                "device_authorization_endpoint": format!("{base}/device"),
                "token_endpoint": format!("{base}/token"),
            })),
            "/device" => ok(&json!({
                "device_code": "device-1", "user_code": "ABCD-EFGH", "interval": 1, "expires_in": 600,
                "verification_uri": format!("{base}/activate"),
            })),
            "/token" => {
                let body = String::from_utf8(asked.body.clone()).unwrap();
                let refresh = body.split('&').find_map(|pair| pair.strip_prefix("refresh_token="));
                if refresh.is_some() && refresh != self.refresh.as_deref() {
                    self.refresh = None;
                    return Some(Answer::json(400, r#"{"error":"invalid_grant"}"#));
                }
                if refresh.is_none() {
                    self.polls.push(Instant::now());
                }
                if refresh.is_none() && self.slow_downs > 0 {
                    self.slow_downs -= 1;
                    return Some(Answer::json(400, r#"{"error":"slow_down"}"#));
                }
                self.issued += 1;
                self.refresh = Some(format!("refresh-{}", self.issued));
                ok(&json!({
                    "access_token": format!("access-{}", self.issued), "refresh_token": self.refresh,
                    "token_type": "bearer", "expires_in": self.lifetime,
                }))
            }
            _ => return None,
        })
    }
}

fn ok(body: &Value) -> Answer {
    Answer::json(200, body.to_string())
}

fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let mut more = |bytes: &mut Vec<u8>| {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        Some(())
    };
    let end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end,
            None => more(&mut bytes)?,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (first, lines) = head.split_once("\r\n").unwrap_or((&head, ""));
    let headers: BTreeMap<String, String> = lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        more(&mut bytes)?;
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    Some(Asked { method, target, headers, body: bytes.split_off(end + 4) })
}

/// The bearer or basic password that a request brings.
pub fn presented(asked: &Asked) -> Option<String> {
    let value = asked.header("authorization")?;
    if let Some(token) = value.strip_prefix("Bearer ") {
        return Some(token.to_owned());
    }
    let pair = data_encoding::BASE64.decode(value.strip_prefix("Basic ")?.as_bytes()).unwrap();
    Some(String::from_utf8(pair).unwrap().split_once(':')?.1.to_owned())
}

/// A home with a `doorkey` in plain files.
pub struct Home {
    pub sealed: Sealed,
}

impl Home {
    pub fn new(name: &str) -> Self {
        let mut sealed = Sealed::new(name);
        sealed.set("DOORKEY_STORE", "plain-file");
        Self { sealed }
    }

    /// One that is signed in, by the real login.
    pub fn signed_in(name: &str, issuer: &Issuer, args: &[&str]) -> Self {
        let home = Self::new(name);
        home.login(issuer, args);
        home
    }

    pub fn login(&self, issuer: &Issuer, args: &[&str]) -> Ended {
        let url = issuer.url();
        let login = ["login", &url, "--client-id", "cli", "--no-browser"];
        self.doorkey(&[&login, args].concat()).expect(0)
    }

    pub fn doorkey(&self, args: &[&str]) -> Ended {
        self.doorkey_with_input(args, b"")
    }

    pub fn doorkey_with_input(&self, args: &[&str], input: &[u8]) -> Ended {
        let mut child = self
            .sealed
            .command(env!("CARGO_BIN_EXE_doorkey"), args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may close it early.
        let _ = child.stdin.take().unwrap().write_all(input);
        finish(child)
    }

    /// Another program, not yet started, with our `doorkey` first in its path.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_doorkey")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = self.sealed.command(program, args);
        command.env("PATH", path).stdin(Stdio::null());
        command
    }

    /// Changes what is stored of a profile, as time or another program would have.
    pub fn change_record(&self, profile: &str, change: impl FnOnce(&mut Value)) {
        let path = self.sealed.home.join(".config/doorkey/credentials");
        let mut file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut file["records"][profile]);
        fs::write(&path, file.to_string()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The access token was received so long ago: however slow this machine is, it lives for the rest of its hour.
    pub fn age(&self, profile: &str, by: Duration) {
        self.change_record(profile, |record| {
            let age = u64::try_from(by.as_millis()).unwrap();
            record["received"]["boot"] = "".into();
            let wall = record["received"]["wall"].as_u64().unwrap_or_else(|| panic!("{record}"));
            record["received"]["wall"] = (wall - age).into();
        });
    }
}
