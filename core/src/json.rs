//! JSON with secrets in it: wiped on drop, and written without leaving copies behind.
//!
//! What serde_json itself leaves is a text with escapes in it, which it puts together in a place of its own, and what it had
//! read of JSON that breaks off. Tokens have no escapes.

use alloc::string::String;
use core::fmt::Write as _;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBuilder};

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

/// An object that is written member by member, without spaces, into memory that is wiped as it grows.
#[derive(Default)]
pub(crate) struct Object(SecretBuilder);

impl Object {
    /// A member that is no secret.
    pub(crate) fn set(&mut self, name: &str, value: impl Serialize) {
        self.name(name);
        // Serialising strings and numbers into memory has no way to fail.
        self.0.push_str(&serde_json::to_string(&value).unwrap_or_default());
    }

    /// The same, if there is one.
    pub(crate) fn set_if_any(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A text that is one, if there is one.
    pub(crate) fn set_secret<'a>(&mut self, name: &str, text: impl Into<Option<&'a Secret>>) {
        if let Some(text) = text.into() {
            self.name(name);
            let _ = write!(self.0, "{}", *Json::from(Value::from(text.expose_secret())));
        }
    }

    pub(crate) fn finish(mut self) -> Secret {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0.finish()
    }

    /// Names are ours, and need no escapes.
    fn name(&mut self, name: &str) {
        let before = if self.0.is_empty() { "{\"" } else { ",\"" };
        self.0.extend([before, name, "\":"]);
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
    use super::*;

    #[test]
    fn an_object_is_written_as_serde_json_does() {
        let mut object = Object::default();
        object.set("a", 1);
        object.set_if_any("b", None::<u8>);
        object.set("c", "x\n\"é");
        object.set_secret("d", &Secret::from("s\n\"é\u{1}"));
        object.set_secret("e", None);
        assert_eq!(object.finish().expose_secret(), r#"{"a":1,"c":"x\n\"é","d":"s\n\"é\u0001"}"#);
        assert_eq!(Object::default().finish().expose_secret(), "{}");
    }
}
