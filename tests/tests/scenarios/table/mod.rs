//! The scenarios. A new one is one more entry.

mod connect;
mod credits;
mod pairing;
mod session;
mod tokens;

use crate::scenario::Scenario;

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    let tables = [pairing::ALL, tokens::ALL, connect::ALL, session::ALL, credits::ALL];
    tables.into_iter().flatten()
}
