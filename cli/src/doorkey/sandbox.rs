//! `doorkey sandbox`: the service in the foreground, until Ctrl-C.

use std::path::PathBuf;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_sandbox::{AccessLog, Options, Speed, serve};

use crate::printer::{DIM, Printer, RESET};

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The API's port on 127.0.0.1; a free one by default
    #[arg(long, default_value_t = 0)]
    api_port: u16,
    /// The pages' port on 127.0.0.1; a free one by default
    #[arg(long, default_value_t = 0)]
    app_port: u16,
    /// How many times faster than real time the sandbox's time runs
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// Keep the state in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print every request and the status of its answer on standard error, without its query
    #[arg(long)]
    access_log: bool,
}

/// Serves until a signal comes.
///
/// # Errors
/// If it cannot start.
pub fn run(args: &Args, printer: Printer) -> Result<ExitCode, Failure> {
    let options = Options {
        api_port: args.api_port,
        app_port: args.app_port,
        speed: args.speed,
        state: args.state.clone(),
        log: args.access_log.then(|| access_log(printer)),
        ..Options::default()
    };
    let running = serve(options)
        .map_err(|e| Failure::new(Exit::Internal, "sandbox", format!("the sandbox cannot start: {e}")))?;
    let announcement = running.announcement();
    let line = serde_json::to_value(&announcement).unwrap_or_default();
    printer.json(&line);
    printer.message(&format!("{DIM}The sandbox runs until Ctrl-C. To use it in another shell:{RESET}"));
    for (variable, value) in announcement.env.pairs() {
        printer.message(&format!("export {variable}={value}"));
    }
    crate::signals::wait();
    running.stop();
    Ok(ExitCode::SUCCESS)
}

/// One line for each request. A fault may leave one without an answer.
fn access_log(printer: Printer) -> AccessLog {
    Box::new(move |access| {
        let status = access.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        printer.message(&format!("{} {} {status}", access.method, access.place));
    })
}
