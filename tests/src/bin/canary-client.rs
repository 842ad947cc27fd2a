//! A program whose memory is looked into: `canary-client DRIVER STORE SERVICE FOLDER` signs in, uses its session, renews it,
//! drops everything and waits. After each of these steps it says so and waits for a line. With a fifth argument it panics
//! instead, and says all that it can about what it holds: in the `transport` when the session is renewed, in the `observer`
//! when what came is stored, or after that, with its `client` in hand.
//!
//! What goes over the wire is written to `FOLDER/wire`, without a copy of it in memory: that is how the secrets are known.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an experiment that cannot go on ends")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use doorkey_core::command::Command;
use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::event::Event;
use doorkey_core::http::{HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::machine::{Disposition, Machine};
use doorkey_core::record::Backend;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::StoreOp;
use doorkey_core::task::Task;
use doorkey_core::time::Now;
use doorkey_core::trace::{Observer, Recorder};
use doorkey_core::url::Url;
use doorkey_store::{EncryptionKey, KeychainConfig, ProfileConfig, SessionConfig, Vault, VaultConfig};
use doorkey_tests::seat::PutForward;
use futures_lite::future::block_on;

/// However slow the machine is.
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than any access token of the sandbox lives.
const LATER: Duration = Duration::from_secs(24 * 3600);
/// No secret: that it is found shows that the memory is really looked into.
const CONTROL: &str = "this-is-found-in-memory-0123456789-abcdefghijklm";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [driver, store, service, folder, panics @ ..] = &args[..] else {
        panic!("usage: canary-client DRIVER STORE SERVICE FOLDER [WHERE]")
    };
    let control: String = CONTROL.chars().rev().collect();
    let panics = panics.first().cloned().unwrap_or_default();
    let scene = Scene { panics, ..Scene::new(store, service, folder.into()) };
    match driver.as_str() {
        "blocking" => blocking(&scene),
        "async" => block_on(asynchronous(&scene)),
        other => panic!("{other} is no driver"),
    }
    drop(scene);
    // What was handed to a thread is dropped by that thread.
    while helpers() > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    step("dropped");
    assert!(!control.is_empty());
}

/// How many threads there are that work for others. Those of the async driver stay, and hold nothing once it is settled.
fn helpers() -> usize {
    let all = std::fs::read_dir("/proc/self/task").unwrap();
    let names = all.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    let stays =
        |name: &String| ["async-io", "blocking", "doorkey"].iter().any(|stays| name.starts_with(stays));
    names.filter(|name| !stays(name)).count() - 1
}

/// Says how far it is, and waits until somebody has looked.
fn step(done: &str) {
    std::io::stdout().write_all(format!("{done}\n").as_bytes()).unwrap();
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

/// Who is signed in to, and where it rests.
struct Scene {
    service: Arc<Service>,
    store: String,
    folder: PathBuf,
    clock: PutForward,
    /// Where it panics, if anywhere.
    panics: String,
}

impl Scene {
    fn new(store: &str, service: &str, folder: PathBuf) -> Self {
        let url = |variable: &str| Url::parse(&std::env::var(variable).unwrap()).unwrap();
        let mut service = match service {
            "pentify" => {
                Service::pentify(url("PENTIFY_API_URL"), url("PENTIFY_APP_URL"), "canary".to_owned())
            }
            _ => {
                let [api, console] = [url("PENSAR_API_URL"), url("PENSAR_CONSOLE_URL")];
                let [gateway, workos] = [url("PENSAR_GATEWAY_URL"), url("WORKOS_API_URL")];
                Service::pensar(PensarHosts { api, console, gateway, workos }, "canary".to_owned())
            }
        };
        service.backends = match store {
            "keychain" => &[Backend::Keychain],
            "encrypted" => &[Backend::EncryptedFile],
            _ => &[Backend::File],
        };
        Self {
            service: Arc::new(service),
            store: store.to_owned(),
            folder,
            clock: PutForward::default(),
            panics: String::new(),
        }
    }

    fn is_session(&self) -> bool {
        self.service.oauth.is_some()
    }

    fn vaults(&self) -> impl Fn() -> Vault + Send + Sync + 'static {
        let (store, folder, is_session) = (self.store.clone(), self.folder.clone(), self.is_session());
        let keychain = (store == "keychain").then(|| KeychainConfig {
            service: "doorkey-canary".to_owned(),
            account: "token".to_owned(),
            limit: LIMIT,
        });
        let key = EncryptionKey::KeyFile(folder.join("key"));
        move || match (&*store, is_session) {
            ("encrypted", _) => Vault::profile(ProfileConfig {
                key: Some(key.clone()),
                ..ProfileConfig::in_folder(&folder, "canary")
            }),
            (_, true) => Vault::session(SessionConfig {
                keychain: keychain.clone(),
                ..SessionConfig::in_folder(&folder)
            }),
            (_, false) => {
                Vault::new(VaultConfig { keychain: keychain.clone(), ..VaultConfig::in_folder(&folder) })
            }
        }
    }

    fn wire(&self) -> Wire {
        let file = File::create(self.folder.join("wire")).unwrap();
        Wire { file: Arc::new(file), panics: self.panics == "transport" }
    }

    fn trace(&self) -> Trace {
        let file = File::create(self.folder.join("trace")).unwrap();
        let panics = (self.panics == "observer").then(String::new);
        let mut trace = Trace { recorder: Recorder::default(), file, panics };
        let task = if self.is_session() { Task::Connect(connect()) } else { Task::Login(login()) };
        let line = trace.recorder.begin(&task, &self.service);
        trace.write(line);
        trace
    }

    /// A request that needs the token.
    fn request(&self) -> HttpRequest {
        let path = if self.is_session() { "/api/cli/workspaces" } else { "/v1/usage" };
        HttpRequest::new(Method::Get, self.service.api.join(path))
    }
}

