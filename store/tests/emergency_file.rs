//! The emergency file: room made before, filled in place, believed only when it is whole.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod scratch;
mod session;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use doorkey_core::record::Record;
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailureKind::{Refused, Unreadable};
use doorkey_store::EmergencyFile;
use scratch::Scratch;
use session::{refresh_token, session, tombstone};

fn place(name: &str) -> (Scratch, PathBuf, EmergencyFile) {
    let folder = Scratch::new(name);
    let path = folder.join(".pensar/auth.emergency");
    let file = EmergencyFile::new(path.clone());
    (folder, path, file)
}

#[test]
fn it_is_reserved_filled_read_and_removed() {
    let (folder, path, file) = place("emergency-life");
    assert_eq!(file.read(), Ok(None));
    assert_eq!(file.remove(), Ok(()), "nothing to remove");
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "and nothing made");

    file.reserve(14_000).unwrap();
    let made = fs::metadata(&path).unwrap();
    assert_eq!((made.mode() & 0o777, made.len()), (0o600, 16_384));
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(file.read(), Ok(None), "never filled");

    for counter in 1..3 {
        file.write(&session("l", counter)).unwrap();
        assert_eq!(file.read(), Ok(Some(session("l", counter))));
        let filled = fs::metadata(&path).unwrap();
        assert_eq!((filled.ino(), filled.len()), (made.ino(), 16_384), "in place");
    }
    file.remove().unwrap();
    assert_eq!(file.read(), Ok(None));
    assert!(!path.exists());
}

#[test]
fn the_room_includes_what_we_add() {
    let (_folder, path, file) = place("emergency-room");
    for (bytes, room) in [(0, 4096), (1, 4096), (4096 - 18, 4096), (4096 - 17, 8192), (4096, 8192)] {
        file.reserve(bytes).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), room, "{bytes}");
        file.remove().unwrap();
    }
}

#[test]
fn nothing_is_made_that_would_be_too_large_to_read() {
    let (_folder, path, file) = place("emergency-large");
    file.reserve(usize::MAX).unwrap();
    assert_eq!(file.read(), Ok(None));
    let blank = fs::read(&path).unwrap();
    let mut large = session("l", 1);
    large.gateway.signing_key = Some(Secret::new("x".repeat(1_000_000)));
    assert_eq!(file.write(&large).unwrap_err().kind, Refused);
    assert_eq!(fs::read(&path).unwrap(), blank);
}

#[test]
fn room_that_is_there_is_kept_and_too_little_is_made_anew() {
    let (_folder, path, file) = place("emergency-again");
    file.reserve(5_000).unwrap();
    let first = fs::metadata(&path).unwrap().ino();
    // Held open, so that its number is not given to the next file.
    let _held = fs::File::open(&path).unwrap();
    file.reserve(8_000).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), first);
    file.reserve(9_000).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 12_288);
    assert_ne!(fs::metadata(&path).unwrap().ino(), first);
}

#[test]
fn what_it_holds_is_not_destroyed_by_reserving() {
    let (_folder, _path, file) = place("emergency-held");
    file.reserve(0).unwrap();
    file.write(&session("l", 1)).unwrap();
    let failure = file.reserve(100_000).unwrap_err();
    assert_eq!(failure.kind, Refused);
    assert!(failure.detail.contains("not merged yet"), "{failure}");
    assert_eq!(file.read(), Ok(Some(session("l", 1))));
}

