//! A login under way, with either driver.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::command::{Command, CommandId, Question};
use doorkey_core::device_grant::Granted;
use doorkey_core::event::Event;
use doorkey_core::machine::{Context, Disposition, Logic, Machine, Outcome, Step, WakeReason};
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::trace::{Observer, Recorder, replay};
use doorkey_core::url::Url;
use doorkey_host::{ProxySettings, Surface};
use doorkey_store::{Vault, VaultConfig};
use doorkey_tests::wait_for;
use futures_lite::future::block_on;

use crate::LIMIT;
use crate::issuer::Issuer;

/// Which driver a case is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Blocking,
    Async,
}

/// Makes two tests of each case, `blocking::case` and `asynchronous::case`.
#[macro_export]
macro_rules! for_both {
    ($($case:ident),* $(,)?) => {
        mod blocking {
            $(#[test]
            fn $case() {
                super::$case($crate::login::Kind::Blocking);
            })*
        }
        mod asynchronous {
            $(#[test]
            fn $case() {
                super::$case($crate::login::Kind::Async);
            })*
        }
    };
}

pub struct Login {
    loopback: IpAddr,
    links: Receiver<Url>,
    heard: Receiver<()>,
    interrupt: Box<dyn Fn()>,
    ended: Receiver<(Outcome<Granted>, Vec<String>)>,
}

/// A link that waits for its redirect.
pub struct Link {
    pub url: Url,
    /// The listener.
    pub address: SocketAddr,
    /// Its socket, which is told from another one that gets its address later.
    socket: String,
}

impl Kind {
    pub fn login(self, issuer: &Issuer) -> Login {
        self.login_over(Ipv4Addr::LOCALHOST.into(), issuer)
    }

    /// As on a machine that has only this loopback address.
    pub fn login_over(self, loopback: IpAddr, issuer: &Issuer) -> Login {
        let (service, (link, links), (end, ended)) = (issuer.service(), channel(), channel());
        let (mut seen, (lines, heard)) = (Seen(link), Lines::begin(&service, loopback));
        let grant = Over { loopback, grant: BrowserGrant::new(false) };
        let interrupt: Box<dyn Fn()> = match self {
            Self::Blocking => {
                let (mut observer, (give, given)) = (lines.clone(), channel());
                thread::spawn(move || {
                    let transport = doorkey_blocking::HttpTransport::new(ProxySettings::default(), "test/1");
                    let mut driver = doorkey_blocking::Driver::new(transport, Vault::new(nowhere()))
                        .with_surface(&mut seen)
                        .with_observer(&mut observer);
                    driver.on_start(move |interrupter| give.send(interrupter).unwrap());
                    let outcome = driver.run(Machine::new(service, grant));
                    let _ = end.send(outcome);
                });
                let interrupter = given.recv_timeout(LIMIT).unwrap();
                Box::new(move || interrupter.interrupt())
            }
            Self::Async => {
                let (observer, (give, given)) = (Box::new(lines.clone()), channel());
                thread::spawn(move || {
                    let transport = doorkey_async::HttpTransport::new(ProxySettings::default(), "test/1");
                    let driver = doorkey_async::Driver::new(transport, || Vault::new(nowhere()));
                    let run = driver.run(Machine::new(service, grant));
                    let run = run.with_surface(&mut seen).with_observer(observer);
                    give.send(run.interrupter()).unwrap();
                    let _ = end.send(block_on(run));
                });
                let interrupter = given.recv_timeout(LIMIT).unwrap();
                Box::new(move || interrupter.interrupt())
            }
        };
        let (told, all) = channel();
        thread::spawn(move || {
            let outcome = ended.recv().unwrap();
            let lines = lines.end(&outcome);
            let _ = told.send((outcome, lines));
        });
        Login { loopback, links, heard, interrupt, ended: all }
    }
}

impl Login {
    /// The next link that is shown.
    pub fn link(&self) -> Link {
        let url = self.links.recv_timeout(LIMIT).expect("a link is shown");
        let redirect = Url::parse(url.query_value("redirect_uri").unwrap()).unwrap();
        assert_eq!(
            (redirect.origin().host(), redirect.path()),
            (self.loopback.to_string().as_str(), "/callback")
        );
        let address = SocketAddr::new(self.loopback, redirect.origin().port());
        // A table that changes while it is read can lack a line.
        let socket = wait_for("the listener is seen", || listening(address));
        Link { url, address, socket }
    }

