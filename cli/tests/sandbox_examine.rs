//! `doorkey sandbox --grade -- COMMAND` and `--examine`: clients that are run to be graded.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sealed::{Ended, PATIENCE, Sealed, finish};
use serde_json::{Value, json};

const DOORKEY: &str = env!("CARGO_BIN_EXE_doorkey");
/// Asks Pentify's API with a key in the URL.
const CARELESS: &str = r#"exec 3<>"/dev/tcp/127.0.0.1/${PENTIFY_API_URL##*:}"
printf 'GET /v1/usage?api_key=pt_live_abcdefgh HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n' "${PENTIFY_API_URL#*//}" >&3
cat <&3"#;

fn sandbox(sealed: &Sealed, args: &[&str]) -> Ended {
    let output =
        sealed.command(DOORKEY, &[&["sandbox"], args].concat()).stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn rule<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == id).unwrap()
}

/// Whether anything is left of the homes of clients that this process examined.
fn has_homes(temp: &Path) -> bool {
    fs::read_dir(temp).unwrap().count() > 0
}

#[test]
fn a_sandbox_ends_as_its_client_did() {
    let sealed = Sealed::new("client-code");
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 1", 1), ("kill -9 $$", 1)] {
        sandbox(&sealed, &["--", "sh", "-c", script]).expect(code);
        sandbox(&sealed, &["--grade", "--", "sh", "-c", script]).expect(code);
    }
    let killed = sandbox(&sealed, &["--json", "--", "sh", "-c", "kill -9 $$"]).expect(1);
    assert_eq!(killed.json()["error"]["code"], "client_killed");
    let careless = format!("({CARELESS})\nexit 7");
    sandbox(&sealed, &["--grade", "--", "bash", "-c", &careless]).expect(1);
    // A graceful end by --limit is no failure, whatever the client makes of it.
    sandbox(&sealed, &["--limit", "1", "--", "sh", "-c", "trap 'kill $!; exit 7' TERM; sleep 300 & wait"])
        .expect(0);
}

