//! A sealed home with a profile that is signed in at a server of its own, and what `doctor` says about it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use doorkey_core::record::{Generation, Record};
use doorkey_core::secret::Secret;
use serde_json::Value;

use crate::sealed::hostile::{Answer, Hostile};
use crate::sealed::{Ended, Sealed, finish};

/// No output and no request may have it.
pub const TOKEN: &str = "refresh-token-which-nobody-may-see";
/// Some other user.
pub const STRANGER: u32 = 12345;

pub struct Setup {
    pub sealed: Sealed,
    /// The issuer.
    pub server: Hostile,
    /// Which of the commands is looked after.
    pub command: &'static str,
    /// A shell script that runs as root in namespaces of its own, before the command.
    pub before: Option<&'static str>,
}

/// What `doctor --json` said.
#[derive(Debug)]
pub struct Seen {
    pub code: i32,
    pub json: Value,
}

impl Seen {
    /// The codes of warnings (in brackets) and problems, in order.
    pub fn codes(&self) -> Vec<String> {
        let checks = self.json["checks"].as_array().unwrap().iter();
        let coded = checks.filter_map(|check| match (check["state"].as_str()?, check["code"].as_str()) {
            ("problem", Some(code)) => Some(code.to_owned()),
            ("warning", Some(code)) => Some(format!("({code})")),
            ("ok", _) => None,
            _ => panic!("{check}"),
        });
        coded.collect()
    }

    /// The findings of this check.
    pub fn of(&self, check: &str) -> Vec<&Value> {
        self.json["checks"].as_array().unwrap().iter().filter(|found| found["check"] == check).collect()
    }

    /// The state of the first finding of this check.
    pub fn state(&self, check: &str) -> Option<&str> {
        self.of(check).first().and_then(|found| found["state"].as_str())
    }

    /// Fails unless exactly these codes were found, and the exit code is this one.
    pub fn expect(&self, code: i32, codes: &[&str]) {
        assert_eq!(
            (self.code, self.codes()),
            (code, codes.iter().map(|c| (*c).to_owned()).collect()),
            "{self:?}"
        );
    }
}

impl Setup {
    /// One profile of `doorkey`, in the plain file.
    pub fn new(name: &str) -> Self {
        let server = Hostile::start(vec![Answer::json(200, "{}")]);
        let setup = Self::of("doorkey", name, server);
        setup.configure("store = \"plain-file\"\n");
        let record = setup.record();
        setup.put(
            "credentials",
            &format!(r#"{{"v":1,"records":{{"work":{}}}}}"#, record.encode().expose_secret()),
        );
        setup
    }

    /// `pentify`, signed in, with both its servers at one place, and with no keychain.
    pub fn pentify(name: &str) -> Self {
        let server = Hostile::start(vec![Answer::json(200, "{}")]);
        let mut setup = Self::of("pentify", name, server);
        let url = setup.server.url();
        setup.sealed.set("PENTIFY_API_URL", &url).set("PENTIFY_APP_URL", &url);
        setup.put(
            "credentials",
            &format!(
                r#"{{"v":1,"records":{{"acme":{{"v":1,"gen":"a.1","origin":"{url}","workspace":{{"slug":"acme"}},"token":"{TOKEN}"}}}},"active":"acme"}}"#
            ),
        );
        setup
    }

    fn of(command: &'static str, name: &str, server: Hostile) -> Self {
        let sealed = Sealed::new(&format!("doctor-{name}"));
        let setup = Self { sealed, server, command, before: None };
        let folder = setup.config();
        fs::create_dir_all(&folder).unwrap();
        for folder in folder.ancestors().take(2) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        setup
    }

    /// The folder of the command's files.
    pub fn config(&self) -> PathBuf {
        self.sealed.home.join(".config").join(self.command)
    }

    /// Writes a private file into it.
    pub fn put(&self, name: &str, content: &str) -> PathBuf {
        let path = self.config().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The settings: these lines, then the profile.
    pub fn configure(&self, lines: &str) {
        let url = self.server.url();
        self.put(
            "config.toml",
            &format!(
                "active = \"work\"\n{lines}[profiles.work]\nissuer = \"{url}\"\ntoken_endpoint = \"{url}/token\"\nclient_id = \"c\"\n"
            ),
        );
    }

    /// A session.
    pub fn record(&self) -> Record {
        let issuer = Some(self.server.url().into());
        Record { issuer, generation: Generation::parse("a.1"), ..Record::bare_refresh(Secret::from(TOKEN)) }
    }

    /// Runs `doctor` in both its forms, which must agree, and checks what must hold whatever is broken.
    pub fn doctor(&self, args: &[&str]) -> Seen {
        let before = listing(&self.sealed.home);
        let human = self.run(self.command, &[&["doctor"], args].concat());
        let json = self.run(self.command, &[&["doctor", "--json"], args].concat());
        assert_eq!(listing(&self.sealed.home), before, "something was changed");
        for said in [&human.stdout, &human.stderr, &json.stdout, &json.stderr] {
            assert!(!said.contains(TOKEN), "{said}");
        }
        for request in self.server.requests() {
            let request = request.to_ascii_lowercase();
            assert!(!request.contains("authorization") && !request.contains(TOKEN), "{request}");
            assert!(request.starts_with("get / http/1.1\r\n"), "{request}");
        }
        let seen = Seen { code: json.code, json: json.json() };
        assert_eq!(human.code, seen.code, "{human:?}");
        for check in seen.json["checks"].as_array().unwrap() {
            let is_fine = check["state"] == "ok";
            assert_eq!(check["remedy"].is_null(), is_fine, "{check}");
            assert!(is_fine || check["code"].is_string(), "{check}");
        }
        let marks = human.stdout.lines().filter(|line| line.starts_with(['✓', '!', '✗'])).count();
        assert_eq!(marks, seen.json["checks"].as_array().unwrap().len(), "a line for each check: {human:?}");
        seen
    }

    /// Runs one command line.
    pub fn run(&self, command: &str, args: &[&str]) -> Ended {
        let binary = match command {
            "pentify" => env!("CARGO_BIN_EXE_pentify"),
            "pensar" => env!("CARGO_BIN_EXE_pensar"),
            _ => env!("CARGO_BIN_EXE_doorkey"),
        };
        let mut command = match self.before {
            None => self.sealed.command(binary, args),
            Some(script) => {
                let script = format!("set -e; {script}; exec \"$@\"");
                let front = ["-m", "-n", "sh", "-c", &script, "sh", binary];
                self.sealed.command("unshare", &[&front[..], args].concat())
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap())
    }
}

/// A header line with the date of `seconds` ago.
pub fn date(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - seconds;
    let date = std::process::Command::new("date")
        .env("LC_ALL", "C")
        .args(["-u", "-d", &format!("@{now}"), "+date: %a, %d %b %Y %H:%M:%S GMT"])
        .output()
        .unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned() + "\r\n"
}

/// Everything in a folder: size, mode, owner, and the times of its last change.
fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .chain([folder.clone()])
        {
            let is = fs::symlink_metadata(&path).unwrap();
            let changed = (is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec());
            let new = found
                .insert(path.clone(), format!("{} {:o} {} {changed:?}", is.len(), is.mode(), is.uid()))
                .is_none();
            if is.is_dir() && new && path != folder {
                folders.push(path);
            }
        }
    }
    found
}
