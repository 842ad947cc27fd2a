//! Stored records, generations, versions, and grants that another process finishes.

use doorkey_core::pending_grant::PendingGrant;
use doorkey_core::record::{Generation, Record, Version};
use doorkey_core::secret::Secret;

/// What is read is written as something that is read as the same, and `Debug` shows no token.
pub fn record(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let secret = Secret::from(text);
    if let Ok(record) = Record::decode(&secret) {
        check(&record);
    }
    if let Some(pending) = PendingGrant::decode(&secret) {
        assert_eq!(PendingGrant::decode(&pending.encode()).as_ref(), Some(&pending));
    }
    if let Some(generation) = Generation::parse(text) {
        assert_eq!(Generation::parse(&generation.to_string()).as_ref(), Some(&generation));
        assert_ne!(generation.next().counter, 0);
    }
    if let Some(version) = Version::parse(text) {
        assert_eq!(Version::parse(&version.to_string()), Some(version));
    }
}

/// Of a record that was read from somewhere.
pub fn check(record: &Record) {
    // Without a generation only its token is ever written.
    let comes_back = match record.generation {
        Some(_) => record.clone(),
        None => Record::bare(record.token.clone()),
    };
    assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&comes_back));
    if !record.is_tombstone() {
        let token = record.token.expose_secret();
        assert!(!token.chars().any(|c| c.is_control() || c.is_whitespace()));
        let debug = format!("{record:?}");
        let is_elsewhere =
            format!("{:?}", Record { token: Secret::default(), ..record.clone() }).contains(token);
        assert!(token.len() < 24 || is_elsewhere || !debug.contains(token), "{debug}");
    }
}
