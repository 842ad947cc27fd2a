//! What several commands say about a workspace and its credits.

use doorkey_core::billing::{Advice, Billing};
use doorkey_core::record::Workspace;
use doorkey_core::service::Service;
use doorkey_core::text::harmless;
use doorkey_core::url::Url;
use serde_json::{Value, json};

use crate::printer::{BOLD, RESET};
use crate::surface::Message;

/// `Workspace: My Team (my-team)`.
pub(super) fn workspace_line(name: Option<&str>, slug: &str) -> String {
    let slug = harmless(slug);
    let name = name.map_or_else(|| slug.clone(), harmless);
    format!("Workspace: {BOLD}{name}{RESET} ({slug})")
}

/// `Balance: $42.00`.
pub(super) fn balance_line(billing: &Billing) -> Option<String> {
    billing.balance.map(|balance| format!("Balance: {balance}"))
}

/// What to do about the credits. The sandbox's pages are gone when the command ends.
pub fn advice(service: &Service, billing: &Billing) -> Option<Message> {
    let at = |page: &Url| {
        if service.is_sandbox() { String::new() } else { format!(" at {}", page.expose().expose_secret()) }
    };
    let balance = billing.balance.map(|balance| format!(": {balance}")).unwrap_or_default();
    let (what, next) = match &billing.advice {
        Advice::None => return None,
        Advice::SetUp { page } => (
            "billing isn't configured for this workspace".to_owned(),
            format!(
                "add a payment method and purchase credits{} (Settings > Billing); Apex Inference must be \
                 enabled on Settings > Usage",
                at(page)
            ),
        ),
        Advice::TopUp { page } => (
            format!("the workspace's balance is low{balance}"),
            format!(
                "purchase credits ($30 are recommended) or enable auto-reload{} (Settings > Billing)",
                at(page)
            ),
        ),
        Advice::SwitchOn { page } => (
            "Apex Inference is switched off for this workspace".to_owned(),
            format!("enable Apex Inference{} (Settings > Usage)", at(page)),
        ),
    };
    Some(Message { next: Some(next), ..Message::warning(what) })
}

pub(super) fn billing_json(billing: &Billing) -> Value {
    let advice = match &billing.advice {
        Advice::None => "none",
        Advice::SetUp { .. } => "set_up",
        Advice::TopUp { .. } => "top_up",
        Advice::SwitchOn { .. } => "switch_on",
    };
    json!({
        "balance": billing.balance.map(|balance| balance.to_json()),
        "ready": billing.ready,
        "advice": advice,
        "page": billing.advice.page().map(|page| page.expose().expose_secret().to_owned()),
    })
}

pub(super) fn workspace_json(workspace: Option<&Workspace>) -> Option<Value> {
    workspace.map(|w| json!({"id": w.id, "name": w.name, "slug": w.slug}))
}
