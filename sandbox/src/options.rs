//! What a server is started with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use doorkey_core::time::WallTime;

use crate::config::{Quirks, Speed};
use crate::exam::Situation;
use crate::fault::FaultSpec;
use crate::pensar;

/// Is told of every request and its answer.
pub type AccessLog = Box<dyn Fn(&Access) + Send + Sync>;

/// Says what time it is; it never goes back.
pub type TimeSource = Box<dyn Fn() -> WallTime + Send + Sync>;

/// How to serve. Nearly every field is one flag of a command line.
pub struct Options {
    /// The port of Pentify's API on 127.0.0.1; 0 takes the one that the state file names, or a free one.
    pub api_port: u16,
    /// The port of Pentify's pages, likewise.
    pub app_port: u16,
    /// The port of Pensar's API, likewise.
    pub pensar_api_port: u16,
    /// The port of Pensar's gateway, likewise.
    pub gateway_port: u16,
    /// The port of Pensar's pages, likewise.
    pub console_port: u16,
    /// The port of Pensar's WorkOS, likewise.
    pub workos_port: u16,
    /// Whether the published rate limits are enforced.
    pub rate_limit: bool,
    /// How Pensar behaves.
    pub pensar: pensar::Settings,
    /// How answers differ from the usual ones.
    pub quirks: Quirks,
    /// The situation of an examination that is played, by the sandbox's own person. Then no other faults happen.
    pub situation: Option<Situation>,
    /// How the places of programs misbehave.
    pub faults: Vec<FaultSpec>,
    /// Decides which requests the faults fall on.
    pub seed: u64,
    /// How late [`Fault::Slow`](crate::Fault::Slow) answers, in real time.
    pub delay: Duration,
    /// How much faster than real time the sandbox's time runs.
    pub speed: Speed,
    /// The sandbox's time, for clients whose own is not the system's either. `None`: the system's, at `speed`.
    pub clock: Option<TimeSource>,
    /// Where to keep the state; in memory only if there is none. Several servers can share one file, and unless they
    /// are given ports of their own they share the ports as well: each connection is then served by any of them.
    pub state: Option<PathBuf>,
    /// Told of every request.
    pub log: Option<AccessLog>,
    /// Where to write what requests for tokens came to: a line of JSON before each answer, and one after. A file that is
    /// there is added to.
    pub events: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_port: 0,
            app_port: 0,
            pensar_api_port: 0,
            gateway_port: 0,
            console_port: 0,
            workos_port: 0,
            rate_limit: true,
            pensar: pensar::Settings::default(),
            quirks: Quirks::default(),
            situation: None,
            faults: Vec::new(),
            seed: 0,
            delay: Duration::from_secs(2),
            speed: Speed::default(),
            clock: None,
            state: None,
            log: None,
            events: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("api_port", &self.api_port)
            .field("app_port", &self.app_port)
            .field("pensar_api_port", &self.pensar_api_port)
            .field("gateway_port", &self.gateway_port)
            .field("console_port", &self.console_port)
            .field("workos_port", &self.workos_port)
            .field("rate_limit", &self.rate_limit)
            .field("pensar", &self.pensar)
            .field("quirks", &self.quirks)
            .field("situation", &self.situation)
            .field("faults", &self.faults)
            .field("seed", &self.seed)
            .field("delay", &self.delay)
            .field("speed", &self.speed)
            .field("state", &self.state)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// One request, for an access log. The query is left out: it holds secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The method.
    pub method: &'static str,
    /// The URL without its query.
    pub place: String,
    /// The status of the answer; `None` if a fault left the request without one.
    pub status: Option<u16>,
}
