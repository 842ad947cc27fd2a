//! Where a service's things lie, as the embedder says.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the API tokens of a service lie, one for each workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    /// The file of what is remembered without secrets.
    pub ledger: PathBuf,
    /// The credentials file.
    pub credentials: PathBuf,
    /// Data files whose locks ([`lock_beside`](crate::lock_beside)) are taken together, in this order. Two names of
    /// one file count once.
    pub locked: Vec<PathBuf>,
    /// One more, below the home folder that the password database names
    /// ([`home_of_effective_user`](crate::home_of_effective_user)): with a keychain, the credentials file's namesake.
    /// The database may be on the network, so it is asked when the lock is first taken.
    pub locked_at_home: Option<PathBuf>,
    /// The names in the operating system's keychain; `None`: it is never opened.
    pub keychain: Option<KeychainConfig>,
}

impl VaultConfig {
    /// Everything in one folder, which need not exist, and no keychain.
    pub fn in_folder(folder: &Path) -> Self {
        let credentials = folder.join("credentials");
        Self {
            ledger: folder.join("state.json"),
            locked: vec![credentials.clone()],
            credentials,
            locked_at_home: None,
            keychain: None,
        }
    }
}

/// Where the one session of a service lies. Its lock is the one beside the canonical session file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The file of settings, shared with other programs ([`SettingsFile`](crate::SettingsFile)): what is remembered
    /// without secrets, and what older programs left as plain text.
    pub settings: PathBuf,
    /// The session file ([`AuthFile`](crate::AuthFile)).
    pub session: PathBuf,
    /// The emergency file ([`EmergencyFile`](crate::EmergencyFile)); best beside the session file.
    pub emergency: PathBuf,
    /// The session file's namesake below the home folder that the password database names, whose lock is taken, too:
    /// see [`VaultConfig::locked_at_home`].
    pub locked_at_home: Option<PathBuf>,
    /// The names in the operating system's keychain; `None`: it is never opened.
    pub keychain: Option<KeychainConfig>,
    /// It is known that other machines use these files, too, whatever kind of file system they lie on: a virtual
    /// machine's or a container's does not tell. `false`: the file system is asked.
    pub shared: bool,
}

impl SessionConfig {
    /// Everything in one folder, which need not exist, and no keychain.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            settings: folder.join("config.json"),
            session: folder.join("auth.json"),
            emergency: folder.join("auth.emergency"),
            locked_at_home: None,
            keychain: None,
            shared: false,
        }
    }
}

/// A service's names in the operating system's keychain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeychainConfig {
    /// The service, like `pentify-terminal`.
    pub service: String,
    /// The account of the active credential, like `api-token`; a workspace's is `<account>:<slug>`. Of a session, the
    /// account of the bare refresh token.
    pub account: String,
    /// The time limit of each call; 3 seconds is a good one.
    pub limit: Duration,
}
