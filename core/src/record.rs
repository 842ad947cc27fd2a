//! What is stored: credential records, their versions, and the slots they lie in.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::{Entropy, Fingerprint, Secret};

/// The version of the record's JSON form that this code writes and reads.
const FORM: u32 = 1;

/// A workspace, as far as the service told us about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Workspace {
    /// The service's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name that people gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The short name, unique within the service.
    pub slug: String,
}

/// Which write of which login made a record: never used twice (invariant 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// A random id, new with every login.
    pub login: String,
    /// Counts the writes within that login, from 1.
    pub counter: u64,
}

impl Generation {
    /// The first generation of a new login, named by fresh entropy.
    pub fn first(entropy: &Entropy) -> Self {
        let bytes = entropy.expose_bytes();
        Self { login: Fingerprint::of(bytes).as_str().to_owned(), counter: 1 }
    }

    fn parse(text: &str) -> Option<Self> {
        let (login, counter) = text.rsplit_once('.')?;
        Some(Self { login: login.to_owned(), counter: counter.parse().ok()? })
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
    pub issuer: Option<String>,
    /// The workspace it belongs to, if known.
    pub workspace: Option<Workspace>,
    /// The token itself.
    pub token: Secret,
}

impl Record {
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

    /// The record as one line of JSON; a bare token as it is.
    pub fn encode(&self) -> Secret {
        let Some(generation) = &self.generation else { return self.token.clone() };
        let written = Written {
            v: FORM,
            r#gen: generation.to_string(),
            origin: self.issuer.clone(),
            workspace: self.workspace.clone(),
            token: self.token.expose_secret(),
        };
        // Serialising strings and numbers into memory has no way to fail.
        Secret::new(serde_json::to_string(&written).unwrap_or_default())
    }

    /// Reads a record, or a bare token.
    ///
    /// # Errors
    /// [`UnreadableRecord`] says what is wrong; it never repeats the content.
    pub fn decode(text: &Secret) -> Result<Self, UnreadableRecord> {
        let trimmed = text.expose_secret().trim();
        if !trimmed.starts_with('{') {
            return match trimmed {
                "" => Err(UnreadableRecord::Empty),
                bare if bare.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                    Err(UnreadableRecord::Malformed)
                }
                bare => {
                    Ok(Self { generation: None, issuer: None, workspace: None, token: Secret::from(bare) })
                }
            };
        }
        let read: Read = serde_json::from_str(trimmed).map_err(|_| UnreadableRecord::Malformed)?;
        if read.v != FORM {
            return Err(UnreadableRecord::NewerForm(read.v));
        }
        let generation = Generation::parse(&read.r#gen).ok_or(UnreadableRecord::Malformed)?;
        Ok(Self {
            generation: Some(generation),
            issuer: read.origin,
            workspace: read.workspace,
            token: Secret::new(read.token),
        })
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
}

impl Backend {
    /// The stable name, as in `--json` and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::File => "file",
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    r#gen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<Workspace>,
    token: &'a str,
}

#[derive(Deserialize)]
struct Read {
    v: u32,
    #[serde(default)]
    r#gen: String,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    workspace: Option<Workspace>,
    #[serde(default)]
    token: String,
}
