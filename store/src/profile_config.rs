//! Where the things of one profile among many lie, as the embedder says.

use std::path::{Path, PathBuf};

use doorkey_core::secret::{Fingerprint, Secret};

use crate::vault_config::KeychainConfig;

/// The folder of the profiles' own folders.
const PROFILES: &str = "profiles";
/// As many characters of a profile's name are in the name of its folder.
const MOST_READABLE: usize = 40;

/// Where the session of one profile lies. Many of them share a folder of configuration:
///
/// | file | what |
/// |---|---|
/// | `credentials` | the sessions of all profiles, as plain text ([`ProfileFile`](crate::ProfileFile)) |
/// | `credentials.enc` | the same, encrypted |
/// | `profiles/<name>/state.json` | what is remembered of this profile without secrets ([`LedgerFile`](crate::LedgerFile)) |
/// | `profiles/<name>/session.emergency` | its emergency file ([`EmergencyFile`](crate::EmergencyFile)); encrypted if there is a key |
/// | `profiles/<name>/session.lock` | its lock |
///
/// The folder of a profile stays after a logout: a lock is never deleted (invariant 4), and what else is left there
/// holds no secret and is used by the next login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileConfig {
    /// The folder of configuration, like `~/.config/doorkey`.
    pub folder: PathBuf,
    /// The name of the profile: any text, like an issuer's URL.
    pub profile: String,
    /// That folder's namesake below the home folder that the password database names: with a keychain, the lock of the
    /// profile's folder there is taken, too. See [`VaultConfig::locked_at_home`](crate::VaultConfig::locked_at_home).
    pub locked_at_home: Option<PathBuf>,
    /// The names in the operating system's keychain: the account is the profile's name. `None`: it is never opened.
    pub keychain: Option<KeychainConfig>,
    /// What `credentials.enc` is encrypted with. `None`: every access to it fails with `Locked`.
    pub key: Option<EncryptionKey>,
    /// See [`SessionConfig::shared`](crate::SessionConfig::shared).
    pub shared: bool,
}

/// What an encrypted file is encrypted with. Nobody is asked for it, and no environment read: it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptionKey {
    /// What a person remembers. It goes through Argon2id with the second recommended parameters of RFC 9106 §4 (64 MiB,
    /// three passes, four lanes), once for each [`Vault`](crate::Vault).
    Passphrase(Secret),
    /// A file of at least 32 random bytes, all of which count. It must be ours and closed to others, or root's and
    /// readable for us alone, as a service manager's are.
    KeyFile(PathBuf),
}

impl ProfileConfig {
    /// This profile in a folder, which need not exist; no keychain and no key.
    pub fn in_folder(folder: &Path, profile: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            profile: profile.to_owned(),
            locked_at_home: None,
            keychain: None,
            key: None,
            shared: false,
        }
    }

    pub(crate) fn plain_file(&self) -> PathBuf {
        self.folder.join("credentials")
    }

    pub(crate) fn encrypted_file(&self) -> PathBuf {
        self.folder.join("credentials.enc")
    }
}

/// A profile's own folder, relative to the one of configuration.
pub(crate) fn folder_of_profile(profile: &str) -> PathBuf {
    Path::new(PROFILES).join(folder_name(profile))
}

/// A name for a folder that is good on every file system and no other profile's: what is readable of the name, and a
/// fingerprint of all of it, so that neither its length nor a difference of case alone matters.
fn folder_name(profile: &str) -> String {
    let readable = profile.strip_prefix("https://").unwrap_or(profile);
    let words =
        readable.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    name.truncate(MOST_READABLE);
    if !name.is_empty() {
        name.push('-');
    }
    name + Fingerprint::of(profile.as_bytes()).as_str()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_has_a_folder_of_its_own() {
        let long = format!("https://{}.example/{}", "a".repeat(300), "é".repeat(300));
        let names = [
            "",
            "work",
            "Work",
            "wörk",
            "https://issuer.example",
            "https://issuer.example/",
            "http://issuer.example",
            "https://issuer.example/tenant/1?x=../..",
            "https---issuer-example",
            "..",
            ".",
            "/",
            "../up",
            "con",
            "nul.",
            "日本",
            "a b\n\u{1b}[31m",
            &long,
        ];
        let folders: BTreeSet<String> = names.map(folder_name).into();
        assert_eq!(folders.len(), names.len());
        for folder in &folders {
            assert!((16..=MOST_READABLE + 17).contains(&folder.len()), "{folder}");
            let is_plain =
                |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
            assert!(folder.bytes().all(is_plain) && !folder.starts_with('-'), "{folder}");
        }
    }

    #[test]
    fn the_folder_can_be_told_by_its_name_and_stays_where_it_was() {
        let folder = folder_of_profile("https://Issuer.example/realms/one");
        assert_eq!(folder, Path::new("profiles/issuer-example-realms-one-fbb559b03d3497fc"));
    }

    #[test]
    fn a_passphrase_is_not_shown() {
        let key = Some(EncryptionKey::Passphrase("open sesame".into()));
        let config = ProfileConfig { key, ..ProfileConfig::in_folder("/x".as_ref(), "work") };
        assert!(!format!("{config:?}").contains("sesame"));
    }
}
