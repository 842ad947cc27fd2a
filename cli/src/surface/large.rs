//! A code in large letters, to be compared with a browser's page from across the desk.

/// Rows of pixels, from the top; of each the lower five bits.
type Glyph = [u8; 7];

const WIDTH: usize = 5;

/// Letters and digits. The zero is crossed out.
const GLYPHS: [(char, Glyph); 36] = [
    ('0', [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110]),
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111]),
    ('3', [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110]),
    ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
    ('5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110]),
    ('6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100]),
    ('A', [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('B', [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110]),
    ('C', [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110]),
    ('D', [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110]),
    ('E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
    ('F', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('G', [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01111]),
    ('H', [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('I', [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('J', [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100]),
    ('K', [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001]),
    ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ('M', [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001]),
    ('N', [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001]),
    ('O', [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('P', [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('Q', [0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101]),
    ('R', [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001]),
    ('S', [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110]),
    ('T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('U', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('V', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100]),
    ('W', [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001]),
    ('X', [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001]),
    ('Y', [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('Z', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111]),
];
const HYPHEN: Glyph = [0, 0, 0, 0b01110, 0, 0, 0];

/// The code, two rows of pixels in each line. Letters without anything between them stand in groups of four. `None`
/// if it has other characters than capital letters, digits and hyphens.
pub fn large(code: &str) -> Option<Vec<String>> {
    let row = pixels(code)?;
    let halves = |(upper, lower): (bool, bool)| match (upper, lower) {
        (false, false) => ' ',
        (true, false) => '▀',
        (false, true) => '▄',
        (true, true) => '█',
    };
    Some([0, 2, 4, 6].map(|at| row(at).into_iter().zip(row(at + 1)).map(halves).collect()).into())
}

/// The same in ASCII, one row of pixels in each line.
pub fn large_in_ascii(code: &str) -> Option<Vec<String>> {
    let row = pixels(code)?;
    Some(
        (0..7).map(|at| row(at).into_iter().map(|is_set| if is_set { '#' } else { ' ' }).collect()).collect(),
    )
}

/// What gives each row of pixels, an empty one below the last.
fn pixels(code: &str) -> Option<impl Fn(usize) -> Vec<bool>> {
    let glyphs: Vec<Glyph> = code.chars().map(glyph).collect::<Option<_>>()?;
    let is_grouped = code.contains('-');
    Some(move |row| {
        let mut pixels = Vec::new();
        for (at, glyph) in glyphs.iter().enumerate() {
            let gap = if is_grouped || at % 4 != 0 { 1 } else { 4 };
            pixels.resize(pixels.len() + if at == 0 { 0 } else { gap }, false);
            let bits = glyph.get(row).copied().unwrap_or(0);
            pixels.extend((0..WIDTH).rev().map(|bit| bits >> bit & 1 == 1));
        }
        pixels
    })
}

fn glyph(letter: char) -> Option<Glyph> {
    if letter == '-' {
        return Some(HYPHEN);
    }
    GLYPHS.iter().find(|(known, _)| *known == letter).map(|(_, glyph)| *glyph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_drawn_as_they_look() {
        let lines = large("BC-DF").unwrap();
        assert_eq!(
            lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>(),
            [
                "█▀▀▀▄ ▄▀▀▀▄       █▀▀▀▄ █▀▀▀▀",
                "█▄▄▄▀ █      ▄▄▄  █   █ █▄▄▄",
                "█   █ █   ▄       █   █ █",
                "▀▀▀▀   ▀▀▀        ▀▀▀▀  ▀",
            ]
        );
    }

    #[test]
    fn in_ascii_every_row_of_pixels_is_a_line() {
        let lines = large_in_ascii("I-7").unwrap();
        assert_eq!(
            lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>(),
            [
                " ###        #####",
                "  #             #",
                "  #            #",
                "  #    ###    #",
                "  #          #",
                "  #          #",
                " ###         #",
            ]
        );
    }

    #[test]
    fn every_letter_differs_from_every_other() {
        for (at, (letter, glyph)) in GLYPHS.iter().enumerate() {
            assert!(glyph.iter().all(|row| *row < 1 << WIDTH), "{letter}");
            for (other, same) in &GLYPHS[..at] {
                assert!(glyph != same && letter != other, "{letter} {other}");
            }
        }
    }

    #[test]
    fn a_code_without_hyphens_is_grouped_by_four() {
        let width = |code| large(code).unwrap()[0].chars().count();
        assert_eq!((width("BCDF-GHJK"), width("BCDFGHJK")), (53, 50));
        assert_eq!(large("bcdf"), None);
        assert_eq!(large("BCDF GHJK"), None);
    }
}
