//! Looking at what lies on the disk without changing it, for a program that says what is wrong before it gets in the way.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use doorkey_core::store::{StoreFailure, StoreFailureKind};

use crate::failure::{failure, io_failure, shown};
use crate::ownership::{ANY_ACCESS, Owner, WRITE_ACCESS, check_file, check_folder, owner};
use crate::private_file::follow;

/// Something that keeps a file or folder from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is about.
    pub path: PathBuf,
    /// In one word.
    pub flaw: Flaw,
    /// In a sentence, with the next step after a last `; `.
    pub failure: StoreFailure,
}

/// What is wrong with a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It belongs to root, and we are not root: a command was run by `sudo` once.
    OwnedByRoot,
    /// It belongs to another user.
    NotOurs,
    /// Others may read or write what they must not.
    Open,
    /// It is no regular file.
    OddKind,
    /// It is a symbolic link that another user made, or that leads nowhere in a circle.
    Link,
    /// The system does not let us look at it.
    Hidden,
    /// Nothing can be written there: the file system is mounted read-only.
    ReadOnly,
    /// Nothing can be written there: the mode forbids it.
    Unwritable,
    /// Nothing more fits there.
    Full,
}

/// What others may do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it holds secrets.
    Secret,
    /// Read it: it steers us, but holds no secret.
    Steering,
}

/// Whether a file or its symlink is there, and ours as it must be.
///
/// # Errors
/// What is wrong with it.
pub fn inspect_file(path: &Path, access: Access) -> Result<bool, Fault> {
    let target = follow(path).map_err(|failure| fault(path, Flaw::Link, failure))?;
    let Some(found) = look(&target)? else { return Ok(false) };
    let forbidden = match access {
        Access::Secret => ANY_ACCESS,
        Access::Steering => WRITE_ACCESS,
    };
    check_file(&target, &found, forbidden)
        .map_err(|failure| fault(&target, flaw_of_file(&found), failure))?;
    Ok(true)
}

/// Whether a folder is there, and ours, and closed to the writing of others.
///
/// # Errors
/// What is wrong with it.
pub fn inspect_folder(folder: &Path) -> Result<bool, Fault> {
    let Some(found) = look(folder)? else { return Ok(false) };
    if !found.is_dir() {
        let cause = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(fault(folder, Flaw::OddKind, io_failure("look into", folder, &cause)));
    }
    check_folder(folder)
        .map_err(|failure| fault(folder, flaw_of_owner(&found).unwrap_or(Flaw::Open), failure))?;
    Ok(true)
}

/// Whether something is there and belongs to us, whatever it is and whatever others may do with it.
///
/// # Errors
/// It belongs to somebody else.
pub fn inspect_owner(path: &Path) -> Result<bool, Fault> {
    let Some(found) = look(path)? else { return Ok(false) };
    let Some(flaw) = flaw_of_owner(&found) else { return Ok(true) };
    let words =
        format!("{} belongs to another user; run as its owner or choose another home folder", shown(path));
    Err(fault(path, flaw, failure(StoreFailureKind::Refused, words)))
}

fn look(path: &Path) -> Result<Option<Metadata>, Fault> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(fault(path, Flaw::Hidden, io_failure("look at", path, &cause))),
    }
}

fn flaw_of_owner(found: &Metadata) -> Option<Flaw> {
    match owner(found) {
        Owner::Us => None,
        Owner::Root => Some(Flaw::OwnedByRoot),
        Owner::Another => Some(Flaw::NotOurs),
    }
}

/// In the order in which they are checked.
fn flaw_of_file(found: &Metadata) -> Flaw {
    if !found.is_file() {
        return Flaw::OddKind;
    }
    flaw_of_owner(found).unwrap_or(Flaw::Open)
}

pub(crate) fn fault(path: &Path, flaw: Flaw, failure: StoreFailure) -> Fault {
    Fault { path: path.to_owned(), flaw, failure }
}
