//! A record as JSON, and back.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use crate::record::{Gateway, Generation, Record, Version, Workspace};
use crate::rotation::{Access, Journal, Moment, Rotation, Spending};
use crate::secret::Fingerprint;
use crate::time::{Timestamp, WallTime};
use crate::url::Url;

use super::Recorder;
use super::placeholder::Placeholders;
use super::read::{Read, field, flag, list, number, optional, text};
use super::write::millis;

impl Recorder {
    pub(super) fn record(&mut self, record: &Record) -> Value {
        json!({
            "generation": record.generation.as_ref().map(|_| self.version(&record.version())),
            "issuer": record.issuer.as_deref(),
            "workspace": record.workspace.as_ref().map(|w| json!({"id": w.id, "name": w.name, "slug": w.slug})),
            "token": self.placeholders.secret(&record.token),
            "rotation": record.rotation.as_ref().map(|rotation| self.rotation(rotation)),
            "gateway": {
                "url": record.gateway.url.as_ref().map(ToString::to_string),
                "signing_key": record.gateway.signing_key.as_ref().map(|key| self.placeholders.secret(key)),
            },
        })
    }

    fn rotation(&mut self, rotation: &Rotation) -> Value {
        let access = rotation.access.as_ref().map(|access| {
            json!({"token": self.placeholders.secret(&access.token), "received": write_moment(&access.received),
                "lifetime_ms": access.lifetime.map(millis)})
        });
        let journal = match &rotation.journal {
            Journal::Settled => json!("settled"),
            Journal::Unrenewable => json!("unrenewable"),
            Journal::Revoking => json!("revoking"),
            Journal::Refused { interrupted } => json!({"refused": {"interrupted": interrupted}}),
            Journal::Spending(Spending { attempt, started, last_resorts }) => json!({"spending": {
                "attempt": attempt, "started": write_moment(started), "last_resorts": last_resorts,
            }}),
        };
        let spent: Vec<Value> =
            rotation.spent.iter().map(|spent| self.placeholders.fingerprint(spent)).collect();
        json!({"client_id": rotation.client_id, "machine": rotation.machine, "access": access,
            "journal": journal, "spent": spent})
    }

    /// Login ids and fingerprints are derived from secrets.
    pub(super) fn version(&mut self, version: &Version) -> Value {
        match version {
            Version::Generation(g) => json!([self.placeholders.derived(&g.login), g.counter]),
            Version::Fingerprint(fingerprint) => {
                json!({"fingerprint": self.placeholders.fingerprint(fingerprint)})
            }
        }
    }
}

pub(super) fn write_moment(moment: &Moment) -> Value {
    json!({"wall": moment.wall.as_unix_millis(), "mono": moment.mono.as_millis(), "boot": moment.boot})
}

pub(super) fn read_record(value: &Value, known: &Placeholders) -> Read<Record> {
    let generation =
        match value.get("generation").filter(|v| !v.is_null()).map(|v| read_version(v, known)).transpose()? {
            Some(Version::Generation(generation)) => Some(generation),
            _ => None,
        };
    let workspace = value.get("workspace").filter(|v| !v.is_null());
    Ok(Record {
        generation,
        issuer: optional(value, "issuer").map(Into::into),
        workspace: workspace
            .map(|w| {
                Ok::<_, String>(Arc::new(Workspace {
                    id: optional(w, "id"),
                    name: optional(w, "name"),
                    slug: text(w, "slug")?.to_owned(),
                }))
            })
            .transpose()?,
        token: known.meaning(text(value, "token")?),
        rotation: value
            .get("rotation")
            .filter(|rotation| !rotation.is_null())
            .map(|value| read_rotation(value, known).map(Arc::new))
            .transpose()?,
        gateway: Gateway {
            url: value
                .pointer("/gateway/url")
                .and_then(Value::as_str)
                .map(Url::parse)
                .transpose()
                .map_err(|e| format!("gateway: {e}"))?,
            signing_key: value
                .pointer("/gateway/signing_key")
                .and_then(Value::as_str)
                .map(|key| known.meaning(key)),
        },
    })
}

fn read_rotation(value: &Value, known: &Placeholders) -> Read<Rotation> {
    let access = value.get("access").filter(|access| !access.is_null());
    let access = access.map(|access| {
        Ok::<_, String>(Access {
            token: known.meaning(text(access, "token")?),
            received: read_moment(field(access, "received")?)?,
            lifetime: access.get("lifetime_ms").and_then(Value::as_u64).map(Duration::from_millis),
        })
    });
    let journal = field(value, "journal")?;
    let journal = match (journal.get("spending"), journal.get("refused")) {
        _ if journal.as_str() == Some("unrenewable") => Journal::Unrenewable,
        _ if journal.as_str() == Some("revoking") => Journal::Revoking,
        (Some(spending), _) => Journal::Spending(Spending {
            attempt: u32::try_from(number(spending, "attempt")?).map_err(|_| "attempt")?,
            started: read_moment(field(spending, "started")?)?,
            last_resorts: u32::try_from(number(spending, "last_resorts")?).map_err(|_| "last_resorts")?,
        }),
        (None, Some(refused)) => Journal::Refused { interrupted: flag(refused, "interrupted")? },
        (None, None) => Journal::Settled,
    };
    Ok(Rotation {
        client_id: optional(value, "client_id"),
        machine: optional(value, "machine"),
        access: access.transpose()?,
        journal,
        spent: list(value, "spent")?
            .iter()
            .map(|spent| read_fingerprint(spent, known))
            .collect::<Read<_>>()?,
    })
}

pub(super) fn read_moment(value: &Value) -> Read<Moment> {
    Ok(Moment {
        wall: WallTime::from_unix_millis(number(value, "wall")?),
        mono: Timestamp::from_millis(number(value, "mono")?),
        boot: text(value, "boot")?.to_owned(),
    })
}

pub(super) fn read_fingerprint(value: &Value, known: &Placeholders) -> Read<Fingerprint> {
    if let Some(of) = optional(value, "of") {
        return Ok(known.meaning(&of).fingerprint());
    }
    Ok(Fingerprint::from_hex(known.meaning(text(value, "opaque")?).expose_secret()))
}

pub(super) fn read_version(value: &Value, known: &Placeholders) -> Read<Version> {
    if let Some(value) = value.get("fingerprint") {
        return read_fingerprint(value, known).map(Version::Fingerprint);
    }
    let login = value.get(0).and_then(Value::as_str).ok_or("a version")?;
    let counter = value.get(1).and_then(Value::as_u64).ok_or("a version")?;
    Ok(Version::Generation(Generation { login: known.meaning(login).expose_secret().into(), counter }))
}
