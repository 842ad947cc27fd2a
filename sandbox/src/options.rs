//! What a server is started with.

use std::fmt;

use crate::config::Speed;

/// Is told of every answer.
pub type AccessLog = Box<dyn Fn(&Access) + Send + Sync>;

/// How to serve. Every field is one flag of a command line.
#[derive(Default)]
pub struct Options {
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    pub api_port: u16,
    /// The port of the pages on 127.0.0.1; 0 takes a free one.
    pub app_port: u16,
    /// Whether the published rate limits are lifted.
    pub unlimited: bool,
    /// How much faster than real time the sandbox's time runs.
    pub speed: Speed,
    /// Told of every answer.
    pub log: Option<AccessLog>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("api_port", &self.api_port)
            .field("app_port", &self.app_port)
            .field("unlimited", &self.unlimited)
            .field("speed", &self.speed)
            .field("log", &self.log.is_some())
            .finish()
    }
}

/// One answered request, for an access log. The query is left out: it holds secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The method.
    pub method: &'static str,
    /// The whole URL without its query.
    pub place: String,
    /// The status of the answer.
    pub status: u16,
}
