//! Measures what `docs/benchmarks.md` says, every figure beside a peer or a floor in the same run. Run it by
//! `tests/benches/run`.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its tables")]

mod charts;
mod crates;
mod document;
mod flight;
mod instructions;
mod keychain;
mod login;
mod machines;
mod minimal;
mod process;
mod sample;
mod screen;
mod session;
mod sessions;
mod startup;
mod token;

use std::path::PathBuf;

/// A table of the document and what measures it.
type Table = (&'static str, fn(&Binaries) -> String);

/// The minimal build comes first: the others measure its binary, too.
const TABLES: [Table; 12] = [
    ("minimal", minimal::measure),
    ("startup", startup::measure),
    ("instructions", instructions::measure),
    ("token", token::measure),
    ("keychain", keychain::measure),
    ("login", login::measure),
    ("screen", screen::measure),
    ("session", session::measure),
    ("core", machines::measure),
    ("sessions", sessions::measure),
    ("flight", flight::measure),
    ("crates", crates::measure),
];

/// What is measured.
struct Binaries {
    /// The command as it is shipped.
    pentify: PathBuf,
    /// The command for any issuer.
    doorkey: PathBuf,
    /// The command for rotating sessions.
    pensar: PathBuf,
    /// The client for experiments with rotating sessions.
    storm_client: PathBuf,
    /// The command without the embedded sandbox.
    minimal: PathBuf,
    /// A program that does nothing.
    empty: PathBuf,
    /// Measures the machines alone.
    machines: PathBuf,
    /// Many sessions on the async driver.
    sessions: PathBuf,
    /// What they talk to.
    service: PathBuf,
    /// Many sessions of another client.
    peer: PathBuf,
    /// The folder that the minimal build is made in.
    minimal_target: PathBuf,
}

fn main() {
    let folder = std::env::var_os("DOORKEY_BIN_DIR").map(PathBuf::from).unwrap();
    let minimal_target = folder.join("minimal-build");
    let binaries = Binaries {
        pentify: folder.join("pentify"),
        doorkey: folder.join("doorkey"),
        pensar: folder.join("pensar"),
        storm_client: folder.join("storm-client"),
        empty: folder.join("empty"),
        machines: folder.join("machines"),
        sessions: folder.join("sessions"),
        service: folder.join("service"),
        peer: folder.join("doorkey-benches-peer"),
        minimal: minimal_target.join("release/pentify"),
        minimal_target,
    };
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let unknown = |name: &&String| TABLES.iter().all(|(table, _)| table != name);
    if let Some(odd) = flags
        .iter()
        .find(|flag| !["--write", "--charts"].contains(&flag.as_str()))
        .or(names.iter().find(unknown))
    {
        eprintln!("there is no table or option {odd:?}");
        std::process::exit(2);
    }
    if flags.iter().any(|flag| flag == "--charts") {
        return charts::draw();
    }
    let wanted = |name: &str| {
        names.is_empty() || names.iter().any(|asked| asked == name)
            // Nothing can be measured of a binary that is not there.
            || (name == "minimal" && !binaries.minimal.exists())
    };
    let mut tables = vec![("machine", document::machine())];
    for (name, measure) in TABLES {
        if wanted(name) {
            eprintln!("measuring: {name}");
            tables.push((name, measure(&binaries)));
        }
    }
    for (name, table) in &tables {
        println!("## {name}\n\n{table}");
    }
    if !flags.is_empty() {
        document::write(&tables);
        charts::draw();
    }
}
