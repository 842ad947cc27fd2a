//! A session's folder on a file system that other machines may use: FUSE, whose locks hold here alone.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use doorkey_tests::home::Home;
use doorkey_tests::measured;
use doorkey_tests::pensar::SESSION;
use doorkey_tests::running::Running;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// The test writes past the mount.
const UNCACHED: &str = "attr_timeout=0,entry_timeout=0";

/// Mounts a folder of this home over itself, as a FUSE file system, for those who share its namespace.
fn mount(home: &Home, folder: &str) -> Running {
    let folder = home.folder().join(folder);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let folder = folder.to_str().unwrap();
    let args = ["--map-root-user", "--mount", "bindfs", "-f", "-o", UNCACHED, folder, folder];
    let mut mounted = Running::start(home.command("unshare", &args));
    wait_for("the file system is mounted", || {
        assert!(mounted.is_running(), "{}", mounted.stderr());
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", mounted.id())).unwrap();
        mounts.lines().any(|line| line.contains(folder) && line.contains(" - fuse")).then_some(())
    });
    mounted
}

#[test]
fn a_session_on_a_shared_file_system_is_used_while_it_lives_and_never_renewed() {
    if let Err(why) = File::options().read(true).write(true).open("/dev/fuse") {
        measured::told(format_args!("nothing about FUSE: this machine has none for us ({why})"));
        return;
    }
    let sandbox = Sandbox::start("shared", &["--device-interval", "1"]);
    let home = Home::new("shared").with_sandbox(&sandbox);
    let mounted = mount(&home, ".pensar");
    let home = home.as_known_to_the_system().with_mounts_of(&mounted);
    let _ = home.connect();
    let credits = home.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");

    home.end_access_token();
    let record = home.json_file(SESSION);
    let refused = home.pensar(&["credits"]);
    for said in ["(FUSE)", "keep that folder on a local disk"] {
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
    assert_eq!(refused.code, 6);
    assert_eq!(home.json_file(SESSION), record);
    assert_eq!(sandbox.outcomes().last().unwrap(), "issued", "nothing was renewed");
    sandbox.end_with_good_grade();
}
