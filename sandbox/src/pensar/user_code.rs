//! The short code that a person compares or types.

use crate::digest::Digest;

/// Consonants only, so that no words appear (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;

/// Eight letters in two groups, drawn evenly; `None` with one value in many billions.
pub(super) fn draw(random: Digest) -> Option<String> {
    // The largest multiple of 20 that a byte can be below.
    let even = random.as_bytes().iter().filter(|byte| **byte < 240);
    let letters = even.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
    let code: String = letters.take(LETTERS).map(|letter| char::from(*letter)).collect();
    grouped(&code)
}

/// The code that a person typed, whatever the case and whatever stands between the letters (RFC 8628 §6.1).
pub(crate) fn read(typed: &str) -> Option<String> {
    let letters = typed.chars().filter(|c| !c.is_ascii_punctuation() && !c.is_whitespace());
    let code: String = letters.take(LETTERS + 1).map(|c| c.to_ascii_uppercase()).collect();
    let fits = code.bytes().all(|letter| ALPHABET.contains(&letter));
    grouped(&code).filter(|_| fits)
}

fn grouped(code: &str) -> Option<String> {
    let (first, second) = code.split_at_checked(LETTERS / 2)?;
    (code.len() == LETTERS).then(|| format!("{first}-{second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_drawn_from_the_alphabet_and_read_leniently() {
        for number in 0..200_u32 {
            let code = draw(Digest::of(&number.to_string())).unwrap();
            assert_eq!(code.len(), 9);
            assert_eq!(read(&code), Some(code.clone()));
            assert_eq!(read(&code.to_lowercase().replace('-', " ")), Some(code.clone()));
            assert_eq!(read(&format!(" {}. ", code.replace('-', ""))), Some(code));
        }
        for wrong in ["", "BCDF", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-EFGH", "BCDF-GHJ1", "BCDFGHJÄ"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
