//! Whether a lock on this file system holds against other machines (invariant 4).
//!
//! Linux tells what kind of file system a folder lies on. Elsewhere (never compiled here) nothing is asked, and every
//! folder counts as local.

use std::io;
use std::path::Path;

use doorkey_core::store::{StoreFailure, StoreFailureKind};

use crate::failure::{failure, io_failure, shown};

/// File systems that other machines can mount, too, by the magic number of statfs(2): from the kernel's `magic.h`, and
/// for those outside of it from coreutils' `stat.c`. Others are local: disks, memory, and overlays of those.
///
/// FUSE stands for any program's file system. Some are local (encrypted folders), some are not (sshfs), and nothing
/// tells; with a lock that may not hold, one of two machines would lose the session for both.
const SHARED: [(u32, &str); 24] = [
    (0x0000_517b, "SMB"),
    (0x0000_564c, "NCP"),
    (0x0000_6969, "NFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9p"),
    (0x0131_11a8, "IBRIX"),
    (0x0116_1970, "GFS2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0x5346_414f, "AFS"),
    (0x6573_5546, "FUSE"),
    (0x6163_6673, "ACFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x7461_636f, "OCFS2"),
    (0x786f_4256, "VirtualBox"),
    (0x7c7c_6673, "Parallels"),
    (0xa501_fcf5, "VxFS"),
    (0xaad7_aaea, "PanFS"),
    (0xbacb_acbc, "VMware"),
    (0xbeef_dead, "SNFS"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
];

/// Fails with `Shared` if a folder, or the nearest one above it that is there, lies on a network file system.
pub(crate) fn check_local(folder: &Path) -> Result<(), StoreFailure> {
    let magic = folder.ancestors().map(|level| match level {
        level if level.as_os_str().is_empty() => magic(Path::new(".")),
        level => magic(level),
    });
    for found in magic {
        match found {
            Ok(magic) => return kind(magic).map_or(Ok(()), |kind| Err(shared(folder, kind))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(io_failure("look at", folder, &cause)),
        }
    }
    Ok(())
}

/// The failure of a folder that other machines use.
pub(crate) fn shared(folder: &Path, kind: &str) -> StoreFailure {
    failure(
        StoreFailureKind::Shared,
        format!(
            "{} lies on a file system that other machines may use ({kind}), so that the session cannot be renewed \
             safely; keep that folder on a local disk",
            shown(folder)
        ),
    )
}

/// What a shared file system is called; `None`: it is a local one.
fn kind(magic: u32) -> Option<&'static str> {
    SHARED.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

#[cfg(target_os = "linux")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it has 32 bits, of whatever type"
)]
fn magic(folder: &Path) -> io::Result<u32> {
    Ok(nix::sys::statfs::statfs(folder)?.filesystem_type().0 as u32)
}

#[cfg(not(target_os = "linux"))]
fn magic(_: &Path) -> io::Result<u32> {
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_and_shared_file_systems() {
        let rows = [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("CIFS")),
            (0xfe53_4d42, Some("SMB")),
            (0x517b, Some("SMB")),
            (0x5346_414f, Some("AFS")),
            (0x0102_1997, Some("9p")),
            (0x6573_5546, Some("FUSE")),
            (0x00c3_6400, Some("Ceph")),
            (0x0116_1970, Some("GFS2")),
            (0x7461_636f, Some("OCFS2")),
            (0x0bd0_0bd0, Some("Lustre")),
            (0x4750_4653, Some("GPFS")),
            (0xef53, None),      // ext2, ext3, ext4
            (0x5846_5342, None), // XFS
            (0x9123_683e, None), // Btrfs
            (0x2fc1_2fc1, None), // ZFS
            (0xf2f5_2010, None), // F2FS
            (0x0102_1994, None), // tmpfs
            (0x794c_7630, None), // overlayfs
            (0xf15f, None),      // eCryptfs
            (0, None),
        ];
        for (magic, expected) in rows {
            assert_eq!(kind(magic), expected, "{magic:#x}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn constants_are_the_kernels() {
        use nix::sys::statfs as known;
        for (magic, name) in [
            (known::NFS_SUPER_MAGIC, "NFS"),
            (known::SMB_SUPER_MAGIC, "SMB"),
            (known::AFS_SUPER_MAGIC, "AFS"),
            (known::FUSE_SUPER_MAGIC, "FUSE"),
            (known::OCFS2_SUPER_MAGIC, "OCFS2"),
            (known::CODA_SUPER_MAGIC, "Coda"),
            (known::NCP_SUPER_MAGIC, "NCP"),
        ] {
            assert_eq!(kind(u32::try_from(magic.0).unwrap()), Some(name));
        }
    }

    #[test]
    fn a_disk_of_this_machine_is_local_also_where_the_folder_is_not_made_yet() {
        let folder = crate::scratch::Scratch::new("file-system");
        assert_eq!(check_local(&folder), Ok(()));
        assert_eq!(check_local(&folder.join("not/made/yet")), Ok(()));
        assert_eq!(check_local(Path::new("not-made")), Ok(()));
        assert_eq!(std::fs::read_dir(&*folder).unwrap().count(), 0, "and is not made by asking");
    }

    #[test]
    fn the_failure_names_the_folder_and_the_remedy() {
        let failure = shared(Path::new("/home/me/.pensar"), "NFS");
        let (cause, next) = failure.parts();
        assert!(cause.contains("/home/me/.pensar") && cause.contains("NFS"), "{cause}");
        assert_eq!(next, Some("keep that folder on a local disk"));
    }
}
