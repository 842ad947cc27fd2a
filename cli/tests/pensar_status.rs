//! `pensar login status`, `login logout` and `credits`, and the states in which a connection can be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;

use doorkey_core::secret::Fingerprint;
use doorkey_sandbox::pensar::{Settings, account};
use nix::sys::signal::Signal;
use sealed::apex::{Apex, gated, quick};
use sealed::bus::SilentBus;
use sealed::hostile::{Answer, Hostile};
use sealed::snapshot::snapshot;

/// What `status` says about a machine without a keychain.
const NO_KEYCHAIN: &str = "  keychain: not usable (absent): there is no D-Bus session here\n";

fn api(apex: &Apex) -> String {
    format!("  API: {}\n", apex.running.pensar_api.origin())
}

#[test]
fn a_machine_that_is_not_connected_says_so_and_keeps_clean() {
    let apex = Apex::new("pensar-none");
    let before = snapshot(&apex.sealed.home);
    for args in [["login", "status"], ["auth", "status"]] {
        let status = apex.pensar(&args).expect(3);
        assert_eq!(
            status.stdout,
            format!("✗ not signed in\n{}{NO_KEYCHAIN}  → run `pensar login`\n", api(&apex))
        );
        assert_eq!(status.stderr, "");
    }
    let credits = apex.pensar(&["credits"]).expect(3);
    assert_eq!(credits.stderr, "error: not signed in\n  → run `pensar login`\n");
    assert_eq!(apex.pensar(&["login", "logout"]).expect(0).stdout, "Not connected; nothing to clear\n");
    let mut after = snapshot(&apex.sealed.home);
    // The note that a logout leaves for a slow writer of another process.
    after.remove(&apex.path("config.json"));
    assert_eq!(after, before);
}

