//! Sessions of profiles, in a file of plain text and in an encrypted one, under a real driver.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_store::{EncryptionKey, ProfileConfig, Vault};
use doorkey_tests::seat::Seat;
use futures_lite::future::block_on;

const STRICT: Duration = Duration::ZERO;

fn plain(folder: &Path) -> Vault {
    Vault::profile(ProfileConfig::in_folder(folder, "https://issuer.example"))
}

fn encrypted(folder: &Path) -> Vault {
    let key = folder.join("key");
    if !key.exists() {
        fs::write(&key, [7; 32]).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let key = Some(EncryptionKey::KeyFile(key));
    Vault::profile(ProfileConfig { key, ..ProfileConfig::in_folder(folder, "https://issuer.example") })
}

/// Whether any file of a folder has any of these texts in it.
fn can_be_read(folder: &Path, secrets: &[String]) -> bool {
    let has =
        |content: &[u8], secret: &String| content.windows(secret.len()).any(|part| part == secret.as_bytes());
    fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).any(|path| match path.is_dir() {
        true => can_be_read(&path, secrets),
        false => fs::read(&path).is_ok_and(|content| secrets.iter().any(|secret| has(&content, secret))),
    })
}

fn secrets(record: &Record) -> Vec<String> {
    let access = record.rotation.as_ref().and_then(|rotation| rotation.access.as_ref());
    let tokens = [Some(&record.token), access.map(|access| &access.token)];
    tokens.into_iter().flatten().map(|token| token.expose_secret().to_owned()).collect()
}

#[test]
fn a_profile_is_renewed_and_signed_out_and_read_only_where_it_is_plain() {
    type Row = (&'static str, &'static [Backend], fn(&Path) -> Vault);
    const ROWS: [Row; 2] = [
        ("profile-plain", &[Backend::File], plain),
        ("profile-encrypted", &[Backend::EncryptedFile], encrypted),
    ];
    for (name, backends, vault_in) in ROWS {
        let seat = Seat::with_vault(name, STRICT, backends, vault_in);
        let mut seen = secrets(&seat.record());
        for _ in 0..3 {
            seat.put_forward();
            let token = block_on(seat.client().token()).unwrap();
            assert_eq!(seat.refreshes(), 1, "{name}");
            let record = seat.record();
            seen.extend(secrets(&record));
            assert!(seen.contains(&token.expose_secret().to_owned()), "{name}");
            assert!(seat.is_unlocked(), "{name}");
            assert_eq!(seat.vault().perform(StoreOp::ReadEmergency), StoreAnswer::Records(Vec::new()));
        }
        assert_eq!(can_be_read(seat.folder(), &seen), backends == [Backend::File], "{name}");
        assert!(seat.grade().is_clean(), "{name}");
        seat.sign_out();
        let left = seat.vault().perform(StoreOp::Load { backend: backends[0], slot: Slot::Active });
        assert!(matches!(left, StoreAnswer::Records(found) if found[0].1.is_tombstone()), "{name}");
        assert!(!can_be_read(seat.folder(), &seen), "{name}");
    }
}
