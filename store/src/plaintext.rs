//! What older programs left as plain text in the file of settings: `refreshToken` with `accessToken`, or
//! `pensarAPIKey`, and `gatewaySigningKey` or `signingKey`. It is read as one record, to be written to where
//! credentials rest, read back there, and only then removed here.
//!
//! Where there are both a session and an API key, the session is the record and the key stays where it is: nothing is
//! removed that was not part of the record. Once the session's values are gone, the key is what is read; whoever signs
//! out therefore reads and removes until nothing is left. An access token without a refresh token is no credential and
//! stays, too. A value that is not a token counts as not being there.

use doorkey_core::record::{Gateway, Record, Version, Workspace};
use doorkey_core::rotation::{Access, Moment};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

use crate::credential_store::{Swap, bare_token};
use crate::object::Object;
use crate::private_file::Change;
use crate::settings_file::{GATEWAY_URL, SettingsFile, WORKSPACE_ID, WORKSPACE_SLUG};

const REFRESH_TOKEN: &str = "refreshToken";
const ACCESS_TOKEN: &str = "accessToken";
const API_KEY: &str = "pensarAPIKey";
/// The first that is there is the one.
const SIGNING_KEYS: [&str; 2] = ["gatewaySigningKey", "signingKey"];

impl SettingsFile {
    /// The credential that lies there as plain text, without a generation. Of its access token nothing is known but
    /// the token: it is used until it is refused.
    ///
    /// # Errors
    /// `Refused` if the file cannot be read or others may write to it, `Unreadable` if it is not a JSON object.
    pub fn read_plaintext(&self) -> Result<Option<Record>, StoreFailure> {
        let text = self.file.read()?;
        Ok(find(&self.parse(text.as_ref())?).map(|found| found.record))
    }

    /// Removes the values that make up that credential, if it is still this one. Nothing there is [`Swap::Done`].
    ///
    /// # Errors
    /// As for reading, and `Refused` if the file cannot be written.
    pub fn remove_plaintext(&self, expected: &Version) -> Result<Swap, StoreFailure> {
        // Removing from nothing leaves no trace.
        if self.read_plaintext()?.is_none() {
            return Ok(Swap::Done);
        }
        self.file.change(|text| {
            let mut object = self.parse(text)?;
            match find(&object) {
                None => Ok(Change::Keep(Swap::Done)),
                Some(found) if found.record.version() != *expected => Ok(Change::Keep(Swap::Conflict)),
                Some(found) => {
                    found.keys.iter().for_each(|key| object.remove(key));
                    Ok(Change::Replace(object.render(), Swap::Done))
                }
            }
        })
    }
}

struct Found {
    record: Record,
    /// Where its values lie.
    keys: Vec<&'static str>,
}

fn find(object: &Object<'_>) -> Option<Found> {
    let mut keys = Vec::new();
    let mut record = match (token(object, REFRESH_TOKEN), token(object, API_KEY)) {
        (Some(refresh_token), _) => {
            let mut record = Record::bare_refresh(refresh_token);
            keys.push(REFRESH_TOKEN);
            if let (Some(token), Some(rotation)) = (token(object, ACCESS_TOKEN), record.rotation_mut()) {
                rotation.access = Some(Access { token, received: Moment::default(), lifetime: None });
                keys.push(ACCESS_TOKEN);
            }
            record
        }
        (None, Some(api_key)) => {
            keys.push(API_KEY);
            Record::bare(api_key)
        }
        (None, None) => return None,
    };
    let plain = |key| object.text(key).map(|text| text.expose_secret().to_owned());
    record.workspace =
        plain(WORKSPACE_SLUG).map(|slug| Workspace { id: plain(WORKSPACE_ID), name: None, slug }.into());
    let signing_key = SIGNING_KEYS.iter().find_map(|key| object.text(key));
    // A second one that differs is not moved, and stays.
    keys.extend(SIGNING_KEYS.iter().filter(|key| signing_key.is_some() && object.text(key) == signing_key));
    let url = plain(GATEWAY_URL).as_deref().and_then(Gateway::read_base);
    record.gateway = Gateway { url, signing_key };
    Some(Found { record, keys })
}

/// The value of a key, if it reads as a bare token.
fn token(object: &Object<'_>, key: &str) -> Option<Secret> {
    bare_token(&object.text(key)?).ok()
}
