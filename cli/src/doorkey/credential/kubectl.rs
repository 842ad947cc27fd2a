//! kubectl's credential plugins: an `ExecCredential` of `client.authentication.k8s.io`
//! (<https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>).

use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use serde_json::json;

use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::asked::kubectl::{Asked, INFO};
use super::lend;

/// Answers kubectl, whose configuration names us for the clusters of a user: the profile is the named or active one. A
/// cluster that kubectl tells of must be among its APIs.
///
/// # Errors
/// What kubectl says cannot be read, or is of another cluster; the token cannot be had.
pub fn run(issuing: &Issuing<'_>, profiles: &Profiles<'_>) -> Result<ExitCode, Failure> {
    let asked = Asked::read(issuing.environment.get(INFO))?;
    let profile = profiles.current()?;
    if let Some(server) = asked.cluster
        && !profile.may_send_to(&server)?
    {
        let what = format!("tokens of {:?} are not for {server}", harmless(&profile.name));
        return Err(Failure::new(Exit::Usage, "origin_not_allowed", what)
            .next(format!("add \"{server}\" to `api` of the profile in config.toml")));
    }
    let lent = lend(issuing, profiles, &profile)?;
    let mut status = json!({"token": lent.token.expose_secret()});
    if let Some(expires_at) = lent.expires_at {
        status["expirationTimestamp"] = timestamp(expires_at).into();
    }
    issuing.printer.json(&json!({"apiVersion": asked.version, "kind": "ExecCredential", "status": status}));
    Ok(ExitCode::SUCCESS)
}

/// Unix time as RFC 3339 has it. The days are counted as in Howard Hinnant's `civil_from_days`, in years that begin in
/// March.
fn timestamp(unix: u64) -> String {
    let (days, seconds) = (unix / 86_400 + 719_468, unix % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_kubectl_reads_them() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(unix), text);
        }
    }
}
