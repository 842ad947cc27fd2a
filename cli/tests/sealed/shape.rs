//! The shapes that `docs/contracts/json.md` promises, and whether a value has one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/contracts/json.md");

/// The document's blocks, by heading.
pub struct Shapes {
    blocks: BTreeMap<String, Value>,
    seen: RefCell<BTreeSet<String>>,
}

impl Shapes {
    pub fn read() -> Self {
        let mut blocks = BTreeMap::new();
        for section in DOCUMENT.split("\n## ").skip(1) {
            let (heading, rest) = section.split_once('\n').unwrap();
            let block = rest.split_once("```json\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
            let shape = serde_json::from_str(block).unwrap_or_else(|e| panic!("{heading}: {e}"));
            blocks.insert(heading.to_owned(), shape);
        }
        Self { blocks, seen: RefCell::default() }
    }

    /// Fails unless `value` has the shape under this heading, no member more or less.
    pub fn check(&self, heading: &str, value: &Value) {
        let shape = self.blocks.get(heading).unwrap_or_else(|| panic!("{heading} is not documented"));
        if let Err(why) = compare(shape, value, heading) {
            panic!("{why}: {value}");
        }
        self.seen.borrow_mut().insert(heading.to_owned());
    }

    /// Fails if one of these shapes is documented, but nothing was checked against it.
    pub fn expect_all_seen(&self, wanted: impl Fn(&str) -> bool) {
        let seen = self.seen.borrow();
        let wanted = self.blocks.keys().filter(|heading| wanted(heading));
        let unseen: Vec<_> = wanted.filter(|heading| !seen.contains(*heading)).collect();
        assert!(unseen.is_empty(), "documented, but never seen: {unseen:?}");
    }
}

fn compare(shape: &Value, value: &Value, at: &str) -> Result<(), String> {
    match shape {
        Value::Object(members) => {
            let object = value.as_object().ok_or(format!("{at} is no object"))?;
            let names: BTreeSet<&str> = members.keys().map(|name| name.trim_end_matches('?')).collect();
            let found: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            if names != found {
                return Err(format!("{at} has the members {found:?}, documented are {names:?}"));
            }
            members.iter().try_for_each(|(name, shape)| {
                let bare = name.trim_end_matches('?');
                let value = &object[bare];
                let absent = name.ends_with('?') && value.is_null();
                if absent { Ok(()) } else { compare(shape, value, &format!("{at}.{bare}")) }
            })
        }
        Value::Array(items) => {
            let list = value.as_array().ok_or(format!("{at} is no list"))?;
            list.iter().try_for_each(|value| compare(&items[0], value, &format!("{at}[]")))
        }
        Value::String(kind) => {
            let fits = match kind.as_str() {
                "any" => !value.is_null(),
                "text" => value.is_string(),
                "number" => value.is_u64(),
                "dollars" => value.is_number(),
                "bool" => value.is_boolean(),
                literal => literal.strip_prefix('=').unwrap().split('|').any(|text| value == text),
            };
            if fits { Ok(()) } else { Err(format!("{at} is not {kind}")) }
        }
        other => panic!("{other} in the documentation"),
    }
}
