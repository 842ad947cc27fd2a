//! git's credential helpers (gitcredentials(7), git-credential(1)).

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use doorkey_core::distrust::Distrust;
use doorkey_core::failure::Failure;
use doorkey_core::task::Task;
use zeroize::Zeroizing;

use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::asked::git::Asked;
use super::asked::lines::lines_until_empty;
use super::{Lent, lend, profile_for};

/// The user's name where git knows none: what hosts take for "the password is an OAuth access token".
const USERNAME: &str = "oauth2";

/// Answers git. What is not for us is left to the next helper without a word.
///
/// # Errors
/// What git writes is no description of a credential; the token cannot be had.
pub fn run(issuing: &Issuing<'_>, profiles: &Profiles<'_>, operation: &OsStr) -> Result<ExitCode, Failure> {
    let is_get = operation == "get";
    if !is_get && operation != "erase" {
        // `store` among them: what we gave is stored already, and what others gave is theirs.
        return Ok(ExitCode::SUCCESS);
    }
    issuing.watch.start();
    let asked = Asked::read(&lines_until_empty(&mut io::stdin().lock())?)?;
    let profile = match asked.origin() {
        Some(origin) => profile_for(issuing, profiles, &origin)?,
        None => None,
    };
    let Some(profile) = profile else { return Ok(ExitCode::SUCCESS) };
    if is_get {
        let lent = lend(issuing, profiles, &profile)?;
        issuing.printer.bytes(answer(&asked, &lent).as_bytes());
    } else if let Some(token) = asked.password {
        let run = issuing.run(profiles.place(&profile)?);
        run.drive(Task::Distrust { token: token.clone() }, Distrust::new(token))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(asked: &Asked, lent: &Lent) -> Zeroizing<String> {
    let username = asked.username.as_deref().unwrap_or(USERNAME);
    let expiry = lent.expires_at.map(|at| format!("password_expiry_utc={at}\n")).unwrap_or_default();
    // In one piece: growing would leave copies of the token behind.
    let answer = ["username=", username, "\npassword=", lent.token.expose_secret(), "\n", &expiry].concat();
    Zeroizing::new(answer)
}