#[test]
fn a_record_needs_no_room_of_its_own_to_be_tried() {
    let (_folder, path, file) = place("emergency-unreserved");
    file.write(&session("l", 1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(file.read(), Ok(Some(session("l", 1))));
    file.write(&tombstone("l", 2)).unwrap();
    assert_eq!(file.read(), Ok(Some(tombstone("l", 2))), "shorter than what was there");
    file.remove().unwrap();
    file.reserve(0).unwrap();
    file.write(&session("l", 3)).unwrap();
    assert_eq!(file.read(), Ok(Some(session("l", 3))), "longer than its room");
}

#[test]
fn torn_at_any_byte_it_counts_as_empty() {
    let (_folder, path, file) = place("emergency-torn");
    let small = Record { rotation: Some(Arc::default()), ..session("l", 1) };
    file.reserve(0).unwrap();
    let blank = fs::read(&path).unwrap();
    file.write(&small).unwrap();
    let whole = fs::read(&path).unwrap();
    let end = whole.iter().rposition(|byte| *byte != b' ').unwrap();
    let other = Record { rotation: Some(Arc::default()), ..session("l", 2) };
    file.write(&other).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(before.len(), whole.len());
    for torn in 0..end {
        for below in [&blank, &before] {
            let content = [&whole[..torn], &below[torn..]].concat();
            fs::write(&path, &content).unwrap();
            // Torn where both are the same, it is the one before.
            let expected = (content == before).then(|| other.clone());
            assert_eq!(file.read(), Ok(expected), "{torn}");
        }
        // The other way round: the disk was quicker with the end than with the beginning.
        let content = [&blank[..=torn], &whole[torn + 1..]].concat();
        fs::write(&path, &content).unwrap();
        assert_eq!(file.read(), Ok(None), "{torn}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(file.read(), Ok(Some(small)));
    fs::write(&path, b"refresh-l1\n").unwrap();
    assert_eq!(file.read(), Ok(None));
    file.reserve(0).unwrap();
    assert_eq!(fs::read(&path).unwrap(), blank, "what is torn makes way");
}

#[test]
fn it_is_ours_alone_or_refused() {
    type Setting = fn(&std::path::Path);
    let rows: [(&str, Setting, &str); 4] = [
        ("open", |p| fs::set_permissions(p, fs::Permissions::from_mode(0o640)).unwrap(), "chmod 600"),
        ("a stranger's", |p| chown(p, Some(12_345), None).unwrap(), "another user"),
        (
            "a link",
            |p| {
                fs::rename(p, p.with_file_name("real")).unwrap();
                symlink("real", p).unwrap();
            },
            "could not open",
        ),
        (
            "in an open folder",
            |p| {
                fs::remove_file(p).unwrap();
                let open = fs::Permissions::from_mode(0o777);
                fs::set_permissions(p.parent().unwrap(), open).unwrap();
            },
            "chmod 700",
        ),
    ];
    for (name, setting, words) in rows {
        let (_folder, path, file) = place("emergency-ours");
        file.reserve(0).unwrap();
        let content = fs::read(&path).unwrap();
        setting(&path);
        let is_there = path.exists();
        let reads = if is_there { vec![file.read().unwrap_err()] } else { Vec::new() };
        let writes = [file.reserve(0).unwrap_err(), file.write(&session("l", 1)).unwrap_err()];
        for failure in reads.into_iter().chain(writes) {
            assert_eq!(failure.kind, Refused, "{name}: {failure}");
            assert!(failure.detail.contains(words), "{name}: {failure}");
        }
        assert_eq!(path.exists(), is_there, "{name}");
        assert!(!is_there || fs::read(&path).unwrap() == content, "{name}");
    }
}

#[test]
fn what_cannot_be_removed_is_told() {
    let (_folder, path, file) = place("emergency-stays");
    fs::create_dir_all(&path).unwrap();
    assert_eq!(file.remove().unwrap_err().kind, Refused);
}

#[test]
fn it_holds_a_megabyte_and_not_one_byte_more() {
    let (_folder, path, file) = place("emergency-longest");
    let of = |length: usize| Record { token: Secret::new("t".repeat(length)), ..session("l", 1) };
    // The record's line, a checksum of sixteen digits, and two ends of lines.
    let around = of(1).encode().expose_secret().len() - 1 + 16 + 2;
    let longest = of(1_000_000 - around);
    file.write(&longest).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 1_000_000);
    assert_eq!(file.read(), Ok(Some(longest.clone())));
    assert_eq!(file.write(&of(1_000_001 - around)).unwrap_err().kind, Refused);
    assert_eq!(file.read(), Ok(Some(longest)));
}

#[test]
fn a_newer_form_is_told_and_not_destroyed() {
    let (_folder, path, file) = place("emergency-newer");
    file.reserve(0).unwrap();
    let line = r#"{"v":2,"gen":"l.1","token":"t"}"#;
    let sum = doorkey_core::secret::Fingerprint::of(line.as_bytes());
    let text = format!("{line}\n{}\n", sum.as_str());
    fs::write(&path, &text).unwrap();
    assert_eq!(file.read().unwrap_err().kind, Unreadable);
    assert_eq!(file.reserve(0).unwrap_err().kind, Unreadable);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_record_without_a_generation_is_not_kept() {
    let (folder, _path, file) = place("emergency-bare");
    assert_eq!(file.write(&Record::bare_refresh(refresh_token("l", 1))).unwrap_err().kind, Refused);
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}

#[test]
fn on_a_full_disk_reserved_room_can_be_filled() {
    let folder = Scratch::new("emergency-full");
    let script = r#"mount -t tmpfs -o size=256k,mode=0700 tmpfs "$0" && exec "$@""#;
    let wrapper = ["unshare", "-m", "sh", "-c", script, folder.to_str().unwrap()];
    let mut child = child::command(&wrapper, "on a full disk", &folder.join("auth.emergency"));
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    child::await_line(&mut child, "filled");
    assert!(child.wait().unwrap().success());
}

#[test]
fn child() {
    let Some((role, path)) = child::role() else { return };
    assert_eq!(role, "on a full disk");
    let file = EmergencyFile::new(path.clone());
    let record = session("l", 1);
    file.reserve(record.encode().expose_secret().len()).unwrap();
    let mut filler = fs::File::create(path.with_file_name("filler")).unwrap();
    while filler.write_all(&[0; 512]).is_ok() {}
    file.write(&record).unwrap();
    assert_eq!(file.read(), Ok(Some(record)));
    file.remove().unwrap();
    // What was given back to the disk goes to the filler.
    while filler.write_all(&[0; 512]).is_ok() {}
    let failure = file.reserve(1).unwrap_err();
    assert_eq!(failure.kind, Refused);
    assert!(failure.detail.contains("No space left"), "{failure}");
    child::say("filled");
}
