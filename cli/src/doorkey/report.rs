//! What the commands for issuers print at their end.

use std::process::ExitCode;
use std::time::Duration;

use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::disconnect::Place;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::keep::Kept;
use doorkey_core::record::Record;
use doorkey_core::resolve::holds_credential;
use doorkey_core::revoke::Revocation;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::sign_out::SignedOut;
use doorkey_core::text::harmless;
use doorkey_core::verdict::no_renewal;
use serde_json::{Value, json};

use crate::cleared::cleared_json;
use crate::environment::Environment;
use crate::printer::{BOLD, DIM, GREEN, Printer, RESET, YELLOW, check_json, sentence};
use crate::sources::{self, both_left, span};
use crate::surface::name;
use crate::token::{access_of, left_of};

use super::run::TOKEN;
use super::settings::Profile;

/// What else a status tells.
pub struct About {
    /// The variable with a token that is used instead.
    pub hidden_by: Option<&'static str>,
    /// Whether a token can be had, if that was tried.
    pub check: Option<Result<(), Failure>>,
    /// What became of tokens that were still to be revoked.
    pub revocation: Revocation,
}

/// What is known of one profile, or why nothing is.
pub type Told = Result<(Profile, ConnectionReport), Failure>;

/// The end of a login.
pub fn signed_in(
    printer: Printer,
    service: &Service,
    profile: &Profile,
    kept: &Kept,
    environment: &Environment,
) {
    show_signed_in(printer, service, profile, kept);
    warn_of_what_hides(printer, &profile.name, environment);
}

fn show_signed_in(printer: Printer, service: &Service, profile: &Profile, kept: &Kept) {
    let access = access_of(&kept.record);
    let left = access.and_then(|access| left_of(service, access));
    if printer.json {
        printer.json(&json!({
            "event": "signed_in",
            "profile": profile.name,
            "issuer": profile.oauth.issuer,
            "backend": kept.backend.as_str(),
            "expires_in": left.map(|left| left.as_secs()),
            "renewable": is_renewable(service, &kept.record),
        }));
        return;
    }
    printer.line(&format!("{GREEN}✓{RESET} Signed in to {}", service.name));
    if Some(&profile.name) != profile.oauth.issuer.as_ref() {
        printer.line(&format!("  Profile: {}", harmless(&profile.name)));
    }
    printer.line(&format!("  Tokens: in the {}", name(kept.backend)));
    if !is_renewable(service, &kept.record) {
        let ends = left.map_or_else(String::new, |left| format!("; this session ends in {}", span(left)));
        printer.warning(&format!("the issuer gave no refresh token{ends}"));
        printer.next("ask for one, at many issuers with `--scope offline_access`, and sign in again");
    }
}

/// A login was begun.
pub fn login_started(printer: Printer, profile: &Profile, handle: &str, lifetime: Duration) {
    if printer.json {
        printer.json(&json!({
            "event": "login_started",
            "profile": profile.name,
            "handle": handle,
            "expires_in": lifetime.as_secs(),
        }));
    } else {
        printer.line(handle);
        printer.message(&format!(
            "To complete the login within {}, here or in another shell: {BOLD}doorkey login --finish {handle}{RESET}",
            span(lifetime)
        ));
    }
}

/// Another profile is active.
pub fn switched(printer: Printer, profile: &str, environment: &Environment) {
    if printer.json {
        printer.json(&json!({"event": "switched", "profile": profile}));
    } else {
        printer.line(&format!("{GREEN}✓{RESET} {} is the active profile", harmless(profile)));
    }
    warn_of_what_hides(printer, profile, environment);
}

/// What the next command will use instead of this profile, which has just become the active one.
fn warn_of_what_hides(printer: Printer, profile: &str, environment: &Environment) {
    let token = environment.get(TOKEN).map(|_| format!("{TOKEN} is set and will be used instead"));
    let other = environment.get("DOORKEY_PROFILE").filter(|other| *other != profile);
    let other = other
        .map(|other| format!("DOORKEY_PROFILE is set to {:?} and will be used instead", harmless(other)));
    for warning in [token, other].into_iter().flatten() {
        printer.warning(&warning);
        printer.next("unset it, or name the profile with --profile");
    }
}

