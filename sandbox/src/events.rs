//! The events log: what requests for tokens came to, one JSON object a line, for those who count.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use doorkey_core::time::WallTime;
use serde::Serialize;

use crate::fault::Fault;
use crate::pensar::TokenRequest;

/// Where the lines go. Each is one write at the end of the file, so several servers can share it.
#[derive(Debug)]
pub(crate) struct Events(File);

/// What became of an answer on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// All of it was written, to a client that had not closed its side.
    Whole,
    /// A fault cut it off.
    Cut,
    /// A fault kept it back.
    Lost,
    /// A fault reset the connection.
    Reset,
    /// The client had gone before.
    Gone,
}

#[derive(Serialize)]
struct Line<T> {
    event: &'static str,
    /// The sandbox's time.
    sandbox_millis: u64,
    /// Real time since the Unix epoch.
    unix_millis: u128,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
struct Asked<'a> {
    #[serde(flatten)]
    told: &'a TokenRequest,
    fault: Option<&'static str>,
}

#[derive(Serialize)]
struct Answered {
    id: u64,
    delivery: Delivery,
}

impl Events {
    /// Opens a log, or goes on with one.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map(Self)
    }

    /// A request was handled; nothing is answered yet.
    pub(crate) fn asked(&self, now: WallTime, told: &TokenRequest, fault: Option<Fault>) -> io::Result<()> {
        self.write("token_request", now, Asked { told, fault: fault.map(Fault::name) })
    }

    /// Its answer is on its way, or will never be.
    pub(crate) fn answered(&self, now: WallTime, id: u64, delivery: Delivery) -> io::Result<()> {
        self.write("answered", now, Answered { id, delivery })
    }

    fn write(&self, event: &'static str, now: WallTime, rest: impl Serialize) -> io::Result<()> {
        let unix_millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let line = Line { event, sandbox_millis: now.as_unix_millis(), unix_millis, rest };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}
