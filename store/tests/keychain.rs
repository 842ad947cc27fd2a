//! The keychain, against a real gnome-keyring in sessions of its own.
//!
//! The library finds the bus by the environment, so each case runs in a process of its own (see `child`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod desktop;
mod leash;
mod scratch;
mod session;

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use desktop::{Desktop, PROMPTER, Services, await_that};
use doorkey_core::record::{Backend, Generation, Record, Slot};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailureKind::{self, Absent, Locked, Refused, TimedOut, Volatile};
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreOp};
use doorkey_store::conformance::Kit;
use doorkey_store::{
    CredentialStore, KeychainConfig, KeychainStore, LimitedStore, ProfileConfig, SessionConfig,
    SessionKeychain, Swap, Vault, VaultConfig,
};
use scratch::Scratch;
use session::{refresh_token, session, tombstone};

const SERVICE: &str = "doorkey-test";
const ACCOUNT: &str = "api-token";
const SESSION_ACCOUNT: &str = "workos-refresh-token";
/// Two profiles, and the login of each.
const PROFILES: [(&str, &str); 2] = [("https://issuer.example", "l"), ("https://issuer.example/", "m")];
/// Far longer than anything takes, on however slow a machine.
const LIMIT: Duration = Duration::from_secs(60);
/// For who waits in vain.
const SHORT: Duration = Duration::from_secs(3);

fn store() -> LimitedStore {
    limited(LIMIT)
}

fn limited(limit: Duration) -> LimitedStore {
    LimitedStore::new(Arc::new(KeychainStore::new(SERVICE.into(), ACCOUNT.into())), limit)
}

fn sessions() -> LimitedStore {
    LimitedStore::new(Arc::new(SessionKeychain::new(SERVICE.into(), SESSION_ACCOUNT.into())), LIMIT)
}

fn record(counter: u64) -> Record {
    Record {
        generation: Some(Generation { login: "aa".into(), counter }),
        ..Record::bare(Secret::new(format!("pt_live_{counter}")))
    }
}

fn bare(token: &str) -> Record {
    Record::bare(Secret::from(token))
}

/// Runs a role of `child` inside a session.
fn inside(desktop: &Desktop, role: &str) {
    play(child::command(&[], role, desktop.folder()).env_remove("DISPLAY").envs(desktop.environment()));
}

/// Runs a role of `child` with this address of a bus, or none.
fn with_address(role: &str, address: Option<&str>) {
    let empty = Scratch::new(&format!("keychain-{}", role.replace(' ', "-")));
    let mut command = child::command(&[], role, &empty);
    command.env_remove("DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS").env("XDG_RUNTIME_DIR", &*empty);
    play(command.envs(address.map(|address| ("DBUS_SESSION_BUS_ADDRESS", address))));
}

fn play(command: &mut Command) {
    let ended = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}\n{err}");
}

fn secret_tool(desktop: &Desktop, args: &str, input: &str) -> String {
    let args: Vec<&str> = args.split(' ').collect();
    String::from_utf8(desktop.run("secret-tool", &args, input).stdout).unwrap()
}

#[test]
fn conformance() {
    inside(&Desktop::start("kc-conformance", Services::None).with_unlocked_keyring(), "conform");
}

#[test]
fn other_tools_see_ours_and_we_see_theirs() {
    let desktop = Desktop::start("kc-tools", Services::None).with_unlocked_keyring();
    inside(&desktop, "write");
    for attribute in ["username", "account"] {
        let found = secret_tool(&desktop, &format!("lookup service {SERVICE} {attribute} {ACCOUNT}"), "");
        assert_eq!(found, record(1).encode().expose_secret(), "{attribute}");
    }

    for (attribute, role) in
        [("username", "read theirs and delete"), ("account", "read theirs and overwrite")]
    {
        let names = format!("service {SERVICE} {attribute} {ACCOUNT}");
        secret_tool(&desktop, &format!("store --label=x {names}"), "pt_live_theirs");
        inside(&desktop, role);
    }
    let all = format!("search --all --unlock service {SERVICE}");
    let found = secret_tool(&desktop, &all, "");
    assert_eq!(found.matches("secret = ").count(), 1, "one entry, overwritten in place: {found}");
    assert!(found.contains("\"gen\":\"aa.1\""), "{found}");
    let found = secret_tool(&desktop, &format!("lookup service {SERVICE} username {ACCOUNT}"), "");
    assert_eq!(found, record(1).encode().expose_secret(), "it got the other name too");
}

