//! `--trace`, where it is built in.

#[cfg(feature = "trace")]
use std::fs::File;
#[cfg(feature = "trace")]
use std::path::PathBuf;
#[cfg(feature = "trace")]
use std::sync::{Arc, OnceLock};

#[cfg(feature = "trace")]
use doorkey_core::failure::Failure;
#[cfg(feature = "trace")]
use doorkey_core::service::Service;
#[cfg(feature = "trace")]
use doorkey_core::task::Task;

#[cfg(feature = "trace")]
use crate::trace_file::{self, TraceFile};

/// The flag.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Trace {
    /// Write what happens to this file, without secrets, for `doorkey replay`; one that is there is replaced
    #[cfg(feature = "trace")]
    #[arg(long, global = true, value_name = "FILE", help_heading = crate::usage::GLOBAL)]
    trace: Option<PathBuf>,
    /// Opened once: a command may run several machines, one after the other.
    #[cfg(feature = "trace")]
    #[arg(skip)]
    opened: Arc<OnceLock<File>>,
}

impl Trace {
    /// Whether it is given.
    #[cfg(any(feature = "doctor", feature = "screen"))]
    pub fn is_given(&self) -> bool {
        #[cfg(feature = "trace")]
        return self.trace.is_some();
        #[cfg(not(feature = "trace"))]
        false
    }

    /// Begins the next machine's part of the file, if one is wanted.
    ///
    /// # Errors
    /// It cannot be written.
    #[cfg(feature = "trace")]
    pub fn begin(&self, task: &Task, service: &Service) -> Result<Option<TraceFile>, Failure> {
        let Some(path) = self.trace.as_deref() else { return Ok(None) };
        let file = match self.opened.get() {
            Some(file) => file,
            None => {
                let file = trace_file::create(path)?;
                self.opened.get_or_init(|| file)
            }
        };
        TraceFile::begin(file, path, task, service).map(Some)
    }
}