/// How a profile's session stands, and the exit code that goes with it.
pub fn status(
    printer: Printer,
    service: &Service,
    profile: &Profile,
    report: &ConnectionReport,
    about: &About,
) -> ExitCode {
    let word = state(report);
    let refused = about.check.as_ref().and_then(|check| check.as_ref().err());
    if printer.json {
        printer.json(&status_json(service, profile, report, about));
    } else {
        show_status(printer, service, profile, report);
        let said_next = report.credential.is_err() || ending(service, report).is_some();
        show_rest(printer, about, said_next);
    }
    match (refused.or(report.credential.as_ref().err()), word) {
        (Some(failure), _) => ExitCode::from(failure.exit.code()),
        (None, "expired") => ExitCode::from(Exit::NotSignedIn.code()),
        (None, _) => ExitCode::SUCCESS,
    }
}

/// All profiles, one line each.
pub fn list(printer: Printer, active: Option<&str>, lines: &[(&str, Told)]) {
    if printer.json {
        let profile = |(name, told): &(&str, Told)| match told {
            Ok((profile, report)) => json!({
                "profile": name, "active": Some(*name) == active, "issuer": profile.oauth.issuer,
                "client_id": profile.oauth.client_id, "state": state(report), "code": null,
            }),
            Err(failure) => json!({
                "profile": name, "active": Some(*name) == active, "issuer": null, "client_id": null,
                "state": "unusable", "code": failure.code,
            }),
        };
        printer.json(&json!({"profiles": lines.iter().map(profile).collect::<Vec<_>>()}));
        return;
    }
    if lines.is_empty() {
        printer.message("There are no profiles; `doorkey login ISSUER --client-id ID` makes one.");
    }
    for (profile, told) in lines {
        let mark = if Some(*profile) == active { format!("{GREEN}*{RESET}") } else { " ".to_owned() };
        let rest = match told {
            Ok((told, report)) => {
                let issuer = told.oauth.issuer.as_deref().filter(|issuer| issuer != profile);
                let issuer =
                    issuer.map(|issuer| format!(" {DIM}{}{RESET}", harmless(issuer))).unwrap_or_default();
                format!("{issuer}  {}", state(report).replace('_', " "))
            }
            Err(failure) => format!("  {YELLOW}{}{RESET}", failure.message),
        };
        printer.line(&format!("{mark} {}{rest}", harmless(profile)));
    }
}

/// A logout where there is no profile to sign out of.
pub fn nobody_signed_in(printer: Printer) -> ExitCode {
    if printer.json {
        printer.json(&json!({"event": "signed_out", "profile": null, "was_signed_in": false,
            "revocation": "not_asked", "reason": null, "places": []}));
    } else {
        printer.line("Not signed in; nothing to forget");
    }
    ExitCode::SUCCESS
}

/// The end of a logout, and the exit code that goes with it.
pub fn signed_out(printer: Printer, profile: &Profile, signed_out: &SignedOut) -> ExitCode {
    let SignedOut { cleared, revocation } = signed_out;
    let failed: Vec<_> = cleared.iter().flat_map(|cleared| cleared.failed()).collect();
    let was_signed_in = cleared.as_ref().is_none_or(|cleared| cleared.was_connected);
    let (word, reason) = revocation_words(revocation);
    if printer.json {
        let places = cleared.iter().flat_map(|cleared| &cleared.places);
        printer.json(&json!({
            "event": "signed_out",
            "profile": profile.name,
            "was_signed_in": was_signed_in,
            "revocation": word,
            "reason": reason,
            "places": places.map(cleared_json).collect::<Vec<_>>(),
        }));
    } else {
        let issuer = harmless(profile.oauth.issuer.as_deref().unwrap_or(&profile.name));
        match (was_signed_in, failed.is_empty()) {
            _ if cleared.as_ref().is_some_and(|cleared| cleared.is_still_connected) => printer.line(&format!(
                "{YELLOW}✗{RESET} Still signed in to {issuer}: the tokens could neither be removed nor marked as forgotten"
            )),
            (_, false) => {
                printer.line(&format!("{YELLOW}✗{RESET} Not everything of {issuer} could be removed"))
            }
            (true, true) => printer.line(&format!("{GREEN}✓{RESET} Signed out of {issuer}")),
            (false, true) => printer.line(&format!("Not signed in to {issuer}")),
        }
        for (place, failure) in &failed {
            let (cause, next) = failure.parts();
            printer.warning(&format!("{}: {}", place_name(*place), harmless(cause)));
            if let Some(next) = next {
                printer.next(&harmless(next));
            }
        }
        show_revocation(printer, revocation);
        if matches!(revocation, Revocation::Pending(_)) {
            printer.next(
                "run `doorkey logout` again when it can be reached; until then nothing uses the tokens",
            );
        }
    }
    match revocation {
        _ if !failed.is_empty() => ExitCode::from(Exit::Store.code()),
        Revocation::Pending(failure) => ExitCode::from(failure.exit.code()),
        _ => ExitCode::SUCCESS,
    }
}