#[test]
fn conformance_of_sessions() {
    inside(&Desktop::start("kc-sessions", Services::None).with_unlocked_keyring(), "conform with sessions");
}

#[test]
fn a_session_lies_in_small_items_beside_its_bare_refresh_token() {
    let desktop = Desktop::start("kc-items", Services::None).with_unlocked_keyring();
    inside(&desktop, "write sessions");
    for attribute in ["username", "account"] {
        let found =
            secret_tool(&desktop, &format!("lookup service {SERVICE} {attribute} {SESSION_ACCOUNT}"), "");
        assert_eq!(found, refresh_token("l", 2).expose_secret(), "{attribute}");
    }
    let found = secret_tool(&desktop, &format!("search --all service {SERVICE}"), "");
    let values: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("secret = ")).collect();
    assert_eq!(values.len(), 6, "five pieces of the newest record, and the token: {found}");
    assert!(values.iter().all(|value| value.len() <= 2_560), "{found}");
    let labels = found.lines().filter_map(|line| line.strip_prefix("label = "));
    assert!(labels.clone().count() == 6 && labels.clone().all(|label| label.len() < 128), "{found}");

    let names = format!("service {SERVICE} username {SESSION_ACCOUNT}");
    secret_tool(&desktop, &format!("store --label=x {names}"), "theirs");
    inside(&desktop, "adopt theirs");
    assert_eq!(secret_tool(&desktop, &format!("lookup {names}"), ""), refresh_token("m", 1).expose_secret());
    secret_tool(&desktop, &format!("clear {names}"), "");
    inside(&desktop, "find their logout");
    let found = secret_tool(&desktop, &format!("search --all service {SERVICE}"), "");
    assert_eq!(found.matches("secret = ").count(), 1, "the tombstone alone: {found}");
    assert_eq!(secret_tool(&desktop, &format!("lookup {names}"), ""), "");
}

#[test]
fn profiles_lie_side_by_side_each_under_its_name() {
    let desktop = Desktop::start("kc-profiles", Services::None).with_unlocked_keyring();
    let lookup = |profile| secret_tool(&desktop, &format!("lookup service {SERVICE} username {profile}"), "");
    inside(&desktop, "write profiles");
    for (profile, login) in PROFILES {
        assert_eq!(lookup(profile), refresh_token(login, 2).expose_secret(), "{profile}");
    }
    inside(&desktop, "end one profile");
    let [(ended, _), (other, login)] = PROFILES;
    assert_eq!(lookup(ended), "");
    assert_eq!(lookup(other), refresh_token(login, 2).expose_secret());
    let found = secret_tool(&desktop, &format!("search --all service {SERVICE}"), "");
    assert_eq!(found.matches("secret = ").count(), 7, "a tombstone; five pieces and a token: {found}");
}

#[test]
fn an_item_that_vanishes_while_it_is_read_is_no_missing_keychain() {
    inside(&Desktop::start("kc-vanish", Services::None).with_unlocked_keyring(), "read beside a writer");
}

#[test]
fn a_locked_keychain_hides_a_session() {
    let desktop = Desktop::start("kc-session-locked", Services::None).with_unlocked_keyring();
    inside(&desktop, "write sessions");
    desktop.lock();
    inside(&desktop, "find sessions locked");
}

#[test]
fn of_two_entries_of_one_name_the_later_counts() {
    let desktop = Desktop::start("kc-twice", Services::None).with_unlocked_keyring();
    let names = format!("service {SERVICE} username {ACCOUNT}");
    secret_tool(&desktop, &format!("store --label=x {names} tool one"), "pt_live_older");
    thread::sleep(Duration::from_millis(1_100));
    secret_tool(&desktop, &format!("store --label=x {names} tool two"), "pt_live_theirs");
    inside(&desktop, "read theirs and overwrite");
}

