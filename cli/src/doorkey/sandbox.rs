//! `doorkey sandbox`: the service in the foreground, until Ctrl-C.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_sandbox::pensar::Settings;
use doorkey_sandbox::{AccessLog, FaultSpec, Grade, Options, Speed, serve};

use crate::printer::{DIM, GREEN, Printer, RESET, YELLOW};

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
    /// Misbehave: lost-answer, slow, 429, 503-html, truncate, reset or strict-poll, with a rate like `:0.1`, where the
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
    /// At the end print what clients did wrong, and fail if they did
    #[arg(long)]
    grade: bool,
    /// Write what became of every request for Pensar's tokens to this file, as JSON Lines
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Print every request and the status of its answer on standard error, without its query
    #[arg(long)]
    access_log: bool,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Serves until a signal comes.
///
/// # Errors
/// If it cannot start; with `--grade`, if a client broke a rule.
pub fn run(args: &Args, printer: Printer) -> Result<ExitCode, Failure> {
    let trouble =
        |e: std::io::Error| Failure::new(Exit::Internal, "sandbox", format!("the sandbox failed: {e}"));
    // Before anybody is told that it runs, and may end it.
    let wait = crate::signals::catch();
    let running = serve(Options {
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
    })
    .map_err(trouble)?;
    let announcement = running.announcement();
    printer.json(&serde_json::to_value(&announcement).unwrap_or_default());
    printer.message(&format!("{DIM}The sandbox runs until Ctrl-C. To use it in another shell:{RESET}"));
    for (variable, value) in announcement.env.pairs() {
        printer.message(&format!("export {variable}={value}"));
    }
    wait();
    let grade = args.grade.then(|| running.grade()).transpose().map_err(trouble)?;
    running.stop();
    grade.map_or(Ok(ExitCode::SUCCESS), |grade| report(printer, &grade))
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

fn report(printer: Printer, grade: &Grade) -> Result<ExitCode, Failure> {
    printer.json(&serde_json::to_value(grade).unwrap_or_default());
    for finding in &grade.rules {
        let rule = serde_json::to_value(finding.rule).unwrap_or_default();
        let rule = rule.as_str().unwrap_or_default();
        match &finding.first {
            None => printer.message(&format!("{GREEN}✓{RESET} {rule}")),
            Some(first) => {
                printer.message(&format!("{YELLOW}✗{RESET} {rule}: {} times, first: {first}", finding.count))
            }
        }
    }
    if grade.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(Exit::Internal, "grade", "a client broke the rules"))
}

/// One line for each request. A fault may leave one without an answer.
fn access_log(printer: Printer) -> AccessLog {
    Box::new(move |access| {
        let status = access.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        printer.message(&format!("{} {} {status}", access.method, access.place));
    })
}
