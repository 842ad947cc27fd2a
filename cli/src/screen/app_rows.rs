//! How the interactive screen looks.

use doorkey_core::billing::Billing;
use doorkey_core::connect::Connected;
use doorkey_core::connection::ConnectionState;
use doorkey_core::credits::CreditsReport;
use doorkey_core::failure::Failure;
use doorkey_core::record::Record;
use doorkey_core::service::Service;
use doorkey_core::text::harmless;
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};

use super::app::{App, News, Said, View};
use super::job::Job;
use super::look::{Look, Rows, cut, width};
use super::prompt::COMMANDS;
use super::standing::Standing;
use super::terminal::{Frame, Size};
use crate::pensar::advice;
use crate::printer::sentence;
use crate::surface::{auth, name};

impl App {
    /// Everything that is shown now.
    pub fn frame(&self, now: Now, size: Size, look: Look) -> Frame {
        let mut rows = Rows::new(size, look);
        self.draw_title(&mut rows);
        rows.blank();
        match &self.view {
            View::Home => return self.draw_home(rows),
            View::Busy(what) => {
                rows.text(&format!("{what}{}", look.sign("…", "...")), Style::new());
                rows.blank();
                rows.keys(&[("Esc", "cancel")]);
            }
            View::Begin => self.draw_begin(&mut rows),
            View::Login(login) => {
                let notes = self.notes_below(&rows);
                let taken = u16::try_from(notes.count()).unwrap_or(0);
                let size = Size { rows: size.rows.saturating_sub(2 + taken), ..size };
                rows.append(login.rows(now, size, look));
                rows.append(notes);
                return rows.frame(None);
            }
            View::Billing(connected, news) => self.draw_billing(&mut rows, connected, news.as_ref()),
            View::Connected(standing, connected) => {
                self.draw_connected(&mut rows, standing, connected.as_deref());
            }
            View::Confirm(standing, _) => self.draw_confirm(&mut rows, standing),
            View::Credits(credits, news) => self.draw_credits(&mut rows, credits, news.as_ref()),
            View::Failed(failure, job) => failed(&mut rows, failure, *job, &self.service),
        }
        rows.above_keys(self.notes_below(&rows), size.rows.into());
        rows.frame(None)
    }

    /// The product on the left; on the right where this machine works.
    fn draw_title(&self, rows: &mut Rows) {
        let look = rows.look;
        let mut line = Line::from(Span::raw(cut("Pensar Apex", rows.columns.saturating_sub(2), look)).bold());
        if let Some(standing) = &self.standing {
            let (sign, text) = match (standing.state, &standing.record) {
                (ConnectionState::None, _) | (_, None) => {
                    (Span::raw(look.sign("○", "o")), "not connected".to_owned())
                }
                (ConnectionState::Expired, _) => {
                    (Span::raw(look.sign("○", "o")).magenta(), "expired".to_owned())
                }
                (_, Some(record)) => (Span::raw(look.sign("●", "*")).green(), slug(record)),
            };
            let room = rows.columns.saturating_sub(2 + line.width() + 4);
            let text = cut(&text, room, look);
            let gap = rows.columns.saturating_sub(2 + line.width() + 2 + width(&text));
            if width(&text) > 3 {
                line.extend([Span::raw(" ".repeat(gap)), sign, Span::raw(" "), Span::raw(text)]);
            }
        }
        rows.indented(line);
    }

    fn draw_home(&self, mut rows: Rows) -> Frame {
        let look = rows.look;
        if let Some(toast) = &self.toast {
            rows.message(toast);
            rows.blank();
        }
        let at = rows.count();
        let column = self.prompt.rows(&mut rows, look);
        if !self.said.is_empty() {
            rows.blank();
        }
        for said in &self.said {
            match said {
                Said::Help => help(&mut rows),
                Said::Message(message) => rows.message(message),
            }
        }
        rows.append(self.notes_below(&rows));
        rows.frame(Some((column, u16::try_from(at).unwrap_or(u16::MAX))))
    }

    fn draw_begin(&self, rows: &mut Rows) {
        let name = &self.service.name;
        let known = self.standing.as_ref().and_then(|standing| standing.record.as_ref());
        if known.is_some_and(Record::lacks_workspace) {
            rows.text(&format!("Signed in to {name}, but no workspace is chosen yet"), Style::new().bold());
            rows.blank();
            rows.keys(&[("Enter", "choose one"), ("D", "disconnect"), ("Esc", "back")]);
            return;
        }
        rows.text(&format!("Connect this machine to {name}"), Style::new().bold());
        rows.blank();
        rows.text(
            "Apex then uses AI models hosted by Pensar; no API keys need to be configured. What inference costs is \
             deducted from your workspace's credits.",
            Style::new(),
        );
        rows.blank();
        rows.text(
            "You allow it on a page in a browser, here or on another device, with a code to compare.",
            Style::new(),
        );
        rows.blank();
        match known {
            Some(_) => rows.keys(&[("Enter", "begin"), ("D", "disconnect"), ("Esc", "back")]),
            None => rows.keys(&[("Enter", "begin"), ("Esc", "back")]),
        }
    }

