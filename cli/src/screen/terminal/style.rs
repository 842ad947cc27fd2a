//! How characters look: the control sequences of ECMA-48 (SGR).

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// Colors and attributes of one character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    foreground: Color,
    background: Color,
    modifier: Modifier,
}

/// Attributes and their numbers.
const ATTRIBUTES: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

impl Look {
    /// That of a cell; without colors if there shall be none.
    pub(super) fn of(cell: &Cell, colors: bool) -> Self {
        let color = |color| if colors { color } else { Color::Reset };
        Self { foreground: color(cell.fg), background: color(cell.bg), modifier: cell.modifier }
    }

    /// Whether it can be seen where no character stands.
    pub(super) fn shows_on_blanks(self) -> bool {
        let visible = Modifier::UNDERLINED | Modifier::REVERSED | Modifier::CROSSED_OUT;
        self.background != Color::Reset || self.modifier.intersects(visible)
    }

    /// What makes characters look so, whatever they looked like before.
    pub(super) fn sequence(self) -> String {
        let mut numbers = String::new();
        for (_, number) in ATTRIBUTES.iter().filter(|(attribute, _)| self.modifier.contains(*attribute)) {
            numbers.push_str(&format!(";{number}"));
        }
        for (color, base) in [(self.foreground, 30), (self.background, 40)] {
            if let Some(color) = number(color, base) {
                numbers.push(';');
                numbers.push_str(&color);
            }
        }
        // Without a number it is 0: as at first.
        if numbers.is_empty() { "\x1b[m".to_owned() } else { format!("\x1b[0{numbers}m") }
    }
}

/// A color as a foreground (from 30) or a background (from 40).
fn number(color: Color, base: u8) -> Option<String> {
    let index = match color {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some(format!("{};2;{r};{g};{b}", base + 8)),
        Color::Indexed(index) => return Some(format!("{};5;{index}", base + 8)),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
    };
    Some((base + index).to_string())
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn looks_are_written_as_numbers() {
        for (style, colored, plain) in [
            (Style::new(), "\x1b[m", "\x1b[m"),
            (Style::new().bold().red(), "\x1b[0;1;31m", "\x1b[0;1m"),
            (Style::new().white().on_dark_gray(), "\x1b[0;97;100m", "\x1b[m"),
            (Style::new().reversed().fg(Color::Indexed(200)), "\x1b[0;7;38;5;200m", "\x1b[0;7m"),
            (
                Style::new().dim().underlined().bg(Color::Rgb(1, 2, 3)),
                "\x1b[0;2;4;48;2;1;2;3m",
                "\x1b[0;2;4m",
            ),
        ] {
            let mut cell = Cell::default();
            cell.set_style(style);
            assert_eq!(Look::of(&cell, true).sequence(), colored);
            assert_eq!(Look::of(&cell, false).sequence(), plain);
        }
    }
}
