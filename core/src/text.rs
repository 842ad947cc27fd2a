//! Making foreign text harmless before a person sees it (invariant 18).

use alloc::borrow::Cow;
use alloc::string::String;

/// More than this many characters of a foreign text are never shown.
pub const SHOWN_CHARACTERS: usize = 200;

/// A server's text made fit for a terminal: control characters (escapes among them), bidirectional controls and
/// invisible format characters become U+FFFD, line breaks become spaces, and the length is capped.
pub fn harmless(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARACTERS)
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_treacherous(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

/// A long text made fit for a terminal: like [`harmless`], but line breaks and tabs stay, and nothing is cut off.
pub fn harmless_lines(text: &str) -> String {
    let fit = |c: char| if is_treacherous(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    text.trim_end_matches('\n').chars().map(fit).collect()
}

/// Whether a character can steer a terminal or reorder, hide or fake the text around it.
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A name or a path as it is typed in a shell.
pub fn quoted(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(alloc::format!("'{}'", name.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        for (name, typed) in [
            ("/home/me/.config", "/home/me/.config"),
            ("/home/Me Myself", "'/home/Me Myself'"),
            ("it's; rm -r $HOME", "'it'\\''s; rm -r $HOME'"),
            ("~root", "'~root'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(name), typed);
        }
    }
}
