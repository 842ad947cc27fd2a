//! How well the sandbox's clients behave.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::exam::Situation;
use crate::pensar::Outcome;
use crate::rule::{Rule, Words};

/// Everything that clients of a sandbox did wrong so far, and what they were not even tried at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// How many requests of programs were looked at.
    pub requests: u64,
    /// Every rule, broken or not.
    pub rules: Vec<Finding>,
    /// How many requests for tokens at WorkOS came to what; what never happened is left out.
    pub token_requests: BTreeMap<Outcome, u64>,
}

/// What was found out about one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// What that comes to.
    pub verdict: Verdict,
    /// The rule in words.
    #[serde(flatten)]
    pub words: Words,
    /// How often it was broken.
    pub count: u64,
    /// How often clients had an occasion to break it. Where that cannot be counted, it is counted when they did.
    pub occasions: u64,
    /// The first time that it was broken.
    pub first: Option<Evidence>,
}

/// What is to be thought of a client and a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was an occasion to break it, and it was kept.
    Passed,
    /// It was broken.
    Failed,
    /// There was no occasion: nothing is known.
    NotExercised,
}

/// What was seen of a rule that was broken, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The situation of an examination that it was seen in.
    pub situation: Option<Situation>,
    /// What happened, and what was allowed then.
    pub found: String,
    /// The request that showed it: method and place. Empty where it was shown by silence.
    pub request: String,
    /// When, by the sandbox's clock (RFC 3339).
    pub at: String,
}

impl Grade {
    /// Whether no rule was broken.
    pub fn is_clean(&self) -> bool {
        self.rules.iter().all(|finding| finding.count == 0)
    }

    /// How often a rule was broken.
    pub fn count(&self, rule: Rule) -> u64 {
        self.finding(rule).map_or(0, |finding| finding.count)
    }

    /// What is to be thought of the clients and a rule.
    pub fn verdict(&self, rule: Rule) -> Verdict {
        self.finding(rule).map_or(Verdict::NotExercised, |finding| finding.verdict)
    }

    /// How many rules came to this verdict.
    pub fn tally(&self, verdict: Verdict) -> usize {
        self.rules.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Takes note of an occasion to break a rule that requests alone do not show.
    pub(crate) fn add_occasion(&mut self, rule: Rule) {
        for finding in self.rules.iter_mut().filter(|finding| finding.rule == rule) {
            *finding = Finding::new(rule, finding.count, finding.occasions + 1, finding.first.take());
        }
    }

    /// A grade of nobody.
    pub(crate) fn blank() -> Self {
        let rules = Rule::ALL.into_iter().map(|rule| Finding::new(rule, 0, 0, None)).collect();
        Self { requests: 0, rules, token_requests: BTreeMap::new() }
    }

    /// Adds what was found out elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        for (outcome, count) in &other.token_requests {
            *self.token_requests.entry(*outcome).or_default() += count;
        }
        for finding in &mut self.rules {
            let Some(more) = other.finding(finding.rule) else { continue };
            let first = finding.first.take().or_else(|| more.first.clone());
            let (count, occasions) = (finding.count + more.count, finding.occasions + more.occasions);
            *finding = Finding::new(finding.rule, count, occasions, first);
        }
    }

    fn finding(&self, rule: Rule) -> Option<&Finding> {
        self.rules.iter().find(|finding| finding.rule == rule)
    }
}

impl Finding {
    pub(crate) fn new(rule: Rule, count: u64, occasions: u64, first: Option<Evidence>) -> Self {
        let verdict = match (count, occasions) {
            (0, 0) => Verdict::NotExercised,
            (0, _) => Verdict::Passed,
            _ => Verdict::Failed,
        };
        Self { rule, verdict, words: rule.words(), count, occasions: occasions.max(count), first }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let situation = self.situation.map(Situation::id).unwrap_or_default();
        for part in [situation, &self.at, &self.request] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.found)
    }
}