#[test]
fn a_sandbox_ends_with_its_client_and_grades_it() {
    let sealed = Sealed::new("grade-client");
    let ended = sandbox(&sealed, &["--grade", "--", "bash", "-c", CARELESS]).expect(1);
    assert!(ended.stderr.contains("HTTP/1.1 401"), "what the client says is not data: {ended:?}");
    assert!(!ended.stderr.contains("export "), "nobody else needs the variables: {ended:?}");
    assert!(ended.stderr.contains("✗ token-in-url: broken once"), "{ended:?}");
    assert!(ended.stderr.contains("RFC 6750 §2.3 and §5.3 (should)"), "{ended:?}");
    assert!(ended.stderr.contains("/v1/usage: a key or token was in the URL"), "{ended:?}");
    assert!(ended.stderr.contains("do:   send access tokens in `Authorization`"), "{ended:?}");
    assert!(
        ended.stderr.contains("– slow-down-ignored     not exercised: it takes a poll after"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("1 passed, 1 failed, 13 not exercised; 1 request was looked at"),
        "{ended:?}"
    );
    let report: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(rule(&report, "token-in-url")["verdict"], "failed");
    assert_eq!(rule(&report, "slow-down-ignored")["verdict"], "not_exercised");
}

#[test]
fn a_sandbox_ends_when_its_time_is_over() {
    let sealed = Sealed::new("grade-limit");
    sandbox(&sealed, &["--grade", "--limit", "1"]).expect(0);
    let client =
        ["--grade", "--limit", "1", "--", "bash", "-c", "mkfifo f; exec 3<>f; read -t 90 -u 3; touch ended"];
    sandbox(&sealed, &client).expect(0);
    assert!(!sealed.home.join("ended").exists(), "the client came to its own end");
    assert_eq!(sandbox(&sealed, &["--", "/nowhere/at-all"]).expect(2).stdout.lines().count(), 1);
}

#[test]
fn a_good_client_is_examined() {
    let mut sealed = Sealed::new("examine");
    let temp = sealed.home.join("temp");
    fs::create_dir(&temp).unwrap();
    let note = sealed.home.join("note");
    sealed.set("TMPDIR", temp.to_str().unwrap()).set("NOTE", note.to_str().unwrap());
    sealed.set("DOORKEY_TOKEN", "not-for-clients").set("PENSAR_ACCESS_TOKEN", "nor-this");
    let login = format!(
        "env > \"$NOTE\"; {} login \"$SANDBOX_ISSUER\" --client-id \"$SANDBOX_CLIENT_ID\" --no-browser --device --api \"${{SANDBOX_RESOURCE%/api/*}}\"",
        DOORKEY
    );
    let then = format!("{DOORKEY} api \"$SANDBOX_RESOURCE\"");
    sealed.set("DOORKEY_STORE", "plain-file");
    let args =
        ["--examine", "--only", "plain", "--only", "denied", "--then", &then, "--", "sh", "-c", &login];
    let ended = sandbox(&sealed, &args).expect(0);
    let report = ended.json();
    let situations: Vec<_> =
        report["situations"].as_array().unwrap().iter().map(|it| (&it["situation"], &it["runs"])).collect();
    let (zero, five) = (json!({"exited": 0}), json!({"exited": 5}));
    let expected = [(&json!("plain"), &json!([zero, zero])), (&json!("denied"), &json!([five]))];
    assert_eq!(situations, expected, "{ended:?}");
    for passed in ["early-poll", "poll-after-final", "code-reused", "client-not-named", "token-to-wrong-host"]
    {
        assert_eq!(rule(&report, passed)["verdict"], "passed", "{passed}: {report}");
    }
    assert_eq!(rule(&report, "refresh-raced")["verdict"], "not_exercised");
    assert!(ended.stderr.contains("· plain           nothing goes wrong: login 0, then 0"), "{ended:?}");
    assert!(ended.stderr.contains("· denied          the person refuses: login 5\n"), "{ended:?}");
    // A home of its own, no tokens, nothing to open pages with; and nothing is left.
    let environment = fs::read_to_string(note).unwrap();
    let home = environment.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
    assert!(Path::new(home).starts_with(&temp), "{environment}");
    assert!(environment.contains("BROWSER=true\n"), "{environment}");
    assert!(!environment.contains("not-for-clients") && !environment.contains("nor-this"), "{environment}");
    assert!(!has_homes(&temp));
}

#[test]
fn a_bad_client_is_found_and_where() {
    let sealed = Sealed::new("examine-bad");
    let ended = sandbox(&sealed, &["--examine", "--only", "plain", "--", "bash", "-c", CARELESS]).expect(1);
    assert!(ended.stderr.contains("seen: plain: 20"), "{ended:?}");
    assert!(ended.stderr.contains("error: the client broke one rule"), "{ended:?}");
    assert_eq!(rule(&ended.json(), "token-in-url")["first"]["situation"], "plain");
}

#[test]
fn a_client_that_never_comes_gets_no_grade() {
    let sealed = Sealed::new("examine-absent");
    let client =
        ["--examine", "--only", "plain", "--", "sh", "-c", "echo no server is configured >&2; exit 3"];
    let ended = sandbox(&sealed, &client).expect(2);
    assert!(
        ended
            .stderr
            .contains("never logged in at the sandbox, nor tried to; it said: no server is configured"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("$SANDBOX_ISSUER"), "{ended:?}");
    assert_eq!(ended.stdout, "");
    // To ask for something else is not enough: it would be praised for what it never did.
    let ask = r#"exec 3<>"/dev/tcp/127.0.0.1/${SANDBOX_ISSUER##*:}"
printf 'GET /.well-known/oauth-authorization-server HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n' "${SANDBOX_ISSUER#*//}" >&3
cat <&3"#;
    sandbox(&sealed, &["--examine", "--only", "plain", "--", "bash", "-c", ask]).expect(2);
    let ended = sandbox(&sealed, &["--examine", "--", "/nowhere/at-all", "login"]).expect(2);
    assert!(ended.stderr.contains("there is no command \"/nowhere/at-all\""), "{ended:?}");
}

#[test]
fn an_interrupted_examination_leaves_no_process_and_no_home() {
    let mut sealed = Sealed::new("examine-interrupt");
    let temp = sealed.home.join("temp");
    fs::create_dir(&temp).unwrap();
    let note = sealed.home.join("note");
    sealed.set("TMPDIR", temp.to_str().unwrap()).set("NOTE", note.to_str().unwrap());
    // A child of the client, too.
    let client = "sleep 300 & echo $! > \"$NOTE.new\"; mv \"$NOTE.new\" \"$NOTE\"; wait";
    let child = sealed
        .command(DOORKEY, &["sandbox", "--examine", "--only", "plain", "--", "sh", "-c", client])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !note.exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    let sleeper = Pid::from_raw(fs::read_to_string(&note).unwrap().trim().parse().unwrap());
    assert_eq!(kill(sleeper, None), Ok(()));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    finish(child).expect(130);
    assert!(!has_homes(&temp));
    // Whoever inherited it may take a moment to notice its end.
    while kill(sleeper, None) != Err(Errno::ESRCH) && !is_zombie(sleeper) {
        assert!(Instant::now() < deadline, "a child of the client still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_zombie(id: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}
