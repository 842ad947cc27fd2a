//! The content of a credentials file: `{"v":1,"records":{slug:…},"active":slug}`.
//!
//! Records are kept as the pieces of text they were read as, borrowed from it: nothing of a secret is copied into
//! memory that is not wiped, and what another program wrote beside our keys goes through a change unharmed.

use std::collections::BTreeMap;

use doorkey_core::record::{Record, UnreadableRecord};
use doorkey_core::secret::Secret;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The version of the form that this code reads and writes.
const FORM: u64 = 1;

/// A credentials file, taken apart.
#[derive(Default)]
pub(crate) struct Document<'a> {
    records: BTreeMap<String, &'a RawValue>,
    active: Option<String>,
    /// Keys that are not ours.
    others: BTreeMap<String, &'a RawValue>,
}

impl<'a> Document<'a> {
    /// Takes a content apart; an empty one holds nothing.
    pub(crate) fn parse(text: &'a Secret) -> Result<Self, UnreadableRecord> {
        if text.expose_secret().trim().is_empty() {
            return Ok(Self::default());
        }
        let mut others: BTreeMap<String, &RawValue> = read(text.expose_secret())?;
        match others.remove("v").map(|form| read::<u64>(form.get())) {
            Some(Ok(FORM)) => {}
            Some(Ok(newer)) if newer > FORM => {
                return Err(UnreadableRecord::NewerForm(u32::try_from(newer).unwrap_or(u32::MAX)));
            }
            _ => return Err(UnreadableRecord::Malformed),
        }
        let records = others.remove("records").map_or(Ok(BTreeMap::new()), |records| read(records.get()))?;
        let active = others.remove("active").map_or(Ok(None), |active| read(active.get()))?;
        Ok(Self { records, active, others })
    }

    /// The content again.
    pub(crate) fn render(&self) -> Secret {
        // Collecting would sort first, by code of its own.
        let mut whole = BTreeMap::new();
        whole.extend(self.others.iter().map(|(key, value)| (key.as_str(), Piece::Other(value))));
        whole.insert("v", Piece::Form(FORM));
        whole.insert("records", Piece::Records(&self.records));
        if let Some(active) = &self.active {
            whole.insert("active", Piece::Active(active));
        }
        // Room for everything at once: growing would leave copies of secrets behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.length()));
        // Writing text into memory has no way to fail, and what JSON writes is UTF-8.
        let _ = serde_json::to_writer(&mut *text, &whole);
        text.push(b'\n');
        Secret::from(str::from_utf8(&text).unwrap_or_default())
    }

    /// The slug of the credential in use.
    pub(crate) fn active(&self) -> Option<&str> {
        self.active.as_deref()
    }

    /// Points at the credential in use, or at none.
    pub(crate) fn set_active(&mut self, slug: Option<&str>) {
        self.active = slug.map(str::to_owned);
    }

    /// The slugs of all records, in order.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// The record of a slug: a JSON object of ours, or a JSON string that is a bare token.
    pub(crate) fn record(&self, slug: &str) -> Result<Option<Record>, UnreadableRecord> {
        let Some(raw) = self.records.get(slug) else { return Ok(None) };
        let text = match raw.get().starts_with('"') {
            true => Secret::new(read(raw.get())?),
            false => Secret::from(raw.get()),
        };
        Record::decode(&text).map(Some)
    }

    /// Sets the record of a slug to what [`encode`] made.
    pub(crate) fn set_record(&mut self, slug: &str, encoded: &'a Secret) -> Result<(), UnreadableRecord> {
        self.records.insert(slug.to_owned(), read(encoded.expose_secret())?);
        Ok(())
    }

    /// Removes the record of a slug; a pointer at it would point at nothing and goes too.
    pub(crate) fn remove_record(&mut self, slug: &str) {
        self.records.remove(slug);
        if self.active.as_deref() == Some(slug) {
            self.active = None;
        }
    }

    /// No less than the bytes of the content: a key of `n` bytes takes at most `6 n + 4`.
    fn length(&self) -> usize {
        let pairs = self.records.iter().chain(&self.others);
        let pairs: usize = pairs.map(|(key, value)| 6 * key.len() + 4 + value.get().len()).sum();
        pairs + 6 * self.active.as_ref().map_or(0, String::len) + 64
    }
}

/// A record as a piece of JSON.
pub(crate) fn encode(record: &Record) -> Secret {
    let text = record.encode();
    match record.generation {
        Some(_) => text,
        None => {
            // Room for everything at once, however it is escaped: growing would leave copies behind.
            let mut json = Zeroizing::new(Vec::with_capacity(6 * text.expose_secret().len() + 2));
            // Turning a text into a JSON string has no way to fail, and what JSON writes is UTF-8.
            let _ = serde_json::to_writer(&mut *json, text.expose_secret());
            Secret::from(str::from_utf8(&json).unwrap_or_default())
        }
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Piece<'a> {
    Form(u64),
    Records(&'a BTreeMap<String, &'a RawValue>),
    Active(&'a str),
    Other(&'a RawValue),
}

/// Reads JSON without repeating any of it in the failure.
fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, UnreadableRecord> {
    serde_json::from_str(text).map_err(|_| UnreadableRecord::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_go_through_a_change_unharmed() {
        let text = Secret::from(
            r#"{"note":{"b":1.50,"a":[]},"v":1,"records":{"x":"pt_live_x"},"active":"x","z":null}"#,
        );
        let document = Document::parse(&text).unwrap();
        assert_eq!(
            document.render().expose_secret(),
            "{\"active\":\"x\",\"note\":{\"b\":1.50,\"a\":[]},\"records\":{\"x\":\"pt_live_x\"},\"v\":1,\"z\":null}\n"
        );
    }

    #[test]
    fn the_content_never_outgrows_its_allocation_nor_is_that_much_larger() {
        let token = Secret::from("\"pt_live_x\"");
        // Each of these bytes is six in JSON: the most that a key can take.
        let slugs: Vec<String> = (1..50).map(|length| "\u{1}".repeat(length)).collect();
        for (records, active) in [(0, None), (49, None), (49, Some(0)), (1, Some(48))] {
            let mut document = Document::default();
            for slug in &slugs[..records] {
                document.set_record(slug, &token).unwrap();
            }
            document.set_active(active.map(|active| slugs[active].as_str()));
            let (length, room) = (document.render().expose_secret().len(), document.length());
            assert!(length <= room && room <= length + 64, "{records} {active:?}: {length}, {room}");
        }
    }

    #[test]
    fn what_is_not_a_credentials_file() {
        use UnreadableRecord::{Malformed, NewerForm};
        let deep = format!("{{\"v\":1,\"records\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let rows: [(&str, UnreadableRecord); 10] = [
            ("pt_live_x", Malformed),
            ("[]", Malformed),
            ("{}", Malformed),
            (r#"{"v":2,"records":{}}"#, NewerForm(2)),
            (r#"{"v":99999999999,"records":{}}"#, NewerForm(u32::MAX)),
            (r#"{"v":0}"#, Malformed),
            (r#"{"v":"1"}"#, Malformed),
            (r#"{"v":1,"records":[]}"#, Malformed),
            (r#"{"v":1,"active":3}"#, Malformed),
            (&deep, Malformed),
        ];
        for (text, expected) in rows {
            assert_eq!(
                Document::parse(&Secret::from(text)).err(),
                Some(expected),
                "{}",
                &text[..20.min(text.len())]
            );
        }
        assert!(Document::parse(&Secret::from("  \n")).unwrap().slugs().next().is_none(), "empty is empty");
    }
}
