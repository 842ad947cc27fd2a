//! `doorkey sandbox`: the service in the foreground, until Ctrl-C, or for as long as a client of it runs.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use doorkey_core::failure::{Exit, Failure};
use doorkey_sandbox::exam::{Run, Situation};
use doorkey_sandbox::pensar::Settings;
use doorkey_sandbox::{AccessLog, Announcement, FaultSpec, Options, Running, Speed, serve};
use serde::Serialize;

use super::examine::{self, Examinee};
use super::{client, graded};
use crate::exec::not_started;
use crate::printer::{DIM, Printer, RESET};
use crate::sandbox::{not_served, trouble};

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pentify's API's port on 127.0.0.1; a free one by default
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    api_port: u16,
    /// The same for Pentify's pages
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    app_port: u16,
    /// The same for Pensar's API
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pensar_api_port: u16,
    /// The same for Pensar's gateway
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    gateway_port: u16,
    /// The same for Pensar's console
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    console_port: u16,
    /// The same for Pensar's WorkOS
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    workos_port: u16,
    /// Whether the published rate limits are enforced
    #[arg(long, default_value = "on", value_name = "ON|OFF")]
    rate_limit: Switch,
    /// How long a spent refresh token is answered with the same pair again; 0 revokes the login at its second use
    #[arg(long, default_value_t = seconds_of(Settings::default().grace), value_name = "SECONDS")]
    grace: u32,
    /// How long an access token is good
    #[arg(
        long, default_value_t = seconds_of(Settings::default().access_lifetime), value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    access_lifetime: u32,
    /// The least time between two polls for a device code
    #[arg(long, default_value_t = seconds_of(Settings::default().device_interval), value_name = "SECONDS")]
    device_interval: u32,
    /// How long a device code is good
    #[arg(
        long, default_value_t = seconds_of(Settings::default().device_lifetime), value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    device_lifetime: u32,
    /// Play an older Pensar, which has no WorkOS and gives API keys
    #[arg(long)]
    legacy: bool,
    /// Misbehave: lost-answer, slow, 429, 503-html, truncate, reset, redirect, slow-down or strict-poll, with a rate like `:0.1`, where the
    /// path begins with `@/user_management`, say
    #[arg(long, value_name = "KIND[:RATE][@PATH]")]
    fault: Vec<FaultSpec>,
    /// Decides which requests the faults fall on
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    /// How many times faster than real time the sandbox's time runs
    #[arg(long, default_value = "1", value_name = "FACTOR")]
    speed: Speed,
    /// Keep the state in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// At the end print what clients did wrong, and fail if they did (1)
    #[arg(long)]
    grade: bool,
    /// Put a client into every situation that a rule is about, by running it again and again, and print its grade. It logs in
    /// by COMMAND, at $SANDBOX_ISSUER as $SANDBOX_CLIENT_ID, or as the variables of a plain sandbox have it; each time it has an
    /// empty home folder. All pages are decided about by the sandbox
    #[arg(long, requires = "command", conflicts_with_all = [
        "grade", "api_port", "app_port", "pensar_api_port", "gateway_port", "console_port", "workos_port", "rate_limit", "grace",
        "access_lifetime", "device_interval", "device_lifetime", "legacy", "fault", "seed", "speed", "state", "events",
    ])]
    examine: bool,
    /// How the client of --examine uses its session, as a line of shell: it asks for $SANDBOX_RESOURCE, say
    #[arg(long, requires = "examine", value_name = "LINE")]
    then: Option<String>,
    /// Only this situation of an examination; repeat it
    #[arg(long, requires = "examine", value_name = "NAME", value_parser = situation)]
    only: Vec<Situation>,
    /// End after that time; with --examine, the most that one run of the client may take, 60 by default
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Write what became of every request for Pensar's tokens to this file, as JSON Lines
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Print every request and the status of its answer on standard error, without its query
    #[arg(long)]
    access_log: bool,
    /// A client to run: the sandbox ends with it, and with its exit code, unless --grade finds a broken rule (1). What --limit or a
    /// signal cuts short is no failure
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// How long one run of an examined client may take, unless a flag says otherwise.
const LIMIT: Duration = Duration::from_secs(60);

/// Serves until a signal comes, the time is over or the client has ended.
///
/// # Errors
/// If it or the client cannot be started, or a signal killed the client; with `--grade` or `--examine`, if a client broke a rule.
pub fn run(args: &Args, printer: Printer) -> Result<ExitCode, Failure> {
    // Before anybody is told that it runs, and may end it.
    let wait = crate::signals::catch();
    if args.examine {
        return examine(args, wait, printer);
    }
    let running = serve(options(args, printer)).map_err(|e| not_served(&e))?;
    let announcement = running.announcement();
    printer.json(&serde_json::to_value(&announcement).unwrap_or_default());
    if args.command.is_empty() {
        printer.message(&format!("{DIM}The sandbox runs until Ctrl-C. To use it in another shell:{RESET}"));
        for (variable, value) in announcement.env.pairs() {
            printer.message(&format!("export {variable}={value}"));
        }
    }
    let ended = attend(args, &announcement, wait)?;
    grade(args, running, printer)?;
    // What --limit or a signal ended has ended as it was meant to.
    match ended {
        None | Some(Run::TimedOut) => Ok(ExitCode::SUCCESS),
        Some(Run::Exited(code)) => Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)),
        Some(Run::Killed) => Err(Failure::new(Exit::Internal, "client_killed", "a signal killed the client")
            .next("see what it said; the sandbox itself is well")),
    }
}

