//! Looking without touching.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_store::{
    Access, Flaw, LockState, Vault, VaultConfig, inspect_file, inspect_folder, inspect_owner, inspect_room,
};
use scratch::Scratch;

fn with_mode(path: &Path, mode: u32) -> &Path {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn what_is_not_there_is_no_fault_and_is_not_made() {
    let folder = Scratch::new("inspect-nothing");
    let path = folder.join("a/b");
    assert_eq!(inspect_file(&path, Access::Secret), Ok(false));
    assert_eq!((inspect_folder(&path), inspect_owner(&path)), (Ok(false), Ok(false)));
    assert_eq!(inspect_room(&path), Ok(()));
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}

#[test]
fn a_mode_is_judged_by_what_the_file_is_for() {
    let folder = Scratch::new("inspect-mode");
    let path = folder.join("file");
    fs::write(&path, "").unwrap();
    for (mode, secret, steering) in
        [(0o600, None, None), (0o644, Some(Flaw::Open), None), (0o620, Some(Flaw::Open), Some(Flaw::Open))]
    {
        with_mode(&path, mode);
        let flaw = |access| inspect_file(&path, access).err().map(|fault| fault.flaw);
        assert_eq!((flaw(Access::Secret), flaw(Access::Steering)), (secret, steering), "{mode:o}");
    }
    let fault = inspect_file(&path, Access::Secret).unwrap_err();
    assert_eq!(fault.path, path);
    assert!(fault.failure.parts().1.unwrap().contains("chmod 600"), "{fault:?}");
    assert_eq!(inspect_folder(with_mode(&folder, 0o770)).unwrap_err().flaw, Flaw::Open);
    assert_eq!(inspect_folder(with_mode(&folder, 0o700)), Ok(true));
    assert_eq!(inspect_folder(&path).unwrap_err().flaw, Flaw::OddKind);
    assert_eq!(inspect_file(&folder, Access::Secret).unwrap_err().flaw, Flaw::OddKind);
}

#[test]
fn a_link_is_followed_but_not_in_a_circle() {
    let folder = Scratch::new("inspect-link");
    let (path, target) = (folder.join("link"), folder.join("target"));
    symlink(&target, &path).unwrap();
    assert_eq!(inspect_file(&path, Access::Secret), Ok(false));
    fs::write(&target, "").unwrap();
    with_mode(&target, 0o644);
    assert_eq!(inspect_file(&path, Access::Secret).unwrap_err().path, target);
    fs::remove_file(&target).unwrap();
    symlink(&path, &target).unwrap();
    assert_eq!(inspect_file(&path, Access::Secret).unwrap_err().flaw, Flaw::Link);
}

#[test]
fn a_lock_is_looked_at_and_not_taken() {
    let folder = Scratch::new("inspect-lock");
    let mut one = Vault::new(VaultConfig::in_folder(&folder));
    let mut other = Vault::new(VaultConfig::in_folder(&folder));
    assert_eq!(one.lock_state(), Ok(LockState::Free));
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "no file is made");
    let take = || StoreOp::Lock { wait: Duration::ZERO };
    assert_eq!(other.perform(take()), StoreAnswer::Done);
    assert_eq!(one.lock_state(), Ok(LockState::Held));
    assert_eq!(other.perform(StoreOp::Unlock), StoreAnswer::Done);
    assert_eq!(one.lock_state(), Ok(LockState::Free));
    assert_eq!(one.perform(take()), StoreAnswer::Done, "looking took nothing");
}
