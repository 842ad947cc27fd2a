//! Keychains that answer, and those that do not: silent ones, none, and gnome-keyring in its states.

use crate::desktop::{Desktop, PROMPTER, Services};
use crate::sealed::bus::SilentBus;
use crate::setup::{Seen, Setup, TOKEN};

fn seen_on(desktop: &Desktop, setup: &mut Setup) -> Seen {
    for (variable, value) in desktop.environment() {
        if ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].contains(&variable) {
            setup.sealed.set(variable, value);
        }
    }
    let seen = setup.doctor(&["--offline"]);
    assert!(!desktop.owns(PROMPTER), "nobody was asked");
    seen
}

#[test]
fn none_is_a_warning_where_a_file_will_do_and_a_problem_where_the_login_is_in_it() {
    let setup = Setup::pentify("absent");
    setup.doctor(&["--offline"]).expect(0, &["(keychain_absent)"]);
    setup.put("state.json", r#"{"v":1,"backend":"keychain"}"#);
    setup.doctor(&["--offline"]).expect(6, &["keychain_absent"]);
    let setup = Setup::new("only");
    setup.configure("store = \"keychain\"\n");
    std::fs::remove_file(setup.config().join("credentials")).unwrap();
    setup.doctor(&["--offline"]).expect(6, &["keychain_absent"]);
}

#[test]
fn a_silent_one() {
    let mut setup = Setup::pentify("silent");
    let bus = SilentBus::start(&mut setup.sealed);
    setup.doctor(&["--offline"]).expect(0, &["(keychain_timed_out)"]);
    assert_eq!(bus.connections(), 2, "one for each of two runs");
}

#[test]
fn a_real_one_in_all_its_states() {
    let mut setup = Setup::pentify("real");
    let desktop = Desktop::start("doctor-real", Services::None).with_unlocked_keyring();
    let all = || {
        String::from_utf8(
            desktop.run("secret-tool", &["search", "--all", "service", "pentify-terminal"], "").stdout,
        )
        .unwrap()
    };
    seen_on(&desktop, &mut setup).expect(0, &[]);
    assert_eq!(all(), "", "no entry was left behind");

    let entry = ["store", "--label=x", "service", "pentify-terminal", "username", "api-token"];
    desktop.run("secret-tool", &entry, "pt_live_ofanotherprogram000");
    seen_on(&desktop, &mut setup).expect(0, &["(foreign_entry)"]);
    setup.put("state.json", r#"{"v":1,"backend":"file","active":"acme"}"#);
    seen_on(&desktop, &mut setup).expect(0, &["(stale_entry)"]);
    desktop.run("secret-tool", &entry, "two words");
    seen_on(&desktop, &mut setup).expect(6, &["unreadable_entry"]);
    let names = ["clear", "service", "pentify-terminal", "username", "api-token"];
    desktop.run("secret-tool", &names, "");

    desktop.make_volatile();
    seen_on(&desktop, &mut setup).expect(0, &["(keychain_volatile)"]);
}

#[test]
fn a_locked_one() {
    let mut setup = Setup::pentify("locked");
    let desktop = Desktop::start("doctor-locked", Services::Installed).with_unlocked_keyring();
    desktop.lock();
    seen_on(&desktop, &mut setup).expect(0, &["(keychain_locked)"]);
    setup.put("state.json", r#"{"v":1,"backend":"keychain","active":"acme"}"#);
    seen_on(&desktop, &mut setup).expect(6, &["keychain_locked"]);
}

/// As `pentify login` leaves it: for one workspace while there was no keychain, then for another with one.
#[test]
fn the_token_of_another_workspace_is_not_stale() {
    let mut setup = Setup::pentify("workspaces");
    let credentials = std::fs::read_to_string(setup.config().join("credentials")).unwrap();
    let without_active = credentials.replace(r#","active":"acme""#, "");
    assert_ne!(without_active, credentials);
    setup.put("credentials", &without_active);
    setup.put("state.json", r#"{"v":1,"backend":"keychain","active":"other"}"#);
    let desktop = Desktop::start("doctor-workspaces", Services::None).with_unlocked_keyring();
    let entry = ["store", "--label=x", "service", "pentify-terminal", "username", "api-token"];
    desktop.run("secret-tool", &entry, "pt_live_ofanotherprogram000");
    seen_on(&desktop, &mut setup).expect(0, &["(foreign_entry)"]);
    let token = setup.run("pentify", &["--workspace", "acme", "token"]).expect(0);
    assert_eq!(token.stdout.trim_end(), TOKEN);
}
