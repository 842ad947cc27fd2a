//! The ways through the screen that its document describes, key by key.

use doorkey::screen::app::{App, Wish};
use doorkey::screen::job::Job;
use doorkey::screen::login::Effect;
use doorkey::screen::look::Look;
use doorkey::screen::terminal::Size;
use doorkey_core::billing::Advice;
use doorkey_core::connection::ConnectionState;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::notice::Notice;
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::world::*;

/// The screen after its look at the start.
fn started(state: ConnectionState) -> App {
    let (mut app, first) = App::new(service());
    assert_eq!(first, Job::Look);
    assert_eq!(app.done(looked(state)), None);
    app
}

fn press(app: &mut App, keys: &str) -> Option<Wish> {
    keys.chars().fold(None, |_, c| {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '↓' => KeyCode::Down,
            c => KeyCode::Char(c),
        };
        app.press(KeyEvent::from(code))
    })
}

fn shown(app: &App, size: Size) -> String {
    let look = Look { colors: false, unicode: true };
    let frame = app.frame(at(1_000), size, look);
    frame.rows.iter().map(|row| format!("{}\n", row.line.to_string().trim_end())).collect()
}

fn sees(app: &App, text: &str) -> bool {
    shown(app, Size { columns: 100, rows: 50 }).contains(text)
}

/// `/login`, and the machine behind it as far as its code.
fn at_code() -> App {
    let mut app = started(ConnectionState::None);
    assert_eq!(press(&mut app, "/login\n"), Some(Wish::Run(Job::Look)));
    assert_eq!(app.done(looked(ConnectionState::None)), None);
    assert!(sees(&app, "[Enter] begin"));
    assert_eq!(press(&mut app, "\n"), Some(Wish::Run(Job::Connect)));
    app.hear(at(1_000), &device_code(301_000));
    app.hear(at(1_000), &waiting(6_000, 301_000));
    app
}

#[test]
fn nothing_is_said_at_the_start_unless_the_session_is_over() {
    for (state, toast) in [
        (ConnectionState::None, None),
        (ConnectionState::Connected, None),
        (ConnectionState::Recovering, None),
        (ConnectionState::Ending, Some("cannot be renewed any more")),
        (ConnectionState::Expired, Some("has expired. Run /login")),
    ] {
        let app = started(state);
        assert_eq!(sees(&app, "warning:"), toast.is_some(), "{state:?}");
        assert!(toast.is_none_or(|toast| sees(&app, toast)), "{state:?}");
    }
}

#[test]
fn the_code_can_be_copied_and_the_page_opened_again() {
    let mut app = at_code();
    assert!(sees(&app, "https://console.pensar.dev/device?user_code=BCDF-GHJK"));
    assert!(sees(&app, "5:00 left") && sees(&app, "not authorized yet · next poll in 5 s"));
    assert_eq!(press(&mut app, "c"), Some(Wish::Effect(Effect::Copy(Secret::from("BCDF-GHJK")))));
    assert!(sees(&app, "The code is copied"));
    let page = url("https://console.pensar.dev/device?user_code=BCDF-GHJK");
    assert_eq!(press(&mut app, "l"), Some(Wish::Effect(Effect::Copy(page.expose()))));
    assert_eq!(press(&mut app, "o"), Some(Wish::Effect(Effect::Open(page))));
    app.opened(&Err("no display".to_owned()));
    assert!(sees(&app, "No browser could be opened here (no display)"));
}

#[test]
fn escape_cancels_and_the_machine_is_waited_for() {
    let mut app = at_code();
    assert_eq!(press(&mut app, "\x1b"), Some(Wish::Effect(Effect::Cancel)));
    assert!(sees(&app, "BCDF-GHJK"), "it is still at work");
    // What was granted before that is looked for.
    assert_eq!(app.done(failed(Job::Connect, Failure::interrupted())), Some(Wish::Run(Job::Look)));
    assert!(sees(&app, "Cancelled."));
    assert_eq!(app.done(looked(ConnectionState::Connected)), None);
    assert!(sees(&app, "● acme"));
    assert_eq!(press(&mut app, "/quit\n"), Some(Wish::Leave(0)));
}

#[test]
fn a_signal_ends_the_screen() {
    let mut app = at_code();
    let done = failed(Job::Connect, Failure::interrupted());
    assert_eq!(app.done(done), Some(Wish::Leave(130)));
    let mut app = at_code();
    assert_eq!(app.lost(), Some(Wish::Effect(Effect::Cancel)));
    assert_eq!(app.done(connected(Advice::None)), Some(Wish::Leave(130)));
}

