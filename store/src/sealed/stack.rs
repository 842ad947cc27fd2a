//! What ciphers and hashes leave on the stack: blocks of the plain text, and the key of one message, in temporary places
//! that they do not wipe. Later calls write over them on a busy thread; one of a pool may wait for ever after.

use std::hint::black_box;

/// In bytes, more than anything here needs. That is most in debug builds, and depends on how they are made: less than 16 KiB for
/// the cipher, but more than 64 for Argon2id where the build is incremental.
const DEPTH: usize = 256 * 1024;

/// Does this work, and writes over the part of the stack that it used. What it returns is moved, and may not have a secret
/// in itself.
pub(super) fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    overwrite();
    done
}

/// In a frame of its own, which begins where that of [`overwrite`] does.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite() {
    let mut nothing = [0_u8; DEPTH];
    // Somebody may look at it: it must be there.
    black_box(&mut nothing);
}

// Elsewhere a process cannot read its own memory as a file.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

    use chacha20::{R20, hchacha};

    use super::super::*;
    use crate::scratch::Scratch;

    const TEXT: &str = "{\"v\":1,\"records\":{\"work\":\"a refresh token of which no part is left\"}}\n";
    /// So many bytes in a row that are the same are no accident.
    const PIECE: usize = 16;
    const AT: &str = "/home/me/credentials.enc";

    /// The stack of this thread as it is now, what is below the frames in use included.
    fn stack() -> Vec<u8> {
        let here = 0_u8;
        let here = (&raw const here).addr() as u64;
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let regions = maps.lines().filter_map(|line| line.split_once(' ')?.0.split_once('-'));
        let mut regions = regions.map(|(from, to)| address(from)..address(to));
        let region = regions.find(|region| region.contains(&here)).unwrap();
        let mut bytes = vec![0; usize::try_from(region.end - region.start).unwrap()];
        File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, region.start).unwrap();
        // Most of it was never used.
        bytes.into_iter().skip_while(|byte| *byte == 0).collect()
    }

    /// Which of these are on a stack, or parts of them.
    fn found<'a>(stack: &[u8], secrets: &[(&'a str, &[u8])]) -> Vec<&'a str> {
        let is_there = |secret: &[u8]| {
            let pieces: BTreeSet<&[u8]> = secret.windows(PIECE).collect();
            stack.windows(PIECE).any(|piece| pieces.contains(piece))
        };
        secrets.iter().filter(|(_, secret)| is_there(secret)).map(|(name, _)| *name).collect()
    }

    /// The key of one message (draft-irtf-cfrg-xchacha §2.3).
    fn key_of_message(key: &Key, line: &str) -> [u8; 32] {
        let (_, body) = line.rsplit_once(' ').unwrap();
        let nonce = BASE64_NOPAD.decode(body.as_bytes()).unwrap();
        hchacha::<R20>((&**key).into(), nonce[..16].try_into().unwrap()).into()
    }

    fn expect_nothing_left(sealer: impl Fn() -> Sealer) {
        // Not on the stack, where they would be found.
        let (one, other) = (Box::new(sealer()), Box::new(sealer()));
        let text = TEXT.into();
        let line = one.seal(AT.as_ref(), Purpose::Credentials, &text).unwrap();
        let sealed = stack();
        other.open(AT.as_ref(), Purpose::Credentials, line.expose_secret()).unwrap();
        let opened = stack();
        // Not before: they come onto the stack here.
        let key = one.derived().as_ref().unwrap().1.clone();
        let key_of_message = key_of_message(&key, line.expose_secret());
        let secrets = [("text", TEXT.as_bytes()), ("key", &*key), ("key of the message", &key_of_message)];
        assert_eq!(found(&sealed, &secrets), [""; 0], "after sealing");
        assert_eq!(found(&opened, &secrets), [""; 0], "after opening");
        assert_eq!(found(&stack(), &secrets), ["key", "key of the message"], "they would be found");
    }

    #[test]
    fn nothing_of_a_passphrase_file_is_left_on_the_stack() {
        let cost = Cost { memory: 8, passes: 1, lanes: 1 };
        let given = || Some(EncryptionKey::Passphrase("open sesame".into()));
        expect_nothing_left(|| Sealer { cost, ..Sealer::new(given()) });
    }

    #[test]
    fn nothing_of_a_key_file_is_left_on_the_stack() {
        let folder = Scratch::new("sealed-stack");
        let path = folder.join("key");
        fs::write(&path, [7; 32]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        expect_nothing_left(|| Sealer::new(Some(EncryptionKey::KeyFile(path.clone()))));
    }
}
