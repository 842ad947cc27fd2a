//! What stands before a sealed text: `doorkey-sealed-v1 <purpose> <derivation> <salt>`, where the derivation is
//! `argon2id,m=<KiB>,t=<passes>,p=<lanes>` or `hkdf-sha256`. It is authenticated together with the text.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use doorkey_core::record::UnreadableRecord;

use crate::envelope::Purpose;

const NAME: &str = "doorkey-sealed-v";
/// The version of the form that this code reads and writes.
const FORM: u32 = 1;
const ARGON2ID: &str = "argon2id";
const HKDF: &str = "hkdf-sha256";
pub(super) const SALT: usize = 16;
/// No more than these is spent on a file, whatever it asks for.
const MOST: Cost = Cost { memory: 256 * 1024, passes: 10, lanes: 16 };

/// How the key comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) derivation: Derivation,
    pub(super) salt: [u8; SALT],
}

/// From what, and at which cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derivation {
    /// From a passphrase, by Argon2id (RFC 9106).
    Passphrase(Cost),
    /// From the content of a key file, by HKDF with SHA-256 (RFC 5869).
    KeyFile,
}

/// What Argon2id may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// In KiB.
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// The second recommended parameters of RFC 9106 §4.
    pub(super) const RECOMMENDED: Self = Self { memory: 64 * 1024, passes: 3, lanes: 4 };

    fn is_bearable(self) -> bool {
        self.memory <= MOST.memory && self.passes <= MOST.passes && self.lanes <= MOST.lanes
    }
}

/// Why a line cannot be opened before any key is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is none of ours, or one for another purpose, or damaged, or of a newer form.
    Unreadable(UnreadableRecord),
    /// Deriving its key would take too much.
    TooCostly(Cost),
}

/// A line, taken apart: the header, its text, and what follows it.
pub(super) fn split(line: &str, purpose: Purpose) -> Result<(Header, &str, &str), Unusable> {
    let malformed = Unusable::Unreadable(UnreadableRecord::Malformed);
    let (text, body) = line.rsplit_once(' ').ok_or(malformed)?;
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(malformed);
    match word()?.strip_prefix(NAME).and_then(|form| form.parse().ok()) {
        Some(FORM) => {}
        Some(newer) if newer > FORM => {
            return Err(Unusable::Unreadable(UnreadableRecord::NewerForm(newer)));
        }
        _ => return Err(malformed),
    }
    if word()? != name(purpose) {
        return Err(malformed);
    }
    let derivation = derivation(word()?).ok_or(malformed)?;
    let salt = BASE64_NOPAD.decode(word()?.as_bytes()).ok().and_then(|salt| salt.try_into().ok());
    let header = Header { derivation, salt: salt.ok_or(malformed)? };
    match (header.derivation, words.next()) {
        (_, Some(_)) => Err(malformed),
        (Derivation::Passphrase(cost), None) if !cost.is_bearable() => Err(Unusable::TooCostly(cost)),
        _ => Ok((header, text, body)),
    }
}

impl Header {
    /// As it stands before a text of this purpose.
    pub(super) fn text(&self, purpose: Purpose) -> String {
        let (purpose, salt) = (name(purpose), BASE64_NOPAD.encode(&self.salt));
        format!("{NAME}{FORM} {purpose} {} {salt}", self.derivation)
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase(Cost { memory, passes, lanes }) => {
                write!(f, "{ARGON2ID},m={memory},t={passes},p={lanes}")
            }
            Self::KeyFile => f.write_str(HKDF),
        }
    }
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Credentials => "credentials",
        Purpose::Emergency => "emergency",
    }
}

