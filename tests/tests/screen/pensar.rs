//! `pensar` without a command: every way through the interactive screen that its document describes.

use std::fs;
use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::account::{MULTI, NEW, SOLO};
use doorkey_tests::golden::Mask;
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::pensar::SESSION;
use doorkey_tests::sandbox::Sandbox;

use crate::walk::{QUICK, Walk};

/// What a person's browser sends.
fn send() -> impl FnMut(&HttpRequest) -> Result<HttpResponse, String> {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    move |request| transport.send(request, Duration::from_secs(30)).map_err(|e| e.detail)
}

fn code_in(link: &str) -> &str {
    link.split_once("user_code=").unwrap().1
}

#[test]
fn from_not_connected_to_a_workspace_and_back() {
    let sandbox = Sandbox::start_predictable("walk", &QUICK);
    let home = Home::new("walk").with_sandbox(&sandbox);
    let mask = Mask::of(&sandbox);
    let walk = Walk::begin(&home, &[], &[]);

    // At the prompt.
    walk.wait_for_text("○ not connected");
    walk.type_in("/");
    walk.golden("apex-home", "/quit", &mask);
    walk.keys(&["Down", "Tab"]);
    walk.wait_for_text("❯ /credits");
    walk.keys(&["C-u"]);
    walk.run("/help");
    walk.wait_for_text("/login (/auth)");
    walk.run("/nope");
    walk.wait_for_text("There is no such command");
    walk.run("hello");
    walk.wait_for_text("Commands begin with /");
    walk.run("/credits");
    walk.wait_for_text("→ /login connects");

    // A code, which is copied, and its page opened again.
    walk.run("/login");
    walk.golden("apex-begin", "[Enter] begin", &mask);
    walk.keys(&["Escape"]);
    walk.wait_for_text("/login, /help");
    let link = walk.log_in();
    assert_eq!(walk.opened(0), link);
    walk.golden("apex-code", "not authorized yet · next poll in", &mask);
    walk.keys(&["c"]);
    walk.copied(code_in(&link));
    walk.wait_for_text("The code is copied");
    walk.keys(&["l"]);
    walk.copied(&link);
    walk.keys(&["o"]);
    assert_eq!(walk.opened(1), link);
    walk.wait_for_text("Opened in the browser.");

    // Three workspaces.
    approve(&link, MULTI, "acme");
    walk.wait_for_text("Choose a workspace");
    walk.golden("apex-workspaces", "[Enter] use it", &mask);
    walk.keys(&["Down"]);
    walk.wait_for_text("❯ Blue Team");
    walk.type_in("labs");
    walk.wait_for("the others are gone", |screen| {
        screen.contains("Filter: labs") && screen.contains("❯ Client Labs") && !screen.contains("Acme (acme)")
    });
    walk.keys(&["Enter"]);

    // Its balance is low.
    walk.golden("apex-billing", "[B] open the billing page", &mask);
    walk.keys(&["b"]);
    walk.wait_for_text("Opened in the browser.");
    assert_eq!(walk.opened(2), format!("{}/client-labs/settings/billing", sandbox.console));
    walk.keys(&["Enter"]);
    walk.golden("apex-connected", "[D] disconnect", &mask);
    walk.keys(&["Enter"]);
    walk.wait_for_text("● client-labs");
    walk.run("/buy");
    walk.wait_for_text("Balance: $0.25");
    walk.keys(&["b"]);
    walk.wait_for_text("Opened in the browser.");
    assert_eq!(walk.opened(3), format!("{}/client-labs/settings/billing", sandbox.console));
    walk.keys(&["Enter"]);
    walk.wait_for_text("/login, /help");

    // Not disconnected, then disconnected.
    walk.run("/auth");
    walk.wait_for_text("[D] disconnect");
    walk.type_in("D");
    walk.golden("apex-confirm", "[Y] disconnect", &mask);
    walk.keys(&["n"]);
    walk.wait_for_text("✓ Connected to Pensar Console");
    assert_eq!(home.secrets(SESSION), 3, "access token, refresh token, signing key");
    walk.type_in("D");
    walk.wait_for_text("[Y] disconnect");
    walk.keys(&["y"]);
    walk.wait_for_text("Disconnected from Pensar Console.");
    walk.wait_for_text("○ not connected");
    assert_eq!(home.secrets(SESSION), 0);
    walk.run("/quit");
    assert_eq!(walk.end(), 0);
    sandbox.end_with_good_grade();
}

