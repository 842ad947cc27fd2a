//! From the link to the token.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use doorkey_tests::audit::check_page;
use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::measured;
use doorkey_tests::running::{Ended, Running};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// Presses the button and waits for the login to notice by itself: with its very next poll.
fn authorize(browser: &Browser, sandbox: &Sandbox, mut login: Running) -> Ended {
    assert!(login.is_running(), "nobody has authorized it yet: {}", login.stderr());
    let clicked = Instant::now();
    browser.press("Authorize this device");
    let ended = login.end();
    measured::took("from the click in the browser to the end of `pentify login`", clicked.elapsed());
    browser.await_heading("Device authorized");

    let requests = sandbox.requests();
    let click = requests.iter().position(|line| line == "POST /auth/terminal-pair 200").expect("the click");
    let polls = requests[click..].iter().filter(|line| line.contains("/auth/terminal/poll"));
    assert_eq!(polls.collect::<Vec<_>>(), ["GET /auth/terminal/poll 200"], "{requests:#?}");
    ended.expect(0)
}

#[test]
fn of_three_workspaces_one_is_picked_and_the_waiting_login_ends_by_itself() {
    let sandbox = Sandbox::start("pick", &[]);
    let home = Home::new("pick").with_sandbox(&sandbox);
    let browser = Browser::start("pick");
    let login = home.start(&["login", "--no-browser"]);
    let invitation = login.invitation();

    browser.open(&invitation.link);
    browser.await_heading("Sign in");
    assert_eq!(browser.title(), "Sign in · Pentify sandbox");
    check_page(&browser, "sign-in");
    browser.press("Continue as Multi");
    browser.await_heading("Choose a workspace");
    check_page(&browser, "choose");
    browser.press("Blue Team");
    browser.await_heading("Authorize this device?");
    let text = browser.text();
    for shown in [
        "multi@pentify.sandbox",
        "Blue Team",
        &invitation.check_code,
        "scans:read",
        "usage:read",
        "Only if you started this just now",
    ] {
        assert!(text.contains(shown), "{shown} is missing: {text}");
    }
    check_page(&browser, "authorize");

    let ended = authorize(&browser, &sandbox, login);
    assert!(ended.stdout.contains("as multi@pentify.sandbox, workspace Blue Team (blue-team)"), "{ended:?}");
    check_page(&browser, "authorized");

    let scans = home.pentify(&["scans", "list"]).expect(0);
    assert!(scans.stdout.contains("TARGET") && scans.stdout.lines().count() > 1, "{scans:?}");
    let (_, profile) = home.pentify_json(&["profile"]);
    assert_eq!(profile["workspace"]["slug"], "blue-team");
}

#[test]
fn the_browser_is_handed_the_link_and_one_workspace_is_not_asked_about() {
    let sandbox = Sandbox::start("hand", &[]);
    let home = Home::new("hand").with_sandbox(&sandbox);
    // Stands for the person's browser: what it is given, the real one opens.
    let (launcher, handed) = (home.folder().join("launcher"), home.folder().join("handed"));
    let script = format!("#!/bin/sh\nprintf %s \"$*\" > {0}.new && mv {0}.new {0}\n", handed.display());
    fs::write(&launcher, script).unwrap();
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
    let home = home.with("BROWSER", launcher.display().to_string());

    let login = home.start_on_terminal(&["login"]);
    let link = wait_for("the launcher is handed the link", || fs::read_to_string(&handed).ok());
    assert_eq!(link, login.invitation().link, "the same is printed");

    let browser = Browser::start("hand");
    browser.open(&link);
    browser.press("Continue as Solo");
    browser.await_heading("Authorize this device?");
    assert!(browser.text().contains(&login.invitation().check_code));
    let ended = authorize(&browser, &sandbox, login);
    assert!(ended.stderr.contains("waiting for the browser, "), "what is waited for: {ended:?}");
    assert!(ended.stdout.contains("as solo@pentify.sandbox, workspace Acme (acme)"), "{ended:?}");
    let _ = home.pentify(&["scans", "list"]).expect(0);
}

#[test]
fn a_denied_login_ends_with_5_and_stores_nothing() {
    let sandbox = Sandbox::start("deny", &[]);
    let home = Home::new("deny").with_sandbox(&sandbox);
    let login = home.start(&["login", "--no-browser"]);
    let browser = Browser::start("deny");
    browser.open(&login.invitation().link);
    browser.press("Continue as Solo");
    browser.press("Deny");
    browser.await_heading("Request denied");
    check_page(&browser, "denied");
    let ended = login.end().expect(5);
    assert!(ended.stderr.contains("error: this device was refused in the browser"), "{ended:?}");
    assert!(!sandbox.requests().contains(&"GET /auth/terminal/poll 200".to_owned()));
    let _ = home.pentify(&["status"]).expect(3);
}

#[test]
fn a_named_workspace_is_picked_already() {
    let sandbox = Sandbox::start("named", &[]);
    let home = Home::new("named").with_sandbox(&sandbox);
    let login = home.start(&["login", "--no-browser", "--workspace", "client-labs"]);
    let browser = Browser::start("named");
    browser.open(&login.invitation().link);
    browser.press("Continue as Multi");
    browser.await_heading("Authorize this device?");
    assert!(browser.text().contains("Client Labs"), "{}", browser.text());
    let ended = authorize(&browser, &sandbox, login);
    assert!(ended.stdout.contains("workspace Client Labs (client-labs)"), "{ended:?}");
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "client-labs");
}

#[test]
fn a_named_workspace_of_others_leads_to_the_choice() {
    let sandbox = Sandbox::start("others", &[]);
    let home = Home::new("others").with_sandbox(&sandbox);
    let login = home.start(&["login", "--no-browser", "--workspace", "elsewhere"]);
    let browser = Browser::start("others");
    browser.open(&login.invitation().link);
    browser.press("Continue as Multi");
    browser.await_heading("Choose a workspace");
    assert!(browser.text().contains("You are not a member of the workspace elsewhere"), "{}", browser.text());
    check_page(&browser, "choose-other");
    browser.press("Acme");
    let ended = authorize(&browser, &sandbox, login);
    assert!(ended.stderr.contains("you asked for workspace \"elsewhere\""), "{ended:?}");
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "acme");
}
