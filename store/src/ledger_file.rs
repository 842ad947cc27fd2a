//! What is remembered between runs, without secrets, in a file of its own:
//! `{"v":1,"backend":"keychain","active":"acme","unsettled":[{"backend":"keychain","slug":"acme","version":"…"}]}`.

use std::path::PathBuf;

use doorkey_core::record::Backend;
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailure, StoreFailureKind};
use serde::{Deserialize, Serialize};

use crate::failure::{failure, shown};
use crate::ledger_store::{LedgerStore, UnsettledForm};
use crate::ownership::WRITE_ACCESS;
use crate::private_file::{Change, PrivateFile, unreadable};

/// The version of the form that this code reads and writes.
const FORM: u64 = 1;

/// The file of a [`Ledger`]. What there is nothing of to remember is not in it. A damaged file is replaced by the next write; one that a newer version wrote is not.
#[derive(Debug)]
pub struct LedgerFile {
    file: PrivateFile,
}

impl LedgerFile {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, WRITE_ACCESS) }
    }

    fn newer(&self, form: u64) -> StoreFailure {
        failure(
            StoreFailureKind::Unreadable,
            format!(
                "a newer version of this program wrote {} (form {form}); use that version",
                shown(self.file.path())
            ),
        )
    }

    fn malformed(&self) -> StoreFailure {
        unreadable(self.file.path(), "is damaged")
    }
}

impl LedgerStore for LedgerFile {
    fn read(&self) -> Result<Ledger, StoreFailure> {
        let Some(text) = self.file.read()? else { return Ok(Ledger::default()) };
        match form(&text) {
            Some(FORM) => {}
            Some(newer) if newer > FORM => return Err(self.newer(newer)),
            _ => return Err(self.malformed()),
        }
        let read: Written = serde_json::from_str(text.expose_secret()).map_err(|_| self.malformed())?;
        let unsettled = read.unsettled.into_iter().map(UnsettledForm::read);
        Ok(Ledger {
            backend: read.backend,
            active: read.active,
            workspace_id: read.workspace_id,
            gateway_url: read.gateway_url,
            session: read.session,
            unsettled: unsettled.collect::<Option<_>>().ok_or_else(|| self.malformed())?,
        })
    }

    fn write(&self, ledger: &Ledger) -> Result<(), StoreFailure> {
        let written = Written {
            v: FORM,
            backend: ledger.backend,
            active: ledger.active.clone(),
            workspace_id: ledger.workspace_id.clone(),
            gateway_url: ledger.gateway_url.clone(),
            session: ledger.session,
            unsettled: ledger.unsettled.iter().map(UnsettledForm::from).collect(),
        };
        // Serialising strings and numbers into memory has no way to fail.
        let text = serde_json::to_string(&written).unwrap_or_default() + "\n";
        self.file.change(|old| match old.and_then(form) {
            Some(newer) if newer > FORM => Err(self.newer(newer)),
            _ => Ok(Change::Replace(Secret::new(text), ())),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backend: Option<Backend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<String>,
    #[serde(default, rename = "workspaceId", skip_serializing_if = "Option::is_none")]
    workspace_id: Option<String>,
    #[serde(default, rename = "gatewayUrl", skip_serializing_if = "Option::is_none")]
    gateway_url: Option<String>,
    /// Whether the newest login is a session.
    #[serde(default, skip_serializing_if = "is_false")]
    session: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unsettled: Vec<UnsettledForm>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The version of the form, if there is one at all.
fn form(text: &Secret) -> Option<u64> {
    #[derive(Deserialize)]
    struct Form {
        v: u64,
    }
    serde_json::from_str::<Form>(text.expose_secret()).ok().map(|form| form.v)
}
