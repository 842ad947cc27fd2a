//! A home that was copied to another machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use doorkey_tests::home::Home;
use doorkey_tests::pensar::{SESSION, SETTINGS};
use doorkey_tests::sandbox::Sandbox;

const ID: &str = "/etc/machine-id";

/// A home on the machine with this digit in its id.
fn machine(name: &str, digit: &str, sandbox: &Sandbox) -> Home {
    let home = Home::new(name).with_sandbox(sandbox).as_known_to_the_system();
    home.with_system_file(ID, &(digit.repeat(32) + "\n"))
}

/// Copies a session, as somebody would who sets up a second machine.
fn copy(from: &Home, to: &Home) {
    fs::create_dir(to.folder().join(".pensar")).unwrap();
    fs::set_permissions(to.folder().join(".pensar"), fs::Permissions::from_mode(0o700)).unwrap();
    for file in [SESSION, SETTINGS] {
        fs::copy(from.folder().join(file), to.folder().join(file)).unwrap();
    }
}

#[test]
fn a_copied_session_is_used_while_it_lives_and_never_renewed() {
    let sandbox = Sandbox::start("copied", &["--device-interval", "1"]);
    let (old, new) = (machine("copied-old", "a", &sandbox), machine("copied-new", "b", &sandbox));
    let _ = old.connect();
    copy(&old, &new);
    let credits = new.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");

    for home in [&old, &new] {
        home.end_access_token();
    }
    let record = new.json_file(SESSION);
    let refused = new.pensar(&["credits"]).expect(3);
    for said in ["error: this session was made on another machine", "run `pensar login` on this machine"] {
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
    assert_eq!(new.json_file(SESSION), record);
    assert_eq!(sandbox.outcomes().last().unwrap(), "issued", "nothing was renewed");

    // Where it was made it goes on as ever; and a login makes the copy a session of its own.
    let _ = old.pensar(&["credits"]).expect(0);
    assert_eq!(sandbox.outcomes().last().unwrap(), "rotated");
    let _ = new.connect();
    new.end_access_token();
    let _ = new.pensar(&["credits"]).expect(0);
    assert_eq!(sandbox.outcomes().last().unwrap(), "rotated");
    old.end_access_token();
    let _ = old.pensar(&["credits"]).expect(0);
    sandbox.end_with_good_grade();
}
