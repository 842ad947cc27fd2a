//! Records as one line of JSON.
//!
//! A session's refresh token stands under `refreshToken` at the top level, where other programs of the same service
//! look for it and may replace it: `fingerprint` tells whether the rest still belongs to it.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Deserialize;

use crate::json::{self, Object};
use crate::record::{Gateway, Generation, Record, UnreadableRecord, Workspace};
use crate::rotation::{Access, Journal, Moment, Rotation, Spending};
use crate::secret::{Fingerprint, Secret, SecretBuilder};
use crate::time::{Timestamp, WallTime};

/// The version of the form that this code writes and reads.
const FORM: u32 = 1;
/// Why a refresh token is never sent, beside the issuer's refusals.
const UNRENEWABLE: &str = "unrenewable";
const REVOKING: &str = "revoking";

pub(crate) fn encode(record: &Record) -> Secret {
    let Some(generation) = &record.generation else { return record.token.clone() };
    let mut text = SecretBuilder::default();
    let fingerprint = record.rotation.as_ref().map(|_| record.token.fingerprint());
    write(record, generation, fingerprint.as_ref().map_or("", Fingerprint::as_str), &mut text);
    text.finish()
}

/// How many bytes [`encode`] gives.
pub(crate) fn length(record: &Record) -> usize {
    let Some(generation) = &record.generation else { return record.token.expose_secret().len() };
    let mut length = Length(0);
    // Every fingerprint has sixteen digits: for the length any will do.
    write(record, generation, "0123456789abcdef", &mut length);
    length.0
}

/// Text that is counted and not kept.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 += piece.len();
        Ok(())
    }
}

fn write(record: &Record, generation: &Generation, fingerprint: &str, into: &mut dyn fmt::Write) {
    let rotation = record.rotation.as_deref();
    let access = rotation.and_then(|rotation| rotation.access.as_ref());
    let mut written = Object::begin(into);
    written.set_number("v", FORM.into());
    written.set_text("gen", &generation.to_string());
    written.set_text_if_any("origin", record.issuer.as_deref());
    if let Some(workspace) = &record.workspace {
        written.set_object("workspace", |written| write_workspace(workspace, written));
    }
    if record.is_tombstone() {
        written.set_whether("ended", true);
    }
    written.set_secret("token", (rotation.is_none() && !record.is_tombstone()).then_some(&record.token));
    written.set_secret("refreshToken", rotation.map(|_| &record.token));
    written.set_text_if_any("fingerprint", rotation.map(|_| fingerprint));
    if let Some(access) = access {
        written.set_secret("accessToken", &access.token);
        written.set_object("received", |received| write_moment(&access.received, received));
    }
    if let Some(lifetime) = access.and_then(|access| access.lifetime) {
        written.set_number("lifetimeMs", millis(lifetime));
    }
    written.set_text_if_any("clientId", rotation.and_then(|rotation| rotation.client_id.as_deref()));
    written.set_text_if_any("machine", rotation.and_then(|rotation| rotation.machine.as_deref()));
    if let Some(Journal::Spending(spending)) = rotation.map(|rotation| &rotation.journal) {
        written.set_object("spending", |written| {
            written.set_number("attempt", spending.attempt.into());
            written.set_object("started", |started| write_moment(&spending.started, started));
            written.set_number("lastResorts", spending.last_resorts.into());
        });
    }
    let refused = rotation.and_then(|rotation| match &rotation.journal {
        Journal::Refused { interrupted: true } => Some("interrupted"),
        Journal::Refused { interrupted: false } => Some("invalid_grant"),
        Journal::Unrenewable => Some(UNRENEWABLE),
        Journal::Revoking => Some(REVOKING),
        Journal::Settled | Journal::Spending(_) => None,
    });
    written.set_text_if_any("refused", refused);
    if let Some(rotation) = rotation.filter(|rotation| !rotation.spent.is_empty()) {
        written.set_texts("spent", rotation.spent.iter().map(Fingerprint::as_str));
    }
    written.set_secret("signingKey", record.gateway.signing_key.as_ref());
    written.set_text_if_any("gatewayUrl", record.gateway.base().as_deref());
    written.end();
}

