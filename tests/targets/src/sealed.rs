//! Encrypted files: anything, and real ones with a few bytes changed.

use std::cell::LazyCell;

use doorkey_core::record::{Generation, Record, Slot};
use doorkey_core::secret::Secret;
use doorkey_core::text::is_treacherous;
use doorkey_store::{CredentialStore, EncryptionKey, ProfileFile, Swap};

use crate::bytes::Bytes;
use crate::scratch;

thread_local! {
    /// A real one. What is random in it is of no matter to anybody.
    static REAL: LazyCell<Vec<u8>> = const { LazyCell::new(real) };
}

/// The first byte says which. Of a file that was changed only the record that was sealed ever comes out, or none.
pub fn sealed(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let content = match bytes.below(3) {
        0 => bytes.0.to_vec(),
        1 => REAL.with(|real| changed(real, &mut bytes)),
        // The header of a real one, before anything.
        _ => REAL.with(|real| {
            let header = real.iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1);
            [&real[..header], bytes.0].concat()
        }),
    };
    let store = store();
    scratch::fill(&scratch::vacant("credentials.enc"), &content);
    match store.load(&Slot::Active) {
        Ok(None) => assert!(content.is_empty(), "it holds nothing"),
        Ok(Some(record)) => assert_eq!(record, ours(), "nobody without the key made this"),
        Err(failure) => {
            assert!(!failure.detail.chars().any(is_treacherous), "{failure:?}");
            assert!(
                store.write(&Slot::Active, None, &ours()).is_err(),
                "what cannot be read is not overwritten"
            );
        }
    }
}

fn changed(real: &[u8], bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut content = real.to_vec();
    while !bytes.is_empty() {
        let at = usize::from(bytes.byte()) * 256 + usize::from(bytes.byte());
        let (at, how) = (at % content.len().max(1), bytes.byte());
        match how % 4 {
            0 => content.truncate(at),
            1 => content.insert(at, bytes.byte()),
            _ => {
                if let Some(byte) = content.get_mut(at) {
                    *byte ^= bytes.byte();
                }
            }
        }
    }
    content
}

fn store() -> ProfileFile {
    let key = scratch::file("key", &[7; 32]);
    let path = key.with_file_name("credentials.enc");
    ProfileFile::encrypted(path, "work".into(), Some(EncryptionKey::KeyFile(key)))
}

fn real() -> Vec<u8> {
    let path = scratch::vacant("credentials.enc");
    assert_eq!(store().write(&Slot::Active, None, &ours()), Ok(Swap::Done));
    std::fs::read(path).expect("a file of our own")
}

fn ours() -> Record {
    Record {
        generation: Some(Generation { login: "0123456789abcdef".into(), counter: 1 }),
        ..Record::new("https://auth.example.com", None, Secret::from("token-of-ours"))
    }
}