    /// Waits until so many more visitors have been heard.
    pub fn hears(&self, visitors: usize) {
        for _ in 0..visitors {
            self.heard.recv_timeout(LIMIT).expect("somebody is heard");
        }
    }

    pub fn interrupt(&self) {
        (self.interrupt)();
    }

    /// The end, and that its trace has no secret of `link` and can be replayed.
    pub fn end(self, link: &Link) -> Outcome<Granted> {
        let (outcome, lines) = self.ended.recv_timeout(LIMIT).expect("it ends");
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for secret in [link.value("state"), link.value("code_challenge"), "code-1", "access-1"] {
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
        }
        replay(&lines).unwrap().unwrap_or_else(|difference| panic!("{difference:#?}"));
        outcome
    }
}

impl Link {
    pub fn value(&self, name: &str) -> &str {
        self.url.query_value(name).unwrap()
    }

    /// Whether the listener is still there.
    pub fn is_open(&self) -> bool {
        listening(self.address).as_ref() == Some(&self.socket)
    }

    /// Where the issuer sends the browser, with this in the query beside `state` and `iss`.
    pub fn redirect(&self, query: &str) -> String {
        let issuer = self.url.origin().to_string().replace(':', "%3A").replace('/', "%2F");
        format!("/callback?{query}&state={}&iss={issuer}", self.value("state"))
    }
}

/// The grant on a machine with one loopback address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Over {
    loopback: IpAddr,
    grant: BrowserGrant,
}

/// What such a machine reports: the first listener is the one on 127.0.0.1.
fn reported(loopback: IpAddr, event: &Event) -> Event {
    match event {
        Event::Listening { id: id @ CommandId(1), .. } if loopback == Ipv6Addr::LOCALHOST => {
            Event::NotListening { id: *id, reason: "there is no such address".into() }
        }
        event => event.clone(),
    }
}

impl Logic for Over {
    type Output = Granted;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Granted> {
        self.grant.start(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Granted> {
        self.grant.handle(cx, &reported(self.loopback, event))
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.grant.deadline()
    }
}

/// Tells the links, and wants a new login whenever it is asked.
struct Seen(Sender<Url>);

impl Surface for Seen {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::AuthorizationRequest { link, .. } = notice {
            let _ = self.0.send(link.clone());
        }
    }

    fn ask(&mut self, question: Question) -> Box<dyn FnOnce() -> bool + Send> {
        assert_eq!(question, Question::PairAgain);
        Box::new(|| true)
    }
}

/// The trace.
#[derive(Clone)]
struct Lines {
    loopback: IpAddr,
    trace: Arc<Mutex<(Recorder, Vec<String>)>>,
    heard: Sender<()>,
}

impl Lines {
    fn begin(service: &Service, loopback: IpAddr) -> (Self, Receiver<()>) {
        let mut recorder = Recorder::default();
        let begun = recorder.begin(&Task::BrowserGrant { open_browser: false }, service);
        let (sender, heard) = channel();
        (Self { loopback, trace: Arc::new(Mutex::new((recorder, vec![begun]))), heard: sender }, heard)
    }

    fn end(&self, outcome: &Outcome<Granted>) -> Vec<String> {
        let (recorder, lines) = &mut *self.trace.lock().unwrap();
        lines.push(recorder.end(outcome.as_ref().err()));
        lines.clone()
    }
}

impl Observer for Lines {
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]) {
        let (recorder, lines) = &mut *self.trace.lock().unwrap();
        lines.push(recorder.line(now, &reported(self.loopback, event), disposition, commands));
        if matches!(event, Event::Redirected { .. }) {
            let _ = self.heard.send(());
        }
    }
}

/// The socket that listens there, by the number that no other one has (proc(5)).
fn listening(address: SocketAddr) -> Option<String> {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let port = format!(":{:04X}", address.port());
    fs::read_to_string(table).unwrap().lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[1].ends_with(&port) && fields[3] == "0A").then(|| fields[9].to_owned())
    })
}

fn nowhere() -> VaultConfig {
    VaultConfig::in_folder("/nonexistent/doorkey-redirects".as_ref())
}
