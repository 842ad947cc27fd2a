//! `--trace FILE`: what happens, line by line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Disposition;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::time::Now;
use doorkey_core::trace::{Observer, Recorder};

/// Creates the file of a command's traces; an existing one is replaced.
///
/// # Errors
/// If it cannot be written.
pub fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // It holds no secrets, but nobody else needs to know when you signed in.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|e| unwritable(path, &e))?;
    // One that was there before keeps its mode otherwise. A terminal or /dev/null is for others, too.
    #[cfg(unix)]
    if file.metadata().is_ok_and(|found| found.is_file()) {
        let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    }
    Ok(file)
}

fn unwritable(path: &Path, why: &io::Error) -> Failure {
    Failure::new(Exit::Usage, "unwritable_trace", format!("cannot write {}: {why}", path.display()))
        .next("give --trace a file that you can write")
}

/// The trace of one machine that is being written. Each line is written when it happens, so that a killed command leaves what it
/// did.
#[derive(Debug)]
pub struct TraceFile {
    recorder: Recorder,
    file: File,
}

impl TraceFile {
    /// Begins a trace behind those that are in the file.
    ///
    /// # Errors
    /// If the file, which is at that path, cannot be written.
    pub fn begin(file: &File, path: &Path, task: &Task, service: &Service) -> Result<Self, Failure> {
        let file = file.try_clone().map_err(|e| unwritable(path, &e))?;
        let mut trace = Self { recorder: Recorder::default(), file };
        let first = trace.recorder.begin(task, service);
        trace.write(&first).map_err(|e| unwritable(path, &e))?;
        Ok(trace)
    }

    /// Writes how it ended.
    pub fn end(&mut self, failure: Option<&Failure>) {
        let last = self.recorder.end(failure);
        let _ = self.write(&last);
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
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
