//! One credential, one lock on this machine (invariant 4).
//!
//! A kernel lock on a file of its own: the kernel lets go when its holder ends, however that happens. The file is
//! never deleted, since a deleted one would let two processes hold "the" lock; should somebody else delete it, the
//! comparison after locking notices. On a network file system the lock may be local to each machine: that is asked
//! separately ([`StoreOp::CheckLock`](doorkey_core::store::StoreOp::CheckLock)), since only rotation depends on it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_core::store::{StoreFailure, StoreFailureKind};

use crate::failure::{failure, io_failure, shown};
use crate::ownership::{WRITE_ACCESS, check_file, create_folders, identity, private_options};
use crate::private_file::{folder_of, follow};

/// The first pause between two attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause, so that a freed lock is noticed soon.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Held until dropped, or until the process ends.
#[derive(Debug)]
pub struct Lock {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    /// Closing it is what unlocks.
    _file: File,
}

impl Lock {
    /// Takes the locks on all these files, in this order, within `wait` altogether. Two names of the same file
    /// count once. Missing files and folders are created, private to the user.
    ///
    /// # Errors
    /// `Busy` if another process holds one of them for too long, `Refused` if a file cannot be made or is not ours.
    pub fn acquire(paths: &[PathBuf], wait: Duration) -> Result<Self, StoreFailure> {
        let started = Instant::now();
        let mut lock = Self { held: Vec::with_capacity(paths.len()) };
        for path in paths {
            lock.add(path, started, wait)?;
        }
        Ok(lock)
    }

    fn add(&mut self, path: &Path, started: Instant, wait: Duration) -> Result<(), StoreFailure> {
        create_folders(folder_of(path))?;
        let mut pause = FIRST_PAUSE;
        loop {
            let (file, opened) = open(path)?;
            if self.holds(path, opened) {
                return Ok(());
            }
            match file.try_lock() {
                Ok(()) if is_still_there(path, opened) => {
                    self.held.push(Held { path: path.to_owned(), identity: opened, _file: file });
                    return Ok(());
                }
                // Somebody replaced the file in between: what was locked is no longer the lock.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(cause)) => return Err(io_failure("lock", path, &cause)),
            }
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(busy(path, wait));
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Locking the same file twice, under two names, would wait for ourselves.
    fn holds(&self, path: &Path, opened: Option<(u64, u64)>) -> bool {
        self.held.iter().any(|held| held.path == path || (opened.is_some() && held.identity == opened))
    }
}

/// How a lock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockState {
    /// Nobody has it now.
    Free,
    /// A process has it now.
    Held,
}

/// Looks at a lock without taking it for longer than the look. Nothing is created; whoever asks for the lock in that
/// very moment finds it busy, and asks again after a pause.
pub(crate) fn look_at(path: &Path) -> Result<LockState, StoreFailure> {
    let file = match private_options().read(true).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(LockState::Free),
        Err(cause) => return Err(io_failure("open the lock file", path, &cause)),
    };
    let found = file.metadata().map_err(|cause| io_failure("look at", path, &cause))?;
    check_file(path, &found, WRITE_ACCESS)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(LockState::Free),
        Err(TryLockError::WouldBlock) => Ok(LockState::Held),
        Err(TryLockError::Error(cause)) => Err(io_failure("lock", path, &cause)),
    }
}

/// The lock file that belongs to a data file: beside the file that its symlinks lead to, so that two names of
/// one file share one lock.
///
/// # Errors
/// `Refused` if a symlink on the way is not ours.
pub fn lock_beside(data: &Path) -> Result<PathBuf, StoreFailure> {
    let mut name = follow(data)?.into_os_string();
    name.push(".lock");
    Ok(name.into())
}

fn open(path: &Path) -> Result<(File, Option<(u64, u64)>), StoreFailure> {
    let file = private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|cause| io_failure("open the lock file", path, &cause))?;
    let found = file.metadata().map_err(|cause| io_failure("look at", path, &cause))?;
    check_file(path, &found, WRITE_ACCESS)?;
    let identity = identity(&found);
    Ok((file, identity))
}

fn is_still_there(path: &Path, opened: Option<(u64, u64)>) -> bool {
    fs::metadata(path).is_ok_and(|found| identity(&found) == opened)
}

fn busy(path: &Path, wait: Duration) -> StoreFailure {
    failure(
        StoreFailureKind::Busy,
        format!(
            "another process has held the lock {} for more than {} ms; wait for it or end it, then try again",
            shown(path),
            wait.as_millis()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_deleted_while_it_was_being_locked_is_not_the_lock() {
        let folder = crate::scratch::Scratch::new("lock-deleted");
        let path = folder.join("x.lock");
        let (file, opened) = open(&path).unwrap();
        file.try_lock().unwrap();
        assert!(is_still_there(&path, opened));
        fs::remove_file(&path).unwrap();
        assert!(!is_still_there(&path, opened), "gone");
        let (_other, _) = open(&path).unwrap();
        assert!(!is_still_there(&path, opened), "another file of that name");
    }

    #[test]
    fn only_a_lock_that_is_missing_is_free_unseen() {
        let folder = crate::scratch::Scratch::new("lock-unseen");
        assert_eq!(look_at(&folder.join("missing.lock")), Ok(LockState::Free));
        fs::write(folder.join("file"), "").unwrap();
        let failure = look_at(&folder.join("file/x.lock")).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Refused, "{failure}");
    }
}
