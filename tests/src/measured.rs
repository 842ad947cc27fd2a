//! Figures that a test publishes besides passing.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

/// Prints how long something took, also when the test passes, whose output is otherwise swallowed.
pub fn took(what: impl Display, time: Duration) {
    told(format_args!("{what}: {:.2} s", time.as_secs_f64()));
}

/// Prints any figures, likewise.
pub fn told(figures: impl Display) {
    // A figure that cannot be printed is lost; that fails no test.
    let _ = writeln!(std::io::stderr(), "measured: {figures}");
}