/// What became of telling the issuer.
fn show_revocation(printer: Printer, revocation: &Revocation) {
    match revocation {
        Revocation::NotAsked => {}
        Revocation::Done => printer.line("  The issuer has revoked the tokens"),
        Revocation::NotOffered => {
            printer.warning("the issuer has no place to revoke tokens at; they end by themselves");
        }
        Revocation::Refused(reason) => {
            printer
                .warning(&format!("the issuer did not revoke the tokens: {reason}; they end by themselves"));
        }
        Revocation::Pending(failure) => {
            printer.warning(&format!("the issuer could not be told: {}", failure.message));
        }
    }
}

/// The same in a word, with the reason.
fn revocation_words(revocation: &Revocation) -> (&'static str, Option<&str>) {
    match revocation {
        Revocation::NotAsked => ("not_asked", None),
        Revocation::NotOffered => ("not_offered", None),
        Revocation::Done => ("done", None),
        Revocation::Refused(reason) => ("refused", Some(reason)),
        Revocation::Pending(failure) => ("pending", Some(&failure.message)),
    }
}

fn show_status(printer: Printer, service: &Service, profile: &Profile, report: &ConnectionReport) {
    let issuer = &service.name;
    match &report.credential {
        Ok(kept) => {
            match report.state {
                ConnectionState::Expired => {
                    printer.line(&format!("{YELLOW}✗{RESET} The session with {issuer} has expired"));
                }
                _ => printer.line(&format!("{GREEN}✓{RESET} Signed in to {issuer}")),
            }
            printer.line(&format!("  Profile: {}", harmless(&profile.name)));
            printer.line(&format!("  Tokens: in the {}", name(kept.backend)));
            if let Some(access) = access_of(&kept.record) {
                let left = left_of(service, access);
                printer.line(&match left {
                    None => "  Access token: its end is not known".to_owned(),
                    Some(left) if left.is_zero() => "  Access token: expired".to_owned(),
                    Some(left) => format!("  Access token: good for {}", span(left)),
                });
            }
            if !is_renewable(service, &kept.record) {
                printer.line(&format!("  {YELLOW}It cannot be renewed; a new login will be needed{RESET}"));
            }
            if let Some(why) = ending(service, report) {
                printer.line(&format!("  {}", why.message));
                printer.line(&format!(
                    "{DIM}  → {RESET}{}",
                    why.next.unwrap_or_else(|| service.login_command())
                ));
            }
            if report.state == ConnectionState::Recovering {
                printer.line("  A renewal was interrupted; the next command finds out what came of it");
            }
        }
        Err(failure) => {
            printer.line(&format!("{YELLOW}✗{RESET} {}", failure.message));
            printer.line(&format!("  Profile: {}", harmless(&profile.name)));
            if let Some(next) = &failure.next {
                printer.next(next);
            }
        }
    }
    if report.in_emergency_file {
        printer.line("  The newest tokens are still in the emergency file; the next renewal moves them");
    }
    match &report.sources {
        Some(looked) => sources::show(printer, service, looked),
        None => sources::show_elsewhere(printer, &report.elsewhere),
    }
}

