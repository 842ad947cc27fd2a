//! What the commands print at their end. Texts of the service are made harmless here, if the core has not.

use std::process::ExitCode;

use doorkey_core::envelope::json_object;
use doorkey_core::exchange::not_the_api;
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpResponse;
use doorkey_core::json::Json;
use doorkey_core::keep::Kept;
use doorkey_core::login::LoggedIn;
use doorkey_core::logout::LoggedOut;
use doorkey_core::record::{Slot, Workspace};
use doorkey_core::resolve::{Resolved, Source};
use doorkey_core::service::Service;
use doorkey_core::status::StatusReport;
use doorkey_core::text::{harmless, quoted};
use doorkey_core::token::shown_prefix;
use serde_json::{Value, json};

use crate::printer::{BOLD, DIM, GREEN, Printer, RESET, YELLOW, check_json, reason_json, sentence};
use crate::surface::{name, not_usable};

/// The end of a login.
pub fn logged_in(printer: Printer, service: &Service, logged_in: &LoggedIn) {
    let LoggedIn { kept, paired } = logged_in;
    let record = &kept.record;
    if printer.json {
        let how = if paired.is_some() { "paired" } else { "switched" };
        printer.json(&json!({"event": "signed_in", "how": how, "workspace": workspace_json(record.workspace.as_deref()),
            "email": paired.as_ref().and_then(|p| p.email.as_deref()), "backend": kept.backend.as_str(),
            "key": {"prefix": shown_prefix(&record.token), "name": paired.as_ref().and_then(|p| p.key_name.as_deref())}}));
        return;
    }
    let workspace = in_workspace(record.workspace.as_deref());
    match paired {
        Some(paired) => {
            let email = paired.email.as_deref().map(|email| format!(" as {email}")).unwrap_or_default();
            printer.line(&format!("{GREEN}✓{RESET} Signed in to {}{email}{workspace}", service.name));
            let key = paired.key_name.as_deref().unwrap_or("an API key");
            printer.line(&format!("  {key} is stored in the {}", name(kept.backend)));
            if !service.is_sandbox() {
                printer.line(&format!("  {DIM}see and revoke it at {}{RESET}", service.keys_page()));
            }
        }
        None => printer.line(&format!("{GREEN}✓{RESET} Switched{workspace}")),
    }
}

/// The end of `use-token`.
pub fn token_kept(printer: Printer, service: &Service, kept: &Kept) {
    let record = &kept.record;
    if printer.json {
        printer.json(&json!({"event": "signed_in", "how": "token", "backend": kept.backend.as_str(),
            "workspace": workspace_json(record.workspace.as_deref()), "key": {"prefix": shown_prefix(&record.token)}}));
        return;
    }
    let workspace = in_workspace(record.workspace.as_deref());
    printer.line(&format!("{GREEN}✓{RESET} {} accepts the token{workspace}", service.name));
    printer.line(&format!("  it is stored in the {}", name(kept.backend)));
}

/// The end of a logout.
pub fn logged_out(printer: Printer, service: &Service, named: Option<&str>, told: &LoggedOut) -> ExitCode {
    let LoggedOut { was_signed_in, workspace, revoked, not_revoked, others } = told;
    if printer.json {
        printer.json(&json!({"event": "signed_out", "was_signed_in": was_signed_in, "revoked": revoked,
            "not_revoked": not_revoked.as_deref().map(reason_json),
            "workspace": workspace_json(workspace.as_ref()), "others": others}));
    } else if *was_signed_in {
        printer.line(&format!("{GREEN}✓{RESET} Signed out{}", of_workspace(workspace.as_ref())));
    } else if let Some(named) = named {
        printer.line(&format!("Not signed in to workspace {:?}; nothing to forget", harmless(named)));
    } else {
        printer.line("Not signed in; nothing to forget");
    }
    if !printer.json && !others.is_empty() {
        let slugs: Vec<String> = others.iter().map(|slug| harmless(slug)).collect();
        printer.message(&format!("Tokens of other workspaces stay stored: {}", slugs.join(", ")));
        let sandbox = if service.is_sandbox() { " --sandbox" } else { "" };
        let forget = format!("{} logout{sandbox} --workspace {}", service.command, quoted(&slugs[0]));
        printer.next(&format!("`{forget}` forgets that one"));
    }
    if let Some(failure) = not_revoked {
        if !printer.json {
            printer.warning(&format!("the key could not be revoked: {}", failure.message));
            printer.next(&format!("revoke it at {}", service.keys_page()));
        }
        return ExitCode::from(failure.exit.code());
    }
    if *revoked && !printer.json {
        printer.line("  the key is revoked");
    } else if *was_signed_in && !revoked && !service.is_sandbox() {
        printer.message(&format!("The key itself lives on; revoke it at {}", service.keys_page()));
    }
    ExitCode::SUCCESS
}

