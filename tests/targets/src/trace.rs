//! Traces that somebody else wrote, or changed.

use doorkey_core::trace::replay;

/// Replaying ends, without a panic; what replays gives the same a second time; and where a trace cannot be read, the line
/// is one of its own.
pub fn trace(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let replayed = replay(&lines);
    match &replayed {
        Ok(Ok(replayed)) => assert!(replayed.events < lines.len()),
        Ok(Err(difference)) => {
            assert!((1..=lines.len()).contains(&difference.line));
            assert_ne!(difference.recorded, difference.replayed);
        }
        Err(unreadable) => assert!((1..=lines.len().max(1)).contains(&unreadable.line)),
    }
    assert_eq!(replay(&lines), replayed);
}
