//! `pensar login`, from nothing to a connection: a person in front of a terminal and a browser.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::pensar::{DeviceCode, SESSION, link};
use doorkey_tests::running::{Ended, Running};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// As often as the protocol can say.
const QUICK: [&str; 2] = ["--device-interval", "1"];

/// A person with one browser, at several machines one after the other.
struct Desk {
    name: &'static str,
    sandbox: Sandbox,
    browser: Browser,
    machines: Cell<u32>,
    /// How many requests for tokens earlier logins have made.
    asked: Cell<usize>,
}

impl Desk {
    fn new(name: &'static str, args: &[&str]) -> Self {
        Self::with(Browser::start(name), name, args)
    }

    fn with(browser: Browser, name: &'static str, args: &[&str]) -> Self {
        let sandbox = Sandbox::start(name, &[&QUICK, args].concat());
        Self { name, sandbox, browser, machines: Cell::new(0), asked: Cell::new(0) }
    }

    /// A machine that nobody has connected yet.
    fn machine(&self) -> Home {
        self.machines.set(self.machines.get() + 1);
        let home = Home::new(&format!("{}-{}", self.name, self.machines.get()));
        home.as_known_to_the_system().with_sandbox(&self.sandbox)
    }

    /// Opens a page as this person, whoever was there before.
    fn open_as(&self, page: &str, person: &str) {
        self.open_signed_out(page);
        self.browser.press(&format!("Continue as {person}"));
    }

    fn open_signed_out(&self, page: &str) {
        self.browser.open(page);
        if self.browser.heading() != "Sign in" {
            self.browser.press("Sign out");
            self.browser.await_heading("Sign in");
            self.browser.open(page);
        }
        self.browser.await_heading("Sign in");
    }

    /// Opens the link of a waiting login and authorizes it.
    fn authorize(&self, login: &Running, person: &str) {
        let shown = DeviceCode::of(login);
        self.open_as(&shown.link, person);
        self.decide(&shown, "Authorize this device", "Device authorized");
    }

    /// Compares the codes and presses a button.
    fn decide(&self, shown: &DeviceCode, button: &str, then: &str) {
        self.browser.await_heading("Authorize this device?");
        assert!(self.browser.text().contains(&shown.code), "{shown:?}: {}", self.browser.text());
        self.browser.press(button);
        self.browser.await_heading(then);
    }

    /// Waits for the end of a login and looks at its requests for tokens: none comes after the one whose answer was
    /// final.
    fn end(&self, login: Running, code: i32, answer: &str) -> Ended {
        let ended = login.end_of_pensar().expect(code);
        let outcomes = self.sandbox.outcomes();
        let (last, before) = outcomes[self.asked.replace(outcomes.len())..].split_last().unwrap();
        assert_eq!(last, answer, "{outcomes:?}");
        assert!(before.iter().all(|outcome| outcome == "pending"), "{outcomes:?}");
        ended
    }

    /// The login has ended well, in this workspace.
    fn expect_connected(&self, login: Running, machine: &Home, workspace: &str, balance: &str) -> Ended {
        let ended = self.end(login, 0, "issued");
        let headline = format!("✓ Connected to Pensar Console\n  Workspace: {workspace}\n");
        assert!(ended.stdout.starts_with(&format!("{headline}  Balance: {balance}\n")), "{ended:?}");
        let status = machine.pensar(&["login", "status"]).expect(0);
        assert!(status.stdout.starts_with(&format!("{headline}  Auth: WorkOS\n")), "{status:?}");
        ended
    }

    fn expect_not_connected(machine: &Home) {
        let status = machine.pensar(&["login", "status"]).expect(3);
        assert!(status.stdout.ends_with("  → run `pensar login`\n"), "{status:?}");
        assert_eq!(machine.secrets(SESSION), 0);
    }

    /// Follows the link that stands in a piece of advice.
    fn follow(&self, advice: &Ended, heading: &str) {
        let (_, page) = advice.stderr.split_once(" at http").unwrap();
        self.browser.open(&format!("http{}", page.split_whitespace().next().unwrap()));
        self.browser.await_heading(heading);
    }
}

