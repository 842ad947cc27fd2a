//! Bad input of every kind, as one table: what the person reads, what a script reads, and that nothing changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arguments;
mod bodies;
mod files;
mod homes;
mod hosts;
mod paths;
#[path = "../sealed/mod.rs"]
mod sealed;
mod shapes;
mod slow;
mod table;
mod terminals;
mod tokens;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use table::{Row, check};

/// As many rows run at the same time: most of them wait.
const AT_ONCE: usize = 16;

#[test]
fn bad_input() {
    let groups = [
        slow::rows(),
        tokens::rows(),
        bodies::rows(),
        shapes::rows(),
        hosts::rows(),
        terminals::rows(),
        homes::rows(),
        files::rows(),
        paths::rows(),
        arguments::rows(),
    ];
    let rows: Vec<Row> = groups.into_iter().flatten().collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = std::panic::catch_unwind(|| check(row));
                    if checked.is_err() {
                        wrong.lock().unwrap().push(row.name);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} rows: {wrong:?}", wrong.len(), rows.len());
}
