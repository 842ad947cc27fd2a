//! What the person sees while a command runs: plain lines, and on a terminal one line that counts down.

use std::io::{self, Write};
use std::time::Duration;

use doorkey_blocking::Surface;
use doorkey_core::command::Question;
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::record::Backend;
use doorkey_core::service::Service;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::url::Url;
use serde_json::json;

use crate::printer::{BOLD, DIM, Printer, RESET};

/// Shows a command's progress on stderr; with `--json` the link of a pairing also on stdout.
#[derive(Debug)]
pub struct Lines {
    printer: Printer,
    /// Whether a person can be asked.
    terminal: bool,
    /// Whether a line can be drawn over itself.
    redraws: bool,
    service: Service,
    waiting: Option<Waiting>,
    on_link: Option<LinkHook>,
    link: Option<Url>,
}

/// What to do with a pairing's link if nobody can click here.
pub struct LinkHook {
    /// Whether that is known from the start; else it shows when no browser can be opened.
    pub immediately: bool,
    /// What to do.
    pub call: Box<dyn FnOnce(&Url)>,
}

impl std::fmt::Debug for LinkHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkHook")
    }
}

#[derive(Debug)]
struct Waiting {
    expires_at: Timestamp,
    last_poll: PollState,
}

impl Lines {
    /// Lines for one command.
    pub fn new(
        printer: Printer,
        terminal: bool,
        redraws: bool,
        service: Service,
        on_link: Option<LinkHook>,
    ) -> Self {
        Self { printer, terminal, redraws, service, waiting: None, on_link, link: None }
    }

    fn say(&mut self, text: &str) {
        self.clear_status();
        self.printer.message(text);
    }

    fn warn(&mut self, text: &str) {
        self.clear_status();
        self.printer.warning(text);
    }

    fn use_link(&mut self) {
        if let (Some(hook), Some(link)) = (self.on_link.take(), &self.link) {
            (hook.call)(link);
        }
    }

