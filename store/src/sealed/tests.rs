//! What is sealed opens with its key and as it was, and in no other way.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;
use crate::scratch::Scratch;

const TEXT: &str = "{\"v\":1,\"records\":{\"work\":\"refresh-é\"}}\n";
const CHEAP: Cost = Cost { memory: 8, passes: 1, lanes: 1 };
const AT: &str = "/home/me/credentials.enc";

fn passphrase(words: &str) -> Sealer {
    let given = Some(EncryptionKey::Passphrase(words.into()));
    Sealer { cost: CHEAP, ..Sealer::new(given) }
}

fn key_file(path: PathBuf) -> Sealer {
    Sealer::new(Some(EncryptionKey::KeyFile(path)))
}

fn put_key(path: &Path, content: &[u8]) -> PathBuf {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_owned()
}

fn seal(sealer: &Sealer) -> String {
    let line = sealer.seal(AT.as_ref(), Purpose::Credentials, &TEXT.into()).unwrap();
    line.expose_secret().to_owned()
}

fn open(sealer: &Sealer, line: &str) -> Result<Secret, StoreFailure> {
    sealer.open(AT.as_ref(), Purpose::Credentials, line)
}

#[test]
fn what_was_sealed_opens_with_the_same_key() {
    let folder = Scratch::new("sealed-opens");
    let key = put_key(&folder.join("key"), &[7; 32]);
    for sealer in [|_: &Path| passphrase("open sesame"), |key: &Path| key_file(key.to_owned())] {
        let line = seal(&sealer(&key));
        assert_eq!(open(&sealer(&key), &line), Ok(TEXT.into()));
        assert!(!line.contains("refresh") && !line.contains('\n'), "{line}");
    }
}

#[test]
fn each_sealing_has_a_nonce_of_its_own_and_each_file_a_salt() {
    let sealer = passphrase("open sesame");
    let (one, two, other) = (seal(&sealer), seal(&sealer), seal(&passphrase("open sesame")));
    let parts = |line: &str| {
        let (header, body) = line.rsplit_once(' ').unwrap();
        (header.to_owned(), body[..32].to_owned())
    };
    assert_eq!(parts(&one).0, parts(&two).0, "derived once");
    assert_ne!(parts(&one).1, parts(&two).1, "the nonce");
    assert_ne!(parts(&one).0, parts(&other).0, "the salt");
    open(&sealer, &other).unwrap();
    assert_eq!(parts(&seal(&sealer)).0, parts(&other).0, "the file's salt stays with it");
}

#[test]
fn a_changed_bit_anywhere_and_every_truncation_is_told() {
    let sealer = passphrase("open sesame");
    let line = seal(&sealer);
    for at in 0..line.len() {
        for bit in 0..8 {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // Others are no text, which the file that holds the line finds out.
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let failure = open(&sealer, &changed).unwrap_err();
            assert!(
                [StoreFailureKind::Unreadable, StoreFailureKind::Locked].contains(&failure.kind),
                "{at}.{bit}: {failure}"
            );
        }
        assert_eq!(open(&sealer, &line[..at]).unwrap_err().kind, StoreFailureKind::Unreadable, "{at}");
    }
    for added in [" ", "\n", "A", "=", "AAAA"] {
        assert!(open(&sealer, &format!("{line}{added}")).is_err(), "{added:?}");
        assert!(open(&sealer, &format!("{added}{line}")).is_err(), "{added:?}");
    }
    assert_eq!(open(&sealer, &line), Ok(TEXT.into()), "and the sealer is none the worse for it");
}

#[test]
fn a_wrong_key_or_a_damaged_file_both_are_named() {
    let folder = Scratch::new("sealed-wrong");
    let right = put_key(&folder.join("right"), &[7; 32]);
    let wrong = put_key(&folder.join("wrong"), &[8; 32]);
    let rows = [
        (passphrase("open sesame"), passphrase("Open sesame"), "passphrase is wrong, or the file is damaged"),
        (key_file(right), key_file(wrong), "key file is not the right one, or the file is damaged"),
    ];
    for (sealer, other, words) in rows {
        let failure = open(&other, &seal(&sealer)).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Unreadable);
        assert!(failure.detail.contains(words) && failure.detail.contains(AT), "{failure}");
        assert!(!failure.detail.contains("esame"), "{failure}");
        assert!(failure.parts().1.is_some(), "{failure}");
    }
}

#[test]
fn without_the_right_kind_of_key_it_is_locked() {
    let folder = Scratch::new("sealed-locked");
    let key = put_key(&folder.join("key"), &[7; 32]);
    let by_passphrase = seal(&passphrase("open sesame"));
    let by_key_file = seal(&key_file(key.clone()));
    let rows = [
        (Sealer::new(None), &by_passphrase, "give a key file"),
        (key_file(key), &by_passphrase, "give a passphrase"),
        (passphrase("open sesame"), &by_key_file, "give a key file"),
        (passphrase(""), &by_passphrase, "is empty"),
        (key_file(folder.join("missing")), &by_key_file, "put it back"),
    ];
    for (sealer, line, words) in rows {
        let failure = open(&sealer, line).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Locked, "{failure}");
        assert!(failure.detail.contains(words), "{failure}");
    }
    let nothing = Sealer::new(None);
    assert!(!nothing.has_key());
    assert_eq!(nothing.make_ready(AT.as_ref()).unwrap_err().kind, StoreFailureKind::Locked);
    let sealing = nothing.seal(AT.as_ref(), Purpose::Credentials, &TEXT.into());
    assert_eq!(sealing.unwrap_err().kind, StoreFailureKind::Locked);
}

