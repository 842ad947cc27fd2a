//! Somebody's client, run to be graded.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_sandbox::exam::Run;

use crate::environment::TOKEN_VARIABLES;

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long a process may take to end once it was told to.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What leads a client to the sessions, the keychain and the screen of whoever runs us.
const PERSONAL: [&str; 8] = [
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
];

/// A command that is pointed at a sandbox. It gets no token of ours.
pub fn command(program: &OsStr, args: &[OsString], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.args(args).envs(variables.iter().copied()).stdin(Stdio::null());
    for variable in TOKEN_VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// The same for a line of shell.
pub fn shell(line: &str, variables: &[(&str, &str)]) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/sh", "-c") };
    command(OsStr::new(shell), &[flag.into(), line.into()], variables)
}

/// A home folder for a client that must find no session of ours, and leave none. Gone on drop.
pub struct Home(PathBuf);

impl Home {
    /// An empty one.
    ///
    /// # Errors
    /// If it cannot be created, or is there already.
    pub fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("doorkey-{}-{name}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    /// Has a command live here, with its output in a file and nothing to open a page with.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn settle(&self, command: &mut Command) -> io::Result<()> {
        for variable in PERSONAL {
            command.env_remove(variable);
        }
        let output = File::options().create(true).append(true).open(self.output())?;
        command.env("HOME", &self.0).env("BROWSER", "true");
        command.stdout(output.try_clone()?).stderr(output);
        // So that whatever it starts can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        Ok(())
    }

    /// The last line that was said here.
    pub fn last_words(&self) -> Option<String> {
        let output = fs::read(self.output()).ok()?;
        let output = String::from_utf8_lossy(&output);
        output.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }

    fn output(&self) -> PathBuf {
        Path::new(&self.0).join("output.txt")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until a process ends, its time is over or `stop` is set; then it is ended, with all its group.
pub fn wait(child: &mut Child, until: Option<Instant>, stop: &AtomicBool) -> io::Result<Run> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(run_of(status));
        }
        if stop.load(Ordering::SeqCst) || until.is_some_and(|until| Instant::now() >= until) {
            return end(child).map(|()| Run::TimedOut);
        }
        thread::sleep(LOOK);
    }
}

fn run_of(status: ExitStatus) -> Run {
    status.code().map_or(Run::Killed, Run::Exited)
}

#[cfg(unix)]
fn end(child: &mut Child) -> io::Result<()> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, getpgid};

    // A process that leads a group of its own is ended with it, any other alone.
    let id = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let leads = getpgid(Some(id)).is_ok_and(|group| group == id);
    let target = if leads { Pid::from_raw(-id.as_raw()) } else { id };
    // It may have ended meanwhile.
    let _ = kill(target, Signal::SIGTERM);
    let patience = Instant::now() + LAST_WORDS;
    while child.try_wait()?.is_none() && Instant::now() < patience {
        thread::sleep(LOOK);
    }
    let _ = kill(target, Signal::SIGKILL);
    child.wait().map(|_| ())
}

#[cfg(not(unix))]
fn end(child: &mut Child) -> io::Result<()> {
    // It may have ended meanwhile.
    let _ = child.kill();
    child.wait().map(|_| ())
}
