//! `pensar`: the login of Pensar Apex.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorkey::pensar::main()
}