#[test]
fn a_connection_is_shown_and_cleared() {
    let apex = Apex::new("pensar-shown");
    apex.login(account::SOLO, &[]).expect(0);
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert_eq!(
        status.stdout,
        format!(
            "✓ Connected to Pensar Console\n  Workspace: Acme (acme)\n  Auth: WorkOS\n  \
             Tokens: in the credentials file\n{}{NO_KEYCHAIN}",
            api(&apex)
        )
    );
    assert_eq!(apex.pensar(&["credits"]).expect(0).stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");
    let logout = apex.pensar(&["auth", "logout"]).expect(0);
    assert_eq!(
        logout.stdout,
        "✓ Disconnected from Pensar Console (acme)\n  removed from the credentials file\n"
    );
    let left = fs::read_to_string(apex.path("auth.json")).unwrap();
    assert!(!left.contains("psr_") && !left.contains("eyJ"), "{left}");
    apex.pensar(&["login", "status"]).expect(3);
    apex.expect_good_grade();
}

/// What differs from one run to the next: fingerprints and times.
fn normalised(text: &str) -> String {
    let is_hex = |word: &&str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let line = |line: &str| {
        let words = line.split(' ').map(|word| {
            let (word, rest) = word.find([',', '.']).map_or((word, ""), |at| word.split_at(at));
            let word = if is_hex(&word) { "<hex>" } else { word };
            format!("{word}{rest}")
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn an_explanation_names_every_place_and_no_token() {
    let apex = Apex::new("pensar-explained");
    let none = apex.pensar(&["login", "status", "--explain"]).expect(3);
    assert_eq!(
        none.stdout,
        format!(
            "✗ not signed in\n{}  Looked at, in this order:\n  \
             1. keychain: not usable (absent): there is no D-Bus session here\n  2. credentials file: empty\n  3. emergency file: empty\n  \
             4. older plain text in the settings: empty\n  → run `pensar login`\n",
            api(&apex)
        )
    );
    apex.login(account::SOLO, &[]).expect(0);
    // Nothing is asked, nothing is changed, and an older value that a newer login hides is named.
    let mut config = apex.file("config.json");
    config["refreshToken"] = "psr_refresh_older".into();
    apex.put("config.json", &config.to_string());
    let before = snapshot(&apex.sealed.home);
    let asked = apex.running.grade().unwrap();
    let explained = apex.pensar(&["auth", "status", "--explain"]).expect(0);
    assert_eq!(apex.running.grade().unwrap(), asked);
    assert_eq!(snapshot(&apex.sealed.home), before);
    let (_, looked) = explained.stdout.split_once("  Looked at").unwrap();
    let lifetime = quick().access_lifetime.as_secs();
    let left = |line: &str| {
        let (_, rest) = line.split_once("left: ").unwrap();
        let (mono, rest) = rest.split_once(" by the time since receipt, ").unwrap();
        for left in [mono, rest.split_once(" by the wall clock").unwrap().0] {
            let (number, unit) = left.split_once(' ').unwrap();
            let unit = match unit {
                "s" => 1,
                "min" => 60,
                other => panic!("{other}: {line}"),
            };
            assert!(number.parse::<u64>().unwrap() * unit <= lifetime, "{line}");
        }
    };
    let times = looked.lines().find(|line| line.contains("left: ")).unwrap();
    left(times);
    let looked = normalised(looked).replace(times.split_once("left: ").unwrap().1, "<times>");
    assert_eq!(
        looked,
        ", in this order:\n  1. credentials file: used\n       generation <hex>.2\n       \
         stored token <hex>, renewable\n       access token <hex>, left: <times>\n  \
         2. keychain: not usable (absent): there is no D-Bus session here\n  3. emergency file: empty\n  \
         4. older plain text in the settings: not used, hidden by what is\n       another program stored it\n       \
         stored token <hex>, renewable\n"
    );
    let json = apex.pensar(&["login", "status", "--explain", "--json"]).expect(0);
    for text in [&explained.stdout, &json.stdout] {
        let session = apex.file("auth.json");
        for secret in ["psr_refresh_older", session["refreshToken"].as_str().unwrap(), "eyJ"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let json = json.json();
    let states = json["sources"].as_array().unwrap().iter();
    let states: Vec<_> =
        states.map(|source| (source["place"].as_str().unwrap(), source["state"].as_str().unwrap())).collect();
    assert_eq!(
        states,
        [("file", "used"), ("keychain", "absent"), ("emergency_file", "empty"), ("settings", "hidden")]
    );
    assert_eq!(json["sources"][0]["generation"], apex.file("auth.json")["gen"]);
    assert_eq!(json["sources"][0]["journal"], "settled");
}

#[test]
fn a_store_that_cannot_be_read_is_explained() {
    let apex = Apex::new("pensar-unreadable");
    apex.login(account::SOLO, &[]).expect(0);
    apex.put("auth.json", "nonsense with spaces");
    apex.pensar(&["login", "status"]).expect(6);
    let explained = apex.pensar(&["login", "status", "--explain"]).expect(6);
    assert!(explained.stdout.contains("\n  1. credentials file: not usable (unreadable): "), "{explained:?}");
    assert!(explained.stdout.contains("\n  3. emergency file: empty\n"), "{explained:?}");
}

#[test]
fn a_restored_backup_ends_the_session_with_one_notice() {
    let strict = Settings { grace: std::time::Duration::ZERO, ..quick() };
    let apex = Apex::with("pensar-backup", strict);
    apex.login(account::SOLO, &[]).expect(0);
    apex.make_due();
    let backup = fs::read_to_string(apex.path("auth.json")).unwrap();
    apex.pensar(&["credits"]).expect(0);
    apex.put("auth.json", &backup);
    let refused = apex.pensar(&["credits"]).expect(3);
    assert_eq!(refused.stderr, "error: the session has expired\n  → run `pensar login`\n");
    // From then on nothing is asked any more.
    let status = apex.pensar(&["login", "status"]).expect(3);
    assert_eq!(
        status.stdout,
        format!(
            "✗ The session with Pensar Console has expired\n  Workspace: Acme (acme)\n  Auth: WorkOS\n  \
             Tokens: in the credentials file\n{}{NO_KEYCHAIN}  → run `pensar login`\n",
            api(&apex)
        )
    );
    let asked = apex.running.grade().unwrap().token_requests.values().sum::<u64>();
    apex.pensar(&["credits"]).expect(3);
    assert_eq!(apex.running.grade().unwrap().token_requests.values().sum::<u64>(), asked);
    apex.login(account::SOLO, &[]).expect(0);
    apex.pensar(&["login", "status"]).expect(0);
}

#[test]
fn a_killed_renewal_is_shown_and_taken_up() {
    // However slow this machine is, the grace period is not over.
    let pensar = Settings { grace: std::time::Duration::from_secs(600), ..quick() };
    let (options, answers) = gated(doorkey_sandbox::Options { pensar, ..Default::default() });
    let apex = Apex::serving("pensar-killed", options);
    apex.login(account::SOLO, &[]).expect(0);
    apex.make_due();
    let held_back = answers.lock().unwrap();
    let live = apex.start(&["credits"]);
    live.wait_until("the token on its way", || {
        fs::read_to_string(apex.path("auth.json")).unwrap().contains("\"spending\"")
    });
    live.signal(Signal::SIGKILL);
    drop(live);
    drop(held_back);
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(
        status.stdout.contains(
            "  A renewal of the session was interrupted; the next command finds out what came of it\n"
        ),
        "{status:?}"
    );
    assert_eq!(apex.pensar(&["login", "status", "--json"]).expect(0).json()["state"], "recovering");
    let explained = apex.pensar(&["login", "status", "--explain"]).expect(0).stdout;
    assert!(explained.contains(", sent 1 times without a known outcome\n"), "{explained}");
    // Within the grace period the answer is given once more.
    apex.pensar(&["credits"]).expect(0);
    assert_eq!(apex.pensar(&["login", "status", "--json"]).expect(0).json()["state"], "connected");
}

#[test]
fn what_the_emergency_file_has_is_named_and_brought_back() {
    let apex = Apex::new("pensar-emergency");
    apex.login(account::SOLO, &[]).expect(0);
    let mut newer = apex.file("auth.json");
    let generation = newer["gen"].as_str().unwrap().rsplit_once('.').unwrap();
    let counter: u64 = generation.1.parse().unwrap();
    newer["gen"] = format!("{}.{}", generation.0, counter + 2).into();
    let line = newer.to_string();
    apex.put("auth.emergency", &format!("{line}\n{}\n", Fingerprint::of(line.as_bytes()).as_str()));
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(
        status
            .stdout
            .contains("  The newest tokens are still in the emergency file; the next renewal moves them\n"),
        "{status:?}"
    );
    assert_eq!(apex.pensar(&["login", "status", "--json"]).expect(0).json()["in_emergency_file"], true);
    let explained = apex.pensar(&["login", "status", "--explain"]).expect(0).stdout;
    assert!(explained.contains("  1. credentials file: not used, hidden by what is\n"), "{explained}");
    assert!(explained.contains("  3. emergency file: used\n"), "{explained}");
    let credits = apex.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stderr, "The session from the emergency file is back where it belongs.\n");
    assert_eq!(apex.file("auth.json")["gen"], newer["gen"]);
    assert!(!apex.path("auth.emergency").exists());
}

#[test]
fn a_logout_clears_every_place() {
    let apex = Apex::new("pensar-places");
    apex.login(account::SOLO, &[]).expect(0);
    let mut config = apex.file("config.json");
    config["refreshToken"] = "psr_refresh_older".into();
    config["pensarAPIKey"] = "psr_key_older".into();
    apex.put("config.json", &config.to_string());
    let mut newer = apex.file("auth.json");
    newer["gen"] = newer["gen"].as_str().unwrap().replace('.', ".9").into();
    let line = newer.to_string();
    apex.put("auth.emergency", &format!("{line}\n{}\n", Fingerprint::of(line.as_bytes()).as_str()));
    let logout = apex.pensar(&["login", "logout"]).expect(0);
    assert_eq!(
        logout.stdout,
        "✓ Disconnected from Pensar Console (acme)\n  removed from the settings file\n  \
         removed from the credentials file\n  removed from the emergency file\n"
    );
    for entry in fs::read_dir(apex.path("")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("psr_") && !text.contains("eyJ"), "{}: {text}", path.display());
    }
}

#[test]
fn a_keychain_that_does_not_answer_is_not_taken_for_cleared() {
    let mut apex = Apex::new("pensar-silent");
    apex.login(account::SOLO, &[]).expect(0);
    let _bus = SilentBus::start(&mut apex.sealed);
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.contains("  keychain: not usable (timed_out): "), "{status:?}");
    let logout = apex.pensar(&["login", "logout"]).expect(6);
    assert!(logout.stdout.starts_with("✗ Disconnected from Pensar Console (acme)\n"), "{logout:?}");
    assert!(logout.stdout.ends_with("  removed from the credentials file\n"), "{logout:?}");
    let (warning, next) = logout.stderr.split_once('\n').unwrap();
    assert!(warning.starts_with("warning: the keychain could not be cleared: "), "{logout:?}");
    assert!(next.ends_with(", then run `pensar login logout` again\n"), "{logout:?}");
    let json = apex.pensar(&["login", "logout", "--json"]).expect(6).json();
    assert_eq!((&json["places"][0]["place"], &json["places"][0]["state"]), (&"file".into(), &"empty".into()));
    assert_eq!(
        (&json["places"][1]["place"], &json["places"][1]["state"]),
        (&"keychain".into(), &"timed_out".into())
    );
}

#[test]
fn a_copied_home_uses_its_token_and_renews_nothing() {
    let apex = Apex::new("pensar-copied");
    apex.login(account::SOLO, &[]).expect(0);
    let mut session = apex.file("auth.json");
    session["machine"] = "0123456789abcdef".into();
    apex.put("auth.json", &session.to_string());
    apex.pensar(&["credits"]).expect(0);
    let status = apex.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.ends_with("  → run `pensar login` on this machine\n"), "{status:?}");
    let status = apex.pensar(&["login", "status", "--json"]).expect(0).json();
    assert_eq!((&status["state"], &status["reason"]["code"]), (&"ending".into(), &"copied_home".into()));
    apex.make_due();
    let credits = apex.pensar(&["credits"]).expect(3);
    assert_eq!(
        credits.stderr,
        "error: this session was made on another machine; renewing it here would end it there\n  \
         → run `pensar login` on this machine\n"
    );
    apex.expect_good_grade();
}

#[test]
fn a_session_goes_to_no_other_host() {
    let mut apex = Apex::new("pensar-elsewhere");
    apex.login(account::SOLO, &[]).expect(0);
    let own = apex.running.pensar_api.origin().to_string();
    let other = Hostile::start(vec![Answer::json(200, "{}")]);
    apex.sealed.set("PENSAR_API_URL", other.url());
    let workos = apex.running.workos.origin().to_string();
    let said = format!("the stored token belongs to {own} via {workos}; it was not sent to {}", other.url());
    let status = apex.pensar(&["login", "status"]).expect(3);
    assert!(status.stdout.starts_with(&format!("✗ {said}\n")), "{status:?}");
    let credits = apex.pensar(&["credits"]).expect(3);
    assert!(credits.stderr.starts_with(&format!("error: {said}\n")), "{credits:?}");
    // The same for another issuer of the same API.
    apex.sealed.set("PENSAR_API_URL", own).set("WORKOS_API_URL", other.url());
    apex.make_due();
    apex.pensar(&["credits"]).expect(3);
    assert_eq!(other.connections(), 0);
}

#[test]
fn hosts_that_do_not_belong_together_are_refused() {
    let refused = |variable: &str, value: &str, message: &str| {
        let mut apex = Apex::new("pensar-hosts");
        let own = apex.running.pensar_api.origin().to_string();
        apex.sealed.set(variable, value);
        for args in [&["login"][..], &["login", "status"], &["login", "logout"], &["credits"]] {
            let ended = apex.pensar(args).expect(2);
            assert!(ended.stderr.replace(&own, "<api>").contains(message), "{ended:?}");
        }
    };
    for variable in ["PENSAR_GATEWAY_URL", "PENSAR_CONSOLE_URL", "WORKOS_API_URL"] {
        refused(
            variable,
            "https://pensar.dev",
            &format!(
                "error: https://pensar.dev is not on the site of the API, <api>\n  \
                 → set PENSAR_API_URL and {variable} to hosts that belong together\n"
            ),
        );
        refused(variable, "http://pensar.dev", &format!("error: {variable} is not usable: plain http"));
    }
    refused(
        "PENSAR_API_URL",
        "https://api.pensar.example",
        "is not on the site of the API, https://api.pensar.example",
    );
    refused("WORKOS_API_URL", "nonsense", "error: WORKOS_API_URL is not usable: its scheme is not https");
}
