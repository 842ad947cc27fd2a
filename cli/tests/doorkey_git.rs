//! `doorkey credential git`: git's own protocol, and a real git that fetches from a server which wants our token.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealed::hostile::Answer;
use sealed::issuer::{Asked, Home, Issuer, presented};
use sealed::{Ended, Sealed};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Far from just minted, and far from its end.
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

fn silent(asked: &Asked) -> Answer {
    panic!("{asked:?}")
}

/// What git writes for a place.
fn description(url: &str) -> String {
    let (protocol, host) = url.split_once("://").unwrap();
    format!("capability[]=authtype\ncapability[]=state\nprotocol={protocol}\nhost={host}\n")
}

fn get(home: &Home, asked: &str) -> Ended {
    home.doorkey_with_input(&["credential", "git", "get"], asked.as_bytes())
}

/// The lines of an answer but for the time, which must be in the rest of an hour.
fn lines(ended: &Ended, now: u64) -> Vec<&str> {
    let (times, rest): (Vec<&str>, _) =
        ended.stdout.lines().partition(|line| line.starts_with("password_expiry_utc="));
    for time in times {
        let at: u64 = time.split_once('=').unwrap().1.parse().unwrap();
        assert!((now + 3000..=now + 3700).contains(&at), "{at} at {now}");
    }
    rest
}

fn unix_time() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn git_is_told_the_token_and_its_end() {
    let issuer = Issuer::start(silent);
    let home = Home::signed_in("git-get", &issuer, &["--api", "https://git.example.com:8443"]);
    let now = unix_time();
    for place in [issuer.url(), "https://git.example.com:8443".to_owned()] {
        let ended = get(&home, &format!("{}path=group/repo.git\nwwwauth[]=Basic\n\n", description(&place)));
        assert_eq!(lines(&ended, now), ["username=oauth2", "password=access-1"], "{ended:?}");
        assert_eq!((ended.stdout.lines().count(), &*ended.stderr, ended.code), (3, "", 0));
    }
    let asked = description(&issuer.url()) + "username=me\n";
    assert_eq!(lines(&get(&home, &asked), now)[0], "username=me");
    assert_eq!(lines(&get(&home, &asked.replace('\n', "\r\n")), now)[0], "username=me");

    issuer.hide_lifetimes();
    home.age(&issuer.url(), HOUR);
    let ended = get(&home, &description(&issuer.url())).expect(0);
    assert_eq!(ended.stdout, "username=oauth2\npassword=access-2\n");
}

#[test]
fn what_is_not_ours_is_left_to_others_without_a_word() {
    let issuer = Issuer::start(silent);
    let mut home = Home::signed_in("git-foreign", &issuer, &["--api", "https://git.example.com"]);
    // It is for those who name a profile; here the host would decide who is told it.
    home.sealed.set("DOORKEY_TOKEN", "given-1");
    let credentials = home.sealed.file(".config/doorkey/credentials");
    let own = description(&issuer.url());
    for (operation, asked) in [
        ("get", description("https://github.com")),
        ("get", description("https://example.com")),
        ("get", description("https://git.example.com:8443")),
        ("get", description("https://git.example.com.evil.example")),
        ("get", description("https://git.example.com/x")),
        ("get", description("https://git.example.com?x")),
        ("get", description("https://a@git.example.com")),
        ("get", description("http://git.example.com")),
        ("get", description("http://localhost")),
        ("get", description("ssh://git.example.com")),
        ("get", "protocol=https\n\nhost=git.example.com\n".to_owned()),
        ("get", "host=git.example.com\n".to_owned()),
        ("get", String::new()),
        ("store", format!("{own}username=oauth2\npassword=other\n")),
        ("store", "\0".to_owned()),
        ("approve-of-tomorrow", own.clone()),
        ("erase", own.clone()),
        ("erase", format!("{own}password=other\n")),
        ("erase", format!("{}password=access-1\n", description("https://github.com"))),
    ] {
        let ended = home.doorkey_with_input(&["credential", "git", operation], asked.as_bytes()).expect(0);
        assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""), "{operation} {asked}");
    }
    assert_eq!(home.sealed.file(".config/doorkey/credentials"), credentials);
}