#[test]
fn a_login_is_cancelled_or_denied_and_then_done() {
    let sandbox = Sandbox::start_predictable("walk-denied", &QUICK);
    let home = Home::new("walk-denied").with_sandbox(&sandbox);
    let walk = Walk::begin(&home, &[], &[]);
    let cancelled = walk.log_in();
    walk.keys(&["Escape"]);
    walk.wait_for_text("Cancelled.");

    let denied = walk.log_in();
    assert_ne!(denied, cancelled);
    Person::new(SOLO).deny(&Url::parse(&denied).unwrap(), send()).unwrap();
    walk.wait_for_text("✗ Not connected");
    walk.golden("apex-failed", "[Enter] try again", &Mask::of(&sandbox));
    walk.keys(&["Enter"]);
    let link = walk.link();
    assert_ne!(link, denied);
    approve(&link, SOLO, "acme");
    walk.wait_for_text("Workspace: Acme (acme)");
    walk.keys(&["Enter"]);
    walk.wait_for_text("● acme");
    walk.keys(&["C-c"]);
    assert_eq!(walk.end(), 0);
    sandbox.end_with_good_grade();
}

#[test]
fn a_code_that_is_too_old_is_followed_by_another() {
    let sandbox = Sandbox::start("walk-expired", &[&QUICK[..], &["--device-lifetime", "6"]].concat());
    let home = Home::new("walk-expired").with_sandbox(&sandbox);
    let walk = Walk::begin(&home, &[], &[]);
    let old = walk.log_in();
    walk.wait_for_text("the code expired before anybody approved it");
    walk.keys(&["Enter"]);
    assert_ne!(walk.link(), old);
    walk.wait_for_text("the code expired before anybody approved it");
    walk.keys(&["Escape"]);
    walk.wait_for_text("/login, /help");
    walk.keys(&["C-d"]);
    assert_eq!(walk.end(), 0);
    // The last poll leaves half a second before the end: on a slow machine it may arrive later.
    assert!(sandbox.broken_rules().iter().all(|rule| rule == "poll-after-expiry"));
}

#[test]
fn a_workspace_is_created_and_its_billing_is_not_set_up() {
    let sandbox = Sandbox::start_predictable("walk-none", &QUICK);
    let home = Home::new("walk-none").with_sandbox(&sandbox);
    let mask = Mask::of(&sandbox);
    let walk = Walk::begin(&home, &[], &[]);
    let link = walk.log_in();
    approve(&link, NEW, "");
    walk.wait_for_text("You have no workspace yet.");
    let page = walk.opened(1);
    assert_eq!(page, format!("{}/create-workspace?redirect=%2Fcredits", sandbox.console));
    walk.golden("apex-create", "/create-workspace", &mask.clone().hiding_drawings());
    Person::new(NEW).create_workspace(&Url::parse(&page).unwrap(), "Night Shift", send()).unwrap();
    walk.golden("apex-unpaid", "billing isn't", &mask);
    walk.keys(&["Enter"]);
    walk.wait_for_text("[D] disconnect");
    walk.keys(&["Enter"]);
    walk.wait_for_text("● night-shift");
    walk.keys(&["C-d"]);
    assert_eq!(walk.end(), 0);
    sandbox.end_with_good_grade();
}

#[test]
fn what_can_be_restored_is_not_told_and_what_has_expired_is() {
    let sandbox = Sandbox::start_predictable("walk-restored", &[&QUICK[..], &["--grace", "0"]].concat());
    let home = Home::new("walk-restored").with_sandbox(&sandbox);
    let _ = home.connect();
    home.end_access_token();
    let backup = home.json_file(SESSION).to_string();
    let walk = Walk::begin(&home, &[], &[]);
    walk.wait_for_text("● acme");
    assert!(!walk.screen().contains("warning"), "{}", walk.screen());
    walk.run("/credits");
    walk.wait_for_text("Balance: $42.00");
    assert_eq!(sandbox.outcomes().last().unwrap(), "rotated", "{:?}", sandbox.outcomes());
    walk.keys(&["Enter"]);
    walk.wait_for_text("/login, /help");
    walk.keys(&["C-d"]);
    assert_eq!(walk.end(), 0);

    // A token that was spent comes back: the issuer ends the session.
    fs::write(home.folder().join(SESSION), backup).unwrap();
    let _ = home.pensar(&["credits"]).expect(3);
    let walk = Walk::begin(&home, &[], &[]);
    walk.wait_for_text("Your session with Pensar Console has expired.");
    walk.golden("apex-expired", "Run /login", &Mask::of(&sandbox));
    walk.connect(SOLO);
    walk.wait_for_text("✓ Connected to Pensar Console");
    walk.keys(&["Enter"]);
    let home_again = walk.wait_for_text("● acme");
    assert!(!home_again.contains("expired"), "{home_again}");
    walk.keys(&["C-d"]);
    assert_eq!(walk.end(), 0);
}
