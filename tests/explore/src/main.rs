//! Explores, and prints what came of it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "it is a program that prints"
)]
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use doorkey_core::seeded::Seeded;
use doorkey_explore::bounds::Bounds;
use doorkey_explore::search::{Explored, explore, tell};

/// Explores every interleaving of processes that share one session.
#[derive(Parser)]
struct Args {
    /// What takes minutes, too.
    #[arg(long)]
    long: bool,
    /// Makes each known mistake on purpose instead, and wants every one of them found.
    #[arg(long)]
    seeded: bool,
    /// Only the bounds with this name, or the mistake with this name.
    name: Option<String>,
    /// Where the traces of what breaks an invariant go, for `doorkey replay`.
    #[arg(long, default_value = "target/explored")]
    traces: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // What panics is reported with the way that led there.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let all_found = if args.seeded { seeded(&args) } else { sound(&args) };
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What takes long says on a terminal how far it has come.
fn progress() -> impl FnMut(usize, usize, usize) {
    let shown = std::io::stderr().is_terminal();
    move |depth, states, frontier| {
        if shown {
            eprint!("\r\x1b[Kdepth {depth}: {states} states, {frontier} to go on from\r");
        }
    }
}

/// Nothing may be broken.
fn sound(args: &Args) -> bool {
    let (mut all_hold, mut explorations, mut states, mut transitions) = (true, 0_u64, 0, 0);
    let bounds = if args.long { Bounds::long() } else { Bounds::quick() };
    let wanted = |bounds: &Bounds| args.name.as_deref().is_none_or(|name| name == bounds.name);
    for bounds in bounds.into_iter().filter(wanted) {
        let explored = explore(bounds, progress());
        println!("{explored}");
        explorations += 1;
        states += explored.states;
        transitions += explored.transitions;
        if explored.broken.is_some() {
            show(args, &explored);
            all_hold = false;
        }
    }
    println!("{explorations} explorations, {states} states, {transitions} transitions");
    all_hold
}

/// Everything must be found.
fn seeded(args: &Args) -> bool {
    let mut all_found = true;
    let wanted = |seeded: &Seeded| args.name.as_deref().is_none_or(|name| name == format!("{seeded:?}"));
    for seeded in Seeded::ALL.into_iter().filter(wanted) {
        let found = Bounds::quick().into_iter().chain(Bounds::long()).find_map(|bounds| {
            let explored = explore(bounds.seeded(seeded), progress());
            explored.broken.is_some().then_some(explored)
        });
        let Some(explored) = found else {
            println!("{seeded:?}: NOT FOUND");
            all_found = false;
            continue;
        };
        let broken = explored.broken.as_ref().expect("it was found");
        let (steps, seconds) = (broken.way.len(), explored.time.as_secs_f64());
        println!("{seeded:?}: {} ({steps} steps, {seconds:.1} s, in {})", broken.violation, explored.bounds);
        if args.name.is_some() {
            show(args, &explored);
        }
    }
    all_found
}

/// The shortest way to what must not be.
fn show(args: &Args, explored: &Explored) {
    let Some(broken) = &explored.broken else { return };
    let world = tell(explored.bounds.clone(), broken);
    let tape = world.tape.expect("it was recorded");
    for line in &tape.story {
        println!("{line}");
    }
    std::fs::create_dir_all(&args.traces).expect("a folder for the traces");
    for (number, trace) in tape.traces.iter().enumerate() {
        let path = args.traces.join(format!("{number}-of-{}.jsonl", trace.client));
        std::fs::write(&path, trace.lines.join("\n") + "\n").expect("a trace");
        println!("doorkey replay {}", path.display());
    }
}