    fn draw_status(&self, now: Now) {
        let (true, Some(waiting)) = (self.redraws, &self.waiting) else { return };
        let left = waiting.expires_at.since(now.mono);
        let state = describe(&waiting.last_poll);
        // Without line wrap: what does not fit must not push the link off the screen, line by line.
        let text =
            format!("\r\x1b[K\x1b[?7l  waiting for the browser · {} left · {state}\x1b[?7h", minutes(left));
        let mut stderr = io::stderr();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    fn clear_status(&self) {
        if self.redraws && self.waiting.is_some() {
            let mut stderr = io::stderr();
            let _ = stderr.write_all(b"\r\x1b[K").and_then(|()| stderr.flush());
        }
    }

    fn pairing_started(&mut self, now: Now, link: &Url, code: &str, expires_at: Timestamp) {
        let page = link.expose();
        let left = expires_at.since(now.mono);
        if self.printer.json {
            self.printer.json(&json!({"event": "pairing_started", "link": page.expose_secret(),
                "check_code": code, "expires_in": left.as_secs()}));
        }
        self.say(&format!(
            "Open this page in a browser and authorize this device ({}):",
            harmless(&self.service.device_name)
        ));
        self.say(&format!("\n  {BOLD}{}{RESET}\n", page.expose_secret()));
        self.say(&format!("The page shows this check code: {BOLD}{code}{RESET}"));
        self.link = Some(link.clone());
        if self.on_link.as_ref().is_some_and(|hook| hook.immediately) {
            self.use_link();
        }
    }
}

impl Surface for Lines {
    fn show(&mut self, now: Now, notice: &Notice) {
        match notice {
            Notice::PairingStarted { link, check_code, expires_at } => {
                self.pairing_started(now, link, check_code.expose(), *expires_at);
            }
            Notice::Waiting { last_poll, expires_at, .. } => {
                let changed = self.waiting.as_ref().is_none_or(|waiting| waiting.last_poll != *last_poll);
                self.waiting = Some(Waiting { expires_at: *expires_at, last_poll: last_poll.clone() });
                // Where nothing can be drawn over, only what is news is worth a line.
                if !self.redraws && changed {
                    let left = minutes(expires_at.since(now.mono));
                    let state = describe(last_poll);
                    self.printer.message(&format!("waiting for the browser, {left} left: {state}"));
                }
                self.draw_status(now);
            }
            Notice::PageNotOpened { reason } => {
                self.say(&format!(
                    "{DIM}No browser could be opened here ({reason}); open the link by hand.{RESET}"
                ));
                self.use_link();
            }
            Notice::VariableHides { variable } => {
                self.warn(&format!("{variable} is set: it will hide the stored token until you unset it"));
            }
            Notice::OtherWorkspace { asked, picked } => {
                self.warn(&format!(
                    "you asked for workspace {asked:?}, but {picked:?} was picked in the browser"
                ));
            }
            Notice::WorkspaceIgnored => {
                self.warn("--workspace has no effect: the token comes from a flag or the environment");
            }
            Notice::Retrying { reason, wait } => {
                self.say(&format!("{DIM}{reason}; trying again in {}{RESET}", seconds(*wait)));
            }
            Notice::UnlockingKeychain => {
                self.say("The keychain is locked; please answer its prompt.");
                self.waiting = None;
            }
            Notice::FellBack { failure, to, .. } => {
                self.warn(&format!(
                    "{}, so the token is stored as plain text in the {}, which only you can read",
                    harmless(failure.parts().0),
                    name(*to)
                ));
                self.say(&format!("{DIM}  → {RESET}{}", remedy(failure)));
            }
            Notice::StaleEntry { backend, failure } => self.warn(&format!(
                "an older token may remain in the {}, which cannot be reached: {}; it will not be used",
                name(*backend),
                harmless(failure.parts().0)
            )),
            Notice::LedgerNotWritten(failure) => {
                self.warn(&format!("could not remember where the token is: {}", harmless(failure.parts().0)));
            }
            Notice::NotRevoked { reason } => {
                let page = self.service.keys_page();
                self.warn(&format!("the key could not be revoked: {reason}; revoke it at {page}"));
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Now) {
        self.draw_status(now);
    }

    fn ask(&mut self, question: Question) -> Box<dyn FnOnce() -> bool + Send> {
        if !self.terminal {
            return Box::new(|| false);
        }
        let text = match question {
            Question::PairAgain => {
                "The token was handed out already, probably in an answer that got lost. Pair again?"
            }
            _ => return Box::new(|| false),
        };
        self.clear_status();
        self.waiting = None;
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text} [Y/n] ").and_then(|()| stderr.flush());
        Box::new(|| {
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            read.is_ok_and(|bytes| bytes > 0) && !line.trim_start().starts_with(['n', 'N'])
        })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.clear_status();
    }
}

/// A backend, as in sentences.
pub fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Keychain => "keychain",
        Backend::File => "credentials file",
    }
}

fn remedy(failure: &StoreFailure) -> &'static str {
    match failure.kind {
        StoreFailureKind::Absent => "start a keychain service and log in again to change that",
        StoreFailureKind::Locked => "unlock the keychain and log in again to change that",
        StoreFailureKind::TimedOut => "restart the keychain service and log in again to change that",
        StoreFailureKind::Volatile => {
            "give the keychain a lasting collection and log in again to change that"
        }
        _ => "mend the keychain and log in again to change that",
    }
}

fn describe(state: &PollState) -> String {
    match state {
        PollState::None => "nothing heard yet".to_owned(),
        PollState::NotYet => "not authorized yet".to_owned(),
        PollState::SlowedDown => "asked to poll less often".to_owned(),
        PollState::Trouble(reason) => format!("trouble: {reason}"),
    }
}

fn minutes(left: Duration) -> String {
    // Rounded up, so that the last second is shown as one.
    let seconds = left.as_millis().div_ceil(1000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn seconds(wait: Duration) -> String {
    format!("{}.{} s", wait.as_secs(), wait.subsec_millis() / 100)
}
