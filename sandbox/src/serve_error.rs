//! Why a sandbox is not served.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a sandbox is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// This port of 127.0.0.1 cannot be listened on: somebody else does, most likely.
    Port(u16, io::Error),
    /// The file that the state is kept in, or what lies beside it, cannot be used.
    State(PathBuf, io::Error),
    /// The file for what becomes of requests cannot be written.
    Events(PathBuf, io::Error),
    /// The system has no port, randomness or thread to give.
    System(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port, why) => write!(f, "port {port} of 127.0.0.1 cannot be listened on: {why}"),
            Self::State(path, why) => write!(f, "the state {} cannot be used: {why}", path.display()),
            Self::Events(path, why) => write!(f, "the events cannot be written to {}: {why}", path.display()),
            Self::System(why) => why.fmt(f),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Port(_, why) | Self::State(_, why) | Self::Events(_, why) | Self::System(why) => Some(why),
        }
    }
}
