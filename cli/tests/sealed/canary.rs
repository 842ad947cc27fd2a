//! Secrets that are known when they are seen: every one that the sandbox or a login of ours makes has a mark.
//!
//! | mark | what |
//! |---|---|
//! | `psr_refresh_`, `psr_device_`, `psr_key_`, `psr_sign_` | refresh tokens, device codes, API keys and signing keys of Pensar |
//! | `pt_live_` and its like | API keys of Pentify; the first four characters after it may be shown |
//! | three words with dots between them, the first two JSON | access tokens of Pensar |
//! | 43 characters of base64url, which is what 256 bits are | device ids, states, verifiers, selection ids, cookies, CSRF tokens |

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::thread;

/// How texts begin that are secret.
const PREFIXES: [&str; 8] =
    ["psr_refresh_", "psr_device_", "psr_key_", "psr_sign_", "pt_live_", "pt_test_", "pk_live_", "pk_test_"];
/// Fewer characters after a prefix are a part that may be shown, or a word of a message.
const LEAST: usize = 12;
/// So many characters of base64url are 256 bits.
const BITS_256: usize = 43;
/// How the folders of tests begin.
const OUR_FOLDERS: &str = "doorkey-";
/// How a text begins that is encrypted.
const SEALED: &[u8] = b"doorkey-sealed-v";
/// How a program begins.
const PROGRAM: &[u8] = b"\x7fELF";
/// What stands for a secret in a trace, and is none.
const PLACEHOLDER: &str = "placeholder";

/// Where credentials lie in a home, and why they may.
const PLACES: [&str; 19] = [
    // Files for them, where there is no keychain.
    ".config/pentify/credentials",
    ".pensar/auth.json",
    ".config/doorkey/credentials",
    // Those of the examples.
    "place/credentials",
    "place/auth.json",
    "place/session",
    "place/example/credentials",
    "place/example/auth.json",
    // Emergency files, which are plain text where the file beside them is.
    ".pensar/auth.emergency",
    ".config/doorkey/profiles/*/session.emergency",
    // Logins that another process finishes, and what a test keeps of a session.
    ".config/doorkey/pending/*",
    "kept/credentials",
    // Those of `--sandbox`.
    ".local/state/doorkey/sandbox/credentials",
    ".local/state/doorkey/sandbox/pensar/auth.json",
    // Somebody else's, in tests of what is made of it.
    "stranger",
    // The profile of a browser, which keeps forms and cookies.
    "profile",
    // Where a program of the tests stores, and writes down what goes over its wire.
    "canary/auth.json",
    "canary/credentials",
    "canary/wire",
];
/// Names before a secret of 256 bits in a link, which is shown because somebody has to open it.
const IN_LINKS: [&str; 3] = ["id=", "state=", "code_challenge="];
/// What stands before a token on the standard output of whoever was asked for it. `pentify token` and the like print
/// nothing else in the line.
///
/// | command | how it says it |
/// |---|---|
/// | `token --json` | `{"access_token":"…"` |
/// | `doorkey credential git` | `password=…` |
/// | `doorkey credential cargo` | `"token":"Bearer …"` |
/// | `doorkey credential docker` | `"Secret":"…"` |
/// | `doorkey credential kubectl` | `"token":"…"` |
const HANDED_OUT: [&str; 6] =
    ["\n", "{\"access_token\":\"", "password=", "\"token\":\"", "\"token\":\"Bearer ", "\"Secret\":\""];

/// Every secret in a text, in order.
pub fn canaries(text: &str) -> Vec<&str> {
    found(text).into_iter().map(|(_, canary)| canary).collect()
}

/// Fails if a program has said a secret: on standard output other than as it was asked for, or on standard error or its
/// terminal other than in a link. It tells where, but no secret.
pub fn expect_none_said(stdout: &str, stderr: &str) {
    for (name, text, may) in [("standard output", stdout, &HANDED_OUT[..]), ("standard error", stderr, &[])] {
        let said = said(text, may, |_| true);
        assert!(said.is_empty() || thread::panicking(), "{name} says {said:#?}");
    }
}

/// Fails if a file in a home holds a secret that has no place there.
pub fn expect_none_kept(home: &Path) {
    let kept = kept(home);
    assert!(kept.is_empty() || thread::panicking(), "secrets in {kept:#?}");
}

/// What stands before each secret that may not be said and that `counts`.
fn said(text: &str, may: &[&str], counts: impl Fn(&str) -> bool) -> Vec<String> {
    let text = &without_escapes(text);
    let before = |at: usize| {
        text[..at].chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<String>()
    };
    let all = found(text).into_iter().map(|(at, canary)| (before(at), canary));
    let said = all.filter(|(before, canary)| {
        let before = if before.is_empty() { "\n" } else { before.as_str() };
        // A terminal may have broken the link there.
        let link = before.trim_end();
        let is_in_link = canary.len() == BITS_256 && IN_LINKS.iter().any(|name| link.ends_with(name));
        counts(canary) && !is_in_link && !may.iter().any(|may| before.ends_with(may))
    });
    said.map(|(before, canary)| format!("{before}{}…", &canary[..LEAST])).collect()
}

