//! The login in the browser with both drivers, over real sockets: a tiny issuer, and everybody who may come to the
//! listener.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod issuer;
mod login;
mod logins;
mod visitor;
mod visitors;

use std::time::Duration;

/// Nothing here takes so long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);
