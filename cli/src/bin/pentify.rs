//! `pentify`: the Pentify Terminal's login and its API.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorkey::pentify::main()
}
