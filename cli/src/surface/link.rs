//! Links for the person's browser, and the codes that belong to them.

use doorkey_core::notice::Notice;
use doorkey_core::text::harmless;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::url::Url;
use serde_json::json;

use super::countdown::Waiting;
use super::large::{large, large_in_ascii};
use super::{Lines, Message, plain};
use crate::printer::{BOLD, RESET};

/// A page that waits for a person.
#[derive(Clone, Debug)]
pub enum Link {
    /// Authorizes this terminal.
    Authorize(Url),
    /// Creates a workspace.
    CreateWorkspace(Url),
    /// Chooses a workspace.
    ChooseWorkspace(Url),
}

/// What to do with a link if nobody can click here.
pub struct LinkHook {
    /// Whether that is known from the start; else it shows when no browser can be opened.
    pub immediately: bool,
    /// What to do, with what shows how it goes.
    pub call: OnLink,
}

/// Does something with a link, from the thread of the machine.
type OnLink = Box<dyn Fn(&Link, Tell) + Send>;

/// Shows a message while a command runs, from any thread.
pub type Tell = Box<dyn Fn(Message) + Send>;

impl std::fmt::Debug for LinkHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkHook")
    }
}

/// Whether links are drawn as QR codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qr {
    /// Never.
    Never,
    /// In lines, if no browser can be opened, which may be known from the start, and the code fits on the terminal; in a
    /// view, where there is room.
    InsteadOfBrowser {
        /// It is known.
        at_once: bool,
    },
    /// The person asked for it.
    Asked,
}

impl Link {
    /// The page that a notice tells of, if anybody can do there what it is for.
    pub fn of(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::PairingStarted { link, .. } => Some(Self::Authorize(link.clone())),
            Notice::DeviceCode { verification_uri, verification_uri_complete, .. } => {
                Some(Self::Authorize(verification_uri_complete.as_ref().unwrap_or(verification_uri).clone()))
            }
            Notice::CreateWorkspace { page, .. } => Some(Self::CreateWorkspace(page.clone())),
            Notice::ChooseInBrowser { page, .. } => Some(Self::ChooseWorkspace(page.clone())),
            _ => None,
        }
    }

    /// The page.
    pub fn url(&self) -> &Url {
        match self {
            Self::Authorize(url) | Self::CreateWorkspace(url) | Self::ChooseWorkspace(url) => url,
        }
    }
}

impl Lines {
    pub(super) fn pairing_started(&mut self, now: Now, link: &Url, code: &str, expires_at: Timestamp) {
        if self.printer.json {
            self.printer.json(&json!({"event": "pairing_started", "link": plain(link),
                "check_code": code, "expires_in": seconds_left(now, expires_at)}));
        }
        self.say(&format!(
            "Open this page in a browser and authorize this device ({}):",
            harmless(&self.service.device_name)
        ));
        self.say(&format!("\n  {BOLD}{}{RESET}\n", plain(link)));
        self.say(&format!("The page shows this check code: {BOLD}{code}{RESET}"));
        self.set_link(Link::Authorize(link.clone()));
    }

    pub(super) fn device_code(
        &mut self,
        now: Now,
        code: &str,
        page: &Url,
        complete: Option<&Url>,
        expires_at: Timestamp,
    ) {
        if self.printer.json {
            self.printer.json(&json!({"event": "device_code", "user_code": code,
                "verification_uri": plain(page), "verification_uri_complete": complete.map(plain),
                "expires_in": seconds_left(now, expires_at)}));
        }
        let link = Link::Authorize(complete.unwrap_or(page).clone());
        self.draw_at_once(&link);
        self.say(match complete {
            Some(_) => "Open this page in a browser, and authorize if it shows the code below:",
            None => "Open this page in a browser, and type the code below:",
        });
        self.say(&format!("\n  {BOLD}{}{RESET}\n", plain(link.url())));
        self.say_code(code);
        if complete.is_some() {
            self.hint(&format!("On another device: open {} and type the code.", plain(page)));
        }
        self.set_link(link);
    }

