//! The commands `pentify`, `pensar` and `doorkey`: arguments, output, exit codes. No protocol decisions.
//!
//! It is a library for its three binaries and their tests alone, and promises nothing to others: embed `doorkey-blocking` or
//! `doorkey-async` instead.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `doctor` (default) | `doctor` of each command |
//! | `issuers` (default) | `doorkey login` and what belongs to it; encrypted files |
//! | `manual` (default) | completion scripts and manual pages |
//! | `qr` (default) | links as QR codes |
//! | `sandbox` (default) | `--sandbox`, `doorkey sandbox` |
//! | `screen` (default) | what is drawn on a terminal and drawn over itself |
//! | `trace` (default) | `--trace FILE`, and `doorkey replay` |

pub mod api;
pub mod cleared;
#[cfg(feature = "doctor")]
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
pub mod sources;
pub mod surface;
pub mod token;
pub mod trace;
#[cfg(feature = "trace")]
pub mod trace_file;
pub mod usage;
