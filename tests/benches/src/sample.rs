//! Running commands in turn and comparing them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Not counted, for the caches.
const WARM_UP: usize = 10;

/// How long one command took, run by run.
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn new(runs: Vec<Duration>) -> Self {
        Self(runs)
    }

    /// The value that this share of the runs does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = ((sorted.len() - 1) as f64 * share).round() as usize;
        sorted[at]
    }

    pub(crate) fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The median over the rounds of this command's time by the other's in the same round: a machine that is slower
    /// for a while is slower for both.
    pub(crate) fn ratio(&self, floor: &Self) -> f64 {
        let pairs = self.0.iter().zip(&floor.0);
        let mut ratios: Vec<f64> = pairs.map(|(ours, its)| ours.as_secs_f64() / its.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    /// Minimum, median and 99th percentile in milliseconds.
    pub(crate) fn cells(&self) -> [String; 3] {
        [0.0, 0.5, 0.99].map(|share| millis(self.quantile(share)))
    }
}

/// Milliseconds, for a table.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

/// Runs the commands in turn, this many rounds, from start to exit. Each must succeed.
pub(crate) fn in_turn(rounds: usize, commands: &mut [Command]) -> Vec<Sample> {
    in_turn_ending(rounds, commands, &vec![0; commands.len()])
}

/// The same; each must end with its exit code.
pub(crate) fn in_turn_ending(rounds: usize, commands: &mut [Command], codes: &[i32]) -> Vec<Sample> {
    let mut runs = vec![Vec::with_capacity(rounds); commands.len()];
    for command in commands.iter_mut() {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    for round in 0..WARM_UP + rounds {
        for ((command, code), runs) in commands.iter_mut().zip(codes).zip(&mut runs) {
            let started = Instant::now();
            let status = command.status().unwrap();
            let took = started.elapsed();
            assert_eq!(status.code(), Some(*code), "{command:?}");
            if round >= WARM_UP {
                runs.push(took);
            }
        }
    }
    runs.into_iter().map(Sample::new).collect()
}