#[test]
fn a_locked_keychain_is_told_at_once_and_without_a_prompt() {
    let desktop = Desktop::start_with_display("kc-locked").with_unlocked_keyring();
    inside(&desktop, "write");
    desktop.lock();
    inside(&desktop, "find it locked");
    // A prompt, were there one, takes a moment to appear.
    thread::sleep(Duration::from_millis(1_500));
    assert!(!desktop.owns(PROMPTER), "a prompt was shown");
}

#[test]
fn a_prompt_that_nobody_answers_ends_in_time() {
    let desktop = Desktop::start_with_display("kc-prompt").with_unlocked_keyring();
    inside(&desktop, "write");
    desktop.lock();
    thread::scope(|scope| {
        let asking = scope.spawn(|| inside(&desktop, "ask nobody"));
        // It may come late, when nobody waits for it any more, and does not stay for ever.
        await_that("a prompt is shown", || desktop.owns(PROMPTER));
        asking.join().unwrap();
    });
}

#[test]
fn a_locked_keychain_without_a_display_cannot_be_unsealed() {
    let desktop = Desktop::start("kc-nodisplay", Services::Installed).with_unlocked_keyring();
    inside(&desktop, "write");
    desktop.lock();
    inside(&desktop, "ask nobody");
}

#[test]
fn without_a_bus_there_is_none() {
    with_address("find it absent", None);
}

#[test]
fn with_a_dead_bus_there_is_none() {
    let folder = Scratch::new("kc-dead");
    let socket = folder.join("bus");
    let address = format!("unix:path={}", socket.display());
    with_address("find it absent", Some(&address));
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    with_address("find it absent", Some(&address));
}

#[test]
fn a_silent_bus_times_out() {
    let folder = Scratch::new("kc-silent");
    let socket = folder.join("bus");
    let _silent = UnixListener::bind(&socket).unwrap();
    with_address("find it silent", Some(&format!("unix:path={}", socket.display())));
}

#[test]
fn without_a_service_on_the_bus_there_is_none() {
    inside(&Desktop::start("kc-noservice", Services::None), "find it absent");
}

#[test]
fn without_a_default_collection_nothing_can_be_written() {
    let desktop = Desktop::start("kc-nocollection", Services::Installed);
    desktop.activate_keyring();
    inside(&desktop, "find no collection");
}

#[test]
fn a_collection_that_is_forgotten_at_logout_is_refused() {
    let desktop = Desktop::start("kc-volatile", Services::None).with_unlocked_keyring();
    desktop.make_volatile();
    inside(&desktop, "find it volatile");
}

#[test]
fn what_lies_in_that_collection_is_not_read() {
    let desktop = Desktop::start("kc-session", Services::None).with_unlocked_keyring();
    let names = format!("service {SERVICE} username {ACCOUNT}");
    secret_tool(&desktop, &format!("store --collection=session --label=x {names}"), "pt_live_theirs");
    assert_eq!(secret_tool(&desktop, &format!("lookup {names}"), ""), "pt_live_theirs");
    inside(&desktop, "find nothing");
}

#[test]
fn a_restarted_daemon_is_found_again() {
    let mut desktop = Desktop::start("kc-restart", Services::None).with_unlocked_keyring();
    let mut running = child::command(&[], "outlive the daemon", desktop.folder());
    running.env_remove("DISPLAY").envs(desktop.environment()).stdout(Stdio::piped());
    let mut running = running.spawn().unwrap();
    child::await_line(&mut running, "written");
    desktop.end_last();
    std::fs::write(desktop.folder().join("ended"), "").unwrap();
    child::await_line(&mut running, "absent");
    desktop.start_keyring();
    std::fs::write(desktop.folder().join("restarted"), "").unwrap();
    assert!(running.wait().unwrap().success());
}

#[test]
fn nothing_is_connected_before_the_first_call() {
    let folder = Scratch::new("kc-lazy");
    let socket = folder.join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("unix:path={}", socket.display());
    with_address("leave it alone", Some(&address));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    with_address("find it silent", Some(&address));
    assert!(listener.accept().is_ok(), "this one did connect");
}

