//! What came of an examination.

use serde::Serialize;

use super::situation::Situation;
use crate::grade::{Grade, Verdict};
use crate::rule::Rule;

/// What came of an examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All that was seen, in all situations. Its evidence names the situation.
    #[serde(flatten)]
    pub grade: Grade,
    /// One situation after another.
    pub situations: Vec<Played>,
}

/// A situation that was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Played {
    /// Which.
    pub situation: Situation,
    /// What happens in it.
    pub title: &'static str,
    /// How many requests of the client's came.
    pub requests: u64,
    /// How the client's processes ended, in the order in which they were started.
    pub runs: Vec<Run>,
    /// The last line that the client said when it first failed.
    pub said: Option<String>,
}

/// How a process of the client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal.
    Killed,
    /// It ran for too long, and was ended.
    TimedOut,
}

impl Report {
    /// The report of all these: how each was played, and what its server saw.
    pub fn of(played: Vec<(Played, Grade)>) -> Self {
        let mut whole = Grade::blank();
        let mut situations = Vec::new();
        for (played, mut grade) in played {
            for evidence in grade.rules.iter_mut().filter_map(|finding| finding.first.as_mut()) {
                evidence.situation = Some(played.situation);
            }
            whole.add(&grade);
            situations.push(played);
        }
        Self { grade: whole, situations }
    }

    /// Whether anything is known of the client: it came, and got so far that it could have broken a rule.
    pub fn says_something(&self) -> bool {
        self.grade.tally(Verdict::NotExercised) < Rule::ALL.len()
    }
}
