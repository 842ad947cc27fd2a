//! A record in pieces that fit into the items of any keychain.

use std::fmt;

use doorkey_core::record::{Generation, Record};
use doorkey_core::secret::{Fingerprint, Secret};

/// No value of an item has more bytes: Windows takes no more.
pub(super) const MOST_BYTES: usize = 2560;
/// How the accounts of pieces begin.
const PREFIX: &str = "record:";

/// The name of a piece, `record:<generation>:<checksum>:<number>`, which is the account of its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) generation: Generation,
    /// Of the whole record: it tells whether all pieces are there, and each is what it was.
    pub(super) checksum: Fingerprint,
    /// Which one this is, from 1.
    pub(super) number: usize,
}

impl Part {
    /// Reads back what `Display` wrote, and nothing else: other accounts are not ours.
    pub(super) fn parse(account: &str) -> Option<Self> {
        let (record, number) = account.strip_prefix(PREFIX)?.rsplit_once(':')?;
        let (generation, checksum) = record.rsplit_once(':')?;
        let part = Self {
            generation: Generation::parse(generation)?,
            checksum: Fingerprint::from_hex(checksum),
            number: number.parse().ok()?,
        };
        (part.to_string() == account).then_some(part)
    }

    /// Whether both are pieces of one record.
    pub(super) fn is_of_the_same(&self, other: &Self) -> bool {
        self.generation == other.generation && self.checksum == other.checksum
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, checksum, number } = self;
        write!(f, "{PREFIX}{generation}:{}:{number}", checksum.as_str())
    }
}

/// A record in its pieces, each of them text, in the order in which they are written.
pub(super) fn split(generation: &Generation, record: &Record) -> Vec<(Part, Secret)> {
    let whole = record.encode();
    let mut rest = whole.expose_secret();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MOST_BYTES));
        pieces.push(Secret::from(piece));
        rest = after;
    }
    let name = |number| Part { generation: generation.clone(), checksum: whole.fingerprint(), number };
    (1..).map(name).zip(pieces).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::session;

    #[test]
    fn pieces_fit_and_join_to_the_whole() {
        let record = session("login", 7);
        let generation = record.generation.clone().unwrap();
        let parts = split(&generation, &record);
        assert_eq!(parts.len(), 5, "of ten kilobytes and a little");
        let whole: String = parts.iter().map(|(_, piece)| piece.expose_secret()).collect();
        assert_eq!(Secret::new(whole), record.encode());
        for (number, (part, piece)) in (1..).zip(&parts) {
            assert!(piece.expose_secret().len() <= MOST_BYTES);
            assert_eq!(
                part.to_string(),
                format!("record:login.7:{}:{number}", record.encode().fingerprint().as_str())
            );
            assert_eq!(Part::parse(&part.to_string()).as_ref(), Some(part));
        }
        let full = parts.iter().filter(|(_, piece)| piece.expose_secret().len() > MOST_BYTES - 4).count();
        assert_eq!(full, 4, "as full as the characters allow");
    }

    #[test]
    fn other_accounts_are_not_ours() {
        for account in [
            "workos-refresh-token",
            "record:",
            "record:l.1",
            "record:l.1:ab",
            "record:l.1:1",
            "record:l.1:ab:01",
            "record:l.1:ab:+1",
            "record:l.1:ab:1/5",
            "record:l.1:ab:99999999999999999999",
            "record:l.01:ab:1",
            "record:l:ab:1",
            "Record:l.1:ab:1",
            "record:l.1:ab:1 ",
        ] {
            assert_eq!(Part::parse(account), None, "{account}");
        }
        assert!(Part::parse("record:a:b.c.1:ab:1").is_some(), "a login may look like anything");
    }
}
