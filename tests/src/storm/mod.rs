//! Storms: many processes with one session, long-lived, killed at any time, and counted: what they say about themselves
//! against what the issuer says about them. The processes are `storm-client`, which is the machines, the driver and the
//! stores of the commands.

pub mod client;
pub mod fleet;
pub mod issuer;
pub mod line;
pub mod losses;
pub mod orderly;
pub mod repeats;
pub mod site;
pub mod storms;
pub mod tail;
pub mod waits;

/// The lines that are whole: a file that is being written to may end in the middle of one.
fn complete_lines(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    whole.lines()
}
