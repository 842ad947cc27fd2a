//! What the commands about the connection print at their end.

use std::process::ExitCode;

use doorkey_core::connect::Connected;
use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::disconnect::{Cleared, Disconnected, Place};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::keep::Kept;
use doorkey_core::record::Record;
use doorkey_core::resolve::holds_credential;
use doorkey_core::service::{PENSAR_API, Service};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use doorkey_core::verdict::no_renewal;
use serde_json::{Value, json};

use super::words::{advice, balance_line, billing_json, workspace_json, workspace_line};
use crate::cleared::cleared_json;
use crate::printer::{DIM, GREEN, Printer, RESET, YELLOW, reason_json};
use crate::sources;
use crate::surface::{auth, name};

/// The end of a login.
pub fn connected(printer: Printer, service: &Service, connected: &Connected) {
    let Connected { kept, billing: state, already } = connected;
    if printer.json {
        printer.json(&json!({
            "event": "connected",
            "already": already,
            "auth": auth_code(&kept.record),
            "workspace": workspace_json(kept.record.workspace.as_deref()),
            "backend": kept.backend.as_str(),
            "billing": state.as_ref().map(billing_json),
        }));
        return;
    }
    headline(printer, service, kept);
    if let Some(balance) = state.as_ref().and_then(balance_line) {
        printer.line(&format!("  {balance}"));
    }
    printer.line(&format!("  Tokens: in the {}", name(kept.backend)));
    if let Some(advice) = state.as_ref().and_then(|state| advice(service, state)) {
        printer.tell(&advice);
    }
    if *already {
        printer.message(&format!("{DIM}Nothing was changed; `--force` signs in anew.{RESET}"));
    }
}

/// The state of the connection, and the exit code that goes with it.
pub fn status(printer: Printer, service: &Service, report: &ConnectionReport) -> ExitCode {
    if printer.json {
        printer.json(&status_json(service, report));
    } else {
        show_status(printer, service, report);
    }
    match (&report.credential, report.state) {
        (Err(failure), _) => ExitCode::from(failure.exit.code()),
        (Ok(_), ConnectionState::Expired) => ExitCode::from(Exit::NotSignedIn.code()),
        (Ok(_), _) => ExitCode::SUCCESS,
    }
}

/// The end of a logout, and the exit code that goes with it.
pub fn disconnected(printer: Printer, service: &Service, disconnected: &Disconnected) -> ExitCode {
    let failed = disconnected.failed().next().is_some();
    if printer.json {
        printer.json(&json!({
            "event": "disconnected",
            "was_connected": disconnected.was_connected,
            "workspace": workspace_json(disconnected.workspace.as_ref()),
            "places": disconnected.places.iter().map(cleared_json).collect::<Vec<_>>(),
        }));
    } else {
        show_cleared(printer, service, disconnected, failed);
    }
    if failed { ExitCode::from(Exit::Store.code()) } else { ExitCode::SUCCESS }
}

fn headline(printer: Printer, service: &Service, kept: &Kept) {
    printer.line(&format!("{GREEN}✓{RESET} Connected to {}", service.name));
    facts(printer, &kept.record);
}

fn facts(printer: Printer, record: &Record) {
    if let Some(workspace) = &record.workspace {
        printer.line(&format!("  {}", workspace_line(workspace.name.as_deref(), &workspace.slug)));
    }
}

/// How requests are authorized, for scripts.
fn auth_code(record: &Record) -> &'static str {
    if record.rotation.is_some() { "workos" } else { "api_key" }
}

