//! A file of settings that people write, too: who may write it, and what a change leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use doorkey_core::store::StoreFailureKind::{Refused, Unreadable};
use doorkey_store::ConfigFile;
use scratch::Scratch;

fn put(path: &Path, text: &[u8], mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn text(file: &ConfigFile) -> String {
    file.read().unwrap().expose_secret().to_owned()
}

#[test]
fn a_change_is_read_back_and_a_file_that_is_not_there_is_empty() {
    let folder = Scratch::new("config-change");
    let file = ConfigFile::new(folder.join("own/config.toml"));
    assert_eq!(text(&file), "");
    file.probe().unwrap();
    file.change(|old| Ok(format!("{old}one = 1\n"))).unwrap();
    file.change(|old| Ok(format!("{old}two = 2\n"))).unwrap();
    assert_eq!(text(&file), "one = 1\ntwo = 2\n");
    assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn what_stays_as_it_is_is_not_written() {
    let folder = Scratch::new("config-same");
    let path = folder.join("config.toml");
    put(&path, b"one = 1\n", 0o644);
    let before = fs::metadata(&path).unwrap().ino();
    let file = ConfigFile::new(path.clone());
    file.change(|old| Ok(old.to_owned())).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    let failure = file.change(|_| Err("has no sense".to_owned())).unwrap_err();
    assert_eq!(failure.kind, Unreadable);
    assert!(failure.detail.contains("config.toml has no sense; mend it or move it away"), "{failure}");
    assert_eq!((fs::metadata(&path).unwrap().ino(), &*text(&file)), (before, "one = 1\n"));
}

#[test]
fn others_may_read_it_and_not_write_it() {
    let folder = Scratch::new("config-others");
    let path = folder.join("config.toml");
    let file = ConfigFile::new(path.clone());
    for (mode, refused) in [(0o600, false), (0o644, false), (0o664, true), (0o646, true)] {
        put(&path, b"one = 1\n", mode);
        assert_eq!(file.read().err().map(|why| why.kind), refused.then_some(Refused), "{mode:o}");
        let changed = file.change(|old| Ok(old.to_owned() + "two = 2\n"));
        assert_eq!(changed.err().map(|why| why.kind), refused.then_some(Refused), "{mode:o}");
        assert_eq!(fs::read_to_string(&path).unwrap().contains("two"), !refused, "{mode:o}");
    }
    put(&path, b"\xff", 0o600);
    assert_eq!(file.read().unwrap_err().kind, Unreadable);
}

#[test]
fn our_own_symlink_is_kept() {
    let folder = Scratch::new("config-link");
    put(&folder.join("real"), b"one = 1\n", 0o644);
    let path = folder.join("config.toml");
    symlink("real", &path).unwrap();
    ConfigFile::new(path.clone()).change(|old| Ok(old.to_owned() + "two = 2\n")).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(folder.join("real")).unwrap(), "one = 1\ntwo = 2\n");
}
