//! Files that only their owner can read, and that are whole at every moment (invariant 15).
//!
//! A new content is written to a fresh file in the same folder, synced, renamed over the old one, and the folder
//! synced: a crash leaves the old or the new content, never a part. Whoever changes the content holds a short lock
//! from the reading to the renaming, so that a change is never made on top of something already replaced.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorkey_core::record::UnreadableRecord;
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use zeroize::Zeroizing;

use crate::failure::{failure, io_failure, shown};
use crate::lock::Lock;
use crate::ownership::{check_file, check_folder, check_link, create_folders, private_options};

/// A file of more bytes is not read, and not written either.
pub(crate) const LONGEST: usize = 1_000_000;
/// As many symlinks are followed, one to the next.
const MOST_LINKS: usize = 16;
/// A change takes a few milliseconds; whoever waits longer than this waits for something broken.
const LONGEST_CHANGE: Duration = Duration::from_secs(5);
/// As many bytes must fit on the disk for a probe to pass.
const PROBE_BYTES: usize = 4096;

/// A private file, which need not exist.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    path: PathBuf,
    forbidden: u32,
}

/// What [`PrivateFile::change`] does with the content, and what it then returns.
pub(crate) enum Change<T> {
    Keep(T),
    Replace(Secret, T),
}

impl PrivateFile {
    /// The file at this path; others may have none of the `forbidden` mode bits on it.
    pub(crate) fn new(path: PathBuf, forbidden: u32) -> Self {
        Self { path, forbidden }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content; `None` if there is no such file.
    pub(crate) fn read(&self) -> Result<Option<Secret>, StoreFailure> {
        self.read_at(&follow(&self.path)?)
    }

    /// Reads the content, lets `decide` say what becomes of it, and does that, alone.
    pub(crate) fn change<T>(
        &self,
        decide: impl FnOnce(Option<&Secret>) -> Result<Change<T>, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        let (path, _alone) = self.alone()?;
        match decide(self.read_at(&path)?.as_ref())? {
            Change::Keep(result) => Ok(result),
            Change::Replace(content, result) => {
                replace(&path, content.expose_secret().as_bytes())?;
                Ok(result)
            }
        }
    }

    /// Whether a change would succeed now: the old content is readable, and a small new file fits beside it.
    pub(crate) fn probe(&self) -> Result<(), StoreFailure> {
        let (path, _alone) = self.alone()?;
        self.read_at(&path)?;
        let trial = Trial::write(&path, &[0; PROBE_BYTES])?;
        drop(trial);
        Ok(())
    }

    /// Where the file really is, and the right to change it for as long as the lock lives.
    fn alone(&self) -> Result<(PathBuf, Lock), StoreFailure> {
        let path = follow(&self.path)?;
        create_folders(folder_of(&path))?;
        let lock = Lock::acquire(&[beside(&path, "writing")], LONGEST_CHANGE)?;
        Ok((path, lock))
    }

    fn read_at(&self, path: &Path) -> Result<Option<Secret>, StoreFailure> {
        let Some(bytes) = read_private(path, self.forbidden)? else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|_| unreadable(path, "is not text"))?;
        Ok(Some(Secret::from(text)))
    }
}

/// The content of a file of ours on which others have none of the `forbidden` mode bits; `None` if there is no such
/// file. A symlink in the last place is not followed.
pub(crate) fn read_private(path: &Path, forbidden: u32) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
    read_checked(path, |found| check_file(path, found, forbidden))
}

/// The same of a file that `check` finds good.
pub(crate) fn read_checked(
    path: &Path,
    check: impl FnOnce(&fs::Metadata) -> Result<(), StoreFailure>,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
    let file = match private_options().read(true).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(io_failure("open", path, &cause)),
    };
    let found = file.metadata().map_err(|cause| io_failure("look at", path, &cause))?;
    check(&found)?;
    // One allocation of the right size: growing would leave copies of secrets behind.
    let length = usize::try_from(found.len()).unwrap_or(LONGEST).min(LONGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| io_failure("read", path, &cause))?;
    if bytes.len() > LONGEST {
        return Err(unreadable(path, "is larger than any credentials file"));
    }
    Ok(Some(bytes))
}

/// A content that nobody should rely on; says which file, and what to do.
pub(crate) fn unreadable(path: &Path, why: &str) -> StoreFailure {
    failure(StoreFailureKind::Unreadable, format!("{} {why}; move it away and sign in again", shown(path)))
}

/// Why what a file holds is no credential, and what to do.
pub(crate) fn explain(path: &Path, why: UnreadableRecord) -> StoreFailure {
    match why {
        UnreadableRecord::NewerForm(form) => failure(
            StoreFailureKind::Unreadable,
            format!("a newer version of this program wrote {} (form {form}); use that version", shown(path)),
        ),
        UnreadableRecord::Empty => unreadable(path, "has an empty entry"),
        UnreadableRecord::Malformed => unreadable(path, "is not a credentials file, or has a damaged entry"),
    }
}

/// Where the symlinks at the end of a path lead, if they are ours; the last target need not exist.
pub(crate) fn follow(path: &Path) -> Result<PathBuf, StoreFailure> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                check_link(&path, &found)?;
                let target = fs::read_link(&path).map_err(|cause| io_failure("follow", &path, &cause))?;
                path = folder_of(&path).join(target);
            }
            Ok(_) => return Ok(path),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(cause) => return Err(io_failure("look at", &path, &cause)),
        }
    }
    Err(failure(
        StoreFailureKind::Refused,
        format!("{} is a symbolic link in a circle; remove it", shown(&path)),
    ))
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Puts a new file, written durably, in the place of what is there or not. Only for who is alone.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreFailure> {
    if content.len() > LONGEST {
        return Err(failure(
            StoreFailureKind::Refused,
            format!("{} would become larger than {LONGEST} bytes; log out of unused workspaces", shown(path)),
        ));
    }
    let trial = Trial::write(path, content)?;
    fs::rename(&trial.path, path).map_err(|cause| io_failure("replace", path, &cause))?;
    sync_folder(folder_of(path))
}

/// A file beside another that will take its place, or else vanishes again.
struct Trial {
    path: PathBuf,
}

impl Trial {
    /// Only for who is alone (see [`PrivateFile::alone`]): what lies under the fixed name is then left over from a
    /// crash, and is removed. The new file is made by exclusive creation, so that it is certainly ours.
    fn write(target: &Path, content: &[u8]) -> Result<Self, StoreFailure> {
        check_folder(folder_of(target))?;
        let path = beside(target, "new");
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(io_failure("remove", &path, &cause));
            }
            _ => {}
        }
        let trial = |cause: &io::Error| io_failure("write", &path, cause);
        let mut file = private_options().write(true).create_new(true).open(&path).map_err(|c| trial(&c))?;
        let written = Self { path: path.clone() };
        file.write_all(content).map_err(|cause| trial(&cause))?;
        file.sync_all().map_err(|cause| trial(&cause))?;
        Ok(written)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // After the renaming there is nothing left to remove. If removing fails, the next change does it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes what was created, renamed or removed in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreFailure> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| io_failure("sync the folder", folder, &cause))
}

/// A hidden file beside another, named after it.
fn beside(path: &Path, role: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{role}"))
}