    /// Only a browser on this machine gets back from there: it is no link for another device's camera.
    pub(super) fn authorization_request(&mut self, now: Now, link: &Url, expires_at: Timestamp) {
        if self.printer.json {
            self.printer.json(&json!({"event": "authorization_request", "link": plain(link),
                "expires_in": seconds_left(now, expires_at)}));
        }
        self.say("Authorize in the browser of this machine; if none opens, open this link there:");
        self.say(&format!("\n  {BOLD}{}{RESET}\n", plain(link)));
        self.hint("On another machine use `--device`.");
    }

    pub(super) fn create_workspace(&mut self, now: Now, page: &Url, expires_at: Timestamp) {
        let link = Link::CreateWorkspace(page.clone());
        let waiting = Waiting { what: "a workspace", state: None, next_poll: None, expires_at };
        self.page(
            now,
            "create_workspace",
            "You have no workspace yet. Create one on this page:",
            link,
            waiting,
        );
    }

    pub(super) fn choose_in_browser(&mut self, now: Now, page: &Url, expires_at: Timestamp) {
        let link = Link::ChooseWorkspace(page.clone());
        let waiting = Waiting { what: "your choice", state: None, next_poll: None, expires_at };
        let text = "You are in several workspaces. Choose one on this page, or name it with --workspace:";
        self.page(now, "choose_workspace", text, link, waiting);
    }

    fn page(&mut self, now: Now, event: &str, text: &str, link: Link, waiting: Waiting) {
        self.countdown.end();
        if self.printer.json {
            self.printer.json(&json!({"event": event, "page": plain(link.url()),
                "expires_in": seconds_left(now, waiting.expires_at)}));
        }
        self.draw_at_once(&link);
        self.say(text);
        self.say(&format!("\n  {BOLD}{}{RESET}\n", plain(link.url())));
        self.set_link(link);
        self.countdown.begin(now, waiting);
    }

    /// The code: large where that can be drawn, and as text to copy.
    fn say_code(&self, code: &str) {
        let fits = |line: &&String| {
            self.draws_on_terminal().is_some_and(|size| line.chars().count() + 2 < size.columns)
        };
        let draw = if self.printer.unicode { large } else { large_in_ascii };
        let large = draw(code).filter(|lines| lines.first().as_ref().is_some_and(fits));
        for line in large.iter().flatten() {
            self.say(&format!("  {}", line.trim_end()));
        }
        if large.is_some() {
            self.say("");
        }
        self.say(&format!("  {BOLD}{code}{RESET}\n"));
    }

    fn draw_at_once(&self, link: &Link) {
        match self.person.qr {
            Qr::Asked => self.draw(link, false),
            Qr::InsteadOfBrowser { at_once: true } => self.draw(link, true),
            Qr::InsteadOfBrowser { at_once: false } | Qr::Never => {}
        }
    }

    /// It turned out that no browser can be opened.
    pub(super) fn draw_instead_of_browser(&self) {
        if let (Qr::InsteadOfBrowser { at_once: false }, Some(link)) = (self.person.qr, &self.link) {
            self.draw(link, true);
        }
    }

    #[cfg(feature = "qr")]
    fn draw(&self, link: &Link, only_if_it_fits: bool) {
        if !self.printer.unicode {
            if !only_if_it_fits {
                self.warn("a QR code needs a locale with UTF-8");
            }
            return;
        }
        let (colors, size) = (self.printer.colors(), super::screen::size());
        let Some(lines) = super::qr::lines(&plain(link.url()), colors) else { return };
        // Enough rows for the text around it, too.
        const TEXT_ROWS: usize = 14;
        let fits_across = size.is_none_or(|size| super::qr::width(&lines) + 2 <= size.columns);
        let fits = self.draws_on_terminal().is_some_and(|size| lines.len() + TEXT_ROWS <= size.rows);
        if fits_across && (fits || !only_if_it_fits) {
            for line in &lines {
                self.say(&format!("  {line}"));
            }
            self.say("");
        } else if !only_if_it_fits {
            self.warn("this terminal is too narrow for the link as a QR code");
        }
    }

    #[cfg(not(feature = "qr"))]
    fn draw(&self, _: &Link, only_if_it_fits: bool) {
        if !only_if_it_fits {
            self.warn("this build draws no QR codes");
        }
    }
}

/// Whole seconds, rounded up.
fn seconds_left(now: Now, end: Timestamp) -> u64 {
    let left = end.since(now.mono);
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
