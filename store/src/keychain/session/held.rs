//! What the items of a session amount to: pure, so that every state a crash can leave is a row in a test.

use doorkey_core::record::{Generation, Record, UnreadableRecord};
use doorkey_core::secret::{Fingerprint, Secret};
use zeroize::Zeroizing;

use super::part::Part;

/// All items of one moment.
#[derive(Debug)]
pub(super) struct Held {
    /// The bare refresh token.
    pub(super) bare: Option<Secret>,
    /// Every piece that there is.
    pub(super) parts: Vec<Part>,
    /// The records that are complete, with the first of their pieces.
    records: Vec<(Part, Record)>,
}

impl Held {
    /// What these items amount to. Pieces of a record that is not complete, or not what its name says, count for
    /// nothing.
    ///
    /// # Errors
    /// A newer version of this program wrote a complete record: what counts is then not for us to say.
    pub(super) fn new(
        bare: Option<Secret>,
        items: Vec<(Part, Zeroizing<Vec<u8>>)>,
    ) -> Result<Self, (Part, UnreadableRecord)> {
        let parts: Vec<Part> = items.iter().map(|(part, _)| part.clone()).collect();
        let mut records = Vec::new();
        for first in parts.iter().filter(|part| part.number == 1) {
            let mut pieces: Vec<_> = items.iter().filter(|(part, _)| part.is_of_the_same(first)).collect();
            pieces.sort_by_key(|(part, _)| part.number);
            match decode(first, &pieces) {
                Ok(record) if record.generation.as_ref() == Some(&first.generation) => {
                    records.push((first.clone(), record));
                }
                Err(why @ UnreadableRecord::NewerForm(_)) => return Err((first.clone(), why)),
                _ => {}
            }
        }
        Ok(Self { bare, parts, records })
    }

    /// The record that counts.
    pub(super) fn current(&self) -> Option<Record> {
        match &self.bare {
            Some(bare) => Some(self.belonging_to(bare).cloned().unwrap_or_else(|| {
                // Another program wrote it.
                Record::bare_refresh(bare.clone())
            })),
            None => self.without_bare_token().cloned(),
        }
    }

    /// The complete record of this generation.
    pub(super) fn record(&self, generation: &Generation) -> Option<&Record> {
        self.records.iter().find(|(part, _)| part.generation == *generation).map(|(_, record)| record)
    }

    /// The pieces that are not this record's.
    pub(super) fn parts_beside(&self, record: Option<&Record>) -> Vec<Part> {
        let own = self.records.iter().find(|(_, found)| Some(found) == record).map(|(part, _)| part);
        let is_own = |part: &Part| own.is_some_and(|own| own.is_of_the_same(part));
        self.parts.iter().filter(|part| !is_own(part)).cloned().collect()
    }

    /// The same without this piece, and so without its record.
    pub(super) fn without(mut self, part: &Part) -> Self {
        self.parts.retain(|found| found != part);
        self.records.retain(|(first, _)| !first.is_of_the_same(part));
        self
    }

    /// The newest record of the login whose refresh token this is, or was: then a crash came before the new one was
    /// written here, or a backup was restored.
    fn belonging_to(&self, bare: &Secret) -> Option<&Record> {
        let fingerprint = bare.fingerprint();
        let is_token = |record: &Record| record.rotation.is_some() && record.token == *bare;
        let was_token = |record: &Record| {
            record.rotation.as_ref().is_some_and(|rotation| rotation.spent.contains(&fingerprint))
        };
        let of = |is_it: &dyn Fn(&Record) -> bool| {
            let (part, _) = self.records.iter().find(|(_, record)| is_it(record))?;
            self.newest_of(&part.generation.login)
        };
        of(&is_token).or_else(|| of(&was_token))
    }

    /// The API key or the tombstone that counts. Of two logins a crash can leave both; which of them counts is then
    /// only a matter of all saying the same.
    fn without_bare_token(&self) -> Option<&Record> {
        let newest = self.records.iter().filter(|(part, record)| {
            record.rotation.is_none() && self.newest_of(&part.generation.login) == Some(record)
        });
        let chosen = newest.max_by_key(|(part, record)| (!record.is_tombstone(), &part.generation.login));
        chosen.map(|(_, record)| record)
    }

    fn newest_of(&self, login: &str) -> Option<&Record> {
        let of_login = self.records.iter().filter(|(part, _)| *part.generation.login == *login);
        of_login.max_by_key(|(part, _)| part.generation.counter).map(|(_, record)| record)
    }
}

fn decode(first: &Part, pieces: &[&(Part, Zeroizing<Vec<u8>>)]) -> Result<Record, UnreadableRecord> {
    // One allocation of the right size: growing would leave copies of secrets behind.
    let mut whole = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|(_, piece)| piece.len()).sum()));
    pieces.iter().for_each(|(_, piece)| whole.extend_from_slice(piece));
    let text = str::from_utf8(&whole).map_err(|_| UnreadableRecord::Malformed)?;
    match Fingerprint::of(text.as_bytes()) == first.checksum {
        true => Record::decode(&Secret::from(text)),
        false => Err(UnreadableRecord::Malformed),
    }
}
