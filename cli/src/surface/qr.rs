//! A link as a QR code, for the phone beside a machine without a browser.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around the code. The standard asks for four (ISO/IEC 18004); cameras are content with two, and a
/// terminal is small.
const QUIET: i32 = 2;
/// Black on white, in colors that no theme changes.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// The code's lines, two rows of modules in each. With `colors` it is black on white whatever the terminal is; without,
/// the light modules are what is drawn, as fits a dark background. `None` if the text is too long for any code.
pub(super) fn lines(text: &str, colors: bool) -> Option<Vec<String>> {
    let lines = modules(text, colors)?;
    let line = |line| if colors { format!("{BLACK_ON_WHITE}{line}{RESET}") } else { line };
    Some(lines.into_iter().map(line).collect())
}

/// The same without colors: what is drawn are the dark modules, or the light ones.
pub fn modules(text: &str, dark: bool) -> Option<Vec<String>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    // What lies outside is light.
    let is_drawn = |x, y| code.get_module(x, y) == dark;
    let around = -QUIET..code.size() + QUIET;
    let line = |y| {
        let modules = around.clone().map(|x| match (is_drawn(x, y), is_drawn(x, y + 1)) {
            (false, false) => ' ',
            (true, false) => '▀',
            (false, true) => '▄',
            (true, true) => '█',
        });
        modules.collect()
    };
    Some(around.clone().step_by(2).map(line).collect())
}

/// How many columns the lines take.
pub(super) fn width(lines: &[String]) -> usize {
    let is_module = |c: &char| matches!(c, ' ' | '▀' | '▄' | '█');
    lines.first().map_or(0, |line| line.chars().filter(is_module).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://console.pensar.dev/device?user_code=BCDF-GHJK";

    #[test]
    fn every_module_is_where_it_belongs() {
        let code = QrCode::encode_text(LINK, QrCodeEcc::Low).unwrap();
        for colors in [true, false] {
            let lines = lines(LINK, colors).unwrap();
            let side = usize::try_from(code.size() + 2 * QUIET).unwrap();
            assert_eq!((width(&lines), lines.len()), (side, side.div_ceil(2)), "{colors}");
            for (row, line) in (0_i32..).zip(&lines) {
                assert_eq!(line.starts_with(BLACK_ON_WHITE) && line.ends_with(RESET), colors);
                let modules = line.trim_start_matches(BLACK_ON_WHITE).trim_end_matches(RESET).chars();
                for (column, c) in (0_i32..).zip(modules) {
                    let (x, y) = (column - QUIET, 2 * row - QUIET);
                    let drawn = (matches!(c, '▀' | '█'), matches!(c, '▄' | '█'));
                    let is_dark = (drawn.0 == colors, drawn.1 == colors);
                    assert_eq!(is_dark, (code.get_module(x, y), code.get_module(x, y + 1)), "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_not_drawn() {
        assert_eq!(lines(&"x".repeat(3000), true), None);
    }
}