#[test]
fn what_is_no_description_is_told_to_people_alone() {
    let issuer = Issuer::start(silent);
    let home = Home::signed_in("git-malformed", &issuer, &[]);
    let own = description(&issuer.url());
    for asked in [
        format!("{own}nonsense\n"),
        format!("{own}username=a\rhost=evil.example\n"),
        format!("{own}username=a\r\n"),
        format!("{own}username=a\0b\n"),
        format!("{own}path={}\n", "x".repeat(70_000)),
        format!("{own}{}", "path=x\n".repeat(10_000)),
    ] {
        let ended = get(&home, &asked).expect(2);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
    let ended = home.doorkey_with_input(&["credential", "git", "get"], b"protocol=\xff\n").expect(2);
    assert_eq!(ended.stdout, "");
}

#[test]
fn of_several_profiles_one_must_be_named() {
    let issuer = Issuer::start(silent);
    let mut home = Home::signed_in("git-several", &issuer, &[]);
    home.login(&issuer, &["--profile", "work"]);
    // One that cannot be used hides no other.
    let path = home.sealed.home.join(".config/doorkey/config.toml");
    let config = home.sealed.file(".config/doorkey/config.toml") + "[profiles.broken]\nissuer = 1\n";
    std::fs::write(path, config).unwrap();

    let asked = description(&issuer.url());
    let ended = get(&home, &asked).expect(0);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains(&format!("several profiles are for {}: ", issuer.url())), "{ended:?}");
    let named = ["credential", "git", "--profile", "work", "get"];
    let ended = home.doorkey_with_input(&named, asked.as_bytes()).expect(0);
    assert_eq!(lines(&ended, unix_time()), ["username=oauth2", "password=access-2"]);
    home.sealed.set("DOORKEY_PROFILE", issuer.url());
    assert_eq!(lines(&get(&home, &asked), unix_time()), ["username=oauth2", "password=access-1"]);
    // Named or not, it is sent nowhere else.
    let ended = get(&home, &description("https://github.com")).expect(0);
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
}

#[test]
fn nobody_is_asked_and_nothing_opened() {
    let issuer = Issuer::start(silent);
    let mut home = Home::signed_in("git-signed-out", &issuer, &[]);
    let marker = home.sealed.home.join("opened");
    home.sealed.set("BROWSER", format!("touch {}", marker.display())).set("DISPLAY", ":99");
    home.doorkey(&["logout"]).expect(0);
    let ended = get(&home, &description(&issuer.url())).expect(3);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("run `doorkey login"), "{ended:?}");
    assert!(!marker.exists());
}

#[test]
fn an_erased_token_is_renewed_by_the_next_get() {
    let issuer = Issuer::start(silent);
    let home = Home::signed_in("git-erase", &issuer, &[]);
    let asked = description(&issuer.url());
    let erase = |password: &str| {
        let asked = format!("{asked}username=oauth2\npassword={password}\n");
        let ended = home.doorkey_with_input(&["credential", "git", "erase"], asked.as_bytes()).expect(0);
        assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
    };
    let password = || get(&home, &asked).expect(0).stdout.lines().nth(1).unwrap().to_owned();
    erase("access-1");
    assert_eq!(password(), "password=access-1", "it was minted just now: another one would fare no better");
    home.age(&issuer.url(), HALF_AN_HOUR);
    erase("access-0");
    erase("refresh-1");
    assert_eq!(password(), "password=access-1");
    erase("access-1");
    assert_eq!(issuer.issued(), 1, "nobody is asked yet");
    assert_eq!(password(), "password=access-2");
    erase("access-1");
    assert_eq!(password(), "password=access-2");
}

