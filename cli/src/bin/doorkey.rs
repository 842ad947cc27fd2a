//! `doorkey`: a login with any OAuth issuer, the sandbox, and the replay of traces.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorkey::doorkey::main()
}