/// The status, and the exit code that goes with it.
pub fn status(printer: Printer, service: &Service, status: &StatusReport, explain: bool) -> ExitCode {
    let code = match (&status.winner, &status.check) {
        (Err(failure), _) | (Ok(_), Some(Err(failure))) => ExitCode::from(failure.exit.code()),
        (Ok(_), _) => ExitCode::SUCCESS,
    };
    if printer.json {
        printer.json(&status_json(service, status));
        return code;
    }
    match &status.winner {
        Ok(winner) => {
            let accepted = !matches!(status.check, Some(Err(_)));
            let mark = if accepted { format!("{GREEN}✓{RESET}") } else { format!("{YELLOW}✗{RESET}") };
            printer.line(&format!(
                "{mark} {}{}",
                signed_in(service, winner),
                in_workspace(winner.record.workspace.as_deref())
            ));
            printer.line(&format!(
                "  token:  {}… from {}",
                shown_prefix(&winner.record.token),
                source(service, winner.source)
            ));
        }
        Err(failure) => {
            printer.line(&format!("{YELLOW}✗{RESET} {}", sentence(failure)));
            if let Some(next) = &failure.next {
                printer.line(&format!("{DIM}  → {RESET}{next}"));
            }
        }
    }
    match &status.check {
        Some(Ok(())) => printer.line(&format!("  check:  {} accepts it", service.name)),
        Some(Err(failure)) => {
            printer.line(&format!("  check:  {YELLOW}{}{RESET}", sentence(failure)));
            if let Some(next) = &failure.next {
                printer.line(&format!("{DIM}  → {RESET}{next}"));
            }
        }
        None => {}
    }
    stores(printer, status, explain);
    code
}

fn stores(printer: Printer, status: &StatusReport, explain: bool) {
    let Some(looks) = &status.stores else {
        printer.line(&format!("  {DIM}store:  not looked at (--explain looks){RESET}"));
        return;
    };
    for (backend, look) in looks {
        let label = format!("  {}:", backend.as_str());
        match look {
            Ok(records) if records.is_empty() && !explain => {}
            Ok(records) if records.is_empty() => printer.line(&format!("{label} empty")),
            Ok(records) => {
                for (slot, record) in records {
                    let stale = status.is_stale(*backend, slot, record);
                    // The active one was named above, and is among the workspaces.
                    if *slot == Slot::Active && !explain && !stale {
                        continue;
                    }
                    let what = match slot {
                        Slot::Active => "active",
                        Slot::Workspace(_) => "workspace",
                    };
                    let mark = if stale {
                        format!(" {YELLOW}(out of date, not used){RESET}")
                    } else {
                        String::new()
                    };
                    let slug = record.slug().map_or_else(|| "unknown workspace".to_owned(), harmless);
                    printer.line(&format!(
                        "{label} {what} {BOLD}{slug}{RESET} {}…{mark}",
                        shown_prefix(&record.token)
                    ));
                }
            }
            Err(failure) => {
                printer.line(&format!("{label} {}", not_usable(failure, status.winner.as_ref().err())));
            }
        }
    }
}

