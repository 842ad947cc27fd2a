//! Folders that vanish after a test.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A fresh private folder, removed on drop.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder of this name and process. The name is the test's, so that tests do not meet.
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("doorkey-store-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
