//! What lies in a folder, so that a test can say "nothing changed".
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Every file below a folder by its path: the SHA-256 of its content, its mode and its owner; for a symlink where
/// it leads. Lock files, which hold nothing, do not count.
pub type Snapshot = BTreeMap<PathBuf, String>;

pub fn snapshot(folder: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    collect(folder, &mut found);
    found
}

fn collect(folder: &Path, found: &mut Snapshot) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            collect(&path, found);
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            found.insert(path, format!("-> {}", target.display()));
        } else if metadata.is_file() && !is_lock(&path, metadata.len()) {
            let hash = Sha256::digest(fs::read(&path).unwrap());
            found.insert(path, format!("{hash:x?} {:o} {}", metadata.mode(), metadata.uid()));
        }
    }
}

fn is_lock(path: &Path, length: u64) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    length == 0 && (name.ends_with(".lock") || name.ends_with(".writing"))
}
