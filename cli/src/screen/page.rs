//! A page of the service that waits for the person: its link, the code that belongs to it, and the time left.

use std::time::Duration;

use doorkey_core::notice::{Notice, PollState};
use doorkey_core::secret::Secret;
use doorkey_core::text::harmless;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::url::Url;
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};

use super::look::{Look, Rows, width};
use super::terminal::Size;
use crate::surface::{Qr, describe, large, large_in_ascii};

const TYPE_THE_CODE: &str = "Open this page in a browser, and type the code below:";

/// A page, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What to do there.
    text: String,
    /// The page.
    link: Url,
    /// A short address of it, where the code is typed.
    short: Option<Url>,
    code: Option<Code>,
    /// Whether a camera may take the link to another device.
    for_cameras: bool,
    shown_at: Timestamp,
    expires_at: Timestamp,
    last_poll: Option<PollState>,
    next_poll: Option<Timestamp>,
    /// What became of opening it, or of copying from it.
    news: Option<String>,
}

/// A code that the page shows, too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Code {
    code: Secret,
    /// It can be typed into the page.
    is_typed: bool,
}

impl Page {
    /// The page that a notice tells of, if it does.
    pub fn of(now: Now, notice: &Notice, device: &str) -> Option<Self> {
        let page = |text: String, link: &Url, expires_at: &Timestamp| Self {
            text,
            link: link.clone(),
            short: None,
            code: None,
            for_cameras: true,
            shown_at: now.mono,
            expires_at: *expires_at,
            last_poll: None,
            next_poll: None,
            news: None,
        };
        Some(match notice {
            Notice::PairingStarted { link, check_code, expires_at } => {
                let device = harmless(device);
                let text = format!(
                    "Open this page in a browser and authorize this device ({device}) if it shows the check code below:"
                );
                let code = Code { code: Secret::from(check_code.expose()), is_typed: false };
                Self { code: Some(code), ..page(text, link, expires_at) }
            }
            Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, expires_at } => {
                let code = Some(Code { code: user_code.clone(), is_typed: true });
                let (text, link, short) = match verification_uri_complete {
                    Some(complete) => (
                        "Open this page in a browser, and authorize if it shows the code below:",
                        complete,
                        Some(verification_uri.clone()),
                    ),
                    None => (TYPE_THE_CODE, verification_uri, None),
                };
                Self { code, short, ..page(text.to_owned(), link, expires_at) }
            }
            Notice::AuthorizationRequest { link, expires_at } => {
                let text = "Authorize in the browser of this machine; if none opens, open this link there:";
                // Only a browser on this machine gets back from there.
                Self { for_cameras: false, ..page(text.to_owned(), link, expires_at) }
            }
            Notice::CreateWorkspace { page: link, expires_at } => {
                let text = "You have no workspace yet. Create one on this page:";
                page(text.to_owned(), link, expires_at)
            }
            Notice::ChooseInBrowser { page: link, expires_at } => {
                let text =
                    "You are in several workspaces. Choose one on this page, or name it with --workspace:";
                page(text.to_owned(), link, expires_at)
            }
            _ => return None,
        })
    }

    /// What else is told of it. `false`: that is about something else.
    pub fn hear(&mut self, notice: &Notice) -> bool {
        match notice {
            Notice::Waiting { last_poll, next_poll, expires_at } => {
                self.last_poll = Some(last_poll.clone());
                (self.next_poll, self.expires_at) = (*next_poll, *expires_at);
            }
            Notice::PageNotOpened { reason } => self.opened(&Err(reason.clone())),
            _ => return false,
        }
        true
    }

    /// What became of opening it in a browser.
    pub fn opened(&mut self, result: &Result<(), String>) {
        self.news = Some(match result {
            Ok(()) => "Opened in the browser.".to_owned(),
            Err(reason) => {
                format!("No browser could be opened here ({}); open the link by hand.", harmless(reason))
            }
        });
    }

    /// The page itself.
    pub fn link(&self) -> &Url {
        &self.link
    }

    /// The code, to be copied, if it is one to type.
    pub fn copy_code(&mut self) -> Option<Secret> {
        let code = self.code.as_ref().filter(|code| code.is_typed)?.code.clone();
        self.news = Some("The code is copied, if this terminal lets programs copy.".to_owned());
        Some(code)
    }

    /// The link, to be copied.
    pub fn copy_link(&mut self) -> Secret {
        self.news = Some("The link is copied, if this terminal lets programs copy.".to_owned());
        self.link.expose()
    }

    /// The keys that do something.
    pub fn keys(&self) -> Vec<(&'static str, &'static str)> {
        let copies = self.code.as_ref().is_some_and(|code| code.is_typed);
        let code = copies.then_some(("c", "copy the code"));
        code.into_iter().chain([("l", "copy the link"), ("o", "open it here"), ("Esc", "cancel")]).collect()
    }

    /// As rows. Of those that do not fit, what is dearest goes first: the picture, the large letters, the gaps. A picture
    /// that the person asked for is dearer than large letters.
    pub fn rows(&self, now: Now, size: Size, look: Look, qr: Qr) -> Rows {
        let all = Luxury { picture: true, letters: true, gaps: true };
        let letters = Luxury { picture: false, ..all };
        let (gaps, none) = (Luxury { letters: false, ..letters }, Luxury::default());
        let is_small = "This terminal is too small for the link as a QR code.";
        let (with_picture, regret) = match qr {
            _ if !self.for_cameras => (vec![], None),
            Qr::Never => (vec![], None),
            Qr::InsteadOfBrowser { .. } => (vec![all], None),
            Qr::Asked => {
                let picture = Luxury { picture: true, ..none };
                (vec![all, Luxury { gaps: true, ..picture }, picture], Some(is_small))
            }
        };
        let fits = |rows: &Rows| rows.count() <= usize::from(size.rows);
        let rows =
            with_picture.into_iter().filter_map(|luxury| self.rows_with(now, size, look, luxury, None));
        let without = [letters, gaps, none];
        let without =
            without.into_iter().filter_map(|luxury| self.rows_with(now, size, look, luxury, regret));
        let mut last = Rows::new(size, look);
        for rows in rows.chain(without) {
            if fits(&rows) {
                return rows;
            }
            last = rows;
        }
        last
    }

    /// `None` if that does not fit across.
    fn rows_with(
        &self,
        now: Now,
        size: Size,
        look: Look,
        luxury: Luxury,
        regret: Option<&str>,
    ) -> Option<Rows> {
        let mut rows = Rows::new(size, look);
        let gap = |rows: &mut Rows| {
            if luxury.gaps {
                rows.blank();
            }
        };
        let picture = if luxury.picture { self.picture(look) } else { Vec::new() };
        let picture_width = picture.first().map_or(0, Line::width);
        if luxury.picture && (picture_width == 0 || picture_width + 2 > rows.columns) {
            return None;
        }
        let left = rows.columns.saturating_sub(picture_width + 3);
        let least = if luxury.letters { 58 } else { 34 };
        let is_beside = luxury.picture && left >= least && fits_in_row(self.link_that_fits(left), left);
        let mut text = if is_beside { rows.narrower(left) } else { rows.narrower(rows.columns) };
        let link = self.link_that_fits(text.columns);
        let is_short = self.short.as_ref() == Some(link);
        text.text(if is_short { TYPE_THE_CODE } else { &self.text }, Style::new());
        gap(&mut text);
        text.link(link);
        gap(&mut text);
        if let Some(code) = &self.code {
            let code = code.code.expose_secret();
            if luxury.letters {
                for line in letters(code, text.columns, look) {
                    text.indented(Line::from(Span::raw(line).bold()));
                }
                text.blank();
            }
            text.indented(Line::from(Span::raw(code.to_owned()).bold()));
            gap(&mut text);
        }
        if let Some(short) = self.short.as_ref().filter(|_| luxury.gaps && !is_short) {
            let short = short.expose();
            let hint = format!("On another device: open {} and type the code.", short.expose_secret());
            text.text(&hint, Style::new().dim());
            text.blank();
        }
        text.time_left(self.expires_at.since(now.mono), self.expires_at.since(self.shown_at));
        text.text(&self.state(now, look), Style::new().dim());
        for news in regret.into_iter().chain(self.news.as_deref()) {
            text.text(news, Style::new());
        }
        rows.append(text);
        if is_beside {
            rows.beside(0, left, picture);
        } else if !picture.is_empty() {
            rows.blank();
            picture.into_iter().for_each(|line| rows.indented(line));
        }
        gap(&mut rows);
        rows.keys(&self.keys());
        Some(rows)
    }

    /// The short address where the complete one would be broken: the code is typed there.
    fn link_that_fits(&self, columns: usize) -> &Url {
        match &self.short {
            Some(short) if !fits_in_row(&self.link, columns) && fits_in_row(short, columns) => short,
            _ => &self.link,
        }
    }

    /// What the last poll said, and when the next one leaves.
    fn state(&self, now: Now, look: Look) -> String {
        let Some(last) = &self.last_poll else { return "waiting for the browser".to_owned() };
        let dot = look.sign("·", "-");
        let next = match self.next_poll {
            Some(at) if at <= now.mono => format!(" {dot} asking"),
            Some(at) => format!(" {dot} next poll in {} s", whole_seconds(at.since(now.mono))),
            None => String::new(),
        };
        format!("{}{next}", describe(last))
    }

    #[cfg(feature = "qr")]
    fn picture(&self, look: Look) -> Vec<Line<'static>> {
        use ratatui::style::Color;

        // In ASCII it would be twice as large, and no camera's friend.
        if !look.unicode {
            return Vec::new();
        }
        // In colors that no theme changes; without them as fits a dark background.
        let style = match look.colors {
            true => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(231)),
            false => Style::new(),
        };
        let lines = crate::surface::modules(self.link.expose().expose_secret(), look.colors);
        lines.into_iter().flatten().map(|line| Line::from(Span::styled(line, style))).collect()
    }

    #[cfg(not(feature = "qr"))]
    fn picture(&self, _: Look) -> Vec<Line<'static>> {
        Vec::new()
    }
}

/// What is shown besides what must be.
#[derive(Clone, Copy, Default)]
struct Luxury {
    /// The link as a QR code.
    picture: bool,
    /// The code in large letters.
    letters: bool,
    /// Empty rows, and the shorter address.
    gaps: bool,
}

fn fits_in_row(url: &Url, columns: usize) -> bool {
    width(url.expose().expose_secret()) + 2 <= columns
}

/// The code in large letters: in one line, or broken at its hyphen; nothing if it is not that narrow.
fn letters(code: &str, columns: usize, look: Look) -> Vec<String> {
    let draw = if look.unicode { large } else { large_in_ascii };
    let fits = |lines: &Vec<String>| lines.iter().all(|line| width(line) + 2 <= columns);
    if let Some(lines) = draw(code).filter(fits) {
        return lines;
    }
    let mut all = Vec::new();
    for part in code.split('-') {
        match draw(part).filter(fits) {
            Some(lines) => {
                if !all.is_empty() {
                    all.push(String::new());
                }
                all.extend(lines);
            }
            None => return Vec::new(),
        }
    }
    all
}

fn whole_seconds(left: Duration) -> u128 {
    left.as_millis().div_ceil(1000)
}
