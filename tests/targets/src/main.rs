//! Gives files to a target, without the fuzzer: to see where one that was found panics, and what led to it.
#![allow(clippy::print_stderr, reason = "it is for a person in front of a terminal")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(target) = arguments.next().and_then(|name| doorkey_targets::named(&name)) else {
        let names: Vec<_> = doorkey_targets::ALL.iter().map(|target| target.name).collect();
        eprintln!("usage: doorkey-targets TARGET FILE...\ntargets: {}", names.join(", "));
        return ExitCode::from(2);
    };
    for file in arguments {
        match std::fs::read(&file) {
            Ok(bytes) => (target.run)(&bytes),
            Err(cause) => {
                eprintln!("{file}: {cause}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
