//! API keys, as the service remembers them.

use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::account::{Account, Workspace};
use crate::digest::Digest;
use crate::limit::Window;
use crate::moment::Moment;

/// How much of a key is kept and shown, to tell keys apart.
const SHOWN: usize = "pt_live_".len() + 4;

/// A key without its secret. The state knows keys by their SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) prefix: String,
    pub(crate) name: String,
    /// The account's address.
    pub(crate) account: String,
    /// The workspace's slug.
    pub(crate) workspace: String,
    pub(crate) created: Moment,
    pub(crate) last_used: Option<Moment>,
    pub(crate) revoked: Option<Moment>,
    pub(crate) window: Window,
}

impl Key {
    /// A new key for the holder of `device_id` and its plain text.
    ///
    /// The text is a hash of `salt` and `device_id`: who has both can have it again, and the state keeps the salt
    /// only as long as the answer may be repeated, the device id never.
    pub(crate) fn mint(salt: Digest, device_id: &str) -> Secret {
        let body = Digest::of_parts("key", &[salt.as_bytes(), device_id.as_bytes()]).to_base64url();
        Secret::new(format!("pt_live_{body}"))
    }

    /// What is remembered of a key.
    pub(crate) fn new(
        token: &Secret,
        device_name: &str,
        account: &str,
        workspace: &str,
        created: Moment,
    ) -> Self {
        Self {
            prefix: token.expose_secret().chars().take(SHOWN).collect(),
            name: name_for(device_name),
            account: account.to_owned(),
            workspace: workspace.to_owned(),
            created,
            last_used: None,
            revoked: None,
            window: Window::default(),
        }
    }

    /// Whose it is and where; `None` if the sandbox has no such account or workspace any more.
    pub(crate) fn holder(&self) -> Option<(&'static Account, &'static Workspace)> {
        let account = Account::find(&self.account)?;
        Some((account, account.workspace(&self.workspace)?))
    }
}

/// The name of a terminal's key.
pub(crate) fn name_for(device_name: &str) -> String {
    format!("Pentify Terminal · {device_name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_state_keeps_is_not_enough_for_the_key() {
        let (salt, other) = (Digest::of("salt"), Digest::of("other"));
        let key = Key::mint(salt, "device");
        assert_eq!(key, Key::mint(salt, "device"));
        assert_ne!(key, Key::mint(salt, "another device"));
        assert_ne!(key, Key::mint(other, "device"));
    }
}