#[test]
fn the_workspace_is_chosen_and_the_credits_are_looked_at() {
    let mut app = at_code();
    assert!(app.choose(choices(3)));
    assert_eq!(press(&mut app, "↓\n"), Some(Wish::Effect(Effect::Choose(Some(1)))));
    assert_eq!(app.done(connected(top_up())), None);
    assert!(sees(&app, "balance is low: $0.50") && sees(&app, "$30 are recommended"));
    let page = url("https://console.pensar.dev/acme/settings/billing");
    assert_eq!(press(&mut app, "b"), Some(Wish::Effect(Effect::Open(page))));
    app.opened(&Ok(()));
    assert!(sees(&app, "Opened in the browser."));
    assert_eq!(press(&mut app, "\n"), None);
    assert!(sees(&app, "✓ Connected to Pensar Console") && sees(&app, "[D] disconnect"));
    assert_eq!(press(&mut app, "\n"), None);
    assert!(sees(&app, "● acme"));
}

#[test]
fn disconnecting_asks_once() {
    let mut app = started(ConnectionState::Connected);
    press(&mut app, "/auth\n");
    app.done(looked(ConnectionState::Connected));
    assert!(sees(&app, "Workspace: Acme Corp (acme)"));
    assert_eq!(press(&mut app, "D"), None);
    assert!(sees(&app, "Disconnect from Pensar Console?"));
    for no in ["n", "\n", "\x1b"] {
        assert_eq!(press(&mut app, no), None, "{no:?}");
        assert!(sees(&app, "✓ Connected"), "{no:?}");
        press(&mut app, "d");
    }
    for modifier in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
        assert_eq!(app.press(KeyEvent::new(KeyCode::Char('y'), modifier)), None, "only the letter says yes");
    }
    assert_eq!(press(&mut app, "y"), Some(Wish::Run(Job::Disconnect)));
    assert_eq!(app.done(disconnected()), None);
    assert!(sees(&app, "Disconnected from Pensar Console.") && sees(&app, "○ not connected"));
}

#[test]
fn a_failure_is_told_with_its_next_step_and_can_be_tried_again() {
    let mut app = at_code();
    let failure = Failure::new(Exit::TimedOut, "timed_out", "the code expired").next("start again");
    assert_eq!(app.done(failed(Job::Connect, failure)), None);
    assert!(sees(&app, "✗ Not connected") && sees(&app, "the code expired") && sees(&app, "→ start again"));
    assert_eq!(press(&mut app, "\n"), Some(Wish::Run(Job::Connect)));
}

#[test]
fn a_login_without_a_workspace_can_be_completed_or_removed() {
    let mut app = at_code();
    let failure = Failure::new(Exit::TimedOut, "no_workspace_chosen", "no workspace was chosen");
    assert_eq!(app.done(failed(Job::Connect, failure)), None);
    assert!(!sees(&app, "connected to") && !sees(&app, "○"), "what is left of it is not known");
    assert_eq!(press(&mut app, "\x1b"), Some(Wish::Run(Job::Look)));
    assert_eq!(app.done(looked_without_workspace()), None);
    assert_eq!(press(&mut app, "/login\n"), Some(Wish::Run(Job::Look)));
    assert_eq!(app.done(looked_without_workspace()), None);
    assert!(sees(&app, "no workspace is chosen yet") && sees(&app, "[Enter] choose one"));
    assert_eq!(press(&mut app, "dn"), None);
    assert!(sees(&app, "[Enter] choose one"));
    assert_eq!(press(&mut app, "dy"), Some(Wish::Run(Job::Disconnect)));
}

#[test]
fn a_look_that_fails_is_told() {
    let (mut app, _) = App::new(service());
    let failure =
        || Failure::new(Exit::Store, "store_refused", "auth.json can be read by others").next("chmod 600");
    assert_eq!(app.done(failed(Job::Look, failure())), None);
    assert!(sees(&app, "warning: auth.json can be read by others") && !sees(&app, "not connected"));
    press(&mut app, "/login\n");
    assert_eq!(app.done(failed(Job::Look, failure())), None);
    assert!(sees(&app, "✗ That did not work") && sees(&app, "→ chmod 600"));
    assert_eq!(press(&mut app, "\n"), Some(Wish::Run(Job::Look)));
    app.done(looked(ConnectionState::Connected));
    assert!(sees(&app, "[D] disconnect"));
}