fn status_json(service: &Service, status: &StatusReport) -> Value {
    let stores = status.stores.as_ref().map(|looks| {
        looks
            .iter()
            .map(|(backend, look)| match look {
                Ok(records) => json!({"backend": backend.as_str(), "state": "ok",
                    "entries": records.iter().map(|(slot, record)| json!({
                        "active": *slot == Slot::Active,
                        "workspace": workspace_json(record.workspace.as_deref()),
                        "key": {"prefix": shown_prefix(&record.token)},
                        "stale": status.is_stale(*backend, slot, record),
                    })).collect::<Vec<_>>()}),
                Err(failure) => json!({"backend": backend.as_str(), "state": failure.kind.as_str(), "reason": harmless(&failure.detail)}),
            })
            .collect::<Vec<_>>()
    });
    let winner = status.winner.as_ref().ok();
    json!({
        "signed_in": winner.is_some(),
        "source": winner.map(|winner| winner.source.as_str()),
        "workspace": winner.and_then(|winner| workspace_json(winner.record.workspace.as_deref())),
        "key": winner.map(|winner| json!({"prefix": shown_prefix(&winner.record.token)})),
        "api": service.api.origin().to_string(),
        "check": status.check.as_ref().map(check_json),
        "reason": status.winner.as_ref().err().map(reason_json),
        "stores": stores,
    })
}

/// The body of a successful answer, which must be JSON.
///
/// # Errors
/// If it is anything else: a page of something between us and the API.
pub fn body_of(service: &Service, response: &HttpResponse) -> Result<Value, Failure> {
    json_object(response).map(Json::into_value).ok_or_else(|| not_the_api(service))
}

/// `GET /v1/profile`.
pub fn profile(printer: Printer, body: &Value) {
    let text = |path: &str| shown(body.pointer(path));
    printer.line(&format!("user:       {} ({})", text("/user/name"), text("/user/email")));
    printer.line(&format!("workspace:  {} ({})", text("/workspace/name"), text("/workspace/slug")));
    printer.line(&format!("key:        {} ({}…)", text("/key/name"), text("/key/prefix")));
    printer.line(&format!("scopes:     {}", list(body.pointer("/key/scopes"))));
    printer.line(&format!("created:    {}", text("/key/created_at")));
}

/// `GET /v1/usage`.
pub fn usage(printer: Printer, body: &Value) {
    let text = |path: &str| shown(body.pointer(path));
    printer.line(&format!("workspace:  {} ({})", text("/workspace/name"), text("/workspace/slug")));
    printer.line(&format!("tokens:     {} left, {} used", text("/tokens/balance"), text("/tokens/used")));
    printer.line(&format!("period:     {} to {}", text("/period/start"), text("/period/end")));
}

/// `GET /v1/scans`.
pub fn scans(printer: Printer, scans: &[Value], more: bool) {
    if scans.is_empty() {
        printer.message("No scans yet");
        return;
    }
    let columns = ["id", "target", "scan_type", "status", "created_at"];
    let rows: Vec<Vec<String>> =
        scans.iter().map(|scan| columns.iter().map(|column| shown(scan.get(column))).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, title)| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .chain([title.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    printer.line(&format!(
        "{BOLD}{}{RESET}",
        line(&columns.map(|column| column.to_uppercase().replace('_', " ")))
    ));
    for row in &rows {
        printer.line(&line(row));
    }
    if more {
        printer.message("There are more; see `pentify api GET '/v1/scans?cursor=…'`");
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => harmless(text),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => harmless(&other.to_string()),
    }
}

fn list(value: Option<&Value>) -> String {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| shown(Some(item))).collect::<Vec<_>>().join(" ")
}

fn workspace_json(workspace: Option<&Workspace>) -> Option<Value> {
    workspace.map(|w| json!({"id": w.id, "name": w.name, "slug": w.slug}))
}

fn in_workspace(workspace: Option<&Workspace>) -> String {
    workspace.map(|w| format!(", workspace {BOLD}{}{RESET}", title(w))).unwrap_or_default()
}

fn of_workspace(workspace: Option<&Workspace>) -> String {
    workspace.map(|w| format!(" of workspace {BOLD}{}{RESET}", title(w))).unwrap_or_default()
}

fn title(workspace: &Workspace) -> String {
    let slug = harmless(&workspace.slug);
    match workspace.name.as_deref().map(harmless) {
        Some(name) if name != slug => format!("{name} ({slug})"),
        _ => slug,
    }
}

fn signed_in(service: &Service, winner: &Resolved) -> String {
    match winner.source {
        Source::Store(_) => format!("Signed in to {}", service.name),
        Source::Flag | Source::Variable => "A token is given".to_owned(),
    }
}

fn source(service: &Service, source: Source) -> String {
    match source {
        Source::Flag => "--api-token".to_owned(),
        Source::Variable => service.token_variable.to_string(),
        Source::Store(backend) => format!("the {}", name(backend)),
    }
}
