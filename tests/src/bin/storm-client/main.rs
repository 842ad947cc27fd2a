//! A client of Pensar's rotating session for experiments: the machines, the driver, the transport and the stores of the
//! `pensar` command, asked for tokens in ways that no person would ask, and ended in the middle of things on purpose.
//! What happens goes to standard output, one JSON object a line.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an experiment that cannot go on ends")]

mod args;
mod asking;
mod by_hand;
mod careless;
mod clock;
mod deadly;
mod lines;
mod place;
mod sign_in;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match args.command {
        Command::SignIn => sign_in::run(&args),
        Command::Loop { pause_millis, call_every } => {
            asking::again_and_again(&args, pause_millis, call_every)
        }
        Command::Once => asking::once(&args),
        Command::Show => asking::show(&args),
        Command::Nothing => Ok(()),
        Command::Post => asking::post(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.exit.code()),
    }
}
