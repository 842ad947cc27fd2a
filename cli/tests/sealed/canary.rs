//! Secrets that are known when they are seen: every one that the sandbox or a login of ours makes has a mark.
//!
//! | mark | what |
//! |---|---|
//! | `psr_refresh_`, `psr_device_`, `psr_key_`, `psr_sign_` | refresh tokens, device codes, API keys and signing keys of Pensar |
//! | `pt_live_` and its like | API keys of Pentify; the first four characters after it may be shown |
//! | three words with dots between them, the first two JSON | access tokens of Pensar |
//! | 43 characters of base64url, which is what 256 bits are | device ids, states, verifiers, selection ids, cookies, CSRF tokens |

/// How texts begin that are secret.
const PREFIXES: [&str; 8] =
    ["psr_refresh_", "psr_device_", "psr_key_", "psr_sign_", "pt_live_", "pt_test_", "pk_live_", "pk_test_"];
/// Fewer characters after a prefix are a part that may be shown, or a word of a message.
const LEAST: usize = 12;
/// So many characters of base64url are 256 bits.
const BITS_256: usize = 43;
/// What stands for a secret in a trace, and is none.
const PLACEHOLDER: &str = "placeholder";

/// Every secret in a text, in order.
pub fn canaries(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_of_word) {
        rest = &rest[at..];
        let length = word(rest).len();
        let whole = jwt(rest).or_else(|| Some(word(rest)).filter(|word| is_canary(word)));
        found.extend(whole);
        rest = &rest[whole.map_or(length, str::len)..];
    }
    found
}

/// A text with every secret in it replaced by how it begins.
pub fn without_canaries(text: &str) -> String {
    canaries(text)
        .iter()
        .fold(text.to_owned(), |text, canary| text.replace(canary, &format!("{}…", &canary[..LEAST])))
}

fn is_canary(word: &str) -> bool {
    let prefixed = PREFIXES.iter().find_map(|prefix| word.split_once(prefix));
    if let Some((_, secret)) = prefixed {
        return secret.len() >= LEAST && !secret.starts_with(PLACEHOLDER);
    }
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    word.len() == BITS_256
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// The token that a text begins with.
fn jwt(text: &str) -> Option<&str> {
    let header = word(text).len();
    let rest = text.get(header..)?.strip_prefix(".eyJ")?;
    let payload = header + ".eyJ".len() + word(rest).len();
    let signature = word(text.get(payload..)?.strip_prefix('.')?);
    let is_one = header > 0 && signature.len() >= LEAST && !signature.starts_with(PLACEHOLDER);
    is_one.then(|| &text[..payload + 1 + signature.len()])
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_of_word(c)).unwrap_or(text.len())]
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[test]
fn canaries_are_known_when_they_are_seen() {
    let bits = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let jwt = "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJlcw";
    for (text, found) in [
        (format!("{{\"refresh_token\":\"psr_refresh_{bits}\"}}"), vec![format!("psr_refresh_{bits}")]),
        (format!("http://x/?device_id={bits}&a=b"), vec![bits.to_owned()]),
        (format!("Bearer {jwt} {jwt}"), vec![jwt.to_owned(), jwt.to_owned()]),
        (
            format!("a {bits}\n'pt_live_abcdefghijkl'"),
            vec![bits.to_owned(), "pt_live_abcdefghijkl".to_owned()],
        ),
        (
            "pt_live_abcd… psr_refresh_ pt_live_placeholder-1 e30.eyJpYXQiOjF9.placeholder-12".to_owned(),
            vec![],
        ),
        (format!("{bits}x {}", "a-folder-of-a-test-with-a-name-of-43-letter"), vec![]),
    ] {
        assert_eq!(canaries(&text), found, "{text}");
    }
    assert_eq!(without_canaries(&format!("<{bits}>")), "<dBjftJeZ4CVP…>");
}
