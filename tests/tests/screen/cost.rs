//! What waiting for a person costs: nearly nothing with a countdown on the screen, nothing at all without.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use doorkey_tests::home::Home;
use doorkey_tests::measured::told;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{cpu_time, sleeps};
use doorkey_tests::wait_for;

use crate::scene::{Place, Scene};

/// After the first drawing; the poll that is due by then is over.
const BEFORE: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);

/// What a program has done so far.
struct Work {
    at: Instant,
    bytes: usize,
    cpu: Duration,
    sleeps: BTreeMap<String, u64>,
}

impl Work {
    fn of(scene: &Scene, program: u32) -> Self {
        let (cpu, sleeps) = (cpu_time(program), sleeps(program));
        Self { at: Instant::now(), bytes: scene.written().len(), cpu, sleeps }
    }

    /// Tells what was done since then, and whether that is next to nothing.
    fn is_next_to_nothing(&self, place: Place, begin: &Self) -> bool {
        let took = (self.at - begin.at).as_secs_f64();
        let bytes = self.bytes - begin.bytes;
        let cpu = self.cpu - begin.cpu;
        let woken: Vec<(u64, &str)> = (self.sleeps.iter())
            .map(|(thread, count)| (count - begin.sleeps.get(thread).unwrap_or(&0), thread.as_str()))
            .filter(|(count, _)| *count > 0)
            .collect();
        told(format_args!(
            "{place:?}: {bytes} bytes, {cpu:?} of a processor, woken {woken:?} in {took:.1} s"
        ));
        if place == Place::Home {
            // A clock that ticks once a second would be seen ten times.
            let all: u64 = woken.iter().map(|(count, _)| count).sum();
            return bytes == 0 && all <= 2 && cpu <= Duration::from_millis(20);
        }
        (1.0..200.0).contains(&(bytes as f64 / took))
            && woken.iter().all(|(count, _)| *count as f64 <= 3.0 * took)
            // A tenth of what would be busy; the benchmarks have the exact figure of a release build.
            && cpu.as_secs_f64() < 0.1 * took
    }
}

#[test]
fn waiting_for_a_person_costs_nearly_nothing() {
    let sandbox = Sandbox::start("cost", &["--rate-limit", "off"]);
    let home = Home::new("cost").with_sandbox(&sandbox);
    let waiting = [Place::Home, Place::Code, Place::LoginCode, Place::PairingCode].map(|place| {
        let scene = Scene::new(&home);
        scene.go_to(place);
        let program = scene.foreground();
        (place, scene, program)
    });
    // Real time is what is measured: more of it makes no figure worse.
    sleep(BEFORE);
    // On a slow machine there may be more to do at first; a screen that never rests is found out all the same.
    wait_for("all of them cost next to nothing", || {
        let begin = waiting.each_ref().map(|(_, scene, program)| Work::of(scene, *program));
        sleep(MEASURED);
        // Each of them is told.
        let costs: Vec<bool> = waiting
            .iter()
            .zip(begin)
            .map(|((place, scene, program), begin)| {
                Work::of(scene, *program).is_next_to_nothing(*place, &begin)
            })
            .collect();
        (!costs.contains(&false)).then_some(())
    });
}
