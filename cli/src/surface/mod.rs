//! What the person sees while a command runs: plain lines, and on a terminal one line that counts down.

mod choice;
mod countdown;
mod large;
mod link;
#[cfg(feature = "qr")]
mod qr;
mod screen;
mod words;

use std::io::{self, Write};

use doorkey_blocking::Surface;
use doorkey_core::command::{Choice, Question};
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::store::StoreFailure;
use doorkey_core::text::harmless;
use doorkey_core::time::Now;
use doorkey_core::url::Url;

use self::countdown::{Countdown, Waiting};
use self::words::{describe, remedy, seconds};
use crate::printer::{DIM, Printer, RESET};
use crate::signals::Watch;

pub use self::link::{Link, LinkHook, Qr};
pub use self::words::name;

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
        self.say(&format!("{DIM}{text}{RESET}"));
    }

    fn warn(&self, text: &str, next: Option<&str>) {
        self.countdown.clear();
        self.printer.warning(text);
        if let Some(next) = next {
            self.printer.next(next);
        }
    }

    /// A warning about a store, with what mends it.
    fn warn_of(&self, failure: &StoreFailure, say: impl FnOnce(&str) -> String) {
        let (cause, next) = failure.parts();
        self.warn(&say(&harmless(cause)), next.map(harmless).as_deref());
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
            Notice::VariableHides { variable } => self
                .warn(&format!("{variable} is set: it will hide the stored token until you unset it"), None),
            Notice::OtherWorkspace { asked, picked } => self.warn(
                &format!("you asked for workspace {asked:?}, but {picked:?} was picked in the browser"),
                None,
            ),
            Notice::WorkspaceIgnored => {
                self.warn("--workspace has no effect: the token comes from a flag or the environment", None);
            }
            Notice::Retrying { reason, wait } => {
                self.hint(&format!("{reason}; trying again in {}", seconds(*wait)));
            }
            Notice::UnlockingKeychain => {
                self.say("The keychain is locked; please answer its prompt.");
                self.countdown.end();
            }
            Notice::FellBack { failure, to, .. } => {
                let cause = harmless(failure.parts().0);
                let to = name(*to);
                self.warn(
                    &format!(
                        "{cause}, so the token is stored as plain text in the {to}, which only you can read"
                    ),
                    Some(remedy(failure)),
                );
            }
            Notice::StaleEntry { backend, failure } => self.warn(
                &format!(
                    "an older token may remain in the {}, which cannot be reached: {}; it will not be used",
                    name(*backend),
                    harmless(failure.parts().0)
                ),
                None,
            ),
            Notice::LedgerNotWritten(failure) => {
                let cause = harmless(failure.parts().0);
                self.warn(&format!("could not remember where the token is: {cause}"), None);
            }
            Notice::NotRevoked { reason } => {
                let page = self.service.keys_page();
                self.warn(&format!("the key could not be revoked: {reason}; revoke it at {page}"), None);
            }
            notice => self.show_session(notice),
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
        let (text, otherwise) = match question {
            Question::PairAgain => (
                "The token was handed out already, probably in an answer that got lost. Pair again? [Y/n]"
                    .to_owned(),
                true,
            ),
            Question::Reconnect => {
                (format!("Already connected to {}. Sign in again? [y/N]", self.service.name), false)
            }
            _ => return Box::new(|| false),
        };
        self.countdown.end();
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text} ").and_then(|()| stderr.flush());
        Box::new(move || {
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            // Without an answer nothing is done.
            let answered = read.is_ok_and(|bytes| bytes > 0);
            answered
                && match otherwise {
                    true => !line.trim_start().starts_with(['n', 'N']),
                    false => line.trim_start().starts_with(['y', 'Y']),
                }
        })
    }
}

impl Lines {
    /// What concerns the renewal and the storing of a session.
    fn show_session(&self, notice: &Notice) {
        match notice {
            Notice::RotationStarted => self.watch.shield(true),
            Notice::RotationEnded => self.watch.shield(false),
            Notice::FinishingRotation => {
                self.say("The session is being renewed; that is finished first, in some seconds.");
            }
            Notice::KeptInEmergencyFile { failure } => self.warn_of(failure, |cause| {
                format!(
                    "the renewed session is kept in an emergency file, since its place is not usable: {cause}"
                )
            }),
            Notice::NotKept { failure } => self.warn_of(failure, |cause| {
                format!("the renewed session could not be stored, and ends with this command: {cause}")
            }),
            Notice::Recovered => self.hint("The session from the emergency file is back where it belongs."),
            Notice::NotRenewed { failure } => self.warn(
                &format!("the session could not be renewed now: {}", failure.message),
                failure.next.as_deref(),
            ),
            Notice::Moved { to } => {
                self.hint(&format!("What an older program had stored is now in the {}.", name(*to)));
            }
            Notice::EndpointElsewhere { name, origin } => {
                self.hint(&format!("The issuer's {} is at {origin}.", name.replace('_', " ")));
            }
            Notice::EarlierLoginRevoked => {
                self.hint("The issuer has revoked the tokens of the earlier login.");
            }
            Notice::EarlierLoginNotRevoked { reason } => self.warn(
                &format!(
                    "the issuer did not revoke the tokens of the earlier login: {reason}; they end by themselves"
                ),
                None,
            ),
            Notice::LegacyService => {
                self.hint(&format!(
                    "{} is an older deployment here: it gives an API key.",
                    self.service.name
                ));
            }
            _ => {}
        }
    }

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
            (hook.call)(&link);
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
