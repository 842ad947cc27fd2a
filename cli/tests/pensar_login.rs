//! `pensar login` in all its ways, against the sandbox: what the person reads, and what then lies in `~/.pensar`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::{Settings, account};
use nix::sys::signal::Signal;
use sealed::Ended;
use sealed::apex::{Apex, Live, click, mode, quick};
use sealed::hostile::{Answer, Hostile};
use sealed::pty::Terminal;
use serde_json::{Value, json};

/// What is said while there is no keychain.
const FELL_BACK: &str = "warning: there is no D-Bus session here, so the token is stored as plain text in the \
    credentials file, which only you can read\n  → start a keychain service and log in again to change that\n";

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Checks the files of a connection with this workspace.
fn expect_connected(apex: &Apex, id: &str, slug: &str) {
    assert_eq!(mode(&apex.path("")), 0o700);
    let gateway = apex.running.gateway.origin().to_string();
    assert_eq!(
        apex.file("config.json"),
        json!({"workspaceId": id, "workspaceSlug": slug, "gatewayUrl": gateway, "workosSession": true,
            "credentialBackend": "secure-file", "doorkeyUnsettled": [{"backend": "keychain"}]})
    );
    let session = apex.file("auth.json");
    assert!(session["refreshToken"].as_str().unwrap().starts_with("psr_refresh_"), "{session}");
    assert!(session["signingKey"].as_str().unwrap().starts_with("psr_sign_"), "{session}");
    assert!(session["accessToken"].as_str().unwrap().split('.').count() == 3, "{session}");
    assert_eq!(session["workspace"]["slug"], slug);
    let files: BTreeSet<String> = fs::read_dir(apex.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock") && !name.ends_with(".writing"))
        .collect();
    assert_eq!(files, BTreeSet::from(["auth.json".to_owned(), "config.json".to_owned()]));
}

/// What was said, with the parts taken out that differ from run to run.
fn normalised(apex: &Apex, text: &str) -> String {
    let mut text = text.replace(&apex.running.console.origin().to_string(), "<console>");
    for after in ["user_code=", "?id=", "\n  "] {
        let mut rest = std::mem::take(&mut text);
        while let Some(at) = rest.find(after) {
            let back = rest.split_off(at + after.len());
            text.push_str(&rest);
            let end = back.find(char::is_whitespace).unwrap_or(back.len());
            let is_code = after != "\n  " || (end == 9 && back[..end].contains('-'));
            text.push_str(if is_code { "…" } else { &back[..end] });
            rest = back[end..].to_owned();
        }
        text.push_str(&rest);
    }
    // Whether it was asked before the click, too.
    let is_early =
        |line: &str| line.starts_with("waiting for ") && line.ends_with(" left: not authorized yet\n");
    text.split_inclusive('\n').filter(|line| !is_early(line)).map(in_full).collect()
}

/// A line of waiting as it is at the beginning: how long it took to come here is the machine's business.
fn in_full(line: &str) -> String {
    let time =
        line.strip_prefix("waiting for ").and_then(|rest| rest.split_once(", ")?.1.split_once(" left"));
    let Some((left, _)) = time else { return line.to_owned() };
    let (minutes, seconds) = left.split_once(':').unwrap();
    let seconds = minutes.parse::<u64>().unwrap() * 60 + seconds.parse::<u64>().unwrap();
    line.replacen(left, if seconds > 300 { "10:00" } else { "5:00" }, 1)
}

#[test]
fn one_workspace_is_taken() {
    let apex = Apex::new("pensar-one");
    let ended = apex.login(account::SOLO, &[]).expect(0);
    assert_eq!(
        ended.stdout,
        "✓ Connected to Pensar Console\n  Workspace: Acme (acme)\n  Balance: $42.00\n  Tokens: in the credentials file\n"
    );
    assert_eq!(
        normalised(&apex, &ended.stderr),
        "Open this page in a browser, and authorize if it shows the code below:\n\n  \
         <console>/device?user_code=…\n\n  …\n\n\
         On another device: open <console>/device and type the code.\n\
         waiting for the browser, 5:00 left: nothing heard yet\n"
            .to_owned()
            + FELL_BACK
    );
    expect_connected(&apex, "wks_acme", "acme");
    // A second login changes nothing.
    let before = apex.file("auth.json");
    let again = apex.pensar(&["login"]).expect(0);
    assert_eq!(
        again.stdout,
        "✓ Connected to Pensar Console\n  Workspace: Acme (acme)\n  Tokens: in the credentials file\n"
    );
    let hint = "Nothing was changed; `--force` signs in anew.\n";
    assert_eq!(again.stderr, hint);
    assert!(apex.file("auth.json") == before);
    // Unless it is asked for.
    apex.login(account::SOLO, &["--force"]).expect(0);
    assert_ne!(apex.file("auth.json")["gen"], before["gen"]);
    apex.expect_good_grade();
}

#[test]
fn a_workspace_is_named_on_the_command_line() {
    let apex = Apex::new("pensar-named");
    let unknown = apex.login(account::MULTI, &["--workspace", "nowhere"]).expect(9);
    assert!(
        unknown.stderr.ends_with(
            "error: you are in no workspace \"nowhere\", but in acme, blue-team, client-labs\n  \
             → name one of these with --workspace\n"
        ),
        "{unknown:?}"
    );
    // Signed in all the same: another try needs no browser.
    let second = apex.pensar(&["login", "--workspace", "blue-team"]).expect(0);
    assert!(second.stdout.contains("Workspace: Blue Team (blue-team)\n  Balance: $7.50\n"), "{second:?}");
    assert_eq!(second.stderr, "");
    expect_connected(&apex, "wks_blue_team", "blue-team");
    let third = apex.pensar(&["auth", "login", "--workspace", "Client Labs"]).expect(0);
    assert!(third.stdout.contains("Workspace: Client Labs (client-labs)"), "{third:?}");
    expect_connected(&apex, "wks_client_labs", "client-labs");
    apex.expect_good_grade();
}

#[test]
fn a_workspace_is_chosen_on_the_terminal() {
    let apex = Apex::new("pensar-terminal");
    let login = || {
        let terminal = Terminal::start(&apex.command(&["login", "--force", "--plain"]));
        terminal.wait_for("waiting for the browser");
        let screen = terminal.screen();
        let link =
            screen.split_whitespace().find_map(|word| word.find("http://").map(|at| &word[at..])).unwrap();
        let link = Url::parse(link.split('\u{1b}').next().unwrap()).unwrap();
        click(|send| Person::new(account::MULTI).approve(&link, send).unwrap());
        terminal.wait_for("or Enter for none: ");
        terminal
    };
    let mut terminal = login();
    let screen = terminal.screen();
    for row in ["  1  Acme (acme)                $42.00\r\n", "  3  Client Labs (client-labs)   $0.25\r\n"] {
        assert!(screen.contains(row), "{screen}");
    }
    terminal.type_in("4\n");
    terminal.wait_until(|terminal| terminal.screen().matches("or Enter for none: ").count() == 2);
    terminal.type_in("2\n");
    assert_eq!(terminal.finish(), Some(0), "{}", terminal.screen());
    terminal.wait_for("(blue-team)\r\n  Balance: $7.50");
    expect_connected(&apex, "wks_blue_team", "blue-team");
    // Nothing is a choice, too.
    let mut terminal = login();
    terminal.type_in("\n");
    assert_eq!(terminal.finish(), Some(4), "{}", terminal.screen());
    terminal.wait_for("no workspace was chosen out of acme, blue-team, client-labs");
    terminal.wait_for("run `pensar login --workspace <slug>`");
    // A signal ends the choice as it ends everything else.
    let mut terminal = login();
    terminal.signal(Signal::SIGINT);
    assert_eq!(terminal.finish(), Some(130), "{}", terminal.screen());
    apex.expect_good_grade();
}

#[test]
fn a_person_at_a_terminal_is_asked_before_connecting_anew() {
    let apex = Apex::new("pensar-again");
    apex.login(account::SOLO, &[]).expect(0);
    let before = apex.file("auth.json");
    for answer in ["\n", "n\n", "\u{4}", "maybe\nn\n"] {
        let mut terminal = Terminal::start(&apex.command(&["login", "--plain"]));
        terminal.wait_for("Already connected to Pensar Console. Sign in again? [y/N] ");
        let shown =
            "Connected to Pensar Console\r\n  Workspace: Acme (acme)\r\n  Auth: WorkOS\r\n  Tokens: in the ";
        assert!(terminal.screen().starts_with(shown), "{}", terminal.screen());
        terminal.type_in(answer);
        assert_eq!(terminal.finish(), Some(0), "{}", terminal.screen());
        terminal.wait_for("Nothing was changed");
        assert_eq!(terminal.screen().contains("Please answer y or n."), answer.starts_with("maybe"));
        assert_eq!(apex.file("auth.json"), before, "{answer:?}");
    }
    let mut terminal = Terminal::start(&apex.command(&["login", "--plain"]));
    terminal.wait_for("[y/N] ");
    terminal.type_in("y\n");
    terminal.wait_for("waiting for the browser");
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    assert_eq!(apex.file("auth.json"), before, "the old connection stays until there is a new one");
}

#[test]
fn in_a_view_a_key_answers() {
    let apex = Apex::new("pensar-again-view");
    apex.login(account::SOLO, &[]).expect(0);
    let before = apex.file("auth.json");
    for answer in ["\r", "n", "\u{1b}"] {
        let mut terminal = Terminal::start(&apex.command(&["login"]));
        terminal.wait_to_see("Already connected to Pensar Console. Sign in again?");
        assert!(terminal.glass().contains("Auth: WorkOS"), "{}", terminal.glass());
        terminal.type_in(answer);
        assert_eq!(terminal.finish(), Some(0), "{}", terminal.screen());
        terminal.wait_to_see("Connected to Pensar Console\n  Workspace: ");
        assert_eq!(apex.file("auth.json"), before, "{answer:?}");
    }
    let mut terminal = Terminal::start(&apex.command(&["login"]));
    terminal.wait_to_see("Sign in again?");
    terminal.type_in("y");
    terminal.wait_to_see(" left");
    terminal.type_in("\u{3}");
    assert_eq!(terminal.finish(), Some(130));
    assert_eq!(apex.file("auth.json"), before, "the old connection stays until there is a new one");
}

#[test]
fn without_a_terminal_the_browser_chooses() {
    let apex = Apex::new("pensar-browser");
    let live = apex.start(&["login"]);
    click(|send| Person::new(account::MULTI).approve(&live.link(0), send).unwrap());
    let page = live.link(1);
    assert_eq!(page.path(), "/select-workspace");
    click(|send| Person::new(account::MULTI).choosing("client-labs").choose_workspace(&page, send).unwrap());
    let ended = live.finish().expect(0);
    assert!(ended.stdout.contains("Workspace: Client Labs (client-labs)\n  Balance: $0.25\n"), "{ended:?}");
    assert!(
        normalised(&apex, &ended.stderr).contains(
            "You are in several workspaces. Choose one on this page, or name it with --workspace:\n\n  \
             <console>/select-workspace?id=…\n\nwaiting for your choice, 10:00 left\n"
        ),
        "{ended:?}"
    );
    expect_connected(&apex, "wks_client_labs", "client-labs");
    apex.expect_good_grade();
}

#[test]
fn a_workspace_can_be_created_meanwhile() {
    let apex = Apex::new("pensar-new");
    let live = apex.start(&["login"]);
    click(|send| Person::new(account::NEW).approve(&live.link(0), send).unwrap());
    let page = live.link(1);
    click(|send| Person::new(account::NEW).create_workspace(&page, "My Team", send).unwrap());
    let ended = live.finish().expect(0);
    assert!(ended.stdout.contains("Workspace: My Team (my-team)\n  Balance: $0.00\n"), "{ended:?}");
    assert!(
        normalised(&apex, &ended.stderr).contains(
            "You have no workspace yet. Create one on this page:\n\n  \
             <console>/create-workspace?redirect=%2Fcredits\n\nwaiting for a workspace, 5:00 left\n"
        ),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("warning: billing isn't configured for this workspace\n"), "{ended:?}");
    assert_eq!(apex.file("auth.json")["workspace"]["slug"], "my-team");
    apex.expect_good_grade();
}

#[test]
fn what_to_do_about_credits_is_said() {
    let apex = Apex::new("pensar-credits");
    for (email, balance, advice) in [
        (
            account::LOW,
            "$0.40",
            "warning: the workspace's balance is low: $0.40\n  → purchase credits ($30 are recommended) or enable \
             auto-reload at <console>/frugal/settings/billing (Settings > Billing)\n",
        ),
        (
            account::UNPAID,
            "$0.00",
            "warning: billing isn't configured for this workspace\n  → add a payment method and purchase credits at \
             <console>/fresh-start/settings/billing (Settings > Billing); Apex Inference must be enabled on \
             Settings > Usage\n",
        ),
        (
            account::OFF,
            "$25.00",
            "warning: Apex Inference is switched off for this workspace\n  → enable Apex Inference at \
             <console>/quiet/settings/usage (Settings > Usage)\n",
        ),
    ] {
        let ended = apex.login(email, &["--force"]).expect(0);
        assert!(ended.stdout.contains(&format!("  Balance: {balance}\n")), "{ended:?}");
        assert!(normalised(&apex, &ended.stderr).ends_with(&(FELL_BACK.to_owned() + advice)), "{ended:?}");
    }
    let credits = apex.pensar(&["credits"]).expect(0);
    assert_eq!(
        (credits.stdout.as_str(), credits.stderr.as_str()),
        ("Workspace: Quiet (quiet)\nBalance: $25.00\n", "")
    );
    apex.login(account::LOW, &["--force"]).expect(0);
    let credits = apex.pensar(&["credits"]).expect(0);
    assert!(credits.stderr.starts_with("warning: the workspace's balance is low: $0.40\n"), "{credits:?}");
    apex.expect_good_grade();
    // The variable counts more than the gateway that the login stored.
    let mut command = apex.command(&["credits"]);
    command.env("PENSAR_GATEWAY_URL", "http://127.0.0.1:1").stdin(Stdio::null());
    assert!(Live::start(&mut command).finish().expect(7).stderr.contains("http://127.0.0.1:1"));
    // What that one says of itself is not kept.
    let told =
        r#"{"credits":{"balance":1.5},"gatewayUrl":"http://127.0.0.1:1","signingKey":"psr_sign_other"}"#;
    let staging = Hostile::start(vec![Answer::json(200, told)]);
    let before = (apex.file("config.json"), apex.file("auth.json"));
    let mut command = apex.command(&["credits"]);
    command.env("PENSAR_GATEWAY_URL", staging.url()).stdin(Stdio::null());
    assert!(Live::start(&mut command).finish().expect(0).stdout.contains("Balance: $1.50"));
    assert_eq!((apex.file("config.json"), apex.file("auth.json")), before);
}

#[test]
fn a_refusal_and_the_end_of_a_code_are_told_apart() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let apex = Apex::new("pensar-denied");
            let live = apex.start(&["login"]);
            click(|send| Person::new(account::SOLO).deny(&live.link(0), send).unwrap());
            let ended = live.finish().expect(5);
            assert!(
                ended.stderr.ends_with(
                    "error: this login was denied in the browser, or its code is no longer valid\n  \
                     → run `pensar login` again if that was a mistake\n"
                ),
                "{ended:?}"
            );
            assert!(!apex.path("auth.json").exists());
            apex.expect_good_grade();
        });
        scope.spawn(|| {
            let apex =
                Apex::with("pensar-expired", Settings { device_lifetime: Duration::from_secs(2), ..quick() });
            let ended = apex.pensar(&["login"]).expect(4);
            assert!(
                ended.stderr.ends_with(
                    "error: the code expired before anybody approved it\n  → run `pensar login` for a new one\n"
                ),
                "{ended:?}"
            );
            apex.expect_good_grade();
        });
    });
}

