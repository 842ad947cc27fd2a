//! `doorkey credential`: other programs ask for tokens, each in its own protocol, and nobody is there to be asked.

mod asked;
mod cargo;
mod docker;
mod git;
mod kubectl;

use std::process::ExitCode;
use std::time::Duration;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::failure::Failure;
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::text::harmless;
use doorkey_core::url::Origin;

use crate::token::Found;

use super::args::Protocol;
use super::place::{Profiles, unknown};
use super::run::Issuing;
use super::settings::Profile;

/// Answers one program.
///
/// # Errors
/// What it asks for is none of the protocol's questions, or the token cannot be had.
pub fn run(issuing: &Issuing<'_>, profiles: Profiles<'_>, protocol: &Protocol) -> Result<ExitCode, Failure> {
    match protocol {
        Protocol::Git { operation } => git::run(issuing, &profiles, operation),
        Protocol::Cargo { .. } => cargo::run(issuing, profiles),
        Protocol::Docker { operation } => docker::run(issuing, &profiles, *operation),
        Protocol::Kubectl => kubectl::run(issuing, &profiles),
    }
}

/// A token for another program.
struct Lent {
    token: Secret,
    /// When it ends, in seconds of Unix time, if that is known.
    expires_at: Option<u64>,
}

/// The stored token of a profile, renewed if need be. One from the environment is for the commands that name their
/// profile: here the question does.
fn lend(issuing: &Issuing<'_>, profiles: &Profiles<'_>, profile: &Profile) -> Result<Lent, Failure> {
    let Found { token, left } = Found::find(issuing.run(profiles.place(profile)?), Given::default())?;
    Ok(Lent { token, expires_at: left.map(unix_time_in) })
}

/// The one profile whose tokens may be sent there: the named one, else the only one of all. `None`: there is none, or
/// it cannot be told which.
fn profile_for(
    issuing: &Issuing<'_>,
    profiles: &Profiles<'_>,
    origin: &Origin,
) -> Result<Option<Profile>, Failure> {
    if let Some(name) = profiles.named() {
        let profile = profiles.settings.profile(name)?.ok_or_else(|| unknown(name))?;
        return Ok(profile.may_send_to(origin)?.then_some(profile));
    }
    // One that cannot be used must not hide the others.
    let all = profiles.settings.names().filter_map(|name| profiles.settings.profile(name).ok().flatten());
    let mut fitting: Vec<_> = all.filter(|profile| profile.may_send_to(origin).unwrap_or_default()).collect();
    if fitting.len() > 1 {
        let names: Vec<_> = fitting.iter().map(|profile| harmless(&profile.name)).collect();
        issuing.printer.warning(&format!("several profiles are for {origin}: {}", names.join(", ")));
        issuing.printer.next("name one with --profile");
        return Ok(None);
    }
    Ok(fitting.pop())
}

fn unix_time_in(left: Duration) -> u64 {
    SystemClock.now().wall.as_unix_millis().saturating_div(1000).saturating_add(left.as_secs())
}
