//! `docs/charts`: the tables of `docs/benchmarks.md` as bars, drawn from the document's own figures.

use std::fs;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::document;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/charts");
const WIDTH: u32 = 760;
const BAR: u32 = 26;
/// Above and below the bars: the caption, and the axis with its name.
const AROUND: u32 = 96;
/// What is left of the bars: their names.
const NAMES: u32 = 330;
const OURS: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const PEERS: RGBColor = RGBColor(0x9a, 0xa0, 0xa6);

/// A column of a table as bars.
struct Chart {
    file: &'static str,
    /// The name of the table.
    table: &'static str,
    /// The headings of the columns that name a bar.
    names: &'static [&'static str],
    /// The heading of the column that has its length.
    lengths: &'static str,
    caption: &'static str,
    unit: &'static str,
}

const CHARTS: [Chart; 10] = [
    Chart {
        file: "startup",
        table: "startup",
        names: &["command"],
        lengths: "median ms",
        caption: "Start-up of a whole process",
        unit: "ms, median",
    },
    Chart {
        file: "instructions",
        table: "instructions",
        names: &["command"],
        lengths: "instructions",
        caption: "Start-up, counted",
        unit: "instructions (thousands)",
    },
    Chart {
        file: "token",
        table: "token",
        names: &["command"],
        lengths: "median ms",
        caption: "A token from a file",
        unit: "ms, median",
    },
    Chart {
        file: "keychain",
        table: "keychain",
        names: &["command"],
        lengths: "median ms",
        caption: "A token from gnome-keyring",
        unit: "ms, median",
    },
    Chart {
        file: "screen",
        table: "screen",
        names: &["what waits"],
        lengths: "bytes per s",
        caption: "A screen that waits",
        unit: "bytes per second to the terminal",
    },
    Chart {
        file: "session",
        table: "session",
        names: &["what", "store"],
        lengths: "median ms",
        caption: "A rotating session, and the floors beside it",
        unit: "ms, median of a whole process",
    },
    Chart {
        file: "core",
        table: "core",
        names: &["machine"],
        lengths: "events per s",
        caption: "The core alone",
        unit: "thousands of events per second",
    },
    Chart {
        file: "sessions-memory",
        table: "sessions",
        names: &["10,000 × client", "connections"],
        lengths: "bytes between polls",
        caption: "Memory of one of 10,000 logins between polls (the last: of 100,000)",
        unit: "bytes",
    },
    Chart {
        file: "sessions-late",
        table: "sessions",
        names: &["10,000 × client", "connections"],
        lengths: "p99",
        caption: "How late a poll is with 10,000 logins (the last: 100,000)",
        unit: "ms, 99th percentile",
    },
    Chart {
        file: "crates",
        table: "crates",
        names: &["what a program depends on"],
        lengths: "unique crates",
        caption: "What a program takes in",
        unit: "crates",
    },
];

struct Bar {
    name: String,
    /// As the table has it.
    figure: String,
    length: f64,
    is_peer: bool,
}

/// Draws all charts anew.
pub(crate) fn draw() {
    fs::create_dir_all(FOLDER).unwrap();
    for chart in &CHARTS {
        let path = Path::new(FOLDER).join(chart.file).with_extension("svg");
        chart.draw(&path);
    }
}

impl Chart {
    fn draw(&self, path: &PathBuf) {
        let bars = self.bars();
        let count = bars.len();
        let height = AROUND + BAR * u32::try_from(count).unwrap();
        let longest = bars.iter().map(|bar| bar.length).fold(0.0, f64::max);
        let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).unwrap();
        let mut area = ChartBuilder::on(&root)
            .caption(self.caption, ("sans-serif", 17))
            .margin(8)
            .x_label_area_size(44)
            .y_label_area_size(NAMES)
            // Room for the figure beside the longest.
            .build_cartesian_2d(0.0..longest * 1.18, (0..count - 1).into_segmented())
            .unwrap();
        let name = |at: &SegmentValue<usize>| match at {
            // The first row is on top.
            SegmentValue::CenterOf(at) if *at < count => bars[count - 1 - at].name.clone(),
            _ => String::new(),
        };
        area.configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.1))
            .axis_style(BLACK.mix(0.4))
            .x_desc(self.unit)
            .x_labels(6)
            .y_labels(count)
            .x_label_formatter(&|length| format!("{length:.0}"))
            .y_label_formatter(&name)
            .label_style(("sans-serif", 13))
            .draw()
            .unwrap();
        let from_top = || bars.iter().rev().enumerate();
        let drawn = from_top().map(|(at, bar)| {
            let color = if bar.is_peer { PEERS } else { OURS };
            let corners = [(0.0, SegmentValue::Exact(at)), (bar.length, SegmentValue::Exact(at + 1))];
            let mut rectangle = Rectangle::new(corners, color.filled());
            rectangle.set_margin(4, 4, 0, 0);
            rectangle
        });
        area.draw_series(drawn).unwrap();
        let beside = TextStyle::from(("sans-serif", 13)).pos(Pos::new(HPos::Left, VPos::Center));
        let figures = from_top().map(|(at, bar)| {
            let text = format!("\u{a0}{}", bar.figure);
            Text::new(text, (bar.length, SegmentValue::CenterOf(at)), beside.clone())
        });
        area.draw_series(figures).unwrap();
        root.present().unwrap();
    }

    /// One for each row that has a figure.
    fn bars(&self) -> Vec<Bar> {
        let rows = document::rows(self.table);
        let [head, rows @ ..] = &rows[..] else { panic!("{} has no head", self.table) };
        let column = |heading: &str| head.iter().position(|cell| cell == heading).unwrap();
        let (names, lengths) = (self.names.iter().map(|name| column(name)), column(self.lengths));
        rows.iter()
            .filter_map(|row| {
                let figure = row[lengths].clone();
                let number: String = figure.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
                let length = number.parse().ok()?;
                let names: Vec<_> = names.clone().map(|at| row[at].replace('`', "")).collect();
                let name = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
                Some(Bar { is_peer: is_peer(&name), name, figure, length })
            })
            .collect()
    }
}

/// A peer, or a floor.
fn is_peer(name: &str) -> bool {
    ["an empty", "gh ", "secret-tool", "watch", "oauth2", "one POST", "nothing"]
        .iter()
        .any(|peer| name.starts_with(peer))
}
