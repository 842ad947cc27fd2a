//! The end of `credits`.

use std::process::ExitCode;

use doorkey_blocking::Browser;
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
        if let Some(advice) = advice(service, &credits.billing) {
            printer.tell(&advice);
        }
    }
    let opened = browser.map(|browser| {
        if service.is_sandbox() {
            printer.warning("the sandbox's pages are gone when this command ends; none is opened");
            return false;
        }
        open(printer, &credits.billing_page(service), browser)
    });
    if printer.json {
        printer.json(&json!({
            "workspace": {"name": credits.workspace, "slug": credits.slug},
            "billing": billing_json(&credits.billing),
            "opened": opened,
        }));
    }
    ExitCode::SUCCESS
}

/// Opens a page, or says that it is to be opened by hand.
pub fn open(printer: Printer, page: &Url, browser: &Browser) -> bool {
    let shown = page.expose();
    match browser.open(page) {
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
