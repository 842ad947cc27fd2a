//! What is fuzzed: for every parser, and for the machines, a function of bytes that asserts what must hold whatever they
//! are. The fuzzer (`tests/fuzz`) looks for bytes that make one panic; the suite replays those that are kept in
//! `tests/corpora`.
//!
//! Parsers that are nobody's API are compiled in from where they are: a name that only a fuzzer needs is none that a crate
//! should have, and their crates bring TLS, keychains and executors along, which would have to be instrumented, too.
#![allow(clippy::missing_panics_doc, reason = "panicking is how a target speaks")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on is what was looked for")]

mod answer;
mod bytes;
mod config;
mod connection;
mod credential;
mod events;
mod files;
mod headers;
mod http1;
mod keys;
mod message;
mod money;
mod proxy;
mod record;
mod redirect;
mod sandbox;
mod scratch;
mod sealed;
mod text;
mod trace;
mod url;
mod written;

/// Something that is given bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its corpus.
    pub name: &'static str,
    /// Panics if something does not hold.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// All of them.
pub const ALL: &[Target] = &[
    target("answer", answer::answer),
    target("answers", events::answers),
    target("config", config::config),
    target("credential", credential::credential),
    target("credentials_file", files::credentials),
    target("emergency_file", files::emergency),
    target("events", events::events),
    target("headers", headers::headers),
    target("http1", http1::http1),
    target("keys", keys::keys),
    target("ledger_file", files::ledger),
    target("money", money::money),
    target("pending_file", files::pending),
    target("proxy", proxy::proxy),
    target("record", record::record),
    target("redirect", redirect::redirect),
    target("sandbox", sandbox::sandbox),
    target("sandbox_state", sandbox::state),
    target("sealed_file", sealed::sealed),
    target("session_file", files::session),
    target("settings_file", files::settings),
    target("text", text::text),
    target("trace", trace::trace),
    target("url", url::url),
];

/// The one of this name.
pub fn named(name: &str) -> Option<Target> {
    ALL.iter().copied().find(|target| target.name == name)
}