fn grade(args: &Args, running: Running, printer: Printer) -> Result<(), Failure> {
    let grade = args.grade.then(|| running.grade()).transpose().map_err(|e| trouble(&e.to_string()))?;
    running.stop();
    let Some(grade) = grade else { return Ok(()) };
    data(printer, &grade);
    graded::grade(printer, &grade)
}

fn examine(args: &Args, wait: impl FnOnce() + Send + 'static, printer: Printer) -> Result<ExitCode, Failure> {
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    thread::spawn(move || {
        wait();
        stopped.store(true, Ordering::SeqCst);
    });
    let situations = if args.only.is_empty() { &Situation::ALL } else { args.only.as_slice() };
    let examinee =
        Examinee { login: &args.command, then: args.then.as_deref(), limit: limit(args).unwrap_or(LIMIT) };
    printer.message(&format!("{DIM}The client is being examined: that takes half a minute or so.{RESET}"));
    let report = examinee.examine(situations, &stop)?;
    data(printer, &report);
    graded::report(printer, &report).map(|()| ExitCode::SUCCESS)
}

/// Waits for the end: of the client if there is one, which is told, of the time, or by a signal.
fn attend(
    args: &Args,
    announcement: &Announcement,
    wait: impl FnOnce() + Send + 'static,
) -> Result<Option<Run>, Failure> {
    let limit = limit(args);
    if args.command.is_empty() && limit.is_none() {
        wait();
        return Ok(None);
    }
    let stop = Arc::<AtomicBool>::default();
    let ((tell, heard), stopped) = (mpsc::channel(), Arc::clone(&stop));
    thread::spawn(move || {
        wait();
        stopped.store(true, Ordering::SeqCst);
        // Nobody may be waiting any more.
        let _ = tell.send(());
    });
    if args.command.is_empty() {
        // Either way it is the end.
        let _ = heard.recv_timeout(limit.unwrap_or(Duration::MAX));
        return Ok(None);
    }
    let mut client = examine::login(&args.command, &announcement.env.pairs())?;
    // Standard output is for data of ours.
    client.stdin(Stdio::inherit()).stdout(io::stderr());
    let mut child = client.spawn().map_err(|e| not_started(client.get_program(), &e))?;
    let until = limit.map(|limit| Instant::now() + limit);
    client::wait(&mut child, until, &stop).map(Some).map_err(|e| trouble(&e.to_string()))
}

/// A report for machines, unless only a person looks.
fn data(printer: Printer, report: &impl Serialize) {
    if printer.json || !io::stdout().is_terminal() {
        printer.json(&serde_json::to_value(report).unwrap_or_default());
    }
}

fn limit(args: &Args) -> Option<Duration> {
    args.limit.map(|seconds| Duration::from_secs(seconds.into()))
}

fn situation(name: &str) -> Result<Situation, String> {
    let found = Situation::ALL.into_iter().find(|situation| situation.id() == name);
    found.ok_or_else(|| format!("a situation is one of {}", Situation::ALL.map(Situation::id).join(", ")))
}

fn options(args: &Args, printer: Printer) -> Options {
    Options {
        api_port: args.api_port,
        app_port: args.app_port,
        pensar_api_port: args.pensar_api_port,
        gateway_port: args.gateway_port,
        console_port: args.console_port,
        workos_port: args.workos_port,
        rate_limit: args.rate_limit == Switch::On,
        pensar: settings(args),
        faults: args.fault.clone(),
        seed: args.seed,
        speed: args.speed,
        state: args.state.clone(),
        log: args.access_log.then(|| access_log(printer)),
        events: args.events.clone(),
        ..Options::default()
    }
}

fn settings(args: &Args) -> Settings {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Settings {
        grace: seconds(args.grace),
        access_lifetime: seconds(args.access_lifetime),
        device_interval: seconds(args.device_interval),
        device_lifetime: seconds(args.device_lifetime),
        legacy: args.legacy,
    }
}

/// As many as a flag can say.
fn seconds_of(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// One line for each request. A fault may leave one without an answer.
fn access_log(printer: Printer) -> AccessLog {
    Box::new(move |access| {
        let status = access.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        printer.message(&format!("{} {} {status}", access.method, access.place));
    })
}
