//! A session in a file that only its owner can read, like `~/.pensar/auth.json`: the file's JSON object is the record.
//!
//! Other programs of the same service look for `refreshToken` at the top level. One that they put there is a bare
//! record; one that they emptied or removed is a session that they ended. Keys that are not the record's survive every
//! write byte for byte, in their place.

use std::path::PathBuf;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

use crate::credential_store::{CredentialStore, Swap, bare_token, no_such_slot, without_generation};
use crate::object::Object;
use crate::ownership::ANY_ACCESS;
use crate::private_file::{Change, PrivateFile, explain};

/// Says that the rest was written by us.
const FORM: &str = "v";
const REFRESH_TOKEN: &str = "refreshToken";
/// Only a session's record has it.
const FINGERPRINT: &str = "fingerprint";
/// Every key that a record may have.
const KEYS: [&str; 18] = [
    FORM,
    "gen",
    "origin",
    "workspace",
    "ended",
    "token",
    REFRESH_TOKEN,
    FINGERPRINT,
    "accessToken",
    "received",
    "lifetimeMs",
    "clientId",
    "machine",
    "spending",
    "refused",
    "spent",
    "signingKey",
    "gatewayUrl",
];

/// A file of one session, in [`Slot::Active`]. There are no other slots: they are empty and cannot be written to.
///
/// Compare-and-swap needs no lock of the caller's: each change holds a short one of its own.
#[derive(Debug)]
pub struct AuthFile {
    file: PrivateFile,
}

impl AuthFile {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, ANY_ACCESS) }
    }

    fn parse<'a>(&self, text: &'a Secret) -> Result<Object<'a>, StoreFailure> {
        Object::parse(text).ok_or_else(|| self.unreadable(UnreadableRecord::Malformed))
    }

    fn held(&self, text: Option<&Secret>) -> Result<Option<Record>, StoreFailure> {
        let Some(text) = text else { return Ok(None) };
        let object = self.parse(text)?;
        let refresh_token = object.text(REFRESH_TOKEN);
        let ours = object.has(FORM);
        let read = match refresh_token {
            // Another program's file: what else is in it has its own meaning.
            Some(text) if !ours => bare_token(&text).map(Record::bare_refresh),
            None if !ours => return Ok(None),
            _ => Record::decode(text),
        };
        match read {
            Ok(record) => Ok(Some(record)),
            Err(UnreadableRecord::Malformed)
                if object.text(REFRESH_TOKEN).is_none() && object.has(FINGERPRINT) =>
            {
                Ok(None)
            }
            Err(why) => Err(self.unreadable(why)),
        }
    }

    fn unreadable(&self, why: UnreadableRecord) -> StoreFailure {
        explain(self.file.path(), why)
    }
}

impl CredentialStore for AuthFile {
    fn backend(&self) -> Backend {
        Backend::File
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.held(self.file.read()?.as_ref())?;
        self.file.probe()
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        match slot {
            Slot::Active => self.held(self.file.read()?.as_ref()),
            Slot::Workspace(_) => Ok(None),
        }
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        Ok(self.load(&Slot::Active)?.map(|record| (Slot::Active, record)).into_iter().collect())
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        if *slot != Slot::Active {
            return Err(no_such_slot());
        }
        if record.generation.is_none() {
            return Err(without_generation());
        }
        self.file.change(|text| {
            if self.held(text)?.as_ref().map(Record::version).as_ref() != expected {
                return Ok(Change::Keep(Swap::Conflict));
            }
            let encoded = record.encode();
            let new = self.parse(&encoded)?;
            let mut object = text.map_or(Ok(Object::default()), |text| self.parse(text))?;
            for key in KEYS.iter().filter(|key| !new.has(key)) {
                object.remove(key);
            }
            for (key, value) in new.into_members() {
                object.set(&key, value);
            }
            Ok(Change::Replace(object.render(), Swap::Done))
        })
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        // Deleting from nothing leaves no trace, not even a folder.
        if *slot != Slot::Active || self.file.read()?.is_none() {
            return Ok(Swap::Done);
        }
        self.file.change(|text| match (text, self.held(text)?) {
            (None, _) => Ok(Change::Keep(Swap::Done)),
            (_, Some(held)) if held.version() != *expected => Ok(Change::Keep(Swap::Conflict)),
            // Where another program took the refresh token away, the rest of the record goes now.
            (Some(text), _) => {
                let mut object = self.parse(text)?;
                KEYS.iter().for_each(|key| object.remove(key));
                Ok(Change::Replace(object.render(), Swap::Done))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use doorkey_core::record::{Gateway, Generation};
    use doorkey_core::rotation::Journal;
    use doorkey_core::url::Url;

    use super::*;
    use crate::records::{session, tombstone};

    #[test]
    fn these_are_the_keys_that_records_have() {
        let mut refused = session("l", 1);
        refused.rotation_mut().unwrap().journal = Journal::Refused { interrupted: true };
        let gateway = Gateway { url: Url::parse("https://gw.example").ok(), signing_key: None };
        let key =
            Record { generation: Generation::parse("k.1"), gateway, ..Record::bare(Secret::from("key")) };
        let mut found = BTreeSet::new();
        for record in [session("l", 1), refused, key, tombstone("l", 2)] {
            let text = record.encode();
            found.extend(Object::parse(&text).unwrap().into_members().map(|(key, _)| key));
        }
        assert_eq!(found, KEYS.iter().map(|key| (*key).to_owned()).collect());
    }
}
