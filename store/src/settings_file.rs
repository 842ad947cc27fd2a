//! The file of settings that a session's service shares with other programs, like `~/.pensar/config.json`.
//!
//! It is the ledger: `workspaceId`, `workspaceSlug`, `gatewayUrl`, `workosSession` (whether the newest login is a
//! session), `credentialBackend` (`os-vault` or `secure-file`), and `doorkeyUnsettled`, which is ours alone. Every
//! other key belongs to others and survives each write byte for byte, in its place. What others wrote under the shared
//! keys in a form that means nothing here counts as not being there.
//!
//! A file that is no JSON object is never overwritten: it holds more than what is ours.

use std::borrow::Cow;
use std::path::PathBuf;

use doorkey_core::record::Backend;
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailure, StoreFailureKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::{failure, shown};
use crate::ledger_store::{LedgerStore, UnsettledForm};
use crate::object::Object;
use crate::ownership::WRITE_ACCESS;
use crate::private_file::{Change, PrivateFile};

pub(crate) const WORKSPACE_ID: &str = "workspaceId";
pub(crate) const WORKSPACE_SLUG: &str = "workspaceSlug";
pub(crate) const GATEWAY_URL: &str = "gatewayUrl";
const SESSION: &str = "workosSession";
const BACKEND: &str = "credentialBackend";
const UNSETTLED: &str = "doorkeyUnsettled";

/// A file of settings. It may be one that others can read, as older programs made it; each write makes it private.
#[derive(Debug)]
pub struct SettingsFile {
    pub(crate) file: PrivateFile,
}

impl SettingsFile {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, WRITE_ACCESS) }
    }

    pub(crate) fn parse<'a>(&self, text: Option<&'a Secret>) -> Result<Object<'a>, StoreFailure> {
        text.map_or(Some(Object::default()), Object::parse)
            .ok_or_else(|| self.unreadable("is not a JSON object; mend it or move it away"))
    }

    fn unreadable(&self, why: &str) -> StoreFailure {
        failure(StoreFailureKind::Unreadable, format!("{} {why}", shown(self.file.path())))
    }
}

impl LedgerStore for SettingsFile {
    fn read(&self) -> Result<Ledger, StoreFailure> {
        let text = self.file.read()?;
        let object = self.parse(text.as_ref())?;
        let plain = |key| object.text(key).map(|text| text.expose_secret().to_owned());
        let unsettled = match object.raw(UNSETTLED) {
            Some(raw) => unsettled(raw).ok_or_else(|| {
                self.unreadable(&format!("has a damaged \"{UNSETTLED}\"; remove that key and sign in again"))
            })?,
            None => Vec::new(),
        };
        Ok(Ledger {
            backend: plain(BACKEND).and_then(|name| backend(&name)),
            active: plain(WORKSPACE_SLUG),
            workspace_id: plain(WORKSPACE_ID),
            gateway_url: plain(GATEWAY_URL),
            session: object.raw(SESSION).is_some_and(|raw| raw.get() == "true"),
            unsettled,
        })
    }

    fn write(&self, ledger: &Ledger) -> Result<(), StoreFailure> {
        let unsettled: Vec<_> = ledger.unsettled.iter().map(UnsettledForm::from).collect();
        let ours = [
            (WORKSPACE_ID, ledger.workspace_id.as_ref().map(json)),
            (WORKSPACE_SLUG, ledger.active.as_ref().map(json)),
            (GATEWAY_URL, ledger.gateway_url.as_ref().map(json)),
            (SESSION, Some(json(&ledger.session))),
            (BACKEND, ledger.backend.map(|backend| json(&name(backend)))),
            (UNSETTLED, (!unsettled.is_empty()).then(|| json(&unsettled))),
        ];
        self.file.change(|text| {
            let mut object = self.parse(text)?;
            for (key, value) in ours {
                match value {
                    Some(value) => object.set(key, Cow::Owned(value)),
                    None => object.remove(key),
                }
            }
            Ok(Change::Replace(object.render(), ()))
        })
    }
}

/// As the settings name the kinds of place.
fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Keychain => "os-vault",
        Backend::File => "secure-file",
        // Other programs know only the two above; this one is the same for all of ours.
        Backend::EncryptedFile => Backend::EncryptedFile.as_str(),
    }
}

fn backend(named: &str) -> Option<Backend> {
    Backend::ALL.into_iter().find(|backend| name(*backend) == named)
}

fn unsettled(raw: &RawValue) -> Option<Vec<doorkey_core::store::Unsettled>> {
    let entries: Vec<UnsettledForm> = serde_json::from_str(raw.get()).ok()?;
    entries.into_iter().map(UnsettledForm::read).collect()
}

/// Strings, booleans and lists of them have no way to fail.
fn json(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}
