//! The world: processes on one computer, what they share, and the issuer.
//!
//! A state is plain data, cheap to copy: parts that a step does not change are shared with the state before it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::event::Event;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::oauth::{DEVICE_CODE_GRANT, Dialect, TokenReply};
use doorkey_core::record::{Backend, Generation, Record, Workspace};
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::Ledger;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::pensar::{self, Settings};
use doorkey_sandbox::{AccessToken, Config, Person, Service as Issuer};

use crate::bounds::{Bounds, Troubles};
use crate::client::{Client, End, Role};
use crate::disk::Disk;
use crate::fingerprint::{MONO, Relative, WALL};
use crate::ghost::Ghost;
use crate::part::Part;
use crate::somebody::Somebody;
use crate::tape::Tape;

/// How long the issuer's access tokens live.
pub const LIFETIME: Duration = Duration::from_secs(300);
/// Where everything is stored.
pub const BACKEND: Backend = Backend::File;
/// Before an access token's end it is due for so long.
const MARGIN: Duration = Duration::from_secs(30);
/// The one client that the sandbox's issuer knows.
const CLIENT_ID: &str = "client_pensar_apex_sandbox";

/// Everything at one moment.
#[derive(Clone)]
pub struct World {
    pub bounds: Rc<Bounds>,
    pub service: Arc<Service>,
    pub issuer: Part<Issuer>,
    pub disk: Part<Disk>,
    pub clients: Vec<Part<Client>>,
    /// Requests of killed processes, still on their way.
    pub orphans: Vec<Rc<HttpRequest>>,
    /// Since the beginning, by the issuer's clock and by this computer's monotonic one.
    pub millis: u64,
    /// This computer's wall clock minus the issuer's.
    pub wall_offset: i64,
    /// What this computer's monotonic clock shows beyond where it began; less after a restart.
    pub mono_offset: i64,
    /// What may still go wrong.
    pub left: Troubles,
    /// What must be remembered to judge what comes.
    pub ghost: Part<Ghost>,
    /// What another program is going to store.
    pub stranger: Option<Rc<Record>>,
    /// How the last process ended.
    pub last_end: Option<End>,
    /// What is written down of a run that is told.
    pub tape: Option<Box<Tape>>,
    /// Pages that the person has not looked at yet; `None`: at once.
    pub pages: Option<Vec<Url>>,
    /// How many random values were drawn before. Each of them is another one.
    pub draws: u64,
    /// Every answer is given twice, to see that the second is ignored.
    pub repeats: bool,
    /// Pairs that have arrived.
    pub pairs: Pairs,
    /// Something has happened since somebody looked that nobody could have prevented.
    pub excused: bool,
    /// The access token that was looked at last: its signature stays what it is, for the issuer has one key.
    seen: RefCell<Option<(Secret, Rc<AccessToken>)>>,
}

/// How many pairs of tokens have arrived at processes, for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// For a device code.
    pub logins: u64,
    /// For a refresh token.
    pub refreshes: u64,
}

impl World {
    /// A computer that is signed in, whose access token is due or dead.
    pub fn new(bounds: Bounds) -> Self {
        let settings = Settings { grace: bounds.grace, access_lifetime: LIFETIME, ..Settings::default() };
        let url = |port: u16| url(&format!("http://127.0.0.1:{port}"));
        let places =
            pensar::Config { api: url(3), gateway: url(4), console: url(5), workos: url(6), settings };
        let hosts = PensarHosts { api: url(3), gateway: url(4), console: url(5), workos: url(6) };
        let mut service = Service::pensar(hosts, "build-box".into());
        service.machine_id = Some("machine-1".into());
        service.boot_id = "boot-1".into();
        service.backends = &[BACKEND];
        if let Some(oauth) = &mut service.oauth {
            oauth.grace = Some(bounds.grace).filter(|grace| !grace.is_zero());
        }
        let client = |role, runs| Part::new(Client { role, runs, process: None });
        let mut clients: Vec<_> = (0..bounds.sessions).map(|_| client(Role::Session, bounds.runs)).collect();
        clients.extend(bounds.login.then(|| client(Role::Login, 1)));
        clients.extend(bounds.logout.then(|| client(Role::Logout, 1)));
        let config = Config::new(url(1), url(2)).with_pensar(places);
        let mut world = Self {
            service: Arc::new(service),
            issuer: Part::new(Issuer::new(config, [7; 32])),
            disk: Part::default(),
            clients,
            orphans: Vec::new(),
            millis: 0,
            wall_offset: 0,
            mono_offset: 0,
            left: Troubles::default(),
            ghost: Part::default(),
            stranger: None,
            last_end: None,
            tape: None,
            pages: None,
            draws: 0,
            repeats: true,
            pairs: Pairs::default(),
            excused: false,
            seen: RefCell::default(),
            bounds: Rc::new(bounds),
        };
        world.begin();
        world
    }

