//! Screens that are kept as text and must stay as they are: `tests/fixtures/screens`. With `DOORKEY_WRITE_GOLDEN=1` they
//! are written instead of compared, to be looked at before they are committed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::{Captures, Regex};

use crate::PATIENCE;
use crate::sandbox::Sandbox;
use crate::tmux::{Screen, Tmux};

/// How long a screen that is written to a file must have been the same.
const AT_REST: Duration = Duration::from_millis(300);
/// What replaces a drawing.
const DRAWING: char = '▚';

/// What is another in every run, and what stands in for it in the files. Nothing changes its width.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    values: Vec<(String, String)>,
    drawings: bool,
}

impl Mask {
    /// Hides times (`m:ss`), bars and when the next poll leaves only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hides the ports of a sandbox, too.
    #[must_use]
    pub fn of(sandbox: &Sandbox) -> Self {
        sandbox.hosts().fold(Self::new(), |mask, host| {
            let zeros: String = host.split_once(':').unwrap().1.replace(|_: char| true, "0");
            let hidden = format!("{}:{zeros}", host.split_once(':').unwrap().0);
            mask.hiding(&host, &hidden)
        })
    }

    /// Hides this text wherever it is, also where it goes on in the next row: letter by letter there stands this one,
    /// which is repeated if need be.
    #[must_use]
    pub fn hiding(mut self, text: &str, instead: &str) -> Self {
        let instead = instead.chars().cycle().take(text.chars().count()).collect();
        self.values.push((text.to_owned(), instead));
        self
    }

    /// Hides what is drawn with half blocks, QR codes and large letters: only that something is there remains.
    #[must_use]
    pub fn hiding_drawings(self) -> Self {
        Self { drawings: true, ..self }
    }

    /// The screen with all of this hidden.
    pub fn apply(&self, screen: &Screen) -> Screen {
        let mut rows: Vec<Vec<char>> = screen.0.iter().map(|row| row.chars().collect()).collect();
        for (text, instead) in &self.values {
            hide(&mut rows, text, instead);
        }
        let time = Regex::new("(^|[^.:0-9])([0-9]{1,2}):([0-5][0-9])($|[^:0-9])").unwrap();
        let left = Regex::new("[━─=-]{8,} (m+:ss left)").unwrap();
        let next = Regex::new("next poll in [0-9]+ s").unwrap();
        let bar = Regex::new("[━╸╺█▉▊▋▌▍▎▏░▒▓]{8,}").unwrap();
        let drawing = Regex::new("[ ]*[▀▄█][ ▀▄█]*").unwrap();
        let masked = rows.iter().map(|row| {
            let row: String = row.iter().collect();
            let row = time.replace_all(&row, |found: &Captures<'_>| {
                let minutes = "m".repeat(found[2].len());
                format!("{}{minutes}:ss{}", &found[1], &found[4])
            });
            let row = left.replace_all(&row, |found: &Captures<'_>| {
                let bar = found[0].chars().count() - found[1].len() - 1;
                format!("{} {}", "~".repeat(bar), &found[1])
            });
            let row = next.replace_all(&row, "next poll in n s");
            let row = if self.drawings {
                // At the end of a row its width depends on what is drawn.
                drawing.replace_all(&row, |found: &Captures<'_>| {
                    let drawn = &found[0];
                    let is_last = found.get(0).unwrap().end() == row.len();
                    let width = if is_last { 3 } else { drawn.chars().count() };
                    DRAWING.to_string().repeat(width)
                })
            } else {
                row
            };
            bar.replace_all(&row, |found: &Captures<'_>| "~".repeat(found[0].chars().count())).into_owned()
        });
        Screen(masked.collect())
    }
}