#[test]
fn a_key_file_is_ours_alone_and_long_enough() {
    let folder = Scratch::new("sealed-key-file");
    let key = put_key(&folder.join("key"), &[7; 32]);
    let line = seal(&key_file(key.clone()));
    symlink("key", folder.join("link")).unwrap();
    assert_eq!(open(&key_file(folder.join("link")), &line), Ok(TEXT.into()), "a link of ours");

    let short = put_key(&folder.join("short"), &[7; 31]);
    let large = put_key(&folder.join("large"), &vec![7; 1_000_001]);
    let open_to_others = put_key(&folder.join("open"), &[7; 32]);
    fs::set_permissions(&open_to_others, fs::Permissions::from_mode(0o640)).unwrap();
    for (path, words) in [
        (short, "only 31 bytes"),
        (large, "too large"),
        (open_to_others, "chmod 600"),
        (folder.to_path_buf(), "not a regular file"),
    ] {
        for failure in [open(&key_file(path.clone()), &line).unwrap_err(), {
            let sealer = key_file(path.clone());
            sealer.seal(AT.as_ref(), Purpose::Credentials, &TEXT.into()).unwrap_err()
        }] {
            assert_eq!(failure.kind, StoreFailureKind::Refused, "{failure}");
            assert!(failure.detail.contains(words), "{failure}");
            assert!(failure.detail.contains(path.to_str().unwrap()), "{failure}");
        }
    }
}

#[test]
fn a_hostile_header_costs_nothing() {
    let line = seal(&passphrase("open sesame"));
    for costs in ["m=4294967295,t=1,p=1", "m=8,t=4294967295,p=1", "m=262144,t=10,p=17", "m=262145,t=1,p=1"] {
        let line = line.replace("m=8,t=1,p=1", costs);
        let failure = open(&passphrase("open sesame"), &line).unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Unreadable);
        assert!(failure.detail.contains("more work"), "{failure}");
    }
    for costs in ["m=0,t=1,p=1", "m=8,t=0,p=1", "m=8,t=1,p=0", "m=7,t=1,p=1"] {
        let line = line.replace("m=8,t=1,p=1", costs);
        let failure = open(&passphrase("open sesame"), &line).unwrap_err();
        assert!(failure.detail.contains("impossible"), "{failure}");
    }
}

#[test]
fn for_one_purpose_is_not_for_another() {
    let sealer = passphrase("open sesame");
    let line = sealer.seal(AT.as_ref(), Purpose::Emergency, &TEXT.into()).unwrap();
    assert!(open(&sealer, line.expose_secret()).is_err());
    let renamed = line.expose_secret().replace("emergency", "credentials");
    assert!(open(&sealer, &renamed).unwrap_err().detail.contains("damaged"));
}

#[test]
fn a_key_is_derived_once() {
    let sealer = passphrase("open sesame");
    let line = seal(&sealer);
    let (header, _) = sealer.derived().take().unwrap();
    *sealer.derived() = Some((header, Key::default()));
    assert!(open(&sealer, &line).is_err(), "what was derived before is not used");
    *sealer.derived() = None;
    assert_eq!(open(&sealer, &line), Ok(TEXT.into()));
}

#[test]
fn what_it_says_of_itself_holds_no_key() {
    assert_eq!(
        format!("{:?}", passphrase("open sesame")),
        "Sealer { given: Some(Passphrase([secret])), .. }"
    );
}

#[test]
fn the_room_for_a_line_is_known_before() {
    let sealer = Sealer::new(Some(EncryptionKey::Passphrase("x".into())));
    let header = Header { derivation: Derivation::Passphrase(Cost::RECOMMENDED), salt: [255; SALT] };
    let around = header.text(Purpose::Credentials).len() + " ".len();
    assert!(around <= LONGEST_HEADER);
    *sealer.derived() = Some((header, Key::default()));
    for bytes in [0, 1, 2, 3, 1_000] {
        let text = Secret::new("x".repeat(bytes));
        let line = sealer.seal(AT.as_ref(), Purpose::Credentials, &text).unwrap();
        let length = line.expose_secret().len();
        assert_eq!(sealer.sealed_length(bytes) - length, LONGEST_HEADER - around, "{bytes}: {length}");
    }
}

#[test]
fn the_form_stays_what_it_was() {
    let folder = Scratch::new("sealed-form");
    let key = put_key(&folder.join("key"), &[7; 32]);
    // Made by this code, and opened by libsodium with the reference implementation of Argon2.
    let by_key_file = "doorkey-sealed-v1 credentials hkdf-sha256 k+a0bDaT0PgqU5GPEhhlCw \
        I2TXDlV2/UoxJaHiWhPQlKl3uuM+mpFSf9xIjz40ik1ZKpjQQzS0uTVWOWME65e3ixX0r2si9nLJMUcM/4CnAe38MtFUIU5gwgzDYN0K\
        WVU";
    let by_passphrase = "doorkey-sealed-v1 credentials argon2id,m=8,t=1,p=1 1w/EAedvXn3HhVPN+7MTpg \
        adieTJqEHjxwaVd+gUEpnltjBGGLcf2k8JKjYO44einQ+mZVeDl789deeBx/k+YNDGPfv4TOBx2JRq2LuMc/8/HjcSntvkGek6pCnprr\
        3IY";
    assert_eq!(open(&key_file(key), by_key_file), Ok(TEXT.into()));
    assert_eq!(open(&passphrase("open sesame"), by_passphrase), Ok(TEXT.into()));
}

#[test]
fn debug_shows_no_key() {
    let sealer = passphrase("open sesame");
    seal(&sealer);
    assert!(!format!("{sealer:?}").contains("sesame"));
}
