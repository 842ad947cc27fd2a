//! Whether a page could be opened here, found out without opening one.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use super::finding::{Check, Finding};
use crate::environment::Environment;
use doorkey_core::text::harmless;

/// Whether there is a program to open pages with. No login depends on it: the link is always shown.
pub fn pages(environment: &Environment) -> Finding {
    let browser = environment.browser();
    let programs = browser.programs();
    if programs.is_empty() {
        return Finding::ok(
            Check::Browser,
            "there is no display here: links are shown, to be opened elsewhere",
        );
    }
    let path = environment.raw("PATH").unwrap_or_default();
    let shown = |program: &OsStr| harmless(&program.to_string_lossy());
    if let Some(found) = programs.iter().find(|program| is_there(program, path)) {
        return Finding::ok(Check::Browser, format!("{} opens pages", shown(found)));
    }
    let (message, remedy) = match &browser.preferred {
        Some(preferred) => (
            format!("BROWSER is {:?}, and there is no such program", harmless(preferred)),
            "correct or unset BROWSER",
        ),
        None => ("there is no program to open pages with".to_owned(), "install xdg-utils, or set BROWSER"),
    };
    Finding::warning(Check::Browser, "no_browser", message, remedy)
}

fn is_there(program: &OsStr, path: &OsStr) -> bool {
    if Path::new(program).components().count() > 1 {
        return is_program(Path::new(program));
    }
    env::split_paths(path).any(|folder| is_program(&folder.join(program)))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}
