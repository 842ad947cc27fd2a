//! What the documents say about the tests: that they are there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folders of the crates: what begins with one is a path.
const CRATES: [&str; 7] = ["core", "store", "host", "runtime-blocking", "runtime-async", "sandbox", "cli"];

/// A test as a document names it.
#[derive(Debug)]
struct Named {
    path: String,
    /// A function, or a row of a table in quotes; without one the path is all that is named.
    test: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between backticks and is a path, a path with a test, or a further test of the path before.
fn named_in(document: &str) -> Vec<Named> {
    let (mut named, mut last) = (Vec::<Named>::new(), None);
    for span in document.split('`').skip(1).step_by(2) {
        let (path, test) = match span.split_once("::") {
            Some((path, test)) => (path, Some(test.to_owned())),
            None => (span, None),
        };
        let first = path.split('/').next().unwrap();
        let is_path = path.contains('/') && (CRATES.contains(&first) || path.starts_with("tests/tests/"));
        let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        if is_path && is_plain {
            last = Some(path.to_owned());
        } else if !(path.is_empty() && test.is_some()) {
            continue;
        }
        let path = last.clone().unwrap_or_else(|| panic!("`{span}` has no file before it"));
        named.push(Named { path, test });
    }
    named
}

/// What is wrong with it.
fn fault(Named { path, test }: &Named) -> Option<String> {
    let whole = root().join(path);
    let Some(test) = test else {
        return (!whole.exists()).then(|| format!("{path} is not there"));
    };
    let Ok(text) = fs::read_to_string(&whole) else { return Some(format!("{path} is no file")) };
    let is_there = match test.strip_prefix('"') {
        // A row of a table of cases.
        Some(row) => text.contains(&format!("name: \"{row},")),
        // A test of its own, or a case that a macro makes one of for each driver.
        None => text.match_indices(&format!("fn {test}(")).any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default().trim_end();
            before.ends_with(']') && before.lines().next_back().is_some_and(|line| line.contains("#["))
                || text.get(at..).is_some_and(|rest| rest.contains("(kind: Kind)"))
        }),
    };
    (!is_there).then(|| format!("{path} has no test {test}"))
}

#[test]
fn every_test_that_is_named_exists() {
    for (document, at_least) in [("docs/security.md", 100), ("docs/invariants.md", 40)] {
        let named = named_in(&fs::read_to_string(root().join(document)).unwrap());
        let faults: Vec<_> = named.iter().filter_map(fault).collect();
        assert!(faults.is_empty(), "{document}: {faults:#?}");
        assert!(named.len() >= at_least, "{document}: only {} are found", named.len());
    }
}

#[test]
fn what_is_not_there_is_noticed() {
    let row = "cli/tests/bad_input/files.rs::\"0644\"";
    for (text, faults) in [
        (
            format!("`{row}`, `::\"0644 at a login\"`, `core/src/url.rs`, `core/tests/world`, `a/b`, `::x` "),
            1,
        ),
        ("`core/src/nowhere.rs`".to_owned(), 1),
        ("`core/src/url.rs::only_safe_urls_are_accepted` `::only_safe_urls_are` `::parse`".to_owned(), 2),
        ("`tests/tests/transports/framing.rs::framing_without_end_is_given_up`".to_owned(), 0),
        ("`cli/tests/bad_input/files.rs::\"06\"`".to_owned(), 1),
    ] {
        let named = named_in(&text);
        assert_eq!(named.iter().filter_map(fault).count(), faults, "{text}: {named:?}");
    }
}
