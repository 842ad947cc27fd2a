//! What the transports of both drivers make of good and bad servers, over real sockets. Each case runs for both, and
//! says so where they rightly differ.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod answers;
mod client;
mod executors;
mod failures;
mod framing;
mod proxies;
mod requests;
mod reuse;
mod server;
mod tls;

use std::time::Duration;

/// Only a machine that hangs needs as long.
const LIMIT: Duration = Duration::from_secs(60);
/// For cases that wait for its end. Within it, a request is surely sent.
const SHORT: Duration = Duration::from_secs(5);
