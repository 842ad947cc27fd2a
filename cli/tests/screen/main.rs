//! The interactive screen without a terminal: any keys, any answers of machines, any size.
#![cfg(feature = "screen")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod random;
mod walks;
mod world;
