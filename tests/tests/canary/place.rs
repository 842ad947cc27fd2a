//! Where a program signs in whose secrets are known.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use doorkey_sandbox::pensar::account;
use doorkey_tests::canary::canaries;
use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::Home;
use doorkey_tests::login::{self, approve};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

/// Of a JWT, before its signature: what comes before is in traces, too, where only the times are looked at.
const PAYLOAD: usize = 100;

/// The content of the key file of an encrypted store, which is as secret as what is encrypted with it.
const KEY: &str = "of-a-key-file-0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ-abcdefghijkl";

/// A service, a home, and a keychain if that is where it stores.
pub struct Place {
    sandbox: Sandbox,
    service: &'static str,
    is_encrypted: bool,
    home: Home,
    // Ends last: it has the keychain.
    _desktop: Option<Desktop>,
}

impl Place {
    pub fn new(name: &str, store: &str, service: &'static str) -> Self {
        let sandbox = Sandbox::start(name, &["--device-interval", "1"]);
        let desktop = (store == "keychain")
            .then(|| Desktop::start(&format!("{name}-desktop"), Services::None).with_unlocked_keyring());
        let home = desktop.iter().fold(Home::new(name).with_sandbox(&sandbox), Home::with_desktop);
        let folder = home.folder().join("canary");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("key"), KEY).unwrap();
        for (path, mode) in [(&folder, 0o700), (&folder.join("key"), 0o600)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { sandbox, service, is_encrypted: store == "encrypted", home, _desktop: desktop }
    }

    /// The program with this driver and this store, not yet started.
    pub fn command(&self, driver: &str, store: &str, more: &[&str]) -> Command {
        let folder = self.home.folder().join("canary");
        let args = [&[driver, store, self.service, folder.to_str().unwrap()], more].concat();
        self.home.command(env!("CARGO_BIN_EXE_canary-client"), &args)
    }

    /// Waits for its login, and approves it.
    pub fn approve(&self) {
        let person = if self.service == "pentify" { login::SOLO } else { account::SOLO };
        approve(&self.link(), person, "acme");
    }

    /// All secrets so far, or what is secret of them.
    pub fn secrets(&self) -> BTreeSet<String> {
        let wire = self.wire();
        let user_codes = wire.match_indices("\"user_code\":\"").map(|(at, key)| &wire[at + key.len()..][..9]);
        let all = canaries(&wire).into_iter().chain(user_codes);
        let secret =
            |text: &str| text.rfind('.').map_or(text.to_owned(), |at| text[at - PAYLOAD..].to_owned());
        all.map(secret).chain(self.is_encrypted.then(|| KEY.to_owned())).collect()
    }

    /// How many there are in the end: device id and key; or device code, user code, signing key and two pairs of tokens; and
    /// what they are encrypted with.
    pub fn most_secrets(&self) -> usize {
        usize::from(self.is_encrypted) + if self.service == "pentify" { 2 } else { 7 }
    }

    /// Everything that went over the wire.
    fn wire(&self) -> String {
        fs::read_to_string(self.home.folder().join("canary/wire")).unwrap_or_default()
    }

    /// The page where its person authorizes it.
    fn link(&self) -> String {
        wait_for("a login is begun", || {
            let wire = self.wire();
            if self.service == "pentify" {
                let id = wire.split_once("device_id=")?.1.get(..43)?;
                let page = format!("{}/auth/terminal-pair?device_name=canary", self.sandbox.app);
                return Some(format!("{page}&device_id={id}"));
            }
            let (_, link) = wire.split_once("\"verification_uri_complete\":\"")?;
            Some(link.split_once('"')?.0.to_owned())
        })
    }
}
