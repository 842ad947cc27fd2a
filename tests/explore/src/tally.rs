//! What happened in simulations, counted.

use std::collections::BTreeMap;
use std::fmt;

use crate::client::End;
use crate::world::Pairs;

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pairs that arrived.
    pub pairs: Pairs,
    /// Steps of any kind.
    pub steps: u64,
    /// Processes that were started.
    pub started: u64,
    /// Milliseconds of virtual time.
    pub millis: u64,
    /// How processes ended.
    pub ends: BTreeMap<String, u64>,
    /// What went wrong.
    pub troubles: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A process has ended.
    pub fn ended(&mut self, end: &End) {
        let name = match end {
            End::Bearer(_) => "a token",
            End::LoggedIn(_) => "signed in",
            End::LoggedOut(_) => "signed out",
            End::Failed(failure) => &failure.code,
        };
        match self.ends.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.ends.insert(name.to_owned(), 1);
            }
        }
    }

    /// Something goes wrong.
    pub fn trouble(&mut self, name: &'static str) {
        *self.troubles.entry(name).or_default() += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.pairs.logins += other.pairs.logins;
        self.pairs.refreshes += other.pairs.refreshes;
        self.steps += other.steps;
        self.started += other.started;
        self.millis += other.millis;
        for (name, count) in other.ends {
            *self.ends.entry(name).or_default() += count;
        }
        for (name, count) in other.troubles {
            *self.troubles.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, steps, started, millis, ends, troubles } = self;
        let hours = millis / 3_600_000;
        writeln!(
            f,
            "{} logins, {} refreshes, {started} processes, {steps} steps, {hours} h of virtual time",
            pairs.logins, pairs.refreshes
        )?;
        let list = |counts: Vec<(&str, u64)>| {
            let texts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            texts.join(", ")
        };
        writeln!(f, "ends: {}", list(ends.iter().map(|(name, count)| (name.as_str(), *count)).collect()))?;
        write!(f, "troubles: {}", list(troubles.iter().map(|(name, count)| (*name, *count)).collect()))
    }
}
