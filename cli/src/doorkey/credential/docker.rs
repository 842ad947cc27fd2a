//! docker's credential helpers (<https://github.com/docker/docker-credential-helpers#development>): a program called
//! `docker-credential-NAME` with one argument, the question on standard input, and failures on standard output.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use serde_json::json;

use crate::doorkey::args::Docker;
use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::asked::docker::origin;
use super::asked::lines::next_line;
use super::{lend, profile_for};

/// What docker takes for "none here", to the letter.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user's name where the token says who it is.
const USERNAME: &str = "oauth2";

/// Answers docker.
///
/// # Errors
/// None but what is a bug: docker reads failures on standard output.
pub fn run(issuing: &Issuing<'_>, profiles: &Profiles<'_>, operation: Docker) -> Result<ExitCode, Failure> {
    issuing.watch.start();
    let answer = match operation {
        Docker::Get => get(issuing, profiles),
        Docker::List => Ok(list(profiles)),
        // docker says goodbye to a registry; the session is for others, too.
        Docker::Erase => return Ok(ExitCode::SUCCESS),
        Docker::Store => Err(Failure::new(Exit::Usage, "usage", "doorkey takes no passwords")
            .next("run `doorkey login` instead of `docker login`")),
    };
    Ok(match answer {
        Ok(answer) => {
            issuing.printer.json(&answer);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            issuing.printer.line(&match &failure.next {
                Some(next) if failure.message != NOT_FOUND => format!("{}; {next}", failure.message),
                _ => failure.message,
            });
            ExitCode::from(failure.exit.code())
        }
    })
}

fn get(issuing: &Issuing<'_>, profiles: &Profiles<'_>) -> Result<serde_json::Value, Failure> {
    let line = next_line(&mut io::stdin().lock())?.unwrap_or_default();
    let server = line.trim();
    let not_found = || Failure::new(Exit::NotSignedIn, "not_found", NOT_FOUND);
    let profile = match origin(server) {
        Some(origin) => profile_for(issuing, profiles, &origin)?.ok_or_else(not_found)?,
        None => return Err(not_found()),
    };
    let lent = lend(issuing, profiles, &profile)
        .map_err(|failure| if failure.code == "not_signed_in" { not_found() } else { failure })?;
    Ok(json!({"ServerURL": server, "Username": USERNAME, "Secret": lent.token.expose_secret()}))
}

/// Everything that a profile is for, by itself or as one of several; without looking whether anybody is signed in.
fn list(profiles: &Profiles<'_>) -> serde_json::Value {
    let all = profiles.settings.names().filter_map(|name| profiles.settings.profile(name).ok().flatten());
    let apis = all.flat_map(|profile| profile.oauth.resources);
    let named: BTreeMap<String, &str> = apis.map(|origin| (origin.to_string(), USERNAME)).collect();
    json!(named)
}