#[test]
fn child() {
    let Some((role, folder)) = child::role() else { return };
    let store = store();
    let held = record(1).version();
    match role.as_str() {
        "conform" => {
            let lock = folder.join("kit.lock");
            Kit::new(|| Box::new(self::store())).under_lock(lock).check().unwrap();
        }
        "conform with sessions" => {
            let kit = Kit::new(|| Box::new(sessions())).under_lock(folder.join("kit.lock"));
            kit.check_session().unwrap();
            kit.check_beside_others(act_as_another_program).unwrap();
            assert_eq!(sessions().load_all(), Ok(Vec::new()));
        }
        "write sessions" => {
            let (one, two) = (session("l", 1), session("l", 2));
            let store = sessions();
            assert_eq!(store.write(&Slot::Active, None, &one), Ok(Swap::Done));
            assert_eq!(store.write(&Slot::Active, Some(&one.version()), &two), Ok(Swap::Done));
            assert_eq!(sessions().load(&Slot::Active), Ok(Some(two)));
        }
        "write profiles" => {
            for (profile, login) in PROFILES {
                let mut vault = profile_vault(&folder, profile);
                let nothing = StoreAnswer::Records(Vec::new());
                assert_eq!(vault.perform(StoreOp::LoadAll(Backend::Keychain)), nothing);
                for counter in 1..3 {
                    let before = (counter > 1).then(|| session(login, counter - 1));
                    let write = write_profile(before.as_ref(), session(login, counter));
                    assert_eq!(vault.perform(write), StoreAnswer::Done);
                }
            }
        }
        "end one profile" => {
            let holds = |record| StoreAnswer::Records(vec![(Slot::Active, record)]);
            for (profile, login) in PROFILES {
                let found = profile_vault(&folder, profile).perform(StoreOp::LoadAll(Backend::Keychain));
                assert_eq!(found, holds(session(login, 2)), "{profile}");
            }
            let [(profile, login), (other, other_login)] = PROFILES;
            let end = write_profile(Some(&session(login, 2)), tombstone(login, 3));
            assert_eq!(profile_vault(&folder, profile).perform(end), StoreAnswer::Done);
            let found = profile_vault(&folder, other).perform(StoreOp::LoadAll(Backend::Keychain));
            assert_eq!(found, holds(session(other_login, 2)));
        }
        "read beside a writer" => read_beside_a_writer(),
        "adopt theirs" => {
            let keychain =
                KeychainConfig { service: SERVICE.into(), account: SESSION_ACCOUNT.into(), limit: LIMIT };
            let mut vault = Vault::session(SessionConfig {
                settings: folder.join("config.json"),
                session: folder.join("auth.json"),
                emergency: folder.join("auth.emergency"),
                locked_at_home: None,
                keychain: Some(keychain),
                shared: false,
            });
            let (backend, slot) = (Backend::Keychain, Slot::Active);
            let theirs = Record::bare_refresh("theirs".into());
            let expected = StoreAnswer::Records(vec![(Slot::Active, theirs.clone())]);
            assert_eq!(vault.perform(StoreOp::Load { backend, slot: slot.clone() }), expected);
            let (expected, record) = (Some(theirs.version()), session("m", 1));
            let write = StoreOp::Write { backend, slot, expected, record };
            assert_eq!(vault.perform(write), StoreAnswer::Done);
        }
        "find their logout" => {
            let store = sessions();
            assert_eq!(store.load(&Slot::Active), Ok(None));
            assert_eq!(store.write(&Slot::Active, None, &tombstone("t", 1)), Ok(Swap::Done));
        }
        "find sessions locked" => {
            fails_at_once(&sessions(), Locked);
        }
        "write" => assert_eq!(store.write(&Slot::Active, None, &record(1)), Ok(Swap::Done)),
        "read theirs and delete" => {
            assert_eq!(store.load_all().unwrap().len(), 1, "the newer of two, or replaced");
            assert_eq!(store.load(&Slot::Active), Ok(Some(bare("pt_live_theirs"))));
            let (backend, slot) = (Backend::Keychain, Slot::Active);
            let found = StoreAnswer::Records(vec![(Slot::Active, bare("pt_live_theirs"))]);
            assert_eq!(token_vault(&folder).perform(StoreOp::Load { backend, slot }), found);
            assert_eq!(store.delete(&Slot::Active, &bare("pt_live_theirs").version()), Ok(Swap::Done));
            assert_eq!(store.load(&Slot::Active), Ok(None));
        }
        "read theirs and overwrite" => {
            let theirs = bare("pt_live_theirs");
            assert_eq!(store.load_all(), Ok(vec![(Slot::Active, theirs.clone())]));
            assert_eq!(store.write(&Slot::Active, Some(&theirs.version()), &record(1)), Ok(Swap::Done));
            assert_eq!(store.load(&Slot::Active), Ok(Some(record(1))));
        }
        "find it locked" => {
            fails_at_once(&store, Locked);
            assert_eq!(store.load(&Slot::Workspace("none".into())), Ok(None), "missing is not locked");
        }
        "ask nobody" => {
            let (answer, took) = timed(|| store.unseal(Duration::from_secs(2)));
            assert_eq!(answer.unwrap_err().kind, Refused);
            let prompted = std::env::var_os("DISPLAY").is_some();
            assert!(!prompted || took >= Duration::from_millis(1_900), "{took:?}");
            assert_eq!(kind(store.load(&Slot::Active)), Some(Locked));
        }
        "find it absent" => {
            fails_at_once(&store, Absent);
            assert_eq!(kind(store.unseal(Duration::from_secs(1))), Some(Absent));
        }
        "find it silent" => {
            let store = limited(SHORT);
            let (answer, took) = timed(|| store.load(&Slot::Active));
            let failure = answer.unwrap_err();
            assert_eq!(failure.kind, TimedOut);
            // By our limit, and not by one of the library's.
            assert!(took >= SHORT && failure.detail.contains("within 3000 ms"), "{took:?}: {failure:?}");
            fails_at_once(&store, TimedOut);
        }
        "find no collection" => {
            assert_eq!(kind(store.probe()), Some(Absent));
            assert_eq!(kind(store.write(&Slot::Active, None, &record(1))), Some(Absent));
            assert_eq!(store.load(&Slot::Active), Ok(None));
            assert_eq!(store.load_all(), Ok(Vec::new()));
            assert_eq!(store.delete(&Slot::Active, &held), Ok(Swap::Done));
        }
        "find nothing" => {
            assert_eq!(store.load(&Slot::Active), Ok(None));
            assert_eq!(store.load_all(), Ok(Vec::new()));
        }
        "find it volatile" => {
            assert_eq!(kind(store.probe()), Some(Volatile));
            assert_eq!(kind(store.write(&Slot::Active, None, &record(1))), Some(Volatile));
        }
        "outlive the daemon" => {
            assert_eq!(store.write(&Slot::Active, None, &record(1)), Ok(Swap::Done));
            child::say("written");
            await_that("the daemon has ended", || folder.join("ended").exists());
            assert_eq!(kind(store.load(&Slot::Active)), Some(Absent));
            child::say("absent");
            await_that("it is there again", || folder.join("restarted").exists());
            assert_eq!(store.load(&Slot::Active), Ok(Some(record(1))));
        }
        "leave it alone" => leave_it_alone(&folder),
        other => panic!("no such role: {other}"),
    }
}

