//! The outer form of tokens.

use alloc::format;

use crate::failure::{Exit, Failure};
use crate::secret::Secret;
use crate::service::Service;

/// How tokens begin.
pub const TOKEN_PREFIXES: [&str; 4] = ["pt_live_", "pt_test_", "pk_live_", "pk_test_"];

/// A longer token is none, in bytes: no server takes a header of that length, and a file that holds sessions of several
/// issuers is full after a few like it, which would end the renewal of the others.
pub(crate) const LONGEST_TOKEN: usize = 32 * 1024;

/// Whether a text can be a bearer token: it can stand in a header as it is.
pub(crate) fn is_bearer(text: &str) -> bool {
    // To the end, whatever comes: without a way out of it the loop takes many bytes at a time.
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().fold(true, |all, b| all & b.is_ascii_graphic())
}

/// A bearer token as it was given in `place`: any text that can stand in a header as it is.
///
/// # Errors
/// It cannot.
pub fn bearer_given(token: Secret, place: &str) -> Result<Secret, Failure> {
    if is_bearer(token.expose_secret()) {
        return Ok(token);
    }
    let what = format!(
        "{place} does not hold a token: it is empty, far too long, or has spaces or other odd characters in it"
    );
    Err(Failure::new(Exit::Usage, "malformed_token", what).next("copy it again"))
}

/// Whether a token has the form `(pt|pk)_(live|test)_[A-Za-z0-9_-]+`, and is no longer than one can be. Says nothing about its
/// validity.
pub fn is_api_token(token: &Secret) -> bool {
    let text = token.expose_secret();
    text.len() <= LONGEST_TOKEN
        && TOKEN_PREFIXES.iter().any(|prefix| {
            text.strip_prefix(prefix).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            })
        })
}

/// What was given in `place` has no API token's form.
pub(crate) fn malformed_token(service: &Service, place: &str) -> Failure {
    let what = format!(
        "{place} does not hold an API token (expected pt_live_…, pt_test_…, pk_live_… or pk_test_… of letters, digits, - and _, \
         at most 32 KiB)"
    );
    Failure::new(Exit::Usage, "malformed_token", what)
        .next(format!("copy it again; keys are made at {}", service.keys_page()))
}

/// The part of a token that may be shown: its prefix and the first four characters after it.
pub fn shown_prefix(token: &Secret) -> &str {
    let text = token.expose_secret();
    let end = if is_api_token(token) { 12 } else { 0 };
    // A token of fewer than 24 characters would give too much of itself away.
    if text.len() < 24 {
        text.get(..end.min(8)).unwrap_or_default()
    } else {
        text.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_checked_to_the_last_character() {
        for good in ["pt_live_a", "pk_test_A-Z_09", "pt_test_x"] {
            assert!(is_api_token(&Secret::from(good)), "{good}");
        }
        for bad in [
            "",
            "pt_live_",
            "pt_live_a b",
            "pt_live_a\n",
            " pt_live_a",
            "pt_LIVE_a",
            "px_live_a",
            "pt_live_ü",
        ] {
            assert!(!is_api_token(&Secret::from(bad)), "{bad}");
        }
        let long = |more| Secret::new(format!("pt_live_{}", "a".repeat(LONGEST_TOKEN - 8 + more)));
        assert!(is_api_token(&long(0)) && !is_api_token(&long(1)));
    }

    #[test]
    fn little_of_a_token_is_shown() {
        assert_eq!(shown_prefix(&Secret::from("pt_live_abcdefghijklmnop")), "pt_live_abcd");
        assert_eq!(shown_prefix(&Secret::from("pt_live_abc")), "pt_live_");
        assert_eq!(shown_prefix(&Secret::from("something else")), "");
    }
}
