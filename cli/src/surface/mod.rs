//! What the person sees while a command runs: plain lines, and on a terminal one line that counts down.

mod asked;
mod choice;
mod countdown;
mod large;
mod link;
mod message;
#[cfg(feature = "qr")]
mod qr;
mod screen;
mod words;

use std::io;

use doorkey_blocking::Surface;
use doorkey_core::command::{Choice, Question};
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::time::Now;
use doorkey_core::url::Url;

use self::countdown::{Countdown, Waiting};
use crate::printer::Printer;
use crate::signals::Watch;

pub use self::asked::Asked;
#[cfg(feature = "screen")]
pub use self::large::large;
#[cfg(feature = "screen")]
pub use self::large::large_in_ascii;
pub use self::link::{Link, LinkHook, Qr, Tell};
pub use self::message::{Message, Weight};
#[cfg(all(feature = "screen", feature = "qr"))]
pub use self::qr::modules;
pub use self::words::{auth, describe, minutes, name, not_usable, remedy};

/// Shows a command's progress on stderr; with `--json` what a script must know also on stdout.
#[derive(Debug)]
pub struct Lines {
    printer: Printer,
    service: Service,
    person: Person,
    watch: Watch,
    countdown: Countdown,
    on_link: Option<LinkHook>,
    link: Option<Link>,
}

/// How the person can be reached.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// Whether questions can be asked.
    pub terminal: bool,
    /// Whether a line can be drawn over itself.
    pub redraws: bool,
    /// Whether links are drawn as QR codes.
    pub qr: Qr,
}

impl Lines {
    /// Lines for one command. Signals wait in `watch` while a session is being renewed.
    pub fn new(
        printer: Printer,
        person: Person,
        service: Service,
        watch: Watch,
        on_link: Option<LinkHook>,
    ) -> Self {
        let countdown = Countdown::new(printer, person.redraws);
        Self { printer, service, person, watch, countdown, on_link, link: None }
    }

    fn say(&self, text: &str) {
        self.countdown.clear();
        self.printer.message(text);
    }

    fn hint(&self, text: &str) {
        self.tell(&Message::hint(text));
    }

    fn warn(&self, text: &str) {
        self.tell(&Message::warning(text));
    }

    fn tell(&self, message: &Message) {
        self.countdown.clear();
        self.printer.tell(message);
    }

    fn not_opened(&mut self, reason: &str) {
        self.hint(&format!("No browser could be opened here ({reason}); open the link by hand."));
        self.draw_instead_of_browser();
        self.use_link();
    }
}

impl Surface for Lines {
    fn show(&mut self, now: Now, notice: &Notice) {
        match notice {
            Notice::PairingStarted { link, check_code, expires_at } => {
                self.pairing_started(now, link, check_code.expose(), *expires_at);
            }
            Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, expires_at } => {
                let complete = verification_uri_complete.as_ref();
                self.device_code(now, user_code.expose_secret(), verification_uri, complete, *expires_at);
            }
            Notice::AuthorizationRequest { link, expires_at } => {
                self.authorization_request(now, link, *expires_at);
            }
            Notice::CreateWorkspace { page, expires_at } => self.create_workspace(now, page, *expires_at),
            Notice::ChooseInBrowser { page, expires_at } => self.choose_in_browser(now, page, *expires_at),
            Notice::Waiting { last_poll, next_poll, expires_at } => {
                let (state, next_poll, expires_at) = (Some(describe(last_poll)), *next_poll, *expires_at);
                self.countdown.begin(now, Waiting { what: "the browser", state, next_poll, expires_at });
            }
            Notice::PageNotOpened { reason } => self.not_opened(reason),
            Notice::RotationStarted => self.watch.shield(true),
            Notice::RotationEnded => self.watch.shield(false),
            notice => {
                if let Some(message) = Message::of(notice, &self.service) {
                    self.tell(&message);
                }
                if matches!(notice, Notice::UnlockingKeychain) {
                    self.countdown.end();
                }
            }
        }
    }

    fn tick(&mut self, now: Now) {
        self.countdown.draw(now);
    }

    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        self.countdown.end();
        if self.person.terminal { choice::ask(self.printer, choices) } else { Box::new(|| None) }
    }

    fn ask(&mut self, question: Question) -> Box<dyn FnOnce() -> bool + Send> {
        if !self.person.terminal {
            return Box::new(|| false);
        }
        let Some(asked) = Asked::of(question, &self.service) else {
            return Box::new(|| false);
        };
        self.countdown.end();
        Box::new(move || asked.read(&mut io::stdin().lock(), &mut io::stderr()))
    }
}

impl Lines {
    fn draws_on_terminal(&self) -> Option<screen::Size> {
        if self.person.redraws && self.printer.colors() { screen::size() } else { None }
    }

    fn set_link(&mut self, link: Link) {
        self.link = Some(link);
        if self.on_link.as_ref().is_some_and(|hook| hook.immediately) {
            self.use_link();
        }
    }

    fn use_link(&mut self) {
        if let (Some(hook), Some(link)) = (&self.on_link, self.link.take()) {
            let printer = self.printer;
            (hook.call)(&link, Box::new(move |message| printer.tell(&message)));
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.countdown.clear();
    }
}

/// The complete URL, to be opened by hand.
fn plain(url: &Url) -> String {
    url.expose().expose_secret().to_owned()
}
