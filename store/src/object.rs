//! A JSON object in a file that several programs share: only some of its keys are ours. The others keep their order
//! and, byte for byte, their values.
//!
//! Values are kept as the pieces of text they were read as, borrowed from it: nothing of a secret is copied into
//! memory that is not wiped.

use std::borrow::Cow;
use std::fmt;

use doorkey_core::secret::Secret;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// An object, taken apart.
#[derive(Default)]
pub(crate) struct Object<'a> {
    members: Vec<(String, Cow<'a, RawValue>)>,
}

impl<'a> Object<'a> {
    /// Takes a text apart; an empty one is an empty object. `None` if it is no JSON object.
    pub(crate) fn parse(text: &'a Secret) -> Option<Self> {
        match text.expose_secret().trim() {
            "" => Some(Self::default()),
            text => serde_json::from_str(text).ok(),
        }
    }

    /// Whether there is such a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The value of a key as it is written. Of several with one name the last counts, as for everybody who reads JSON.
    pub(crate) fn raw(&self, key: &str) -> Option<&RawValue> {
        self.members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// The value of a key, if it is a text; an empty one counts as none.
    pub(crate) fn text(&self, key: &str) -> Option<Secret> {
        let text = serde_json::from_str(self.raw(key)?.get()).ok()?;
        Some(Secret::new(text)).filter(|text| !text.expose_secret().is_empty())
    }

    /// Sets a key, in its old place or at the end.
    pub(crate) fn set(&mut self, key: &str, value: Cow<'a, RawValue>) {
        let place = self.members.iter().position(|(name, _)| name == key).unwrap_or(self.members.len());
        self.remove(key);
        self.members.insert(place, (key.to_owned(), value));
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) {
        self.members.retain(|(name, _)| name != key);
    }

    /// Every member, in the order of the text.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (String, Cow<'a, RawValue>)> {
        self.members.into_iter()
    }

    /// The text again, one line for each key, indented by two spaces like most files of settings.
    pub(crate) fn render(&self) -> Secret {
        // Room for everything at once: growing would leave copies of secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(self.length()));
        text.push('{');
        for (number, (key, value)) in self.members.iter().enumerate() {
            text.push_str(if number == 0 { "\n  " } else { ",\n  " });
            // Turning a text into a JSON string has no way to fail.
            text.push_str(&serde_json::to_string(key).unwrap_or_default());
            text.push_str(": ");
            text.push_str(value.get());
        }
        text.push_str(if self.members.is_empty() { "}\n" } else { "\n}\n" });
        Secret::from(text.as_str())
    }

    /// No less than the bytes of the text: a key of `n` bytes takes at most `6 n + 2`, and 6 stand around.
    fn length(&self) -> usize {
        self.members.iter().map(|(key, value)| 6 * key.len() + 8 + value.get().len()).sum::<usize>() + 4
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, Cow<'de, RawValue>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((key, Cow::Borrowed(value)));
                }
                Ok(members)
            }
        }

        from.deserialize_map(Members).map(|members| Self { members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "{\n  \"theme\": \"dark\",\n  \"nested\": {\n    \"b\": 1.50,\n    \"a\": []\n  },\n  \"é\\n\": null\n}\n";

    fn raw(text: &str) -> Cow<'static, RawValue> {
        Cow::Owned(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn what_others_wrote_comes_back_byte_for_byte() {
        for theirs in [THEIRS, "{}\n"] {
            let text = Secret::from(theirs);
            assert_eq!(Object::parse(&text).unwrap().render().expose_secret(), theirs);
        }
    }

    #[test]
    fn a_key_is_set_in_its_place_and_removed_without_a_trace() {
        let text = Secret::from(THEIRS);
        let mut object = Object::parse(&text).unwrap();
        object.set("ours", raw("true"));
        object.set("theme", raw("7"));
        let with = THEIRS.replace("\"dark\"", "7").replace("null\n", "null,\n  \"ours\": true\n");
        assert_eq!(object.render().expose_secret(), with);
        object.remove("ours");
        object.set("theme", raw("\"dark\""));
        assert_eq!(object.render().expose_secret(), THEIRS);
    }

    #[test]
    fn of_two_of_one_name_the_last_counts() {
        let text = Secret::from(r#"{"a":"1","b":2,"a":"3"}"#);
        let mut object = Object::parse(&text).unwrap();
        assert_eq!(object.text("a"), Some(Secret::from("3")));
        object.set("a", raw("4"));
        assert_eq!(object.render().expose_secret(), "{\n  \"a\": 4,\n  \"b\": 2\n}\n");
    }

    #[test]
    fn only_texts_are_texts() {
        let text = Secret::from(r#"{"a":"x","b":"","c":1,"d":null,"e":["x"]}"#);
        let object = Object::parse(&text).unwrap();
        assert_eq!(object.text("a"), Some(Secret::from("x")));
        for key in ["b", "c", "d", "e", "f"] {
            assert_eq!(object.text(key), None, "{key}");
        }
    }

    #[test]
    fn the_text_never_outgrows_its_allocation() {
        for keys in 0..3 {
            let mut object = Object::default();
            for key in 0..keys {
                object.set(&format!("{key}{}", "\u{1}\"é".repeat(50)), raw("\"x\""));
            }
            assert!(object.render().expose_secret().len() <= object.length(), "{keys}");
        }
    }

    #[test]
    fn what_is_no_object() {
        for text in ["[]", "7", "\"x\"", "{", "{\"a\":1,}", "{\"a\":1} x", "// settings\n{}"] {
            assert!(Object::parse(&Secret::from(text)).is_none(), "{text}");
        }
        assert!(!Object::parse(&Secret::from(" \n")).unwrap().has("a"), "empty is empty");
    }
}
