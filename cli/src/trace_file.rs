//! `--trace FILE`: what happens, line by line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Disposition;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::time::Now;
use doorkey_core::trace::{Observer, Recorder};

/// A trace that is being written. Each line is written when it happens, so that a killed command leaves what it did.
#[derive(Debug)]
pub struct TraceFile {
    recorder: Recorder,
    file: File,
}

impl TraceFile {
    /// Begins a trace; an existing file is replaced.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path, task: &Task, service: &Service) -> Result<Self, Failure> {
        let unwritable = |e: std::io::Error| {
            Failure::new(Exit::Usage, "unwritable_trace", format!("cannot write {}: {e}", path.display()))
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // It holds no secrets, but nobody else needs to know when you signed in.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(unwritable)?;
        // One that was there before keeps its mode otherwise. A pipe has none to set.
        #[cfg(unix)]
        let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
        let mut trace = Self { recorder: Recorder::default(), file };
        let first = trace.recorder.begin(task, service);
        trace.write(&first).map_err(unwritable)?;
        Ok(trace)
    }

    /// Writes how it ended.
    pub fn end(&mut self, failure: Option<&Failure>) {
        let last = self.recorder.end(failure);
        let _ = self.write(&last);
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

impl Observer for TraceFile {
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]) {
        let line = self.recorder.line(now, event, disposition, commands);
        // A full disk must not end a login; the replay will say that the trace is cut.
        let _ = self.write(&line);
    }
}
