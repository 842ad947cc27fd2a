//! A folder of one's own for files that are read back.

use std::cell::LazyCell;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static FOLDER: LazyCell<Scratch> = const { LazyCell::new(Scratch::new) };
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("doorkey-targets-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).expect("a folder of our own");
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The place of this name in the folder, with nothing there.
pub fn vacant(name: &str) -> PathBuf {
    let path = FOLDER.with(|folder| folder.0.join(name));
    let _ = fs::remove_file(&path);
    path
}

/// The same with a private file of this content.
pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = vacant(name);
    fill(&path, content);
    path
}

/// Writes a private file.
pub fn fill(path: &Path, content: &[u8]) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(content)).expect("a file of our own");
}
