//! Logins under way, on either driver.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use doorkey_blocking::Surface;
use doorkey_core::failure::Failure;
use doorkey_core::keep::Kept;
use doorkey_core::machine::Machine;
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

/// A login that goes on by itself.
pub struct Login {
    shown: Receiver<Shown>,
    end: Receiver<Result<Kept, Failure>>,
}

/// What the terminal shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The page for typing the code.
    pub page: String,
    /// The code.
    pub code: String,
    /// The page with the code in it.
    pub link: String,
}

impl Login {
    /// Begins one.
    pub fn start(client: &Client, runtime: Runtime) -> Self {
        let (show, shown) = channel();
        let (ended, end) = channel();
        let (client, mut terminal) = (client.clone(), Terminal(show));
        thread::spawn(move || {
            let options = SignInOptions { open_browser: false, ..SignInOptions::default() };
            let machine = Machine::new(client.service.clone(), SignIn::new(options));
            ended.send(match runtime {
                Runtime::Blocking => client.driver().with_surface(&mut terminal).run(machine),
                Runtime::Async => block_on(client.async_driver().run(machine).with_surface(&mut terminal)),
            })
        });
        Self { shown, end }
    }

    /// What the terminal shows.
    pub fn shown(&self) -> Shown {
        self.shown.recv_timeout(PATIENCE).expect("a code is shown")
    }

    /// What it came to.
    pub fn end(self) -> Result<Kept, Failure> {
        self.end.recv_timeout(PATIENCE).expect("it ends")
    }
}

/// Signed in, by a person in front of a browser.
pub fn sign_in(name: &str, issuer: &Issuer, folder: &Scratch) -> (Client, Record) {
    let client = Client::discover(&issuer.at, folder);
    let login = Login::start(&client, Runtime::Blocking);
    let browser = Browser::start(name);
    Person { browser: &browser, account: "somebody" }.connect_by_link(&login.shown().link);
    (client, login.end().unwrap().record)
}

struct Terminal(Sender<Shown>);

impl Surface for Terminal {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, .. } = notice {
            let text = |url: &Url| url.expose().expose_secret().to_owned();
            let link = verification_uri_complete.as_ref().expect("a page with the code in it");
            let code = user_code.expose_secret().to_owned();
            self.0.send(Shown { page: text(verification_uri), code, link: text(link) }).unwrap();
        }
    }
}
