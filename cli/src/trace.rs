//! `--trace`, where it is built in.

#[cfg(feature = "trace")]
use std::path::PathBuf;

#[cfg(feature = "trace")]
use doorkey_core::failure::Failure;
#[cfg(feature = "trace")]
use doorkey_core::service::Service;
#[cfg(feature = "trace")]
use doorkey_core::task::Task;

#[cfg(feature = "trace")]
use crate::trace_file::TraceFile;

/// The flag.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Trace {
    /// Write what happens to this file, without secrets, for `doorkey replay`
    #[cfg(feature = "trace")]
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
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

    /// Begins the file, if one is wanted.
    ///
    /// # Errors
    /// It cannot be written.
    #[cfg(feature = "trace")]
    pub fn begin(&self, task: &Task, service: &Service) -> Result<Option<TraceFile>, Failure> {
        self.trace.as_deref().map(|path| TraceFile::create(path, task, service)).transpose()
    }
}