fn write_workspace(workspace: &Workspace, written: &mut Object<'_>) {
    written.set_text_if_any("id", workspace.id.as_deref());
    written.set_text_if_any("name", workspace.name.as_deref());
    written.set_text("slug", &workspace.slug);
}

/// A moment, as [`MomentForm`] reads it.
pub(crate) fn write_moment(moment: &Moment, written: &mut Object<'_>) {
    written.set_number("wall", moment.wall.as_unix_millis());
    written.set_number("mono", moment.mono.as_millis());
    written.set_text("boot", &moment.boot);
}

pub(crate) fn decode(text: &Secret) -> Result<Record, UnreadableRecord> {
    let trimmed = text.expose_secret().trim();
    if !trimmed.starts_with('{') {
        return match trimmed {
            "" => Err(UnreadableRecord::Empty),
            bare if !is_token(bare) => Err(UnreadableRecord::Malformed),
            bare => Ok(Record::bare(Secret::from(bare))),
        };
    }
    let mut read: Read = serde_json::from_str(trimmed).map_err(|_| UnreadableRecord::Malformed)?;
    let refresh_token = read.refresh_token.take();
    let foreign = match (&refresh_token, &read.fingerprint) {
        // One that was spent before is no other login: a backup was restored, or another program wrote what it knew.
        (Some(token), Some(_)) if read.has_spent(token) => false,
        (Some(token), Some(_)) => !read.is_of(token),
        (Some(_), None) => true,
        (None, _) => false,
    };
    match (refresh_token, read.v) {
        (Some(token), _) if foreign => match is_token(token.expose_secret()) {
            true => Ok(Record::bare_refresh(token)),
            false => Err(UnreadableRecord::Malformed),
        },
        (token, Some(FORM)) => read.into_record(token),
        (_, Some(newer)) if newer > FORM => Err(UnreadableRecord::NewerForm(newer)),
        _ => Err(UnreadableRecord::Malformed),
    }
}

/// Whether a text can stand in a header as it is.
fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    v: Option<u32>,
    #[serde(default)]
    r#gen: String,
    origin: Option<String>,
    workspace: Option<Workspace>,
    #[serde(default)]
    ended: bool,
    #[serde(default, deserialize_with = "json::secret_if_any")]
    token: Option<Secret>,
    #[serde(default, deserialize_with = "json::secret_if_any")]
    refresh_token: Option<Secret>,
    fingerprint: Option<String>,
    #[serde(default, deserialize_with = "json::secret_if_any")]
    access_token: Option<Secret>,
    received: Option<MomentForm>,
    lifetime_ms: Option<u64>,
    client_id: Option<String>,
    machine: Option<String>,
    spending: Option<SpendingForm>,
    refused: Option<String>,
    #[serde(default)]
    spent: Vec<String>,
    #[serde(default, deserialize_with = "json::secret_if_any")]
    signing_key: Option<Secret>,
    gateway_url: Option<String>,
}

impl Read {
    fn has_spent(&self, token: &Secret) -> bool {
        self.spent.iter().any(|hex| Fingerprint::from_hex(hex) == token.fingerprint())
    }

    /// Whether what is written beside it was written about this token.
    fn is_of(&self, token: &Secret) -> bool {
        self.fingerprint.as_deref().is_some_and(|hex| Fingerprint::from_hex(hex) == token.fingerprint())
    }