#[test]
fn a_workspace_is_taken_chosen_here_or_chosen_there() {
    let desk = Desk::new("apex-choice", &[]);

    // The terminal hands the link to the browser; there is one workspace.
    let machine = desk.machine();
    let (launcher, handed) = (machine.folder().join("launcher"), machine.folder().join("handed"));
    let script = format!("#!/bin/sh\nprintf %s \"$*\" > {0}.new && mv {0}.new {0}\n", handed.display());
    fs::write(&launcher, script).unwrap();
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
    let machine = machine.with("BROWSER", launcher.display().to_string());
    let login = machine.start_pensar_on_terminal(&["login"]);
    let given = wait_for("the launcher is handed the link", || fs::read_to_string(&handed).ok());
    assert_eq!(given, DeviceCode::of(&login).link, "the same is shown");
    desk.authorize(&login, "Solo");
    desk.expect_connected(login, &machine, "Acme (acme)", "$42.00");
    let credits = machine.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");
    // What must not be said is there to be said.
    assert_eq!(machine.secrets(SESSION), 3, "access token, refresh token, signing key");

    // Of three, one is chosen in the terminal.
    let machine = desk.machine();
    let login = machine.start_pensar_on_terminal(&["login", "--no-browser"]);
    desk.authorize(&login, "Multi");
    wait_for("the choice", || login.stderr().contains("or Enter for none: ").then_some(()));
    let screen = login.stderr();
    for row in ["Acme", "$42.00", "Blue Team", "$7.50", "Client Labs", "$0.25"] {
        assert!(screen.contains(row), "{row}: {screen}");
    }
    login.type_in("2\n");
    desk.expect_connected(login, &machine, "Blue Team (blue-team)", "$7.50");

    // Without a terminal it is chosen in the browser.
    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    desk.authorize(&login, "Multi");
    desk.browser.open(&link(&login, 1));
    desk.browser.await_heading("Choose a workspace");
    desk.browser.press("Acme");
    desk.browser.await_heading("Workspace chosen");
    desk.expect_connected(login, &machine, "Acme (acme)", "$42.00");
    let asked = "GET /api/cli/workspace-selection 200";
    let requests = desk.sandbox.requests();
    let chosen = requests.iter().position(|line| line == "POST /select-workspace 200").expect("the click");
    assert_eq!(requests[chosen..].iter().filter(|line| *line == asked).count(), 1, "{requests:#?}");

    // Or before all, on the command line; and by the command's older name.
    let machine = desk.machine();
    let login = machine.start_pensar(&["auth", "login", "--no-browser", "--workspace", "client-labs"]);
    desk.authorize(&login, "Multi");
    let ended = desk.expect_connected(login, &machine, "Client Labs (client-labs)", "$0.25");
    assert!(ended.stderr.contains("warning: the workspace's balance is low: $0.25\n"), "{ended:?}");
    let status = machine.pensar(&["auth", "status"]).expect(0);
    assert!(status.stdout.starts_with("✓ Connected to Pensar Console\n"), "{status:?}");
    let _ = machine.pensar(&["auth", "logout"]).expect(0);
    Desk::expect_not_connected(&machine);
    desk.sandbox.end_with_good_grade();
}

#[test]
fn without_a_workspace_one_is_created_meanwhile() {
    let desk = Desk::new("apex-none", &[]);

    // Somebody who has an account: the terminal waits for the workspace.
    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    desk.authorize(&login, "New");
    let page = link(&login, 1);
    assert!(login.stderr().contains("You have no workspace yet. Create one on this page:"));
    desk.browser.open(&page);
    desk.browser.await_heading("Create a workspace");
    desk.browser.fill("Name of the workspace", "Night Shift");
    desk.browser.press("Create workspace");
    desk.browser.await_heading("Credits");
    desk.expect_connected(login, &machine, "Night Shift (night-shift)", "$0.00");

    // Somebody who has none: the link leads through all of it.
    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    let shown = DeviceCode::of(&login);
    desk.open_signed_out(&shown.link);
    desk.browser.follow("Create an account");
    desk.browser.await_heading("Create an account");
    desk.browser.fill("Your name", "Ada");
    desk.browser.fill("Your address", "ada@example.com");
    desk.browser.press("Create account");
    desk.browser.await_heading("Create a workspace");
    desk.browser.fill("Name of the workspace", "Ada's");
    desk.browser.press("Create workspace");
    desk.decide(&shown, "Authorize this device", "Device authorized");
    let ended = desk.expect_connected(login, &machine, "Ada's (ada-s)", "$0.00");
    assert!(ended.stderr.contains("warning: billing isn't configured for this workspace\n"), "{ended:?}");
    desk.sandbox.end_with_good_grade();
}