/// Waits until the terminal shows what is kept in the file of this name; or writes that, once it `is_drawn`.
///
/// # Panics
/// If it never does: as for [`compare`].
pub fn golden_on(name: &str, tmux: &Tmux, is_drawn: impl FnMut(&Screen) -> bool, mask: &Mask) {
    let mut screen = tmux.wait_for(name, is_drawn);
    let mut since = Instant::now();
    // Parts of it may still be on their way.
    let patience = if writes() { AT_REST } else { PATIENCE };
    while since.elapsed() < patience && (writes() || !is_kept(name, &screen, mask)) {
        std::thread::sleep(Duration::from_millis(20));
        let shown = tmux.screen();
        if writes() && mask.apply(&shown) != mask.apply(&screen) {
            since = Instant::now();
        }
        screen = shown;
    }
    golden(name, &screen, mask);
}

/// Compares a screen with the file of this name, or writes that.
///
/// # Panics
/// As for [`compare`].
pub fn golden(name: &str, screen: &Screen, mask: &Mask) {
    if writes() {
        fs::write(file(name), mask.apply(screen).to_string()).unwrap();
    } else {
        compare(name, screen, mask);
    }
}

/// Compares a screen with the file of this name, the former without what the mask hides.
///
/// # Panics
/// If it is another, or there is no such file: with both, row by row.
pub fn compare(name: &str, screen: &Screen, mask: &Mask) {
    let screen = mask.apply(screen);
    let kept = fs::read_to_string(file(name)).unwrap_or_else(|e| {
        panic!("screen {name}: {e}; DOORKEY_WRITE_GOLDEN=1 writes the file. The screen:\n{screen}")
    });
    if let Some(differences) = differences(&Screen::new(&kept), &screen) {
        panic!("screen {name} is another now (DOORKEY_WRITE_GOLDEN=1 writes the file):\n{differences}");
    }
}

/// Both screens row by row, where they differ as `-` the kept one and `+` the new one; nothing if they do not.
pub fn differences(kept: &Screen, screen: &Screen) -> Option<String> {
    if kept == screen {
        return None;
    }
    let mut told = String::new();
    for at in 0..kept.0.len().max(screen.0.len()) {
        let (old, new) = (kept.0.get(at), screen.0.get(at));
        if old == new {
            writeln!(told, "  {}", old.unwrap()).unwrap();
            continue;
        }
        for (sign, row) in [('-', old), ('+', new)] {
            if let Some(row) = row {
                writeln!(told, "{sign} {row}").unwrap();
            }
        }
    }
    Some(told)
}

fn is_kept(name: &str, screen: &Screen, mask: &Mask) -> bool {
    fs::read_to_string(file(name)).is_ok_and(|kept| Screen::new(&kept) == mask.apply(screen))
}

fn writes() -> bool {
    std::env::var_os("DOORKEY_WRITE_GOLDEN").is_some_and(|value| value == "1")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/screens/{name}.txt"))
}

/// Hides a text that may go on in the next row, or within a frame.
fn hide(rows: &mut [Vec<char>], text: &str, instead: &str) {
    let between = |c: char| c.is_whitespace() || "│┃|║".contains(c);
    let mut letters: Vec<(usize, usize)> = Vec::new();
    for (row, line) in rows.iter().enumerate() {
        letters
            .extend(line.iter().enumerate().filter(|(_, c)| !between(**c)).map(|(column, _)| (row, column)));
    }
    let wanted: Vec<char> = text.chars().filter(|c| !between(*c)).collect();
    let instead: Vec<char> =
        text.chars().zip(instead.chars()).filter(|(c, _)| !between(*c)).map(|(_, c)| c).collect();
    let mut at = 0;
    while !wanted.is_empty() && at + wanted.len() <= letters.len() {
        let place = &letters[at..at + wanted.len()];
        if place.iter().zip(&wanted).all(|((row, column), c)| rows[*row][*column] == *c) {
            for ((row, column), c) in place.iter().zip(&instead) {
                rows[*row][*column] = *c;
            }
            at += wanted.len();
        } else {
            at += 1;
        }
    }
}