fn show_status(printer: Printer, service: &Service, report: &ConnectionReport) {
    match &report.credential {
        Ok(kept) => {
            if report.state == ConnectionState::Expired {
                printer.line(&format!("{YELLOW}✗{RESET} The session with {} has expired", service.name));
                facts(printer, &kept.record);
            } else {
                headline(printer, service, kept);
            }
            printer.line(&format!("  Auth: {}", auth(kept.record.rotation.is_some())));
            printer.line(&format!("  Tokens: in the {}", name(kept.backend)));
        }
        Err(failure) => printer.line(&format!("{YELLOW}✗{RESET} {}", failure.message)),
    }
    if service.api.origin().to_string() != PENSAR_API && !service.is_sandbox() {
        printer.line(&format!("  API: {}", service.api.origin()));
    }
    if report.state == ConnectionState::Ending {
        printer.line(&format!("  {YELLOW}The session cannot be renewed any more; it ends in a while{RESET}"));
    }
    if report.state == ConnectionState::Recovering {
        printer
            .line("  A renewal of the session was interrupted; the next command finds out what came of it");
    }
    if report.in_emergency_file {
        printer.line("  The newest tokens are still in the emergency file; the next renewal moves them");
    }
    match &report.sources {
        Some(looked) => sources::show(printer, service, looked),
        None => sources::show_elsewhere(printer, &report.elsewhere),
    }
    let next = match &report.credential {
        Err(failure) => failure.next.clone(),
        Ok(_) if ends(report) => {
            let why = ending(service, report).and_then(|failure| failure.next);
            Some(why.unwrap_or_else(|| service.login_command()))
        }
        Ok(kept) if kept.record.workspace.is_none() => {
            Some(format!("{} to choose a workspace", service.login_command()))
        }
        Ok(_) => None,
    };
    if let Some(next) = next {
        printer.line(&format!("{DIM}  → {RESET}{next}"));
    }
}

fn status_json(service: &Service, report: &ConnectionReport) -> Value {
    let kept = report.credential.as_ref().ok();
    let ending = ending(service, report);
    let elsewhere = report.elsewhere.iter().map(|(backend, look)| {
        let (state, stale, reason) = match look {
            Ok(records) => ("ok", Some(holds_credential(records)), None),
            Err(failure) => (failure.kind.as_str(), None, Some(harmless(&failure.detail))),
        };
        json!({"backend": backend.as_str(), "state": state, "stale": stale, "reason": reason})
    });
    json!({
        "connected": kept.is_some() && report.state != ConnectionState::Expired,
        "state": match report.state {
            ConnectionState::None => "none",
            ConnectionState::Connected => "connected",
            ConnectionState::Recovering => "recovering",
            ConnectionState::Ending => "ending",
            ConnectionState::Expired => "expired",
        },
        "auth": kept.map(|kept| auth_code(&kept.record)),
        "workspace": kept.and_then(|kept| workspace_json(kept.record.workspace.as_deref())),
        "backend": kept.map(|kept| kept.backend.as_str()),
        "in_emergency_file": report.in_emergency_file,
        "elsewhere": elsewhere.collect::<Vec<_>>(),
        "sources": report.sources.as_ref().map(|looked| sources::to_json(service, looked)),
        "api": service.api.origin().to_string(),
        "reason": report.credential.as_ref().err().or(ending.as_ref()).map(reason_json),
    })
}

fn ends(report: &ConnectionReport) -> bool {
    matches!(report.state, ConnectionState::Expired | ConnectionState::Ending)
}

/// Why the session has ended, or is about to.
fn ending(service: &Service, report: &ConnectionReport) -> Option<Failure> {
    no_renewal(service, &report.credential.as_ref().ok().filter(|_| ends(report))?.record)
}

fn show_cleared(printer: Printer, service: &Service, disconnected: &Disconnected, failed: bool) {
    if disconnected.is_still_connected {
        printer.line(&format!("{YELLOW}✗{RESET} Still connected to {}: the session could neither be removed nor marked as ended", service.name));
    } else if disconnected.was_connected {
        let from =
            disconnected.workspace.as_ref().map(|workspace| format!(" ({})", harmless(&workspace.slug)));
        let from = from.unwrap_or_default();
        let mark = if failed { format!("{YELLOW}✗{RESET}") } else { format!("{GREEN}✓{RESET}") };
        printer.line(&format!("{mark} Disconnected from {}{from}", service.name));
    } else if !failed {
        printer.line("Not connected; nothing to clear");
    }
    for (place, cleared) in &disconnected.places {
        if *cleared == Cleared::Removed {
            printer.line(&format!("  removed from the {}", place_name(*place)));
        }
    }
    for (place, failure) in disconnected.failed() {
        let (cause, next) = failure.parts();
        printer.warning(&format!("the {} could not be cleared: {}", place_name(place), harmless(cause)));
        let next = next.map_or_else(|| remedy(failure).to_owned(), harmless);
        printer.next(&format!("{next}, then run `{} login logout` again", service.command));
    }
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Backend(backend) => name(backend),
        Place::Emergency => "emergency file",
        Place::Settings => "settings file",
    }
}

fn remedy(failure: &StoreFailure) -> &'static str {
    match failure.kind {
        StoreFailureKind::Locked => "unlock the keychain",
        StoreFailureKind::TimedOut => "restart the keychain service",
        _ => "mend it",
    }
}
