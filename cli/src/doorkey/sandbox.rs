//! `doorkey sandbox`: the service in the foreground, until Ctrl-C.

use std::path::PathBuf;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_sandbox::{AccessLog, FaultSpec, Grade, Options, Speed, serve};

use crate::printer::{DIM, GREEN, Printer, RESET, YELLOW};

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The API's port on 127.0.0.1; a free one by default
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    api_port: u16,
    /// The pages' port on 127.0.0.1; a free one by default
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    app_port: u16,
    /// Whether the published rate limits are enforced
    #[arg(long, default_value = "on", value_name = "ON|OFF")]
    rate_limit: Switch,
    /// Misbehave: lost-answer, slow, 429, 503-html, truncate, reset or strict-poll, with a rate like `:0.1`
    #[arg(long, value_name = "KIND[:RATE]")]
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
        rate_limit: args.rate_limit == Switch::On,
        faults: args.fault.clone(),
        seed: args.seed,
        speed: args.speed,
        state: args.state.clone(),
        log: args.access_log.then(|| access_log(printer)),
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
