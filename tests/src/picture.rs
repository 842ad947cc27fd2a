//! Pictures of terminals, drawn by the browser.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use vt100::{Cell, Color, Parser};

use crate::audit::pictures;
use crate::browser::Browser;
use crate::scratch::Scratch;

/// Pixels of a cell. Even, so that half blocks end between two pixels.
const WIDTH: u16 = 9;
const HEIGHT: u16 = 18;
/// Around the screen.
const MARGIN: u16 = 12;

/// The colors of a terminal, as it would be set up by somebody who likes it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Light letters on a dark ground.
    Dark,
    /// Dark letters on a light ground.
    Light,
}

impl Theme {
    fn ground(self) -> &'static str {
        if self == Self::Dark { "#16181d" } else { "#fbfbf8" }
    }

    fn letters(self) -> &'static str {
        if self == Self::Dark { "#d8dae0" } else { "#24262b" }
    }

    /// The first sixteen colors.
    fn palette(self) -> [&'static str; 16] {
        match self {
            Self::Dark => [
                "#2b2e36", "#f07178", "#8ccf7e", "#e5c76b", "#67b0e8", "#c47fd5", "#6cbfbf", "#c9ccd3",
                "#6f7582", "#f6969b", "#a5dd99", "#f0d98c", "#8cc7f2", "#d7a3e3", "#90d5d5", "#ffffff",
            ],
            Self::Light => [
                "#24262b", "#b3261e", "#1c7a32", "#8a6100", "#1a5fb4", "#8a3ba0", "#0f7176", "#c9ccd3",
                "#6a6f7a", "#cf3a31", "#27913f", "#a37400", "#2a74cf", "#a14fb8", "#16868c", "#ffffff",
            ],
        }
    }

    fn color(self, color: Color, otherwise: &str) -> String {
        match color {
            Color::Default => otherwise.to_owned(),
            Color::Idx(index @ 0..16) => self.palette()[usize::from(index)].to_owned(),
            Color::Idx(index @ 16..232) => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = index - 16;
                rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            Color::Idx(index) => rgb(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)),
            Color::Rgb(red, green, blue) => rgb(red, green, blue),
        }
    }
}

/// Takes a picture of a screen of this size, from the escape sequences that draw it: to `docs/pictures/NAME.png` with
/// `DOORKEY_WRITE_PICTURES=1`, else to where the pictures of the pages go. Where it went.
pub fn picture(
    browser: &Browser,
    name: &str,
    styled: &str,
    (columns, rows): (u16, u16),
    theme: Theme,
) -> PathBuf {
    let folder = Scratch::new(&format!("picture-{name}"));
    let page = folder.join("screen.html");
    fs::write(&page, html(styled, (columns, rows), theme)).unwrap();
    browser.open(&format!("file://{}", page.display()));
    browser.resize((columns * WIDTH + 2 * MARGIN).into(), (rows * HEIGHT + 2 * MARGIN).into());
    let is_for_docs = std::env::var_os("DOORKEY_WRITE_PICTURES").is_some_and(|value| value == "1");
    let docs = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    let file = (if is_for_docs { docs() } else { pictures() }).join(format!("{name}.png"));
    browser.screenshot(&file);
    file
}

/// The screen as a page: every cell at its place, whatever the font's width is.
fn html(styled: &str, (columns, rows): (u16, u16), theme: Theme) -> String {
    let mut terminal = Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
    terminal.process(styled.trim_end_matches('\n').replace('\n', "\r\n").as_bytes());
    let (ground, letters) = (theme.ground(), theme.letters());
    let mut page = format!(
        "<!doctype html><meta charset=utf-8><style>html{{background:{ground};color:{letters};overflow:hidden}}\
         i{{position:absolute;width:{WIDTH}px;height:{HEIGHT}px;font:15px/{HEIGHT}px 'DejaVu Sans Mono';\
         white-space:pre}}i.line{{font-size:15.5px}}</style>"
    );
    for row in 0..rows {
        for column in 0..columns {
            let cell = terminal.screen().cell(row, column).unwrap();
            draw(&mut page, cell, (column, row), theme);
        }
    }
    page
}

fn draw(page: &mut String, cell: &Cell, (column, row): (u16, u16), theme: Theme) {
    let letters = theme.color(cell.fgcolor(), theme.letters());
    let ground = theme.color(cell.bgcolor(), theme.ground());
    let (letters, ground) = if cell.inverse() { (ground, letters) } else { (letters, ground) };
    let is_plain = ground == theme.ground() && !cell.underline();
    if cell.is_wide_continuation() || (is_plain && cell.contents().trim().is_empty()) {
        return;
    }
    let (left, top) = (MARGIN + column * WIDTH, MARGIN + row * HEIGHT);
    let mut style = format!("left:{left}px;top:{top}px;background:{ground};color:{letters}");
    if cell.is_wide() {
        write!(style, ";width:{}px", 2 * WIDTH).unwrap();
    }
    for (is_so, rule) in [
        (cell.bold(), ";font-weight:bold"),
        (cell.italic(), ";font-style:italic"),
        (cell.underline(), ";text-decoration:underline"),
    ] {
        style.push_str(if is_so { rule } else { "" });
    }
    if cell.dim() {
        write!(style, ";color:color-mix(in srgb,{letters} 60%,{ground})").unwrap();
    }
    let letter = cell.contents().chars().next().unwrap_or(' ');
    if let Some((towards, eighths)) = block(letter) {
        // Drawn, since a font's blocks have gaps between them.
        let end = f32::from(eighths) * 12.5;
        write!(style, ";background:linear-gradient({towards},{letters} {end}%,{ground} {end}%)").unwrap();
        write!(page, "<i style='{style}'></i>").unwrap();
        return;
    }
    let class = if ('\u{2500}'..'\u{2580}').contains(&letter) { " class=line" } else { "" };
    let text = cell.contents().replace('&', "&amp;").replace('<', "&lt;");
    write!(page, "<i{class} style='{style}'>{text}</i>").unwrap();
}

/// From where and how far a block fills its cell.
fn block(letter: char) -> Option<(&'static str, u8)> {
    let lower = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let left = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = |blocks: &[char]| {
        blocks.iter().zip(1..).find(|(block, _)| **block == letter).map(|(_, eighths)| eighths)
    };
    match letter {
        '▀' => Some(("to bottom", 4)),
        '▐' => Some(("to left", 4)),
        _ => eighths(&lower)
            .map(|height| ("to top", height))
            .or_else(|| eighths(&left).map(|width| ("to right", width))),
    }
}

fn rgb(red: u8, green: u8, blue: u8) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
