//! Breadth first through all states, so that what breaks an invariant is found by the shortest way.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::bounds::Bounds;
use crate::ghost::Violation;
use crate::world::World;

/// What an exploration came to.
#[derive(Clone, Debug)]
pub struct Explored {
    /// What was explored.
    pub bounds: Bounds,
    /// States, those that differ only in which process is which counted once.
    pub states: u64,
    /// The same, each counted.
    pub states_without_symmetry: u64,
    /// Steps between states.
    pub transitions: u64,
    /// The number of steps to the farthest state.
    pub depth: usize,
    /// In how many states a new process was tried.
    pub probes: u64,
    /// How long it took.
    pub time: Duration,
    /// The shortest way to what must not be, if there is one.
    pub broken: Option<Broken>,
}

/// How an invariant is broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub violation: Violation,
    /// The shortest way there.
    pub way: Vec<Action>,
}

/// Fingerprints are as good as random already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, number: u128) {
        self.0 = (number >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Fingerprints = HashSet<u128, BuildHasherDefault<AsItIs>>;

/// Explores until there is nothing new, or something is broken. `progress` hears of every depth: how many states are
/// known, and how many of them are to be gone on from.
pub fn explore(bounds: Bounds, mut progress: impl FnMut(usize, usize, usize)) -> Explored {
    let started = Instant::now();
    let first = World::new(bounds.clone());
    let mut explored = Explored {
        bounds,
        states: 0,
        states_without_symmetry: 0,
        transitions: 0,
        depth: 0,
        probes: 0,
        time: Duration::ZERO,
        broken: None,
    };
    let mut known = Fingerprints::default();
    let mut probed = Fingerprints::default();
    // By which step of which state each was reached first.
    let mut ways: Vec<(u32, Action)> = Vec::new();
    let (fingerprint, orders) = first.fingerprint();
    known.insert(fingerprint);
    explored.states_without_symmetry += orders;
    ways.push((0, Action::Wait));
    let mut frontier = vec![(0_u32, first)];
    'search: while !frontier.is_empty() {
        let mut next = Vec::new();
        for (index, world) in frontier {
            for action in world.moves() {
                explored.transitions += 1;
                let mut after = world.clone();
                let mut checked = after.perform_action(action);
                if checked.is_ok() {
                    let (fingerprint, orders) = after.fingerprint();
                    if !known.insert(fingerprint) {
                        continue;
                    }
                    explored.states_without_symmetry += orders;
                    if after.can_be_probed() && probed.insert(after.fingerprint_of_rest()) {
                        explored.probes += 1;
                        checked = after.probe().0;
                    }
                }
                if let Err(violation) = checked {
                    let way = way(&ways, index, action);
                    explored.broken = Some(Broken { violation, way });
                    break 'search;
                }
                let new = u32::try_from(ways.len()).expect("fewer states than memory has room for");
                ways.push((index, action));
                next.push((new, after));
            }
        }
        explored.depth += usize::from(!next.is_empty());
        progress(explored.depth, known.len(), next.len());
        frontier = next;
    }
    explored.states = known.len() as u64;
    explored.time = started.elapsed();
    explored
}

/// What happens on a way, written down.
///
/// # Panics
/// If the way does not lead where it led before.
pub fn tell(bounds: Bounds, broken: &Broken) -> World {
    let mut world = World::new(bounds).recorded();
    let (last, before) = broken.way.split_last().expect("a way");
    for action in before {
        world.perform_action(*action).expect("as it went before");
    }
    let mut end = world.perform_action(*last);
    if end.is_ok() {
        (end, world) = world.probe();
    }
    assert_eq!(end, Err(broken.violation.clone()), "it goes as it went before");
    world.note(|| broken.violation.to_string());
    world
}

fn way(ways: &[(u32, Action)], mut index: u32, last: Action) -> Vec<Action> {
    let mut way = vec![last];
    while index != 0 {
        let (before, action) = ways[index as usize];
        way.push(action);
        index = before;
    }
    way.reverse();
    way
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bounds, states, states_without_symmetry: all, transitions, depth, probes, .. } = self;
        write!(
            f,
            "{bounds}: {states} states ({all} without symmetry), {transitions} transitions, depth {depth}, {probes} probes, \
             {:.1} s",
            self.time.as_secs_f64()
        )
    }
}