#[test]
fn an_older_deployment_gives_an_api_key() {
    let apex = Apex::with("pensar-legacy", Settings { legacy: true, ..quick() });
    let live = apex.start(&["login"]);
    click(|send| Person::new(account::MULTI).choosing("blue-team").approve(&live.link(0), send).unwrap());
    let ended = live.finish().expect(0);
    assert!(
        ended.stderr.contains("Pensar Console is an older deployment here: it gives an API key.\n"),
        "{ended:?}"
    );
    assert_eq!(
        ended.stdout,
        "✓ Connected to Pensar Console\n  Workspace: Blue Team (blue-team)\n  Balance: $7.50\n  \
         Tokens: in the credentials file\n"
    );
    let config = apex.file("config.json");
    assert_eq!((&config["workosSession"], &config["workspaceSlug"]), (&false.into(), &"blue-team".into()));
    let key = apex.file("auth.json");
    assert!(
        key["token"].as_str().unwrap().starts_with("psr_key_") && key.get("refreshToken").is_none(),
        "{key}"
    );
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.contains("  Workspace: Blue Team (blue-team)\n  Auth: API key\n"), "{status:?}");
    assert_eq!(
        apex.pensar(&["credits"]).expect(0).stdout,
        "Workspace: Blue Team (blue-team)\nBalance: $7.50\n"
    );
    apex.pensar(&["auth", "logout"]).expect(0);
    assert!(apex.file("auth.json").get("token").is_none());
    apex.expect_good_grade();
}