    /// Also writes down what every process is told and does.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.tape = Some(Box::default());
        self
    }

    /// Signs in, and lets time pass until the access token is due, or dead.
    fn begin(&mut self) {
        let record = self.sign_in("login-1");
        let disk = self.disk.change();
        disk.records.insert(BACKEND, record);
        let active = Some("acme".into());
        disk.ledger = Ledger { backend: Some(BACKEND), active, session: true, ..Ledger::default() };
        let age = if self.bounds.dead { LIFETIME } else { LIFETIME - MARGIN + Duration::from_millis(1) };
        let login = self.clients.iter().position(|client| client.role == Role::Login);
        // A device code's first poll.
        let signing_in = if login.is_some() { Duration::from_secs(5) } else { Duration::ZERO };
        self.millis += millis(age - signing_in);
        if let Some(login) = login {
            self.sign_in_again(login);
        }
        if self.bounds.troubles.strangers > 0 {
            self.stranger = Some(Rc::new(self.sign_in("login-of-a-stranger")));
        }
        if self.bounds.copied {
            let service = Arc::make_mut(&mut self.service);
            service.machine_id = Some("machine-2".into());
        }
        let service = Arc::make_mut(&mut self.service);
        service.seeded = self.bounds.seeded;
        self.left = self.bounds.troubles;
        self.issuer.change().begin_report();
    }

    /// The shipped login, up to where its tokens are about to be stored.
    fn sign_in_again(&mut self, login: usize) {
        self.start(login).expect("it starts");
        for _ in 0..200 {
            if self.is_about_to_keep(login) {
                return;
            }
            if !self.can_step(login) {
                self.pass_time();
            } else {
                self.step(login).expect("nothing goes wrong");
            }
        }
        panic!("the login never came to its tokens");
    }

    fn is_about_to_keep(&self, login: usize) -> bool {
        let process = self.clients[login].process.as_ref().expect("it runs");
        process.pair_of.is_some() && process.wants_lock()
    }

    /// A new family of tokens at the issuer, as a record of a login of that name.
    pub fn sign_in(&mut self, login: &str) -> Record {
        let oauth = self.service.oauth.clone().expect("it has an issuer");
        let client = || ("client_id", Text::from(CLIENT_ID));
        let endpoint = oauth.device_authorization_endpoint.clone().expect("it has device codes");
        let codes = self.ask(&Dialect::Json.request(&endpoint, &[client()]));
        let codes: serde_json::Value = serde_json::from_slice(codes.body.as_bytes()).expect("JSON");
        let text = |key: &str| codes[key].as_str().expect("a text").to_owned();
        let link = url(&text("verification_uri_complete"));
        let (wall, issuer) = (self.issuer_time(), self.issuer.change());
        let send = |request: &HttpRequest| Ok::<_, Infallible>(issuer.handle(wall, request));
        Person::new(Somebody::SOLO.email).approve(&link, send).expect("it is approved");
        let grant = ("grant_type", Text::from(DEVICE_CODE_GRANT));
        let code = ("device_code", Text::from(text("device_code")));
        let answer = self.ask(&Dialect::Json.request(&oauth.token_endpoint, &[client(), grant, code]));
        let TokenReply::Tokens(tokens) = TokenReply::read(&answer) else { panic!("{}", answer.status) };
        let rotation = Rotation {
            client_id: Some(CLIENT_ID.into()),
            machine: self.service.machine_id.clone(),
            access: Some(Access {
                token: tokens.access,
                received: Moment::new(self.now(), &self.service.boot_id),
                lifetime: tokens.lifetime,
            }),
            journal: Journal::Settled,
            spent: Vec::new(),
        };
        let workspace = Workspace { id: Some("w".into()), name: None, slug: "acme".into() };
        Record {
            generation: Some(Generation { login: login.into(), counter: 1 }),
            rotation: Some(rotation.into()),
            ..Record::new(&self.service.issuer, Some(workspace), tokens.refresh.expect("a pair"))
        }
    }

    /// What the issuer answers now.
    pub fn ask(&mut self, request: &HttpRequest) -> HttpResponse {
        let now = self.issuer_time();
        self.issuer.change().handle(now, request)
    }

    /// The person looks at a page and does what is asked there.
    pub fn visit(&mut self, page: &Url) {
        self.visit_as(Somebody::SOLO, page).expect("the page is one that a person knows");
    }

    /// The same as that person would.
    ///
    /// # Errors
    /// The page is another one than somebody expects, as after a code's time.
    pub fn visit_as(&mut self, somebody: Somebody, page: &Url) -> Result<(), String> {
        let (wall, issuer) = (self.issuer_time(), self.issuer.change());
        let send = |request: &HttpRequest| Ok::<_, Infallible>(issuer.handle(wall, request));
        somebody.visit(page, send)
    }

    /// The issuer's clock.
    pub fn issuer_time(&self) -> WallTime {
        WallTime::from_unix_millis(WALL + self.millis)
    }

    /// What this computer's clocks say.
    pub fn now(&self) -> Now {
        let wall = (WALL + self.millis).saturating_add_signed(self.wall_offset);
        let mono = (MONO + self.millis).saturating_add_signed(self.mono_offset);
        Now { mono: Timestamp::from_millis(mono), wall: WallTime::from_unix_millis(wall) }
    }

    /// The newest record that is stored, wherever that is; a tombstone is one, too.
    pub fn newest(&self) -> Option<&Record> {
        let held = self.disk.records.get(&BACKEND)?;
        let rescued = self.disk.emergency.as_ref().and_then(|file| file.record.as_ref());
        let newer = rescued.filter(|rescued| match (&rescued.generation, &held.generation) {
            (Some(newer), Some(older)) => newer.login == older.login && newer.counter > older.counter,
            _ => false,
        });
        Some(newer.filter(|_| !held.is_tombstone()).unwrap_or(held))
    }

    /// Whether there is no session: nothing, a tombstone, or what a logout could not remove and has said so.
    pub fn is_signed_out(&self) -> bool {
        let left_behind = self.disk.ledger.unsettled.iter().any(|left| left.backend == BACKEND);
        left_behind || self.newest().is_none_or(Record::is_tombstone)
    }

    /// Whether the API accepts this access token now.
    pub fn accepts(&self, token: &Secret) -> bool {
        self.accepts_at(self.issuer_time(), token)
    }

    /// The same at another time.
    pub fn accepts_at(&self, time: WallTime, token: &Secret) -> bool {
        let mut seen = self.seen.borrow_mut();
        if seen.as_ref().is_none_or(|(seen, _)| seen != token) {
            *seen = self.issuer.read_access_token(token).map(|read| (token.clone(), Rc::new(read)));
        }
        seen.as_ref().is_some_and(|(_, read)| self.issuer.accepts_access_token(time, read))
    }

    /// The fingerprint of this state, processes that do the same not told apart; and how many states it stands for.
    pub fn fingerprint(&self) -> (u128, u64) {
        let client = |(index, client): (usize, &Part<Client>)| {
            let holds_lock = self.disk.lock == Some(index);
            (client.fingerprint(self.millis, Client::hash), holds_lock)
        };
        let mut clients: Vec<_> = self.clients.iter().enumerate().map(client).collect();
        let (sessions, _) = clients.split_at_mut(self.bounds.sessions.into());
        sessions.sort_unstable();
        let orders = orders(sessions);
        let rest = (self.fingerprint_of_rest(), &self.orphans, self.left, self.stranger.is_some());
        (Relative::of(self.millis, &(clients, rest)), orders)
    }

    /// The same for what a new process would find.
    pub fn fingerprint_of_rest(&self) -> u128 {
        // Who holds the lock is told by the holder.
        let disk = self.disk.fingerprint(self.millis, |disk, hasher| {
            (&disk.records, &disk.ledger, &disk.emergency).hash(hasher);
        });
        let issuer = self.issuer.fingerprint(self.millis, Issuer::hash);
        let ghost = self.ghost.fingerprint(self.millis, Ghost::hash);
        Relative::of(self.millis, &(disk, issuer, ghost, self.wall_offset))
    }

    /// Told something, and wanting to hear it.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let millis = self.millis;
        if let Some(tape) = &mut self.tape {
            tape.say(millis, line());
        }
    }

    /// What the first event of a process is.
    pub fn started(&self) -> Event {
        Event::Started { jitter_seed: 11 + self.draws }
    }

    /// Fresh entropy for a process.
    pub fn draw(&mut self, who: usize) -> Entropy {
        let mut bits = [u8::try_from(who).unwrap_or(u8::MAX); 32];
        let (first, _) = bits.split_at_mut(8);
        first.copy_from_slice(&self.draws.to_be_bytes());
        self.draws += 1;
        Entropy::new(bits)
    }
}

/// In how many orders these can stand, or at least so many.
fn orders<T: PartialEq>(sorted: &[T]) -> u64 {
    let product = |factors: &mut dyn Iterator<Item = u64>| factors.fold(1, u64::saturating_mul);
    let factorial = |n: usize| product(&mut (1..=n as u64));
    let mut equal = sorted.chunk_by(|a, b| a == b).map(|group| factorial(group.len()));
    factorial(sorted.len()) / product(&mut equal)
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}
