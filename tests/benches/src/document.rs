//! `docs/benchmarks.md`: its tables stand between `<!-- NAME -->` and `<!-- end -->`.

use std::fs;
use std::process::Command;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
const END: &str = "<!-- end -->";

/// Replaces these tables.
pub(crate) fn write(tables: &[(&str, String)]) {
    let mut text = fs::read_to_string(PATH).unwrap();
    for (name, table) in tables {
        let begin = format!("<!-- {name} -->\n");
        let from = text.find(&begin).unwrap() + begin.len();
        let to = from + text[from..].find(END).unwrap();
        text.replace_range(from..to, table);
    }
    fs::write(PATH, text).unwrap();
}

/// The first table under a name, its head first.
pub(crate) fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(PATH).unwrap();
    let (_, from) = text.split_once(&format!("<!-- {name} -->\n")).unwrap();
    let lines = from.lines().take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.filter(|line| !line.starts_with("|---")).map(cells).collect()
}

/// A table in Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let rule = "|---".repeat(head.len()) + "|\n";
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    line(head.to_vec()) + &rule + &rows.collect::<String>()
}

/// What a goal came to.
pub(crate) fn verdict(goal: &str, met: bool) -> String {
    format!("{goal}: {}", if met { "met" } else { "**not met**" })
}

/// The machine, in general words.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().unwrap();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let system = system.unwrap_or(std::env::consts::OS).trim_matches('"');
    let rustc = Command::new("rustc").arg("--version").output().unwrap().stdout;
    let rustc = String::from_utf8(rustc).unwrap();
    let version: String = rustc.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let kind = std::env::consts::ARCH;
    format!("{cores} cores ({kind}), {system}, {version}, doorkey {}\n", env!("CARGO_PKG_VERSION"))
}