fn profile_vault(folder: &Path, profile: &str) -> Vault {
    let keychain = KeychainConfig { service: SERVICE.into(), account: profile.into(), limit: LIMIT };
    let config = ProfileConfig::in_folder(&folder.join("doorkey"), profile);
    let mut vault = Vault::profile(ProfileConfig { keychain: Some(keychain), ..config });
    assert_eq!(vault.perform(StoreOp::Lock { wait: LIMIT }), StoreAnswer::Done);
    vault
}

fn write_profile(before: Option<&Record>, record: Record) -> StoreOp {
    let expected = before.map(Record::version);
    StoreOp::Write { backend: Backend::Keychain, slot: Slot::Active, expected, record }
}

/// Each write removes the items of the record before; a reader without the lock is in the middle of them. The library
/// gives up a call after two seconds, which a busy machine may need: then it is made once more.
fn read_beside_a_writer() {
    const WRITES: u64 = 30;
    const READERS: usize = 4;
    // As a journal is written: the refresh token stays, so that nothing but the pieces tells one record from the next.
    let journalled = |counter| Record { generation: session("l", counter).generation, ..session("l", 1) };
    let store = sessions();
    assert_eq!(store.write(&Slot::Active, None, &journalled(1)), Ok(Swap::Done));
    let (reads, given_up, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let read = || {
        let (store, mut last) = (sessions(), Instant::now());
        while !ended.load(Ordering::Relaxed) {
            match store.load(&Slot::Active).map(|found| found.and_then(|found| found.generation)) {
                Ok(Some(_)) => {
                    reads.fetch_add(1, Ordering::Relaxed);
                    last = Instant::now();
                }
                Err(failure) if failure.kind == TimedOut && last.elapsed() < LIMIT => {
                    given_up.fetch_add(1, Ordering::Relaxed);
                }
                found => return Err(format!("{found:?}")),
            }
        }
        Ok(())
    };
    let write = |before: &Record, record: &Record| {
        let start = Instant::now();
        loop {
            match store.write(&Slot::Active, Some(&before.version()), record) {
                Err(failure) if failure.kind == TimedOut && start.elapsed() < LIMIT => {
                    given_up.fetch_add(1, Ordering::Relaxed);
                }
                // What was given up may have been done.
                Ok(Swap::Conflict) if store.load(&Slot::Active).as_ref() == Ok(&Some(record.clone())) => {
                    break;
                }
                answer => break assert_eq!(answer, Ok(Swap::Done)),
            }
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        // Readers end with the writer, however that ends.
        let writer = Ending(&ended);
        for counter in 2..2 + WRITES {
            write(&journalled(counter - 1), &journalled(counter));
            // No reader is disturbed for ever.
            let seen = reads.load(Ordering::Relaxed);
            while reads.load(Ordering::Relaxed) == seen && !readers.iter().any(ScopedJoinHandle::is_finished)
            {
                thread::yield_now();
            }
        }
        drop(writer);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), Ok(()));
        }
    });
    child::say(&format!("{} reads; {} calls given up", reads.into_inner(), given_up.into_inner()));
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the public client of a service does, by libsecret's own tool.
fn act_as_another_program(token: Option<&str>) {
    let names = ["service", SERVICE, "username", SESSION_ACCOUNT];
    let mut tool = Command::new("secret-tool");
    match token {
        Some(_) => tool.args(["store", "--label=x"]).args(names),
        None => tool.arg("clear").args(names),
    };
    let mut tool = tool.stdin(Stdio::piped()).spawn().unwrap();
    tool.stdin.take().unwrap().write_all(token.unwrap_or_default().as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success());
}

