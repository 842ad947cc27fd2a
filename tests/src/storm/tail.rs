//! The end of a file that others add lines to.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// What was added since the last look.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    /// A tail of the file at this path, which need not be there yet. The first look sees all of it.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The complete lines that were added.
    ///
    /// # Panics
    /// If the file is there, but cannot be read.
    pub fn look(&mut self) -> String {
        let Ok(mut file) = File::open(&self.path) else { return String::new() };
        let mut text = String::new();
        file.seek(SeekFrom::Start(self.read)).and_then(|_| file.read_to_string(&mut text)).unwrap();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        self.read += u64::try_from(text.len()).unwrap();
        text
    }
}