#[test]
fn what_others_keep_in_the_settings_survives() {
    let apex = Apex::new("pensar-foreign");
    apex.put(
        "config.json",
        "{\n  \"theme\": \"dark\",\n  \"models\": [1, 2.50],\n  \"signingKey\": \"old\"\n}\n",
    );
    apex.login(account::SOLO, &[]).expect(0);
    let text = fs::read_to_string(apex.path("config.json")).unwrap();
    assert!(text.contains("\"theme\": \"dark\"") && text.contains("\"models\": [1, 2.50]"), "{text}");
    apex.pensar(&["login", "logout"]).expect(0);
    let config = apex.file("config.json");
    assert_eq!((&config["theme"], &config["workosSession"]), (&"dark".into(), &false.into()));
    assert!(!names(&config).contains("workspaceSlug"), "{config}");
}

#[test]
fn a_code_is_drawn_where_it_can_be() {
    let apex = Apex::new("pensar-drawn");
    let asked = apex.start(&["login", "--qr"]);
    asked.link(0);
    // Without a terminal there are no colors: the light modules are drawn.
    asked.signal(Signal::SIGTERM);
    let asked: Ended = asked.finish().expect(130);
    let drawn = asked.stderr.lines().take_while(|line| line.starts_with("  █")).count();
    assert!(drawn >= 16, "{asked:?}");
    let plain = apex.start(&["login"]);
    plain.link(0);
    plain.signal(Signal::SIGTERM);
    assert!(!plain.finish().stderr.contains('█'));
}

