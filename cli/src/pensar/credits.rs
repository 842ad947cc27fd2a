//! The end of `credits`.

use std::process::ExitCode;

use doorkey_blocking::Browser;
use doorkey_core::billing::Advice;
use doorkey_core::credits::CreditsReport;
use doorkey_core::service::Service;
use doorkey_core::url::Url;
use serde_json::json;

use super::words::{advice, balance_line, billing_json, workspace_line};
use crate::printer::Printer;

/// Shows the credits; with a browser, opens the billing page in it.
pub fn show(
    printer: Printer,
    service: &Service,
    credits: &CreditsReport,
    browser: Option<&Browser>,
) -> ExitCode {
    if !printer.json {
        let slug = credits.slug.as_deref().unwrap_or("?");
        printer.line(&workspace_line(credits.workspace.as_deref(), slug));
        if let Some(balance) = balance_line(&credits.billing) {
            printer.line(&balance);
        }
        advice(printer, service, &credits.billing);
    }
    let opened = browser.map(|browser| open(printer, service, credits, browser));
    if printer.json {
        printer.json(&json!({
            "workspace": {"name": credits.workspace, "slug": credits.slug},
            "billing": billing_json(&credits.billing),
            "opened": opened,
        }));
    }
    ExitCode::SUCCESS
}

fn open(printer: Printer, service: &Service, credits: &CreditsReport, browser: &Browser) -> bool {
    if service.is_sandbox() {
        printer.warning("the sandbox's pages are gone when this command ends; none is opened");
        return false;
    }
    let page = billing_page(service, credits);
    let shown = page.expose();
    match browser.open(&page) {
        Ok(()) => {
            printer.message(&format!("Opened {}", shown.expose_secret()));
            true
        }
        Err(reason) => {
            printer.message(&format!(
                "No browser could be opened here ({reason}); open this page by hand:\n\n  {}\n",
                shown.expose_secret()
            ));
            false
        }
    }
}

/// Where credits are bought.
fn billing_page(service: &Service, credits: &CreditsReport) -> Url {
    match &credits.billing.advice {
        Advice::SetUp { page } | Advice::TopUp { page } => page.clone(),
        // The console knows the workspace itself.
        Advice::None | Advice::SwitchOn { .. } => service.app.join("/credits"),
    }
}
