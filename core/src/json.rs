//! JSON with secrets in it: wiped on drop, and written without leaving copies behind.
//!
//! What serde_json itself leaves is a text with escapes in it, which it puts together in a place of its own, and what it had
//! read of JSON that breaks off. Tokens have no escapes.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A JSON value whose texts are wiped on drop.
#[derive(Default)]
pub struct Json(Value);

impl Json {
    /// Reads a value; `None` if the text is something else.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().map(Self)
    }

    /// The value, for whoever wants to keep it.
    pub fn into_value(mut self) -> Value {
        self.0.take()
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(self.0.take());
    }
}

fn wipe(value: Value) {
    match value {
        Value::String(text) => drop(Zeroizing::new(text)),
        Value::Array(items) => items.into_iter().for_each(wipe),
        Value::Object(fields) => fields.into_iter().for_each(|(_, value)| wipe(value)),
        _ => {}
    }
}

/// An object that is written member by member, without spaces, into whatever takes text without failing.
pub(crate) struct Object<'a> {
    into: &'a mut dyn fmt::Write,
    begun: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(into: &'a mut dyn fmt::Write) -> Self {
        Self { into, begun: false }
    }

    /// A number.
    pub(crate) fn set_number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.push(itoa::Buffer::new().format(number));
    }

    /// A truth value.
    pub(crate) fn set_whether(&mut self, name: &str, value: bool) {
        self.name(name);
        self.push(if value { "true" } else { "false" });
    }

    /// An object within it.
    pub(crate) fn set_object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut object = Object::begin(&mut *self.into);
        write(&mut object);
        object.end();
    }

    /// Some texts.
    pub(crate) fn set_texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        self.name(name);
        self.push("[");
        for (index, text) in texts.enumerate() {
            self.push(if index == 0 { "\"" } else { ",\"" });
            self.escaped(text);
            self.push("\"");
        }
        self.push("]");
    }

    /// A text, which may be a secret.
    pub(crate) fn set_text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.push("\"");
        self.escaped(text);
        self.push("\"");
    }

    /// The same, if there is one.
    pub(crate) fn set_text_if_any(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.set_text(name, text);
        }
    }

    /// A secret, if there is one.
    pub(crate) fn set_secret<'s>(&mut self, name: &str, text: impl Into<Option<&'s Secret>>) {
        self.set_text_if_any(name, text.into().map(Secret::expose_secret));
    }

    pub(crate) fn end(mut self) {
        self.push(if self.begun { "}" } else { "{}" });
    }

    /// Names are ours, and need no escapes.
    fn name(&mut self, name: &str) {
        let before = if core::mem::replace(&mut self.begun, true) { ",\"" } else { "{\"" };
        [before, name, "\":"].into_iter().for_each(|piece| self.push(piece));
    }

    /// What must be escaped in a string (RFC 8259 §7) is, in the shortest way.
    fn escaped(&mut self, text: &str) {
        let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | ..b' ');
        // Tokens have none; to see that without stopping anywhere takes a tenth of the time.
        if !text.bytes().fold(false, |any, byte| any | is_special(byte)) {
            return self.push(text);
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            let (plain, after) = rest.split_at(at);
            self.push(plain);
            let (special, after) = after.split_at(1);
            match special {
                "\"" => self.push("\\\""),
                "\\" => self.push("\\\\"),
                "\n" => self.push("\\n"),
                "\r" => self.push("\\r"),
                "\t" => self.push("\\t"),
                "\u{8}" => self.push("\\b"),
                "\u{c}" => self.push("\\f"),
                _ => special.bytes().for_each(|byte| self.push(&format!("\\u{byte:04x}"))),
            }
            rest = after;
        }
        self.push(rest);
    }

    fn push(&mut self, piece: &str) {
        let _ = self.into.write_str(piece);
    }
}

/// Reads a secret where a form says so by name.
pub(crate) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// The same where there may be none.
pub(crate) fn secret_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(Secret::new))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn an_object_is_written_as_serde_json_does() {
        let mut text = String::new();
        let mut object = Object::begin(&mut text);
        object.set_number("a", u64::MAX);
        object.set_whether("b", true);
        object.set_text("c", "x\n\"é");
        object.set_secret("d", &Secret::from("s\n\"é\u{1}"));
        object.set_secret("e", None);
        object.set_texts("f", ["", "\""].into_iter());
        object.set_object("g", |inner| inner.set_number("h", 1));
        object.set_object("i", |_| {});
        object.end();
        assert_eq!(
            text,
            r#"{"a":18446744073709551615,"b":true,"c":"x\n\"é","d":"s\n\"é\u0001","f":["","\""],"g":{"h":1},"i":{}}"#
        );
        let mut text = String::new();
        Object::begin(&mut text).end();
        assert_eq!(text, "{}");
    }

    #[test]
    fn every_character_is_written_as_serde_json_does() {
        let all: String = ('\0'..='\u{ff}').chain("\u{2028}€😀".chars()).collect();
        for text in ["", "\"", "plain", &all] {
            let mut written = String::new();
            let mut object = Object::begin(&mut written);
            object.set_text("a", text);
            object.end();
            assert_eq!(written, serde_json::json!({ "a": text }).to_string());
        }
    }
}