/// What a terminal of this size shows until it waits for the browser.
fn shown(apex: &Apex, columns: u16, rows: u16, args: &[&str]) -> String {
    let command = apex.command(&[&["login"], args].concat());
    let mut terminal = Terminal::sized(&command, columns, rows);
    // The keys are what a view ends with.
    let is_plain = args.contains(&"--plain");
    terminal.wait_until(|terminal| {
        let glass = terminal.glass();
        glass.contains(" left") && (is_plain || glass.contains("cancel"))
    });
    let glass = terminal.glass();
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    // Nothing of the view stays.
    terminal.wait_until(|terminal| is_plain || !terminal.glass().contains(" left"));
    glass
}

#[test]
fn drawings_fit_the_terminal_or_are_left_out() {
    let mut apex = Apex::new("pensar-sizes");
    // The code's letters fill four lines, a QR code at least seventeen.
    let drawn = |screen: &str| screen.lines().filter(|line| line.contains(['█', '▀', '▄'])).count();
    apex.sealed.set("TERM", "xterm-256color");
    assert!(drawn(&shown(&apex, 80, 50, &[])) >= 4 + 14, "no browser, and room for everything");
    assert_eq!(drawn(&shown(&apex, 80, 24, &[])), 4, "no room for the QR code");
    assert!(drawn(&shown(&apex, 80, 24, &["--qr"])) >= 14, "asked for, it takes the place of the letters");
    assert_eq!(drawn(&shown(&apex, 80, 50, &["--no-browser"])), 4, "the browser is elsewhere on purpose");
    assert_eq!(drawn(&shown(&apex, 30, 50, &[])), 2 * 4, "half the code in a row, and no QR code");
    assert_eq!(drawn(&shown(&apex, 20, 50, &[])), 0, "too narrow for either");
    let narrow = shown(&apex, 30, 50, &["--qr"]);
    assert!(narrow.contains("This terminal is too small"), "{narrow}");
    assert_eq!(drawn(&shown(&apex, 0, 0, &[])), 4, "nobody knows how large it is: as large as most");
    assert_eq!(drawn(&shown(&apex, 80, 50, &["--plain"])), 0);
    // One that cannot be started. Whether one that ends with a failure is found out depends on how soon it ends.
    apex.sealed.set("BROWSER", "/dev/null");
    let command = apex.command(&["login"]);
    let mut terminal = Terminal::sized(&command, 80, 50);
    terminal.wait_until(|terminal| drawn(&terminal.glass()) >= 4 + 14);
    terminal.wait_to_see("No browser could be opened here (/dev/null: Permission denied (os error 13))");
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    apex.sealed.unset("BROWSER");
    apex.sealed.set("NO_COLOR", "1");
    let command = apex.command(&["login"]);
    let mut terminal = Terminal::sized(&command, 80, 50);
    terminal.wait_until(|terminal| drawn(&terminal.glass()) >= 4 + 14);
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    assert!(!has_colors(&terminal.screen()), "{}", terminal.screen());
    apex.sealed.unset("NO_COLOR").set("LC_ALL", "C");
    let ascii = shown(&apex, 80, 50, &[]);
    let letters = ascii.lines().filter(|line| line.contains('#')).count();
    assert!(drawn(&ascii) == 0 && ascii.is_ascii() && letters == 7, "{ascii:?}");
    apex.sealed.unset("LC_ALL").set("TERM", "dumb");
    let command = apex.command(&["login"]);
    let mut terminal = Terminal::sized(&command, 80, 50);
    terminal.wait_for("waiting for the browser");
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    let dumb = terminal.screen();
    assert!(drawn(&dumb) == 0 && !dumb.contains('\u{1b}'), "{dumb:?}");
}

#[test]
fn lines_are_ascii_where_there_is_no_more() {
    let mut apex = Apex::new("pensar-ascii");
    apex.sealed.set("LC_ALL", "C");
    let signed_out = apex.pensar(&["login", "status"]).expect(3);
    assert!(signed_out.stdout.starts_with("x ") && signed_out.stdout.contains("\n  -> "), "{signed_out:?}");
    let login = apex.login(account::SOLO, &["--plain", "--qr"]).expect(0);
    assert!(login.stdout.starts_with("* Connected to "), "{login:?}");
    assert!(login.stderr.contains("warning: a QR code needs a locale with UTF-8\n"), "{login:?}");
    assert!(login.stdout.is_ascii() && login.stderr.is_ascii(), "{login:?}");
}

/// Colors of letters or of what is behind them.
fn has_colors(screen: &str) -> bool {
    let codes = screen.split("\u{1b}[").filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes);
    let is_color = |code: &str| matches!(code.parse::<u32>(), Ok(30..=49 | 90..=107));
    codes.flat_map(|codes| codes.split(';')).any(is_color)
}
