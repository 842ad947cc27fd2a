//! The lock of one credential, between real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod scratch;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use doorkey_core::store::{StoreAnswer, StoreFailureKind, StoreOp};
use doorkey_store::{Lock, Vault, VaultConfig, home_of_effective_user};
use scratch::Scratch;

const PROCESSES: u64 = 8;
const STEPS: u64 = 50;
const LONG: Duration = Duration::from_secs(60);

fn acquire(path: &Path, wait: Duration) -> Result<Lock, doorkey_core::store::StoreFailure> {
    Lock::acquire(&[path.to_owned()], wait)
}

#[test]
fn eight_processes_count_together() {
    let folder = Scratch::new("lock-count");
    let path = folder.join("deep/x.lock");
    fs::write(folder.join("count"), "0").unwrap();
    let mut counters: Vec<Child> =
        (0..PROCESSES).map(|_| child::command(&[], "count", &path).spawn().unwrap()).collect();
    assert!(counters.iter_mut().all(|counter| counter.wait().unwrap().success()));
    assert_eq!(fs::read_to_string(folder.join("count")).unwrap(), (PROCESSES * STEPS).to_string());
    let is = fs::metadata(&path).unwrap();
    assert_eq!((is.mode() & 0o777, is.len()), (0o600, 0), "it stays, private and empty");
}

#[test]
fn waiting_is_bounded_and_a_killed_holder_lets_go() {
    let folder = Scratch::new("lock-killed");
    let path = folder.join("x.lock");
    let mut holder = child::command(&[], "hold", &path).stdout(Stdio::piped()).spawn().unwrap();
    child::await_line(&mut holder, "held");

    let wait = Duration::from_millis(300);
    let started = Instant::now();
    let failure = acquire(&path, wait).unwrap_err();
    assert_eq!(failure.kind, StoreFailureKind::Busy, "{failure}");
    let waited = started.elapsed();
    assert!((wait..LONG / 2).contains(&waited), "{waited:?}");

    holder.kill().unwrap();
    holder.wait().unwrap();
    // Not quite at once: a process that another test is just starting holds every descriptor until its exec.
    acquire(&path, LONG).unwrap();
}

#[test]
fn a_child_does_not_inherit_it() {
    let folder = Scratch::new("lock-inherit");
    let path = folder.join("x.lock");
    let lock = acquire(&path, LONG).unwrap();
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    drop(lock);
    // Not at once: a process that another test is just starting holds every descriptor until its exec.
    let again = acquire(&path, Duration::from_secs(10));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    again.unwrap();
}

#[test]
fn two_names_of_one_file_count_once() {
    let folder = Scratch::new("lock-names");
    fs::create_dir(folder.join("real")).unwrap();
    symlink("real", folder.join("alias")).unwrap();
    let names: [PathBuf; 3] = [folder.join("real/x"), folder.join("alias/x"), folder.join("other")];
    let lock = Lock::acquire(&names, LONG).unwrap();
    for name in &names {
        assert_eq!(acquire(name, Duration::ZERO).unwrap_err().kind, StoreFailureKind::Busy, "{name:?}");
    }
    drop(lock);
    Lock::acquire(&names, LONG).unwrap();
}

#[test]
fn of_several_locks_all_or_none_are_held() {
    let folder = Scratch::new("lock-several");
    let names = [folder.join("first"), folder.join("second")];
    let second = acquire(&names[1], LONG).unwrap();
    assert_eq!(Lock::acquire(&names, Duration::from_millis(20)).unwrap_err().kind, StoreFailureKind::Busy);
    acquire(&names[0], LONG).unwrap();
    drop(second);
}

#[test]
fn what_all_programs_of_a_user_share_is_locked_at_the_home_that_is_theirs() {
    let home = home_of_effective_user().unwrap();
    for (role, owner) in [("own home", "root"), ("another user's home", "nobody")] {
        let folder = Scratch::new("lock-home");
        // A home that this process alone sees.
        let script = r#"mount -t tmpfs tmpfs "$0" && chown "$1" "$0" && shift && exec "$@""#;
        let wrapper = ["unshare", "-m", "sh", "-c", script, home.to_str().unwrap(), owner];
        let ended = child::command(&wrapper, role, &folder).output().unwrap();
        assert!(ended.status.success(), "{role}: {ended:?}");
    }
}

#[test]
fn child() {
    let Some((role, path)) = child::role() else { return };
    match role.as_str() {
        "count" => {
            let count = path.parent().unwrap().with_file_name("count");
            for _ in 0..STEPS {
                let _lock = acquire(&path, LONG).unwrap();
                let now: u64 = fs::read_to_string(&count).unwrap().parse().unwrap();
                fs::write(&count, (now + 1).to_string()).unwrap();
            }
        }
        "hold" => {
            let _lock = acquire(&path, LONG).unwrap();
            child::say("held");
            std::thread::sleep(LONG);
        }
        "own home" | "another user's home" => {
            let locked_at_home = Some(".config/shared/credentials".into());
            let mut vault = Vault::new(VaultConfig { locked_at_home, ..VaultConfig::in_folder(&path) });
            assert_eq!(vault.perform(StoreOp::Lock { wait: LONG }), StoreAnswer::Done);
            let lock = home_of_effective_user().unwrap().join(".config/shared/credentials.lock");
            assert_eq!(lock.exists(), role == "own home", "{role}");
            assert!(path.join("credentials.lock").exists(), "{role}");
        }
        other => panic!("no such role: {other}"),
    }
}
