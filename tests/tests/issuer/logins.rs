//! Logins under way, on either driver.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use doorkey_blocking::Surface;
use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::device_grant::Granted;
use doorkey_core::keep::Kept;
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::sign_in::{SignIn, SignInOptions};
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use doorkey_tests::PATIENCE;
use doorkey_tests::browser::Browser;
use doorkey_tests::issuer::{Client, Issuer, Person};
use doorkey_tests::scratch::Scratch;
use futures_lite::future::block_on;

/// The drivers.
pub const DRIVERS: [Runtime; 2] = [Runtime::Blocking, Runtime::Async];

/// A driver.
#[derive(Clone, Copy, Debug)]
pub enum Runtime {
    Blocking,
    Async,
}

/// A login that goes on by itself; what it comes to.
pub struct Login<T> {
    shown: Receiver<Notice>,
    end: Receiver<Outcome<T>>,
}

/// What the terminal shows of a device grant.
#[derive(Clone, Debug)]
pub struct Code {
    /// The page for typing the code.
    pub page: String,
    /// The code.
    pub code: String,
    /// The page with the code in it.
    pub link: String,
}

impl Login<Kept> {
    /// Begins one by device grant, whose end is a stored session.
    pub fn start(client: &Client, runtime: Runtime) -> Self {
        let options = SignInOptions { open_browser: false, ..SignInOptions::default() };
        Self::begin(client, runtime, SignIn::new(options))
    }

    /// What the terminal shows.
    pub fn code(&self) -> Code {
        self.shown(|notice| match notice {
            Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, .. } => Some(Code {
                page: exposed(&verification_uri),
                code: user_code.expose_secret().to_owned(),
                link: exposed(&verification_uri_complete.expect("a page with the code in it")),
            }),
            _ => None,
        })
    }
}

impl Login<Granted> {
    /// Begins one in the browser of this machine.
    pub fn in_browser(client: &Client, runtime: Runtime) -> Self {
        Self::begin(client, runtime, BrowserGrant::new(false))
    }

    /// The link that the terminal shows.
    pub fn link(&self) -> String {
        self.shown(|notice| match notice {
            Notice::AuthorizationRequest { link, .. } => Some(exposed(&link)),
            _ => None,
        })
    }
}

impl<T: Send + 'static> Login<T> {
    fn begin<L>(client: &Client, runtime: Runtime, logic: L) -> Self
    where
        L: Logic<Output = T> + Send + 'static,
    {
        let (show, shown) = channel();
        let (ended, end) = channel();
        let (client, mut terminal) = (client.clone(), Terminal(show));
        thread::spawn(move || {
            let machine = Machine::new(client.service.clone(), logic);
            ended.send(match runtime {
                Runtime::Blocking => client.driver().with_surface(&mut terminal).run(machine),
                Runtime::Async => block_on(client.async_driver().run(machine).with_surface(&mut terminal)),
            })
        });
        Self { shown, end }
    }

    fn shown<S>(&self, pick: impl Fn(Notice) -> Option<S>) -> S {
        loop {
            let notice = self.shown.recv_timeout(PATIENCE).expect("it is shown");
            if let Some(picked) = pick(notice) {
                return picked;
            }
        }
    }

    /// What it came to.
    pub fn end(self) -> Outcome<T> {
        self.end.recv_timeout(PATIENCE).expect("it ends")
    }
}

/// Signed in, by a person in front of a browser.
pub fn sign_in(name: &str, issuer: &Issuer, folder: &Scratch) -> (Client, Record) {
    let client = Client::discover(&issuer.at, folder);
    let login = Login::start(&client, Runtime::Blocking);
    let browser = Browser::start(name);
    Person { browser: &browser, account: "somebody" }.connect_by_link(&login.code().link);
    (client, login.end().unwrap().record)
}

struct Terminal(Sender<Notice>);

impl Surface for Terminal {
    fn show(&mut self, _: Now, notice: &Notice) {
        // Nobody may be looking any more.
        let _ = self.0.send(notice.clone());
    }
}

fn exposed(url: &Url) -> String {
    url.expose().expose_secret().to_owned()
}