/// Files below a home with secrets in them, but for those that are made for that.
fn kept(home: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        // It may be somebody else's, or gone.
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let is = fs::symlink_metadata(&path).map(|is| is.file_type());
            let inside = path.strip_prefix(home).unwrap_or(&path).to_string_lossy().into_owned();
            if PLACES.iter().any(|place| is_place(place, &taking_its_place(&inside))) {
                continue;
            } else if is.as_ref().is_ok_and(fs::FileType::is_dir) {
                folders.push(path);
            } else if is.is_ok_and(|is| is.is_file()) {
                let kept = kept_in(&content(&path).unwrap_or_default());
                found.extend((!kept.is_empty()).then(|| format!("{inside}: {}", kept.join(", "))));
            }
        }
    }
    found
}

/// What a file holds. A program holds nothing: words of any length are found in it.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut content) = (File::open(path)?, Vec::new());
    file.by_ref().take(PROGRAM.len() as u64).read_to_end(&mut content)?;
    if content == PROGRAM {
        return Ok(Vec::new());
    }
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// What stands before each secret in a file. Where it is as good as random, as in what is encrypted, any 43 characters can
/// turn up, so that only what says what it is counts there.
fn kept_in(content: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(content);
    let is_random = content.starts_with(SEALED) || matches!(text, Cow::Owned(_));
    said(&text, &[], |canary| !is_random || says_what_it_is(canary))
}

/// The text of a terminal, with a space for each escape sequence (ECMA-48 §5.4): its end is no part of a word.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let is_last = |c: char| ('@'..='~').contains(&c);
    let rest = parts.map(|part| part.split_once(is_last).map_or("", |(_, text)| text));
    rest.fold(first, |all, text| all + " " + text)
}

/// What a process that was killed was writing beside a file, which the next write removes, is taken for that file.
fn taking_its_place(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let target = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
    target.map_or_else(|| path.to_owned(), |target| format!("{folder}/{target}"))
}

/// Whether this is the place; `*` is any name.
fn is_place(place: &str, path: &str) -> bool {
    let (mut names, mut wanted) = (path.split('/'), place.split('/'));
    wanted.by_ref().all(|wanted| names.next().is_some_and(|name| wanted == "*" || wanted == name))
        && names.next().is_none()
}

/// Every secret in a text, and where it begins.
fn found(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(is_of_word) {
        at += next;
        let rest = &text[at..];
        let whole = jwt(rest).or_else(|| Some(word(rest)).filter(|word| is_canary(word)));
        found.extend(whole.map(|whole| (at, whole)));
        at += whole.unwrap_or_else(|| word(rest)).len();
    }
    found
}

fn is_canary(word: &str) -> bool {
    let prefixed = PREFIXES.iter().find_map(|prefix| word.split_once(prefix));
    if let Some((_, secret)) = prefixed {
        return secret.len() >= LEAST && !secret.starts_with(PLACEHOLDER);
    }
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    word.len() == BITS_256
        && !word.starts_with(OUR_FOLDERS)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Whether it has a mark that no chance makes.
fn says_what_it_is(canary: &str) -> bool {
    canary.contains('.') || PREFIXES.iter().any(|prefix| canary.contains(prefix))
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
    let line = |before: &str| format!("{before}{bits}\n");
    expect_none_said(&line("x\n"), &line("http://127.0.0.1:1/x?device_id="));
    for (stdout, stderr) in
        [(line("x "), String::new()), (String::new(), line("")), (String::new(), line("token: "))]
    {
        assert!(std::panic::catch_unwind(|| expect_none_said(&stdout, &stderr)).is_err(), "{stdout}{stderr}");
    }
}

#[test]
fn secrets_in_files_are_found_and_what_looks_like_one_by_chance_is_not() {
    let home = std::env::temp_dir().join(format!("doorkey-canary-{}", std::process::id()));
    let found = |name: &str, before: &[u8], secret: &str| {
        let file = home.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, [before, b" ", secret.as_bytes(), b"\n"].concat()).unwrap();
        let kept = kept(&home);
        fs::remove_dir_all(&home).unwrap();
        kept.len() == 1
    };
    let bits = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    for secret in [bits, "psr_refresh_abcdefghijkl", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJlcw"] {
        assert!(found("logs/trace", b"a line:", secret), "{secret}");
        assert!(found(".config/doorkey/credentials.enc", b"{", secret), "{secret} in what is not encrypted");
        let is_certain = secret != bits;
        assert_eq!(found(".config/doorkey/credentials.enc", SEALED, secret), is_certain, "{secret}");
        assert_eq!(found("logs/binary", b"\xff\0\x01", secret), is_certain, "{secret}");
        for (name, before) in [
            ("program", PROGRAM),
            (".pensar/auth.json", b"{"),
            (".pensar/.auth.json.new", b"{"),
            (".config/doorkey/pending/x", b"{"),
        ] {
            assert!(!found(name, before, secret), "{secret} in {name}");
        }
        assert!(found("auth.json", b"{", secret), "{secret}");
    }
}
