//! The machines alone, without a driver: events per second, allocations per event, and the memory that one holds. What
//! happens to a machine is recorded once, in a world that answers at once, and told to copies of it. Prints a table.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "it prints its table")]

mod meter;
mod scene;
mod world;

use crate::meter::Cost;
use crate::scene::{Scene, parsing, scenes, service_bytes};

/// Each round measures everything once, so that all of it meets the machine's better and worse moments.
const ROUNDS: usize = 51;

fn main() {
    let scenes = scenes();
    let mut times = vec![Vec::new(); scenes.len()];
    let mut ratios = vec![Vec::new(); scenes.len()];
    for _ in 0..ROUNDS {
        for (index, scene) in scenes.iter().enumerate() {
            let time = scene.recording.time_per_event().as_secs_f64() * 1e9;
            times[index].push(time);
            // A poll is two events.
            ratios[index].extend(scene.answer.map(|body| 2.0 * time / parsing(body)));
        }
    }
    println!(
        "| machine | events per s | allocations per event | bytes of them | a poll by parsing its answer |"
    );
    println!("|---|---|---|---|---|");
    for ((scene, times), ratios) in scenes.iter().zip(times).zip(ratios) {
        println!("{}", speed(scene, median(times).unwrap(), median(ratios)));
    }
    println!("\n| machine | bytes of its own | on the heap | together |\n|---|---|---|---|");
    let own_and_heap = |name: &str, (own, heap): (usize, i64)| {
        println!("| {name} | {own} | {heap} | {} |", i64::try_from(own).unwrap() + heap);
    };
    for Scene { moment, bytes, .. } in &scenes {
        own_and_heap(moment, *bytes);
    }
    own_and_heap("the `Service`, one for all machines", service_bytes());
}

fn speed(scene: &Scene, nanoseconds: f64, ratio: Option<f64>) -> String {
    let Cost { allocations, bytes } = scene.recording.cost_per_event();
    let thousands = 1e6 / nanoseconds;
    let ratio = ratio.map(|ratio| format!("{ratio:.1}×")).unwrap_or_default();
    format!("| {} | {thousands:.0} k | {allocations:.1} | {bytes:.0} | {ratio} |", scene.name)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
