//! What the drivers bring into a program's tree.

use std::collections::BTreeSet;

use crate::Binaries;
use crate::document::table;
use crate::minimal::cargo;

/// A driver's package, and what is not to be in its tree: the other's client, the other's runtime.
const DRIVERS: [(&str, &[&str]); 2] = [
    ("doorkey-async", &["ureq", "tokio"]),
    ("doorkey-blocking", &["smol", "async-io", "async-executor", "tokio"]),
];

pub(crate) fn measure(_: &Binaries) -> String {
    let mut rows = Vec::new();
    for (package, unwanted) in DRIVERS {
        for (with, features) in [("", &["--no-default-features"][..]), (", keychain", &[])] {
            let tree = tree(package, features);
            for name in unwanted {
                let line = format!("{name} v");
                assert!(!tree.iter().any(|known| known.starts_with(&line)), "{package} brings {name}");
            }
            let goal = format!("no `{}`: met", unwanted.join("`, `"));
            rows.push(vec![format!("`{package}`{with}"), tree.len().to_string(), goal]);
        }
    }
    rows.push(vec![
        "`oauth2`, default features".to_owned(),
        tree("oauth2", &[]).len().to_string(),
        String::new(),
    ]);
    table(&["what a program depends on", "unique crates", "goal"], &rows)
}

/// All crates that a program has of a package, the package and those of macros included.
fn tree(package: &str, features: &[&str]) -> BTreeSet<String> {
    let asked = ["tree", "--locked", "--offline", "-e", "normal", "--prefix", "none", "-p", package];
    let lines = cargo(&[&asked, features].concat());
    // A crate that is shown again is marked.
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}
