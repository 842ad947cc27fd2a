//! Telling machines what happened, with a watch and a counter of allocations.

use std::hint::black_box;
use std::time::{Duration, Instant};

use doorkey_core::event::Event;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::time::Now;

/// So many copies are told the same: enough to be timed, few enough to stay in the caches like one that is in use.
const COPIES: usize = 16;

/// What happens to a machine, in order.
pub(crate) type Script = Vec<(Now, Event)>;

/// What an event costs on average, copies of strings that grew included.
pub(crate) struct Cost {
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// A machine at some moment, and what happens to it from there on.
pub(crate) struct Recorded<L: Logic> {
    pub(crate) machine: Machine<L>,
    pub(crate) script: Script,
}

/// A recording of any machine.
pub(crate) trait Recording {
    fn events(&self) -> usize;
    fn time_per_event(&self) -> Duration;
    fn cost_per_event(&self) -> Cost;
}

impl<L: Logic<Output: Clone> + Clone> Recording for Recorded<L> {
    fn events(&self) -> usize {
        self.script.len()
    }

    fn time_per_event(&self) -> Duration {
        // The events were allocated by whoever reports them; dropping them is the machine's.
        let mut copies: Vec<_> = (0..COPIES).map(|_| (self.machine.clone(), self.script.clone())).collect();
        let started = Instant::now();
        for (machine, script) in &mut copies {
            play(machine, script);
        }
        started.elapsed().div_f64(count(COPIES * self.events()))
    }

    fn cost_per_event(&self) -> Cost {
        let (mut machine, mut script) = (self.machine.clone(), self.script.clone());
        let counted = allocation_counter::measure(|| play(&mut machine, &mut script));
        let per_event = |total: u64| count(usize::try_from(total).unwrap()) / count(self.events());
        Cost { allocations: per_event(counted.count_total), bytes: per_event(counted.bytes_total) }
    }
}

/// What is made, and the bytes that it holds on the heap.
pub(crate) fn weigh<T>(make: impl FnOnce() -> T) -> (T, i64) {
    let mut made = None;
    let counted = allocation_counter::measure(|| made = Some(make()));
    (made.unwrap(), counted.bytes_current)
}

/// Numbers here are far below 2^52.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// As a driver does: the event, all commands, the deadline.
fn play<L: Logic>(machine: &mut Machine<L>, script: &mut Script) {
    for (now, event) in script.drain(..) {
        black_box(machine.handle_event(now, event));
        while let Some(command) = machine.poll_command() {
            black_box(&command);
        }
        black_box(machine.poll_timeout());
    }
}
