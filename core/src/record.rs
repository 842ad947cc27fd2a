//! What is stored: credential records, their versions, and the slots they lie in.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::record_form;
use crate::rotation::Rotation;
use crate::secret::{Entropy, Fingerprint, Secret};
use crate::url::Url;

/// A workspace, as far as the service told us about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Workspace {
    /// The service's id.
    #[serde(default)]
    pub id: Option<String>,
    /// The name that people gave it.
    #[serde(default)]
    pub name: Option<String>,
    /// The short name, unique within the service.
    pub slug: String,
}

impl Workspace {
    /// An id as a server or another program wrote it; one that cannot stand in a header is none.
    pub(crate) fn readable_id(text: &str) -> Option<String> {
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| text.to_owned())
    }
}

/// Which write of which login made a record: never used twice (invariant 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// A random id, new with every login.
    pub login: Arc<str>,
    /// Counts the writes within that login, from 1.
    pub counter: u64,
}

impl Generation {
    /// The first generation of a new login, named by fresh entropy.
    pub fn first(entropy: &Entropy) -> Self {
        let bytes = entropy.expose_bytes();
        Self { login: Fingerprint::of(bytes).as_str().into(), counter: 1 }
    }

    /// The next write of the same login.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { login: self.login.clone(), counter: self.counter.saturating_add(1) }
    }

    /// Reads back what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (login, counter) = text.rsplit_once('.')?;
        Some(Self { login: login.into(), counter: counter.parse().ok()? })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.login, self.counter)
    }
}

/// What compare-and-swap compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A record of ours.
    Generation(Generation),
    /// A bare token that another tool wrote.
    Fingerprint(Fingerprint),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(generation) => generation.fmt(f),
            Self::Fingerprint(fingerprint) => write!(f, "sha256:{}", fingerprint.as_str()),
        }
    }
}

impl Version {
    /// Reads back what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("sha256:") {
            Some(hex) => Some(Self::Fingerprint(Fingerprint::from_hex(hex))),
            None => Generation::parse(text).map(Self::Generation),
        }
    }
}

/// One stored credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// `None` for a bare token that another tool wrote.
    pub generation: Option<Generation>,
    /// Who minted it: the API's origin, or `sandbox`. `None` for a bare token.
    pub issuer: Option<Arc<str>>,
    /// The workspace it belongs to, if known.
    pub workspace: Option<Arc<Workspace>>,
    /// The token itself: an API token or key, or a session's refresh token. Empty in a tombstone.
    pub token: Secret,
    /// `Some`: the token is a refresh token that rotates. Copies of a record share it.
    pub rotation: Option<Arc<Rotation>>,
    /// The gateway for the workspace's inference, if the service named one.
    pub gateway: Gateway,
}

/// Where inference requests go, and what signs them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gateway {
    /// Its base, if it is not the service's own.
    pub url: Option<Url>,
    /// The key for signatures.
    pub signing_key: Option<Secret>,
}

impl Gateway {
    /// A base as a server or another program wrote it. One with a query is none: it could not be put before a path.
    pub fn read_base(text: &str) -> Option<Url> {
        Url::parse(text).ok().filter(|url| url.query().is_empty())
    }

    /// The URL as other programs of the service write it: they put paths after it as it is.
    pub fn base(&self) -> Option<String> {
        self.url.as_ref().map(|url| url.to_string().trim_end_matches('/').to_owned())
    }
}

impl Record {
    /// A token of that issuer which has not been stored yet.
    pub fn new(issuer: &str, workspace: Option<Workspace>, token: Secret) -> Self {
        Self { issuer: Some(issuer.into()), workspace: workspace.map(Arc::new), ..Self::bare(token) }
    }

    /// A token that another tool stored, or that was given on the spot.
    pub fn bare(token: Secret) -> Self {
        Self {
            generation: None,
            issuer: None,
            workspace: None,
            token,
            rotation: None,
            gateway: Gateway::default(),
        }
    }

    /// A refresh token that another program stored.
    pub fn bare_refresh(token: Secret) -> Self {
        Self { rotation: Some(Arc::default()), ..Self::bare(token) }
    }

    /// What stays of a record that was deleted: whatever a slow writer of the same login still writes does not fit
    /// on top of it (invariant 6).
    #[must_use]
    pub fn tombstone(generation: Generation) -> Self {
        Self { generation: Some(generation), ..Self::bare(Secret::default()) }
    }

    /// Its rotating part, to be changed in this copy alone.
    pub fn rotation_mut(&mut self) -> Option<&mut Rotation> {
        self.rotation.as_mut().map(Arc::make_mut)
    }

    /// The same; it has one then.
    pub(crate) fn rotation_or_default(&mut self) -> &mut Rotation {
        Arc::make_mut(self.rotation.get_or_insert_default())
    }

    /// Whether this stands for a credential that was deleted.
    pub fn is_tombstone(&self) -> bool {
        self.token.expose_secret().is_empty()
    }

    /// What compare-and-swap compares.
    pub fn version(&self) -> Version {
        match &self.generation {
            Some(generation) => Version::Generation(generation.clone()),
            None => Version::Fingerprint(self.token.fingerprint()),
        }
    }

    /// The slug of its workspace, if known.
    pub fn slug(&self) -> Option<&str> {
        self.workspace.as_ref().map(|workspace| workspace.slug.as_str())
    }

    /// Whether it is a session that was never told where to work. An API key belongs to a workspace, which it may not name.
    pub fn lacks_workspace(&self) -> bool {
        self.rotation.is_some() && self.workspace.is_none()
    }

    /// The record as one line of JSON; a bare token as it is.
    pub fn encode(&self) -> Secret {
        record_form::encode(self)
    }

    /// How many bytes [`encode`](Self::encode) gives.
    pub(crate) fn encoded_len(&self) -> usize {
        record_form::length(self)
    }

    /// Reads a record, or a bare token.
    ///
    /// # Errors
    /// [`UnreadableRecord`] says what is wrong; it never repeats the content.
    pub fn decode(text: &Secret) -> Result<Self, UnreadableRecord> {
        record_form::decode(text)
    }
}

/// Why a stored record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnreadableRecord {
    /// There is nothing in it.
    Empty,
    /// It is neither a record nor a bare token.
    Malformed,
    /// A newer program wrote it, in this form.
    NewerForm(u32),
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the stored entry is empty"),
            Self::Malformed => f.write_str("the stored entry is not a credential"),
            Self::NewerForm(form) => write!(f, "a newer version wrote the stored entry (form {form})"),
        }
    }
}

impl core::error::Error for UnreadableRecord {}

/// Where in a backend a record lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The credential in use. In a keychain a copy, in a file a pointer.
    Active,
    /// The credential of the workspace with this slug; empty when the service did not name one.
    Workspace(String),
}

/// A kind of place for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The operating system's keychain.
    Keychain,
    /// A file that only its owner can read.
    File,
    /// A file that only its owner can read, and only with a passphrase or a key.
    EncryptedFile,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keychain, Self::File, Self::EncryptedFile];

    /// The stable name, as in `--json` and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::File => "file",
            Self::EncryptedFile => "encrypted-file",
        }
    }

    /// Whether the operating system can ask the person to unlock it ([`StoreOp::Unseal`](crate::store::StoreOp)).
    pub const fn has_prompt(self) -> bool {
        matches!(self, Self::Keychain)
    }
}
