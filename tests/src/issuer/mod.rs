//! An OAuth issuer that others wrote: `oidc-provider`, in a process of its own (`npm/issuer`). It is strict, as its
//! authors mean it to be: a refresh token is good for one use, and a second one revokes the grant.

mod asked;
mod client;
mod event;
mod options;
mod person;

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport as _};
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use serde::{Deserialize, Serialize};

use crate::{PATIENCE, wait_for};

pub use asked::Asked;
pub use client::Client;
pub use event::{Event, What};
pub use options::{Metadata, Options, Place};
pub use person::Person;

/// The script, from this package's folder.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/npm/issuer/main.mjs");
/// What it needs, which `tests/install` puts there.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/npm/node_modules/oidc-provider");

/// Runs until it is dropped.
pub struct Issuer {
    /// Where everything is.
    pub at: Endpoints,
    process: Child,
    /// It ends when this does.
    input: Option<ChildStdin>,
    said: Said,
    marks: Cell<u32>,
}

/// Where everything is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// The issuer's identifier (RFC 8414 §2).
    pub issuer: String,
    /// Its one client, which is public (RFC 6749 §2.1). Its redirect is `http://127.0.0.1/callback` or the same at
    /// `[::1]`, with any port (RFC 8252 §7.3).
    pub client_id: String,
    /// RFC 6749 §3.1.
    pub authorization_endpoint: String,
    /// RFC 8628 §3.1.
    pub device_authorization_endpoint: String,
    /// RFC 6749 §3.2.
    pub token_endpoint: String,
    /// RFC 7009 §2.
    pub revocation_endpoint: String,
    /// OpenID Connect Core §5.3; wants the scope `openid`.
    pub userinfo_endpoint: String,
    /// Answers 200 exactly for living access tokens, whatever their scope.
    pub resource: String,
}

impl Endpoints {
    /// Where all of it is.
    ///
    /// # Panics
    /// If that is nowhere.
    pub fn origin(&self) -> Url {
        Url::parse(&Url::parse(&self.resource).unwrap().origin().to_string()).unwrap()
    }
}

impl Issuer {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not start, as without `node`.
    pub fn start(options: &Options) -> Self {
        assert!(
            std::path::Path::new(INSTALLED).is_dir(),
            "{INSTALLED} is missing: run tests/install, which asks npm for it"
        );
        let options = serde_json::to_string(options).unwrap();
        let mut process = Command::new("node")
            .args([SCRIPT, &options])
            // Nothing of the caller's environment is its business.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| {
                panic!("node cannot be started ({e}): tests/install says what the tests need")
            });
        let said = Said::read(process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let input = process.stdin.take();
        let line = wait_for("the issuer says where it is", || {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "the issuer has ended: {}", said.errors());
            said.lines().into_iter().next()
        });
        let at = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        Self { at, process, input, said, marks: Cell::new(0) }
    }

    /// What has happened so far: of everything that was answered, nothing is missing.
    pub fn events(&self) -> Vec<Event> {
        // The lines are read by a thread of its own; once it has our mark, it has all that came before.
        let mark = self.marks.replace(self.marks.get() + 1).to_string();
        send(&HttpRequest::new(Method::Get, self.at.origin().join(&format!("/mark/{mark}"))));
        let marked = What::Marked { mark };
        let events = wait_for("the issuer has told everything", || {
            let events = self.events_so_far();
            events.iter().any(|event| event.what == marked).then_some(events)
        });
        events.into_iter().filter(|event| !matches!(event.what, What::Marked { .. })).collect()
    }

    /// Waits for something that a client does without our doing.
    pub fn wait_for(&self, what: &str, mut is_it: impl FnMut(&What) -> bool) {
        wait_for(what, || self.events_so_far().iter().any(|event| is_it(&event.what)).then_some(()));
    }

    /// Asks for the resource with an access token.
    pub fn resource(&self, access: &Secret) -> HttpResponse {
        send(&HttpRequest::new(Method::Get, Url::parse(&self.at.resource).unwrap()).bearer(access))
    }

    fn events_so_far(&self) -> Vec<Event> {
        let lines = self.said.lines();
        let events = lines.iter().skip(1);
        events.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        drop(self.input.take());
        if !thread::panicking() {
            wait_for("the issuer ends", || self.process.try_wait().unwrap());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn send(request: &HttpRequest) -> HttpResponse {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    transport.send(request, PATIENCE).unwrap()
}

/// Its two streams, each read by a thread to its end.
struct Said {
    lines: Arc<Mutex<Vec<String>>>,
    errors: Arc<Mutex<String>>,
}

impl Said {
    fn read(stdout: impl Read + Send + 'static, stderr: impl Read + Send + 'static) -> Self {
        let said = Self { lines: Arc::default(), errors: Arc::default() };
        let (lines, errors) = (Arc::clone(&said.lines), Arc::clone(&said.errors));
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| lines.lock().unwrap().push(line));
        });
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut errors = errors.lock().unwrap();
                errors.push_str(&line);
                errors.push('\n');
            }
        });
        said
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }
}