#[test]
fn what_could_not_be_stored_is_said_however_it_ends() {
    let mut app = started(ConnectionState::Connected);
    press(&mut app, "/credits\n");
    let failure = StoreFailure { kind: StoreFailureKind::Refused, detail: "disk full".to_owned() };
    app.hear(at(1), &Notice::NotKept { failure });
    assert_eq!(press(&mut app, "\x1b"), Some(Wish::Effect(Effect::Cancel)));
    app.done(failed(Job::Credits, Failure::interrupted()));
    assert!(sees(&app, "Cancelled.") && sees(&app, "could not be stored"));
    assert_eq!(app.warnings().count(), 1, "for the end of the screen");
}

#[test]
fn what_is_said_in_passing_makes_way_for_the_next() {
    let mut app = at_code();
    for seconds in 1..4 {
        let wait = std::time::Duration::from_secs(seconds);
        app.hear(at(1), &Notice::Retrying { reason: "cannot reach it".to_owned(), wait });
    }
    assert!(sees(&app, "trying again in 3.0 s") && !sees(&app, "trying again in 2.0 s"));
    let failure = || StoreFailure { kind: StoreFailureKind::Refused, detail: "disk full".to_owned() };
    app.hear(at(1), &Notice::NotKept { failure: failure() });
    app.hear(at(1), &Notice::KeptInEmergencyFile { failure: failure() });
    assert_eq!(app.warnings().count(), 2, "a warning makes way for nothing");
}

#[test]
fn the_keys_stay_in_sight_where_a_view_does_not_fit() {
    let mut app = at_code();
    app.done(connected(top_up()));
    app.opened(&Err("no display".to_owned()));
    for rows in [6, 8, 10] {
        let text = shown(&app, Size { columns: 40, rows });
        assert!(
            text.lines().count() <= usize::from(rows) && text.contains("[Enter] go on"),
            "{rows}\n{text}"
        );
    }
    let text = shown(&app, Size { columns: 40, rows: 40 });
    assert!(text.contains("https://console.pensar.dev/acme/settings"), "{text}");
}

#[test]
fn the_balance_and_its_page() {
    let mut app = started(ConnectionState::Connected);
    assert_eq!(press(&mut app, "/buy\n"), Some(Wish::Run(Job::Credits)));
    app.done(credits(Advice::None));
    assert!(sees(&app, "Balance: $42.00"));
    let page = url("https://console.pensar.dev/credits");
    assert_eq!(press(&mut app, "b"), Some(Wish::Effect(Effect::Open(page))));
}

#[test]
fn who_is_not_connected_is_told_what_connects() {
    let mut app = started(ConnectionState::None);
    assert_eq!(press(&mut app, "/credits\n"), Some(Wish::Run(Job::Credits)));
    let failure =
        Failure::new(Exit::NotSignedIn, "not_signed_in", "not signed in").next("run `pensar login`");
    assert_eq!(app.done(failed(Job::Credits, failure)), None);
    assert!(sees(&app, "not signed in") && sees(&app, "→ /login connects") && !sees(&app, "pensar login"));
}

#[test]
fn nobody_has_to_leave_to_sign_in_again() {
    for service in [service(), service().sandboxed()] {
        let (mut app, _) = App::new(service.clone());
        app.done(looked(ConnectionState::None));
        press(&mut app, "/login\n");
        let next = format!("{} again", service.login_command());
        let failure = Failure::new(Exit::Denied, "access_denied", "this login was denied").next(next);
        app.done(failed(Job::Connect, failure));
        assert!(sees(&app, "use /login again") && !sees(&app, "pensar login"));
    }
}

#[test]
fn leaving_waits_for_the_machine_that_runs() {
    let (mut app, _) = App::new(service());
    assert_eq!(press(&mut app, "/quit\n"), Some(Wish::Effect(Effect::Cancel)));
    assert_eq!(app.done(looked(ConnectionState::None)), Some(Wish::Leave(0)));
}

#[test]
fn what_does_not_fit_goes_in_the_order_of_its_worth() {
    let app = at_code();
    let has = |columns, rows| {
        let text = shown(&app, Size { columns, rows });
        assert!(text.lines().count() <= usize::from(rows), "{columns} {rows}\n{text}");
        let qr = text.contains("▄▄▄▄▄▄▄") || text.contains("▀▀▀▀▀▀▀");
        (qr, text.contains("█▀▀▀▄"), text.contains("BCDF-GHJK"), text.contains("[Esc] cancel"))
    };
    assert_eq!(has(120, 40), (true, true, true, true));
    assert_eq!(has(80, 44), (true, true, true, true));
    assert_eq!(has(80, 24), (false, true, true, true));
    assert_eq!(has(40, 40), (false, true, true, true));
    assert_eq!(has(40, 18), (false, false, true, true));
    assert_eq!(has(80, 11), (false, false, true, true));
}