#[test]
fn what_is_said_about_credits_leads_to_where_that_is_mended() {
    let desk = Desk::new("apex-credits", &[]);

    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    desk.authorize(&login, "Low");
    let ended = desk.expect_connected(login, &machine, "Frugal (frugal)", "$0.40");
    for said in
        ["warning: the workspace's balance is low: $0.40\n", "$30", "auto-reload", "Settings > Billing"]
    {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }

    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    desk.authorize(&login, "Unpaid");
    let ended = desk.expect_connected(login, &machine, "Fresh Start (fresh-start)", "$0.00");
    assert!(ended.stderr.contains("warning: billing isn't configured for this workspace\n"), "{ended:?}");
    desk.follow(&ended, "Billing");
    desk.browser.press("Add $30.00 and a payment method");
    wait_for("the payment", || desk.browser.text().contains("A practice card").then_some(()));
    let credits = machine.pensar(&["credits"]).expect(0);
    assert_eq!(
        (credits.stdout.as_str(), credits.stderr.as_str()),
        ("Workspace: Fresh Start (fresh-start)\nBalance: $30.00\n", "")
    );

    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    desk.authorize(&login, "Off");
    let ended = desk.expect_connected(login, &machine, "Quiet (quiet)", "$25.00");
    let off = "warning: Apex Inference is switched off for this workspace\n";
    assert!(ended.stderr.contains(off), "{ended:?}");
    desk.follow(&ended, "Usage");
    desk.browser.press("Switch Apex Inference on");
    wait_for("the switch", || desk.browser.text().contains("Switch Apex Inference off").then_some(()));
    let login = machine.start_pensar(&["login", "--no-browser", "--force"]);
    desk.authorize(&login, "Off");
    let ended = desk.expect_connected(login, &machine, "Quiet (quiet)", "$25.00");
    assert!(!ended.stderr.contains(off), "{ended:?}");
    desk.sandbox.end_with_good_grade();
}

#[test]
fn a_code_is_typed_refused_or_too_late() {
    let desk = Desk::new("apex-codes", &[]);

    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    let shown = DeviceCode::of(&login);
    desk.open_as(&shown.page, "Solo");
    desk.browser.await_heading("Connect a terminal");
    desk.browser.fill("The code that your terminal shows", &shown.code.to_lowercase());
    desk.browser.press("Continue");
    desk.decide(&shown, "Authorize this device", "Device authorized");
    desk.expect_connected(login, &machine, "Acme (acme)", "$42.00");

    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    let shown = DeviceCode::of(&login);
    desk.browser.open(&shown.link);
    desk.decide(&shown, "Deny", "Request denied");
    let ended = desk.end(login, 5, "denied");
    assert!(ended.stderr.contains("error: this login was denied in the browser"), "{ended:?}");
    Desk::expect_not_connected(&machine);
    let Desk { sandbox, browser, .. } = desk;
    sandbox.end_with_good_grade();

    let desk = Desk::with(browser, "apex-expired", &["--device-lifetime", "3"]);
    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    let shown = DeviceCode::of(&login);
    let ended = login.end_of_pensar().expect(4);
    assert!(ended.stderr.contains("error: the code expired before anybody approved it\n"), "{ended:?}");
    assert!(desk.sandbox.outcomes().iter().all(|outcome| ["pending", "expired"].contains(&outcome.as_str())));
    desk.open_as(&shown.link, "Solo");
    wait_for("the code expires here, too", || {
        desk.browser.open(&shown.link);
        (desk.browser.heading() == "This code has expired").then_some(())
    });
    Desk::expect_not_connected(&machine);
    // The last poll leaves half a second before the end: on a slow machine it may arrive later.
    assert!(desk.sandbox.broken_rules().iter().all(|rule| rule == "poll-after-expiry"));
}

#[test]
fn an_older_deployment_gives_a_key_for_the_workspace_of_the_page() {
    let desk = Desk::new("apex-older", &["--legacy"]);
    let machine = desk.machine();
    let login = machine.start_pensar(&["login", "--no-browser"]);
    let shown = DeviceCode::of(&login);
    desk.open_as(&shown.link, "Multi");
    desk.browser.await_heading("Choose a workspace");
    desk.browser.press("Blue Team");
    desk.decide(&shown, "Authorize this device", "Device authorized");
    let ended = login.end_of_pensar().expect(0);
    assert!(
        ended.stdout.starts_with("✓ Connected to Pensar Console\n  Workspace: Blue Team (blue-team)\n"),
        "{ended:?}"
    );
    let status = machine.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.contains("  Workspace: Blue Team (blue-team)\n  Auth: API key\n"), "{status:?}");
    let credits = machine.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Blue Team (blue-team)\nBalance: $7.50\n");
    assert_eq!(machine.secrets(SESSION), 2, "key, signing key");
    desk.sandbox.end_with_good_grade();
}