fn derivation(text: &str) -> Option<Derivation> {
    if text == HKDF {
        return Some(Derivation::KeyFile);
    }
    let mut parts = text.split(',');
    let is_argon2id = parts.next() == Some(ARGON2ID);
    let mut number = |name| parts.next()?.strip_prefix(name)?.parse().ok();
    let cost = Cost { memory: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
    (is_argon2id && parts.next().is_none()).then_some(Derivation::Passphrase(cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_TEXT: &str = "AAECAwQFBgcICQoLDA0ODw";

    fn split_up(line: &str) -> Result<Header, Unusable> {
        split(line, Purpose::Credentials).map(|(header, ..)| header)
    }

    #[test]
    fn what_is_written_is_read() {
        for derivation in [Derivation::Passphrase(Cost::RECOMMENDED), Derivation::KeyFile] {
            let header = Header { derivation, salt: std::array::from_fn(|at| u8::try_from(at).unwrap()) };
            let text = header.text(Purpose::Emergency);
            let line = format!("{text} body");
            assert_eq!(split(&line, Purpose::Emergency), Ok((header, &*text, "body")));
            let other = split(&line, Purpose::Credentials);
            assert_eq!(other, Err(Unusable::Unreadable(UnreadableRecord::Malformed)));
        }
    }

    #[test]
    fn these_are_the_forms() {
        let salt = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let header = Header { derivation: Derivation::Passphrase(Cost::RECOMMENDED), salt };
        let text = format!("doorkey-sealed-v1 credentials argon2id,m=65536,t=3,p=4 {SALT_TEXT}");
        assert_eq!(header.text(Purpose::Credentials), text);
        let header = Header { derivation: Derivation::KeyFile, salt };
        let text = format!("doorkey-sealed-v1 emergency hkdf-sha256 {SALT_TEXT}");
        assert_eq!(header.text(Purpose::Emergency), text);
    }

    #[test]
    fn what_is_no_header_of_ours() {
        let good = format!("doorkey-sealed-v1 credentials argon2id,m=8,t=1,p=1 {SALT_TEXT} body");
        assert!(split_up(&good).is_ok());
        let rows = [
            (" body", ""),
            ("credentials ", ""),
            ("credentials", "emergency"),
            ("v1", "v0"),
            ("v1", "v"),
            ("doorkey", "Doorkey"),
            ("argon2id", "argon2i"),
            ("argon2id", "scrypt"),
            (",p=1", ""),
            (",p=1", ",p=1,q=1"),
            (",p=1", ",p=-1"),
            (",p=1", ",p=99999999999"),
            ("m=8,t=1", "t=1,m=8"),
            ("ODw", "ODx"),
            ("ODw", "OD"),
            ("AAEC", "AA C"),
            (SALT_TEXT, ""),
            (" body", "body"),
            (" body", " more body"),
        ];
        for (part, instead) in rows {
            let line = good.replace(part, instead);
            let found = split_up(&line);
            assert_eq!(found, Err(Unusable::Unreadable(UnreadableRecord::Malformed)), "{line}");
        }
        for none in ["", " ", "{}", "{\"v\": 1, \"records\": {}}", "age-encryption.org/v1"] {
            assert_eq!(split_up(none), Err(Unusable::Unreadable(UnreadableRecord::Malformed)), "{none}");
        }
        let newer = split_up(&good.replace("v1", "v2"));
        assert_eq!(newer, Err(Unusable::Unreadable(UnreadableRecord::NewerForm(2))));
    }

    #[test]
    fn no_file_takes_gigabytes_or_minutes() {
        let asks = |m: u32, t: u32, p: u32| {
            split_up(&format!("doorkey-sealed-v1 credentials argon2id,m={m},t={t},p={p} {SALT_TEXT} x"))
        };
        assert!(asks(262_144, 10, 16).is_ok());
        for (memory, passes, lanes) in
            [(262_145, 1, 1), (8, 11, 1), (1_000, 1, 17), (u32::MAX, u32::MAX, u32::MAX)]
        {
            let cost = Cost { memory, passes, lanes };
            assert_eq!(asks(memory, passes, lanes), Err(Unusable::TooCostly(cost)));
        }
    }
}
