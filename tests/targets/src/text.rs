//! Texts of servers on their way to a terminal (invariant 18).

use doorkey_core::text::{SHOWN_CHARACTERS, harmless, harmless_lines, is_treacherous};

/// Whatever the text, what is shown steers nothing, is no longer than promised, and is not changed a second time.
pub fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = harmless(&text);
    assert!(!shown.chars().any(is_treacherous), "{shown:?}");
    assert!(shown.chars().count() <= SHOWN_CHARACTERS + 1, "{shown:?}");
    assert_eq!(harmless(&shown), shown);
    let lines = harmless_lines(&text);
    assert!(!lines.chars().any(|c| is_treacherous(c) && !matches!(c, '\n' | '\t')), "{lines:?}");
    assert_eq!(harmless_lines(&lines), lines);
    assert_eq!(lines.chars().count(), text.trim_end_matches('\n').chars().count());
    assert!(!lines.contains(['\u{1b}', '\r', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}']), "{lines:?}");
}
