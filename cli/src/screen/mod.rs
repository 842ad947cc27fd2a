//! The screen: the interactive one of `pensar`, and the view of a login on a terminal. What is shown and what keys do is
//! plain data ([`app`], [`login`]); the machines decide everything else, each on a thread of its own; [`terminal`] draws.

pub mod app;
mod app_rows;
mod choice;
mod full;
mod inline;
pub mod job;
mod keys;
pub mod login;
pub mod look;
mod page;
pub mod prompt;
mod remote;
pub mod standing;
pub mod terminal;

pub use self::full::{Grounds, open};
pub use self::inline::log_in;
