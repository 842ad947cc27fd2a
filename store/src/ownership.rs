//! Who owns what: files and folders are ours alone, or they are not used (invariant 15).
//!
//! Elsewhere than on Unix (never compiled here) the profile folder's access list protects the files, and these
//! checks find nothing to say.

#[cfg(all(not(unix), feature = "encrypted"))]
pub(crate) use elsewhere::check_key_file;
#[cfg(not(unix))]
pub(crate) use elsewhere::{check_file, check_folder, check_link, identity, is_ours, owner, private_options};
#[cfg(not(unix))]
pub use elsewhere::{create_folders, home_of_effective_user};
#[cfg(all(unix, feature = "encrypted"))]
pub(crate) use unix::check_key_file;
#[cfg(unix)]
pub(crate) use unix::{check_file, check_folder, check_link, identity, is_ours, owner, private_options};
#[cfg(unix)]
pub use unix::{create_folders, home_of_effective_user};

/// Mode bits that nobody but the owner may have on a file with secrets.
pub(crate) const ANY_ACCESS: u32 = 0o077;
/// Mode bits that nobody but the owner may have on a file that steers us but holds no secret.
pub(crate) const WRITE_ACCESS: u32 = 0o022;

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The effective user's.
    Us,
    /// Root's, and we are not root.
    Root,
    /// Anybody else's.
    Another,
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
    use std::path::{Path, PathBuf};

    use doorkey_core::store::{StoreFailure, StoreFailureKind};
    use doorkey_core::text::quoted;
    use nix::fcntl::OFlag;
    use nix::unistd::{User, geteuid};

    use super::{Owner, WRITE_ACCESS};
    use crate::failure::{failure, io_failure, shown};

    const ROOT: u32 = 0;

    /// The home folder of the effective user by the password database, whatever the environment says; `None` if
    /// the database does not know the user.
    pub fn home_of_effective_user() -> Option<PathBuf> {
        User::from_uid(geteuid()).ok().flatten().map(|user| user.dir)
    }

    /// Options that create with 0600, never follow a symlink in the last place, and never wait for the other
    /// end of a pipe. Close-on-exec is std's habit.
    pub(crate) fn private_options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.mode(0o600).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        options
    }

    /// Accepts a regular file of ours on which others have none of the `forbidden` mode bits.
    pub(crate) fn check_file(path: &Path, found: &Metadata, forbidden: u32) -> Result<(), StoreFailure> {
        if !found.is_file() {
            return Err(refused(format!("{} is not a regular file; move it away", shown(path))));
        }
        check_owner(path, found)?;
        let open = found.mode() & forbidden;
        if open != 0 {
            let path = shown(path);
            let mode = found.mode() & 0o7777;
            return Err(refused(format!(
                "{path} is open to other users (mode {mode:04o}); close it with: chmod 600 {}",
                quoted(&path)
            )));
        }
        Ok(())
    }

    /// A file with a key that root gave us, as service managers do (systemd's `$CREDENTIALS_DIRECTORY`: root's, and by its
    /// access list readable for the service, which shows as the group's), or one of ours alone.
    #[cfg(feature = "encrypted")]
    pub(crate) fn check_key_file(path: &Path, found: &Metadata) -> Result<(), StoreFailure> {
        let is_roots = found.uid() == 0 && geteuid().as_raw() != 0;
        if is_roots && found.is_file() && found.mode() & 0o037 == 0 {
            return Ok(());
        }
        check_file(path, found, super::ANY_ACCESS)
    }

    /// Accepts a symlink of ours or of root's, who could change anything anyway.
    pub(crate) fn check_link(path: &Path, found: &Metadata) -> Result<(), StoreFailure> {
        if [geteuid().as_raw(), ROOT].contains(&found.uid()) {
            return Ok(());
        }
        Err(refused(format!(
            "{} is a symbolic link made by another user (uid {}); remove it",
            shown(path),
            found.uid()
        )))
    }

    /// Accepts a folder of ours that others cannot write to.
    pub(crate) fn check_folder(folder: &Path) -> Result<(), StoreFailure> {
        let found = fs::metadata(folder).map_err(|cause| io_failure("look at", folder, &cause))?;
        check_owner(folder, &found)?;
        if found.mode() & WRITE_ACCESS != 0 {
            let folder = shown(folder);
            return Err(refused(format!(
                "other users may write to the folder {folder}; close it with: chmod 700 {}",
                quoted(&folder)
            )));
        }
        Ok(())
    }

    /// Creates what is missing of a folder, each level 0700; then checks that it is ours and closed to others.
    /// Nothing is created below another user's folder, so that root in someone's home writes nothing there.
    ///
    /// # Errors
    /// `Refused` if a folder is not ours or cannot be made.
    pub fn create_folders(folder: &Path) -> Result<(), StoreFailure> {
        let mut missing = Vec::new();
        for ancestor in folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()) {
            match fs::metadata(ancestor) {
                Ok(found) => {
                    // Below root's folders, /home for one, the mode decides.
                    if !missing.is_empty() && found.uid() != ROOT {
                        check_owner(ancestor, &found)?;
                    }
                    break;
                }
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => missing.push(ancestor),
                Err(cause) => return Err(io_failure("look at", ancestor, &cause)),
            }
        }
        for level in missing.into_iter().rev() {
            match DirBuilder::new().mode(0o700).create(level) {
                Ok(()) => {}
                // Another process was quicker.
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(io_failure("create the folder", level, &cause)),
            }
        }
        check_folder(folder)
    }

    /// Whose this is.
    pub(crate) fn owner(found: &Metadata) -> Owner {
        match found.uid() {
            uid if uid == geteuid().as_raw() => Owner::Us,
            ROOT => Owner::Root,
            _ => Owner::Another,
        }
    }

    /// Whether a folder is there and belongs to the effective user.
    pub(crate) fn is_ours(folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
    }

    /// What makes two open files the same file, where that can be told.
    pub(crate) fn identity(found: &Metadata) -> Option<(u64, u64)> {
        Some((found.dev(), found.ino()))
    }

    fn check_owner(path: &Path, found: &Metadata) -> Result<(), StoreFailure> {
        let us = geteuid().as_raw();
        if found.uid() == us {
            return Ok(());
        }
        Err(refused(format!(
            "{} belongs to another user (uid {}, not {us}); run as its owner or choose another home folder",
            shown(path),
            found.uid()
        )))
    }

    fn refused(detail: String) -> StoreFailure {
        failure(StoreFailureKind::Refused, detail)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{self, Metadata, OpenOptions};
    use std::path::{Path, PathBuf};

    use doorkey_core::store::StoreFailure;

    use crate::failure::io_failure;

    /// There is no password database here.
    pub fn home_of_effective_user() -> Option<PathBuf> {
        None
    }

    pub(crate) fn private_options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(crate) fn check_file(_: &Path, _: &Metadata, _: u32) -> Result<(), StoreFailure> {
        Ok(())
    }

    #[cfg(feature = "encrypted")]
    pub(crate) fn check_key_file(_: &Path, _: &Metadata) -> Result<(), StoreFailure> {
        Ok(())
    }

    pub(crate) fn check_link(_: &Path, _: &Metadata) -> Result<(), StoreFailure> {
        Ok(())
    }

    pub(crate) fn check_folder(_: &Path) -> Result<(), StoreFailure> {
        Ok(())
    }

    /// Creates what is missing of a folder.
    ///
    /// # Errors
    /// `Refused` if it cannot be made.
    pub fn create_folders(folder: &Path) -> Result<(), StoreFailure> {
        fs::create_dir_all(folder).map_err(|cause| io_failure("create the folder", folder, &cause))
    }

    /// Whose it is cannot be told.
    pub(crate) fn owner(_: &Metadata) -> super::Owner {
        super::Owner::Us
    }

    /// Whether a folder is there; whose it is cannot be told.
    pub(crate) fn is_ours(folder: &Path) -> bool {
        folder.is_dir()
    }

    /// Cannot be told, and need not: an open file keeps its name here.
    pub(crate) fn identity(_: &Metadata) -> Option<(u64, u64)> {
        None
    }
}