fn show_rest(printer: Printer, about: &About, said_next: bool) {
    match &about.check {
        None => {}
        Some(Ok(())) => printer.line("  Check: a token can be had"),
        Some(Err(failure)) => {
            printer.line(&format!("  Check: {YELLOW}{}{RESET}", sentence(failure)));
            if let Some(next) = failure.next.as_ref().filter(|_| !said_next) {
                printer.line(&format!("{DIM}  → {RESET}{next}"));
            }
        }
    }
    show_revocation(printer, &about.revocation);
    if let Some(variable) = about.hidden_by {
        printer.warning(&format!("{variable} is set, and its token is used instead of this profile's"));
        printer.next("unset it, or name the profile with --profile");
    }
}

fn status_json(service: &Service, profile: &Profile, report: &ConnectionReport, about: &About) -> Value {
    let kept = report.credential.as_ref().ok();
    let access = kept.and_then(|kept| access_of(&kept.record));
    let [mono, wall] = access.map_or([None, None], |access| both_left(service, access));
    let ending = ending(service, report);
    let reason =
        |failure: &Failure| json!({"code": failure.code, "message": failure.message, "next": failure.next});
    let seconds = |left: Option<Duration>| left.map(|left| left.as_secs());
    let fingerprint = |token: &Secret| token.fingerprint().as_str().to_owned();
    let elsewhere = report.elsewhere.iter().map(|(backend, look)| match look {
        Ok(records) => {
            json!({"backend": backend.as_str(), "state": "ok", "stale": holds_credential(records), "reason": null})
        }
        Err(failure) => json!({"backend": backend.as_str(), "state": failure.kind.as_str(), "stale": null,
            "reason": harmless(failure.parts().0)}),
    });
    json!({
        "profile": profile.name,
        "issuer": profile.oauth.issuer,
        "client_id": profile.oauth.client_id,
        "signed_in": matches!(report.state, ConnectionState::Connected | ConnectionState::Recovering | ConnectionState::Ending),
        "state": state(report),
        "backend": kept.map(|kept| kept.backend.as_str()),
        "generation": kept.and_then(|kept| kept.record.generation.as_ref()).map(ToString::to_string),
        "renewable": kept.map(|kept| is_renewable(service, &kept.record)),
        "expires_in": seconds(access.and_then(|access| left_of(service, access))),
        "expires_in_since_receipt": seconds(mono),
        "expires_in_by_wall_clock": seconds(wall),
        "access_fingerprint": access.map(|access| fingerprint(&access.token)),
        "stored_fingerprint": kept.map(|kept| fingerprint(&kept.record.token)),
        "in_emergency_file": report.in_emergency_file,
        "hidden_by": about.hidden_by,
        "check": about.check.as_ref().map(check_json),
        "revocation": revocation_words(&about.revocation).0,
        "elsewhere": elsewhere.collect::<Vec<_>>(),
        "sources": report.sources.as_ref().map(|looked| sources::to_json(service, looked)),
        "reason": report.credential.as_ref().err().or(ending.as_ref()).map(reason),
    })
}

/// The state in one word.
fn state(report: &ConnectionReport) -> &'static str {
    match (&report.credential, report.state) {
        (Err(failure), _) if failure.code == "revocation_pending" => "revocation_pending",
        (Err(failure), _) if failure.code == "not_signed_in" => "signed_out",
        (Err(_), _) | (_, ConnectionState::None) => "unusable",
        (_, ConnectionState::Connected) => "signed_in",
        (_, ConnectionState::Recovering) => "recovering",
        (_, ConnectionState::Ending) => "ending",
        (_, ConnectionState::Expired) => "expired",
    }
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Backend(backend) => backend.as_str(),
        Place::Emergency => "emergency file",
        Place::Settings => "settings",
    }
}

fn is_renewable(service: &Service, record: &Record) -> bool {
    record.rotation.is_some() && no_renewal(service, record).is_none()
}

/// Why the session has ended, or is about to.
fn ending(service: &Service, report: &ConnectionReport) -> Option<Failure> {
    let ends = matches!(report.state, ConnectionState::Ending | ConnectionState::Expired);
    no_renewal(service, &report.credential.as_ref().ok().filter(|_| ends)?.record)
}