    fn draw_connected(&self, rows: &mut Rows, standing: &Standing, connected: Option<&Connected>) {
        let name = &self.service.name;
        headline(rows, &format!("Connected to {name}"));
        rows.blank();
        if let Some(record) = &standing.record {
            workspace(rows, record);
            let auth = auth(record.rotation.is_some());
            if let Some(billing) = connected.and_then(|connected| connected.billing.as_ref()) {
                balance(rows, billing);
            }
            rows.text(&format!("Auth: {auth}"), Style::new());
        }
        if let Some(connected) = connected {
            rows.text(&format!("Tokens: in the {}", name_of(connected)), Style::new());
        }
        match standing.state {
            ConnectionState::Ending => {
                rows.blank();
                rows.text(
                    "The session cannot be renewed any more; it ends in a while.",
                    Style::new().magenta(),
                );
            }
            ConnectionState::Recovering => {
                rows.blank();
                rows.text(
                    "A renewal of the session was interrupted; the next request finds out what came of it.",
                    Style::new(),
                );
            }
            _ => {}
        }
        rows.blank();
        rows.keys(&[("D", "disconnect"), ("Enter", "done")]);
    }

    fn draw_billing(&self, rows: &mut Rows, connected: &Connected, news: Option<&News>) {
        headline(rows, &format!("Connected to {}", self.service.name));
        rows.blank();
        workspace(rows, &connected.kept.record);
        if let Some(billing) = &connected.billing {
            balance(rows, billing);
            rows.blank();
            if let Some(advice) = advice(&self.service, billing) {
                rows.message(&advice);
            }
        }
        let page = connected.billing.as_ref().and_then(|billing| billing.advice.page());
        if let Some(page) = page {
            said_of_page(rows, page, news);
        }
        rows.blank();
        rows.keys(&[("B", "open the billing page"), ("L", "copy its link"), ("Enter", "go on")]);
    }

    fn draw_confirm(&self, rows: &mut Rows, standing: &Standing) {
        rows.text(&format!("Disconnect from {}?", self.service.name), Style::new().bold());
        rows.blank();
        if let Some(record) = &standing.record {
            workspace(rows, record);
        }
        rows.text("The tokens stored on this machine are cleared.", Style::new());
        rows.blank();
        rows.keys(&[("Y", "disconnect"), ("N", "stay connected")]);
    }

    fn draw_credits(&self, rows: &mut Rows, credits: &CreditsReport, news: Option<&News>) {
        let slug = harmless(credits.slug.as_deref().unwrap_or("?"));
        let name = credits.workspace.clone().unwrap_or_else(|| slug.clone());
        rows.text(&format!("Workspace: {name} ({slug})"), Style::new());
        balance(rows, &credits.billing);
        if let Some(advice) = advice(&self.service, &credits.billing) {
            rows.blank();
            rows.message(&advice);
        }
        said_of_page(rows, &credits.billing_page(&self.service), news);
        rows.blank();
        rows.keys(&[("B", "open the billing page"), ("L", "copy its link"), ("Enter", "done")]);
    }

    fn notes_below(&self, rows: &Rows) -> Rows {
        let mut below = rows.narrower(rows.columns);
        if !self.notes.is_empty() {
            below.blank();
        }
        self.notes.iter().for_each(|note| below.message(note));
        below
    }
}

fn failed(rows: &mut Rows, failure: &Failure, job: Job, service: &Service) {
    let what = match job {
        Job::Connect => "Not connected",
        Job::Disconnect => "Not disconnected",
        Job::Look | Job::Credits => "That did not work",
    };
    let cross = rows.look.sign("✗", "x");
    rows.text(&format!("{cross} {what}"), Style::new().red().bold());
    rows.blank();
    rows.text(&sentence(failure), Style::new());
    if let Some(next) = &failure.next {
        // Nobody has to leave for that.
        rows.next(&next.replace(&service.login_command(), "use /login"));
    }
    rows.blank();
    rows.keys(&[("Enter", "try again"), ("Esc", "back")]);
}

fn help(rows: &mut Rows) {
    let columns = rows.columns;
    for (_, name, alias, does) in COMMANDS {
        let also = if alias.is_empty() { String::new() } else { format!(" ({alias})") };
        let name = format!("{name}{also}");
        if columns >= 60 {
            rows.indented(Line::from(vec![Span::raw(format!("{name:<18}")).bold(), Span::raw(does)]));
        } else {
            rows.indented(Line::from(Span::raw(name).bold()));
            rows.text(&format!("  {does}"), Style::new());
        }
    }
}

fn headline(rows: &mut Rows, text: &str) {
    let check = rows.look.sign("✓", "*");
    rows.indented(Line::from(vec![Span::raw(check).green(), Span::raw(format!(" {text}")).bold()]));
}

fn workspace(rows: &mut Rows, record: &Record) {
    if let Some(workspace) = &record.workspace {
        let slug = harmless(&workspace.slug);
        let name = workspace.name.as_deref().map_or_else(|| slug.clone(), harmless);
        rows.text(&format!("Workspace: {name} ({slug})"), Style::new());
    }
}

fn balance(rows: &mut Rows, billing: &Billing) {
    if let Some(balance) = billing.balance {
        rows.text(&format!("Balance: {balance}"), Style::new());
    }
}

fn said_of_page(rows: &mut Rows, page: &Url, news: Option<&News>) {
    let Some(news) = news else { return };
    rows.blank();
    match news {
        News::Opened => rows.text("Opened in the browser.", Style::new()),
        News::Copied => {
            rows.text("The link is copied, if this terminal lets programs copy.", Style::new());
        }
        News::NotOpened(reason) => {
            let text = format!("No browser could be opened here ({reason}); open this page by hand:");
            rows.text(&text, Style::new());
            rows.blank();
            rows.link(page);
        }
    }
}

fn slug(record: &Record) -> String {
    record.workspace.as_deref().map_or_else(|| "connected".to_owned(), |workspace| harmless(&workspace.slug))
}

fn name_of(connected: &Connected) -> &'static str {
    name(connected.kept.backend)
}
