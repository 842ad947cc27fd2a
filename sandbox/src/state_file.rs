//! A state that several processes share: one file, one lock, one request at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::state::State;

/// The version of the file's form.
const FORM: u32 = 2;
/// The form without Pensar. It is read, and written anew as [`FORM`].
const FORM_WITHOUT_PENSAR: u32 = 1;
/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    v: u32,
    /// The sandbox's time at the last request, in milliseconds since the Unix epoch: it never goes back.
    pub(crate) now: u64,
    /// Where the service was reached last. A client's key is bound to that, so the next server takes it again.
    pub(crate) ports: Ports,
    pub(crate) state: State,
}

/// The ports of a service; 0 where one is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) app: u16,
    pub(crate) pensar_api: u16,
    pub(crate) gateway: u16,
    pub(crate) console: u16,
    pub(crate) workos: u16,
}

impl Ports {
    pub(crate) fn to_array(self) -> [u16; 6] {
        [self.api, self.app, self.pensar_api, self.gateway, self.console, self.workos]
    }

    pub(crate) fn from_array([api, app, pensar_api, gateway, console, workos]: [u16; 6]) -> Self {
        Self { api, app, pensar_api, gateway, console, workos }
    }
}

impl Saved {
    pub(crate) fn new(now: u64, ports: Ports, state: State) -> Self {
        Self { v: FORM, now, ports, state }
    }
}

/// The file, its lock, and what this process knows of its contents.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    lock: File,
    /// Held, shared, by every process that serves this state.
    presence: File,
    known: Option<Vec<u8>>,
}

impl StateFile {
    /// Opens, and creates the folder and the locks if need be; the file itself comes with the first save.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            create_private_folder(folder)?;
        }
        let lock = private().create(true).truncate(false).open(beside(path, ".lock"))?;
        let presence = private().create(true).truncate(false).open(beside(path, ".serving"))?;
        Ok(Self { path: path.to_owned(), lock, presence, known: None })
    }

    /// Waits until no other process is between a load and a save.
    pub(crate) fn lock(&self) -> io::Result<Locked> {
        let deadline = Instant::now() + PATIENCE;
        let lock = self.lock.try_clone()?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Locked(lock)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Says whether no other process serves this state, and from now on counts as one that does.
    /// Only under the lock.
    pub(crate) fn announce(&self) -> io::Result<bool> {
        let alone = self.presence.try_lock().is_ok();
        if alone {
            self.presence.unlock()?;
        }
        self.presence.lock_shared()?;
        Ok(alone)
    }

    /// What is in the file, if it is anything else than this process knows. Only under the lock.
    pub(crate) fn load(&mut self) -> io::Result<Option<Saved>> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if self.known.as_ref() == Some(&bytes) {
            return Ok(None);
        }
        let saved: Saved = serde_json::from_slice(&bytes)?;
        if ![FORM, FORM_WITHOUT_PENSAR].contains(&saved.v) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a state file of another version"));
        }
        self.known = Some(bytes);
        Ok(Some(saved))
    }

    /// Replaces the file. Only under the lock. Nothing is synchronized with the disk: a sandbox may lose its last
    /// second with the machine's power, but a reader never sees half a file.
    pub(crate) fn save(&mut self, saved: &Saved) -> io::Result<()> {
        let bytes = serde_json::to_vec(saved)?;
        let new = beside(&self.path, ".new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private().create_new(true).open(&new)?.write_all(&bytes)?;
        std::fs::rename(&new, &self.path)?;
        self.known = Some(bytes);
        Ok(())
    }
}

/// The right to load and save, until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // It cannot fail while the file is open, and the kernel unlocks it with the process at the latest.
        let _ = self.0.unlock();
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