fn token_vault(folder: &Path) -> Vault {
    let keychain = KeychainConfig { service: SERVICE.into(), account: ACCOUNT.into(), limit: LIMIT };
    Vault::new(VaultConfig { keychain: Some(keychain), ..VaultConfig::in_folder(folder) })
}

fn leave_it_alone(folder: &Path) {
    let mut vault = token_vault(folder);
    assert_eq!(vault.perform(StoreOp::Lock { wait: LIMIT }), StoreAnswer::Done);
    assert_eq!(vault.perform(StoreOp::LoadAll(Backend::File)), StoreAnswer::Records(Vec::new()));
}

/// Every call must fail like this, and none may wait for anybody. The machine may be slow, but not each time.
fn fails_at_once(store: &LimitedStore, expected: StoreFailureKind) {
    let held = record(1).version();
    let is_quick = |_| {
        let (results, took) = timed(|| {
            [
                ("probe", kind(store.probe())),
                ("load", kind(store.load(&Slot::Active))),
                ("load_all", kind(store.load_all())),
                ("write", kind(store.write(&Slot::Active, Some(&held), &record(2)))),
                ("delete", kind(store.delete(&Slot::Active, &held))),
            ]
        });
        for (call, kind) in results {
            assert_eq!(kind, Some(expected), "{call}");
        }
        took < SHORT
    };
    assert!((0..9).any(is_quick));
}

fn kind<T>(result: Result<T, StoreFailure>) -> Option<StoreFailureKind> {
    result.err().map(|failure| failure.kind)
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (call(), started.elapsed())
}