    fn into_record(self, refresh_token: Option<Secret>) -> Result<Record, UnreadableRecord> {
        let generation = Generation::parse(&self.r#gen).ok_or(UnreadableRecord::Malformed)?;
        if self.ended {
            return Ok(Record::tombstone(generation));
        }
        let rotates = refresh_token.is_some();
        // Put back by somebody else: what the journal says is of another token.
        let put_back =
            refresh_token.as_ref().is_some_and(|token| self.has_spent(token) && !self.is_of(token));
        let token = refresh_token.or(self.token).ok_or(UnreadableRecord::Malformed)?;
        if !is_token(token.expose_secret()) {
            return Err(UnreadableRecord::Malformed);
        }
        let received = self.received.unwrap_or_default();
        let access = self.access_token.map(|token| Access {
            token,
            received: received.into(),
            lifetime: self.lifetime_ms.map(Duration::from_millis),
        });
        let journal = match (self.spending, self.refused.as_deref()) {
            (_, Some(UNRENEWABLE)) => Journal::Unrenewable,
            (_, Some(REVOKING)) => Journal::Revoking,
            // Whether it is still good for anything cannot be known.
            _ if put_back => {
                Journal::Spending(Spending { attempt: 1, started: Moment::default(), last_resorts: 0 })
            }
            (_, Some(why)) => Journal::Refused { interrupted: why == "interrupted" },
            (Some(spending), None) => Journal::Spending(Spending {
                attempt: spending.attempt,
                started: spending.started.into(),
                last_resorts: spending.last_resorts,
            }),
            (None, None) => Journal::Settled,
        };
        let rotation = Rotation {
            client_id: self.client_id,
            machine: self.machine,
            access,
            journal,
            spent: self.spent.iter().map(|hex| Fingerprint::from_hex(hex)).collect(),
        };
        Ok(Record {
            generation: Some(generation),
            issuer: self.origin.map(Into::into),
            workspace: self.workspace.map(Arc::new),
            token,
            rotation: rotates.then(|| rotation.into()),
            gateway: Gateway {
                // A URL that we would not send anything to counts as none.
                url: self.gateway_url.as_deref().and_then(Gateway::read_base),
                signing_key: self.signing_key,
            },
        })
    }
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct MomentForm {
    wall: u64,
    mono: u64,
    #[serde(default)]
    boot: String,
}

impl From<MomentForm> for Moment {
    fn from(form: MomentForm) -> Self {
        Self {
            wall: WallTime::from_unix_millis(form.wall),
            mono: Timestamp::from_millis(form.mono),
            boot: form.boot,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpendingForm {
    attempt: u32,
    started: MomentForm,
    #[serde(default)]
    last_resorts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Url;

    fn session(journal: Journal) -> Record {
        let moment = |millis| Moment {
            wall: WallTime::from_unix_millis(1_700_000_000_000 + millis),
            mono: Timestamp::from_millis(millis),
            boot: "b".into(),
        };
        let journal = match journal {
            Journal::Spending(spending) => Journal::Spending(Spending { started: moment(7), ..spending }),
            other => other,
        };
        let rotation = Rotation {
            client_id: Some("client_1".into()),
            machine: Some("m".into()),
            access: Some(Access {
                token: Secret::from("a.b.c"),
                received: moment(5),
                lifetime: Some(Duration::from_secs(300)),
            }),
            journal,
            spent: alloc::vec![Fingerprint::of(b"earlier")],
        };
        Record {
            generation: Generation::parse("login.3"),
            workspace: Some(Workspace { id: None, name: None, slug: "acme".into() }.into()),
            rotation: Some(rotation.into()),
            gateway: Gateway {
                url: Url::parse("https://gateway.pensar.dev").ok(),
                signing_key: Some(Secret::from("sk")),
            },
            ..Record::new("https://api.workos.com", None, Secret::from("refresh-1"))
        }
    }

    #[test]
    fn every_kind_of_record_comes_back_as_it_was() {
        let spending = Spending { attempt: 2, started: Moment::default(), last_resorts: 2 };
        for record in [
            session(Journal::Settled),
            session(Journal::Spending(spending)),
            session(Journal::Refused { interrupted: true }),
            session(Journal::Refused { interrupted: false }),
            session(Journal::Unrenewable),
            session(Journal::Revoking),
            Record::tombstone(Generation { login: "login".into(), counter: 9 }),
            Record { generation: Generation::parse("l.1"), ..Record::bare(Secret::from("key")) },
            Record::bare(Secret::from("key")),
        ] {
            assert_eq!(length(&record), record.encode().expose_secret().len());
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn it_is_written_in_this_form_and_no_other() {
        let spending = Spending { attempt: 2, started: Moment::default(), last_resorts: 1 };
        let mut record = session(Journal::Spending(spending));
        let workspace = Workspace { id: Some("w".into()), name: Some("A\n".into()), slug: "acme".into() };
        record.workspace = Some(workspace.into());
        let fingerprint = record.token.fingerprint();
        let fingerprint = fingerprint.as_str();
        let spent = Fingerprint::of(b"earlier");
        let text = alloc::format!(
            concat!(
                r#"{{"v":1,"gen":"login.3","origin":"https://api.workos.com","#,
                r#""workspace":{{"id":"w","name":"A\n","slug":"acme"}},"refreshToken":"refresh-1","#,
                r#""fingerprint":"{}","accessToken":"a.b.c","#,
                r#""received":{{"wall":1700000000005,"mono":5,"boot":"b"}},"lifetimeMs":300000,"#,
                r#""clientId":"client_1","machine":"m","#,
                r#""spending":{{"attempt":2,"started":{{"wall":1700000000007,"mono":7,"boot":"b"}},"lastResorts":1}},"#,
                r#""spent":["{}"],"signingKey":"sk","gatewayUrl":"https://gateway.pensar.dev"}}"#,
            ),
            fingerprint,
            spent.as_str()
        );
        assert_eq!(record.encode().expose_secret(), text);
        let ended = Record::tombstone(Generation { login: "l".into(), counter: 9 });
        assert_eq!(ended.encode().expose_secret(), r#"{"v":1,"gen":"l.9","ended":true}"#);
    }

    #[test]
    fn a_gateway_with_a_query_is_none() {
        for (text, gateway) in [
            ("https://gateway.pensar.dev/", Some("https://gateway.pensar.dev")),
            ("https://gateway.pensar.dev/?v", None),
            ("gateway", None),
        ] {
            let text = alloc::format!(r#"{{"v":1,"gen":"l.1","token":"t","gatewayUrl":"{text}"}}"#);
            let record = Record::decode(&Secret::from(&*text)).unwrap();
            assert_eq!(record.gateway.base().as_deref(), gateway);
        }
    }

    #[test]
    fn a_refresh_token_that_another_program_put_there_is_a_bare_one() {
        let ours = session(Journal::Settled).encode();
        let changed = Secret::new(ours.expose_secret().replace("refresh-1", "refresh-2"));
        let foreign = Secret::from(r#"{"refreshToken":"refresh-2","accessToken":"x","other":1}"#);
        for text in [changed, foreign] {
            assert_eq!(Record::decode(&text), Ok(Record::bare_refresh(Secret::from("refresh-2"))));
        }
    }

    #[test]
    fn what_is_written_of_a_spent_token_that_was_put_back_counts() {
        let mut ours = session(Journal::Refused { interrupted: false });
        ours.rotation_or_default().spent.push(Fingerprint::of(b"refresh-0"));
        let text = ours.encode().expose_secret().replace("refresh-1", "refresh-0");
        let mut record = Record::decode(&Secret::new(text)).unwrap();
        let spending = |attempt, last_resorts| Spending { attempt, started: Moment::default(), last_resorts };
        // What the journal said was of another token.
        let journal = &record.rotation.as_ref().unwrap().journal;
        assert_eq!(*journal, Journal::Spending(spending(1, 0)));
        for journal in [Journal::Spending(spending(3, 2)), Journal::Refused { interrupted: true }] {
            record.rotation_or_default().journal = journal;
            assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&record));
        }
    }

    #[test]
    fn what_is_no_record() {
        for (text, why) in [
            ("", UnreadableRecord::Empty),
            ("a b", UnreadableRecord::Malformed),
            ("{}", UnreadableRecord::Malformed),
            (r#"{"v":1,"gen":"l.1"}"#, UnreadableRecord::Malformed),
            (r#"{"v":1,"gen":"l","token":"t"}"#, UnreadableRecord::Malformed),
            (r#"{"v":1,"gen":"l.1","token":""}"#, UnreadableRecord::Malformed),
            (r#"{"v":2,"gen":"l.1","token":"t"}"#, UnreadableRecord::NewerForm(2)),
            (r#"{"refreshToken":"a\nb"}"#, UnreadableRecord::Malformed),
            (r#"{"refreshToken":""}"#, UnreadableRecord::Malformed),
        ] {
            assert_eq!(Record::decode(&Secret::from(text)), Err(why), "{text}");
        }
    }
}
