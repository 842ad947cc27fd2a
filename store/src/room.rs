//! Whether anything could be written to a folder, found out without writing.

use std::path::Path;

use crate::inspect::Fault;

/// Whether a folder, or the nearest one above it that is there, takes another file of ours. A quota of the user's own
/// cannot be told.
///
/// # Errors
/// It lies on a file system that is read-only or full, or its mode forbids it.
#[cfg(unix)]
pub fn inspect_room(folder: &Path) -> Result<(), Fault> {
    use doorkey_core::store::StoreFailureKind;
    use nix::sys::statvfs::{FsFlags, statvfs};
    use nix::unistd::{AccessFlags, access};

    use crate::failure::{failure, shown};
    use crate::inspect::{Flaw, fault};

    let Some(folder) = folder.ancestors().find(|level| level.is_dir()) else { return Ok(()) };
    let name = shown(folder);
    let told = |flaw, words: &str| {
        Err(fault(folder, flaw, failure(StoreFailureKind::Refused, format!("{name} {words}"))))
    };
    let Ok(system) = statvfs(folder) else { return Ok(()) };
    if system.flags().contains(FsFlags::ST_RDONLY) {
        return told(
            Flaw::ReadOnly,
            "lies on a read-only file system; make it writable or choose another home folder",
        );
    }
    if access(folder, AccessFlags::W_OK).is_err() {
        return told(Flaw::Unwritable, "cannot be written to; give yourself the right to write there");
    }
    #[allow(clippy::useless_conversion, reason = "they are shorter elsewhere")]
    let free = u64::from(system.blocks_available()).saturating_mul(u64::from(system.fragment_size()));
    // File systems that make inodes as they are needed count none.
    let no_inode = system.files() > 0 && system.files_available() == 0;
    if free < LEAST_ROOM || no_inode {
        return told(Flaw::Full, "lies on a full disk; make room");
    }
    Ok(())
}

/// Elsewhere (never compiled here) nothing is asked.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn inspect_room(_: &Path) -> Result<(), Fault> {
    Ok(())
}

/// A file of ours, the one that replaces it, and the emergency file.
#[cfg(unix)]
const LEAST_ROOM: u64 = 32 * 1024;