/// A repository behind `git http-backend` (gitprotocol-http(5)) that wants one of the good tokens.
struct Repository {
    sealed: Sealed,
    good: Mutex<Vec<String>>,
}

impl Repository {
    fn new(name: &str) -> Self {
        let repository = Self { sealed: Sealed::new(name), good: Mutex::default() };
        repository.git(&["init", "-q", "--bare", "-b", "main", "repo.git"]);
        repository.git(&["init", "-q", "-b", "main", "work"]);
        repository.commit("one");
        repository
    }

    fn git(&self, args: &[&str]) {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
        let output = self.sealed.command("git", &[&identity, args].concat()).output().unwrap();
        assert!(output.status.success(), "{args:?} {output:?}");
    }

    fn commit(&self, message: &str) {
        self.git(&["-C", "work", "commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["-C", "work", "push", "-q", "../repo.git", "main"]);
    }

    fn accept_only(&self, token: &str) {
        *self.good.lock().unwrap() = vec![token.to_owned()];
    }

    fn serve(&self, asked: &Asked) -> Answer {
        let token = presented(asked);
        if !token.is_some_and(|token| self.good.lock().unwrap().contains(&token)) {
            return Answer::with_headers(401, "www-authenticate: Basic realm=\"git\"\r\n", "");
        }
        let query = asked.target.split_once('?').map_or("", |(_, query)| query);
        let mut backend = self
            .sealed
            .command("git", &["http-backend"])
            .env("GIT_PROJECT_ROOT", &self.sealed.home)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &asked.method)
            .env("PATH_INFO", asked.path())
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", asked.header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", asked.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", asked.header("content-encoding").unwrap_or_default())
            .env("GIT_PROTOCOL", asked.header("git-protocol").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        backend.stdin.take().unwrap().write_all(&asked.body).unwrap();
        let output = backend.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let headers = String::from_utf8(output[..end + 2].to_vec()).unwrap();
        assert!(!headers.contains("Status:"), "{headers}");
        Answer::with_headers(200, &headers, &output[end + 4..])
    }
}

/// git, asking nobody but us.
fn git(home: &Home, folder: &Path, args: &[&str]) -> Output {
    let ours = ["-c", "credential.helper=!doorkey credential git"];
    let mut command: Command = home.command("git", &[&ours, args].concat());
    command.current_dir(folder).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().unwrap()
}

#[test]
fn a_real_git_fetches_over_renewals() {
    let repository = Arc::new(Repository::new("git-repository"));
    let served = Arc::clone(&repository);
    let issuer = Issuer::start(move |asked| served.serve(asked));
    let home = Home::signed_in("git-real", &issuer, &[]);
    let succeed = |folder: &Path, args: &[&str]| {
        let output = git(&home, folder, args);
        assert!(output.status.success(), "{output:?}");
    };

    repository.accept_only("access-1");
    let url = format!("{}/repo.git", issuer.url());
    succeed(&home.sealed.home, &["clone", "-q", &url, "clone"]);
    let clone = home.sealed.home.join("clone");

    // Its time is over.
    home.age(&issuer.url(), HOUR);
    repository.accept_only("access-2");
    repository.commit("two");
    succeed(&clone, &["pull", "-q"]);
    assert_eq!(issuer.issued(), 2);

    // The server does not take it any more, whatever was said of its time: git says so, and the next fetch has another.
    home.age(&issuer.url(), HALF_AN_HOUR);
    repository.accept_only("access-3");
    repository.commit("three");
    let output = git(&home, &clone, &["pull", "-q"]);
    assert!(!output.status.success());
    assert_eq!(issuer.issued(), 2);
    succeed(&clone, &["pull", "-q"]);
    assert_eq!(issuer.issued(), 3);
    let log = git(&home, &clone, &["log", "--format=%s"]);
    assert_eq!(String::from_utf8(log.stdout).unwrap(), "three\ntwo\none\n");
}
