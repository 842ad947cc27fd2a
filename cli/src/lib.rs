//! The commands `pentify`, `pensar` and `doorkey`: arguments, output, exit codes. No protocol decisions.

pub mod api;
pub mod doctor;
pub mod doorkey;
pub mod environment;
pub mod exec;
pub mod hardening;
pub mod input;
#[cfg(feature = "manual")]
pub mod manual;
pub mod pensar;
pub mod pentify;
pub mod place;
pub mod printer;
pub mod run;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "screen")]
pub mod screen;
pub mod signals;
pub mod surface;
pub mod token;
pub mod trace_file;
pub mod usage;