fn connect() -> ConnectOptions {
    ConnectOptions { force: true, ..ConnectOptions::default() }
}

fn login() -> LoginOptions {
    LoginOptions::default()
}

fn blocking(scene: &Scene) {
    use doorkey_blocking::{Client, Driver, HttpTransport, ProxySettings};
    let transport = (HttpTransport::new(ProxySettings::default(), "canary"), scene.wire());
    let mut trace = scene.trace();
    let mut driver = Driver::new(Recorded(transport), scene.vaults()())
        .with_clock(scene.clock.clone())
        .with_observer(&mut trace);
    if scene.is_session() {
        driver.run(Machine::new(Arc::clone(&scene.service), Connect::new(connect()))).unwrap();
    } else {
        driver.run(Machine::new(Arc::clone(&scene.service), Login::new(login()))).unwrap();
    }
    let mut client = Client::new(driver, Arc::clone(&scene.service));
    client.call(scene.request()).unwrap();
    scene.clock.forward(LATER);
    let answer = client.call(scene.request()).unwrap();
    let token = client.token().unwrap();
    assert!(scene.panics != "client", "{client:?} {token:?} {answer:?}");
    step("used");
    drop((client, token, answer));
}

async fn asynchronous(scene: &Scene) {
    use doorkey_async::{Client, Driver, HttpTransport, ProxySettings};
    let transport = (HttpTransport::new(ProxySettings::default(), "canary"), scene.wire());
    let driver = Driver::new(Recorded(transport), scene.vaults()).with_clock(scene.clock.clone());
    let service = Arc::clone(&scene.service);
    if scene.is_session() {
        let connect = Machine::new(service, Connect::new(connect()));
        driver.run(connect).with_observer(Box::new(scene.trace())).await.unwrap();
    } else {
        driver
            .run(Machine::new(service, Login::new(login())))
            .with_observer(Box::new(scene.trace()))
            .await
            .unwrap();
    }
    let client = Client::new(driver.clone(), Arc::clone(&scene.service));
    client.call(scene.request()).await.unwrap();
    scene.clock.forward(LATER);
    let answer = client.call(scene.request()).await.unwrap();
    let token = client.token().await.unwrap();
    assert!(scene.panics != "client", "{client:?} {driver:?} {token:?} {answer:?}");
    step("used");
    drop((client, token, answer));
    driver.settled().await;
}

/// Writes down what goes over the wire.
#[derive(Clone)]
struct Wire {
    file: Arc<File>,
    /// When a session is renewed.
    panics: bool,
}

impl Wire {
    fn sent(&self, request: &HttpRequest) {
        let renews =
            str::from_utf8(request.body.as_bytes()).is_ok_and(|body| body.contains("\"refresh_token\""));
        assert!(!(self.panics && renews), "{request:?}");
        let headers = request.headers.iter().map(|(_, value)| value.expose());
        let target = request.url.expose_target();
        for piece in std::iter::once(target.expose_secret()).chain(headers) {
            self.line(piece.as_bytes());
        }
        self.line(request.body.as_bytes());
    }

    fn received(&self, answer: &Result<HttpResponse, RequestFailure>) {
        if let Ok(answer) = answer {
            self.line(answer.body.as_bytes());
        }
    }

    fn line(&self, bytes: &[u8]) {
        (&*self.file).write_all(bytes).unwrap();
        (&*self.file).write_all(b"\n").unwrap();
    }
}

/// A transport whose traffic is written down.
struct Recorded<T>((T, Wire));

impl<T: doorkey_blocking::Transport> doorkey_blocking::Transport for Recorded<T> {
    fn send(&mut self, request: &HttpRequest, limit: Duration) -> Result<HttpResponse, RequestFailure> {
        let (transport, wire) = &mut self.0;
        wire.sent(request);
        let answer = transport.send(request, limit);
        wire.received(&answer);
        answer
    }
}

impl<T: doorkey_async::Transport> doorkey_async::Transport for Recorded<T> {
    fn send(&self, request: HttpRequest, limit: Duration) -> doorkey_async::Sending {
        let (transport, wire) = &self.0;
        wire.sent(&request);
        let (answer, wire) = (transport.send(request, limit), wire.clone());
        Box::pin(async move {
            let answer = answer.await;
            wire.received(&answer);
            answer
        })
    }
}

/// Writes a trace, as the commands do.
struct Trace {
    recorder: Recorder,
    file: File,
    /// What is said in the end, if it panics.
    panics: Option<String>,
}

impl Trace {
    fn write(&mut self, line: String) {
        self.file.write_all(line.as_bytes()).unwrap();
        self.file.write_all(b"\n").unwrap();
    }
}

impl Observer for Trace {
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]) {
        let line = self.recorder.line(now, event, disposition, commands);
        self.write(line);
        let stores = |command: &Command| matches!(command, Command::Store { op: StoreOp::Write { .. }, .. });
        if let Some(said) = &mut self.panics {
            said.push_str(&format!("{event:?} {commands:?}\n"));
            assert!(!commands.iter().any(stores), "{said}");
        }
    }
}
