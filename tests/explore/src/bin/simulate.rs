//! Simulates, and prints what came of it.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "it is a program that prints")]
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use doorkey_core::seeded::Seeded;
use doorkey_explore::plan::Plan;
use doorkey_explore::simulate::{Simulated, simulate, tell};
use doorkey_explore::tally::Tally;
use mimalloc::MiMalloc;
use nix::sys::resource::{UsageWho, getrusage};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// So many lines of a story that ended badly are printed.
const LINES: usize = 60;
/// A mistake that was not found in so many runs will not be.
const MOST_RUNS: u64 = 2_000;

/// Random runs of many processes that share one session: days of virtual time each.
#[derive(Parser)]
struct Args {
    /// The first run's seed; each further run's is one more.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// Runs until so many seconds of processor time are used, however many runs that takes.
    #[arg(long)]
    seconds: Option<u64>,
    /// How long each run is, in hours of virtual time.
    #[arg(long, default_value_t = 72)]
    hours: u64,
    /// Prints everything that happens in the first run, and its traces' names.
    #[arg(long)]
    story: bool,
    /// What happens in a run.
    #[arg(long, value_enum, default_value_t = Kind::Mixed)]
    kind: Kind,
    /// One in so many answers is given twice, to see that the second is ignored.
    #[arg(long, default_value_t = 1)]
    repeats: u64,
    /// Makes each known mistake on purpose instead, and says how many runs it took to find it.
    #[arg(long)]
    seeded: bool,
    /// Only the mistake with this name.
    name: Option<String>,
    /// Where the traces of what breaks an invariant go, for `doorkey replay`.
    #[arg(long, default_value = "target/simulated")]
    traces: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Anything may go wrong.
    Mixed,
    /// One refresh after another, and nothing goes wrong.
    Calm,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // What panics is reported with the story that led there.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let good = match (args.seeded, args.story) {
        (true, _) => seeded(&args),
        (false, true) => story(&args),
        (false, false) => sound(&args),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(args: &Args, seed: u64) -> Plan {
    let plan = match args.kind {
        Kind::Mixed => Plan::random(seed),
        Kind::Calm => Plan::calm(seed),
    };
    Plan { repeats: args.repeats, ..plan.lasting(Duration::from_hours(args.hours)) }
}

/// Nothing may be broken.
fn sound(args: &Args) -> bool {
    let (began, mut tally, mut runs) = (processor_time(), Tally::default(), 0);
    let goes_on = |runs: u64| match args.seconds {
        Some(seconds) => processor_time() - began < Duration::from_secs(seconds),
        None => runs < args.runs,
    };
    while goes_on(runs) {
        let plan = plan(args, args.seed + runs);
        let simulated = simulate(&plan);
        runs += 1;
        tally.add(simulated.tally);
        if simulated.broken.is_some() {
            show(args, &plan);
            return false;
        }
    }
    let took = (processor_time() - began).as_secs_f64();
    let pairs = (tally.pairs.logins + tally.pairs.refreshes) as f64;
    println!("{runs} runs: {tally}");
    println!("{took:.1} s of one core: {:.0} logins and refreshes a second", pairs / took);
    true
}

/// One run, told.
fn story(args: &Args) -> bool {
    let plan = plan(args, args.seed);
    println!("{plan}");
    let simulated = tell(&plan);
    for line in &simulated.story {
        println!("{line}");
    }
    println!("{}", simulated.tally);
    for fingerprint in &simulated.fingerprints {
        println!("{fingerprint:032x}");
    }
    write_traces(args, &simulated);
    simulated.broken.is_none()
}

/// Everything must be found.
fn seeded(args: &Args) -> bool {
    let mut all_found = true;
    let wanted = |seeded: &Seeded| args.name.as_deref().is_none_or(|name| name == format!("{seeded:?}"));
    for mistake in Seeded::ALL.into_iter().filter(wanted) {
        let (began, mut refreshes) = (processor_time(), 0);
        let found = (0..MOST_RUNS).find_map(|run| {
            let plan = Plan { seeded: Some(mistake), ..plan(args, args.seed + run) };
            let simulated = simulate(&plan);
            refreshes += simulated.tally.pairs.refreshes;
            Some((run + 1, plan, simulated.broken?))
        });
        let took = (processor_time() - began).as_secs_f64();
        let Some((runs, plan, violation)) = found else {
            println!("{mistake:?}: NOT FOUND in {MOST_RUNS} runs, {refreshes} refreshes ({took:.1} s)");
            all_found = false;
            continue;
        };
        println!("{mistake:?}: {runs} runs, {refreshes} refreshes, {took:.1} s: {violation}");
        if args.name.is_some() {
            show(args, &plan);
        }
    }
    all_found
}

/// How a run came to what must not be.
fn show(args: &Args, plan: &Plan) {
    let simulated = tell(plan);
    println!("{plan}");
    let skipped = simulated.story.len().saturating_sub(LINES);
    for line in simulated.story.iter().skip(skipped) {
        println!("{line}");
    }
    write_traces(args, &simulated);
}

fn write_traces(args: &Args, simulated: &Simulated) {
    if simulated.broken.is_none() {
        return;
    }
    std::fs::create_dir_all(&args.traces).expect("a folder for the traces");
    for (number, trace) in simulated.traces.iter().enumerate() {
        let path = args.traces.join(format!("{number}-of-{}.jsonl", trace.client));
        std::fs::write(&path, trace.lines.join("\n") + "\n").expect("a trace");
    }
    println!("{} traces, for doorkey replay: {}", simulated.traces.len(), args.traces.display());
}

/// What this process has used: other programs on the machine do not count.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system knows");
    let time = usage.user_time();
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or_default())
}
