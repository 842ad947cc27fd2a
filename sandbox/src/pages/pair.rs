//! Pairing a terminal: the link that it opens, the choice of a workspace, and the decision.

use doorkey_core::http::HttpResponse;
use maud::{Markup, html};

use super::{keys, sign_in};
use crate::account::{Account, SCOPES, Workspace};
use crate::digest::Digest;
use crate::form::Form;
use crate::page::{Page, form_token};
use crate::pairing::{Phase, is_device_id};
use crate::visit::Visit;

pub(crate) const PATH: &str = "/auth/terminal-pair";
/// The heading of the page after approving.
pub(crate) const AUTHORIZED: &str = "Device authorized";
/// The heading of the page after denying.
pub(crate) const DENIED: &str = "Request denied";

/// The link was opened. That alone decides nothing.
pub(crate) fn show(visit: &mut Visit<'_>) -> HttpResponse {
    let url = &visit.request.url;
    let device_id = url.query_value("device_id").filter(|id| is_device_id(id));
    let name = url.query_value("device_name").filter(|name| !name.trim().is_empty());
    let (Some(device_id), Some(name)) = (device_id, name) else {
        return Page::note(
            400,
            "This link is not valid",
            "Something is missing from it. Copy the whole link from your terminal, or run the login again.",
        )
        .respond(&visit.visitor);
    };
    let asked = url.query_value("workspace").filter(|asked| !asked.is_empty());
    let device = Digest::of(device_id);
    visit.state.watch.opened(device, visit.now);
    let pairing = visit.state.open_pairing(device, name, visit.now);
    if let Some(page) = cannot_decide(&pairing.phase, pairing.is_over(visit.now)) {
        return page.respond(&visit.visitor);
    }
    let link = Link { device_id, device_name: pairing.device_name.clone(), code: device.check_code() };
    let Some(account) = visit.visitor.account() else {
        return sign_in::first(visit);
    };
    let chosen = asked.and_then(|asked| account.workspace(asked));
    let content = match (account.workspaces, chosen) {
        (_, Some(workspace)) => return authorize(visit, &link, account, workspace, None),
        ([only], None) => return authorize(visit, &link, account, only, asked),
        (several, None) => choose(&link, several, asked),
    };
    Page::new("Choose a workspace", content).respond(&visit.visitor)
}

/// A button of the last page was pressed.
pub(crate) fn decide(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(account) = visit.visitor.account() else {
        return visit.refused(403, "You are not signed in any more. Open the link again.");
    };
    let Some(pairing) = visit.state.pairings.get_mut(&Digest::of(form.value("device_id"))) else {
        return visit.refused(404, "This link is not known. Open it again.");
    };
    if let Some(page) = cannot_decide(&pairing.phase, pairing.is_over(visit.now)) {
        return page.respond(&visit.visitor);
    }
    let page = match (form.value("decision"), account.workspace(form.value("workspace"))) {
        ("approve", Some(workspace)) => {
            pairing.phase =
                Phase::Approved { account: account.email.to_owned(), workspace: workspace.slug.to_owned() };
            authorized(&pairing.device_name, workspace)
        }
        ("deny", _) => {
            pairing.phase = Phase::Denied;
            Page::note(200, DENIED, "The terminal gets no access. You can close this page.")
        }
        _ => return visit.refused(400, "Nothing was decided. Open the link again."),
    };
    page.respond(&visit.visitor)
}

/// What the pages say about the terminal that asks. The device id itself is only ever a hidden field.
struct Link<'a> {
    device_id: &'a str,
    device_name: String,
    code: String,
}

/// The page for a link that is past deciding.
fn cannot_decide(phase: &Phase, over: bool) -> Option<Page> {
    match phase {
        Phase::Approved { .. } | Phase::Delivered { .. } | Phase::Denied => Some(Page::note(
            410,
            "This link was already used",
            "Each link works once. If a terminal is still waiting, run the login there again.",
        )),
        Phase::Waiting if over => Some(Page::note(
            410,
            "This link has expired",
            "A link works for five minutes. Run the login again in your terminal.",
        )),
        Phase::Waiting => None,
    }
}

fn choose(link: &Link<'_>, workspaces: &[Workspace], asked: Option<&str>) -> Markup {
    html! {
        p { "Which workspace should " strong.device { (link.device_name) } " use?" }
        @if let Some(asked) = asked { (not_a_member(asked)) }
        form method="get" action=(PATH) {
            (hidden(link))
            ul.choices {
                @for workspace in workspaces {
                    li {
                        button.choice type="submit" name="workspace" value=(workspace.slug) {
                            strong { (workspace.name) }
                            span { (workspace.slug) }
                        }
                    }
                }
            }
        }
    }
}

fn authorize(
    visit: &Visit<'_>,
    link: &Link<'_>,
    account: &Account,
    workspace: &Workspace,
    asked_in_vain: Option<&str>,
) -> HttpResponse {
    let content = html! {
        p { "A terminal wants to use Pentify as " strong { (account.email) } "." }
        @if let Some(asked) = asked_in_vain { (not_a_member(asked)) }
        dl.facts {
            dt { "Device" }
            dd.device { (link.device_name) }
            dt { "Workspace" }
            dd {
                (workspace.name)
                @if account.workspaces.len() > 1 {
                    form.inline method="get" action=(PATH) {
                        (hidden(link))
                        button.link type="submit" { "Change workspace" }
                    }
                }
            }
            dt { "Check code" }
            dd { strong.code { (link.code) } }
            dt { "It may" }
            dd {
                ul.scopes { @for scope in SCOPES { li { code { (scope) } } } }
            }
        }
        p.warning {
            strong { "Only if you started this just now" }
            " and your terminal shows the same check code. Otherwise deny."
        }
        form.buttons method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="device_id" value=(link.device_id);
            input type="hidden" name="workspace" value=(workspace.slug);
            button.primary type="submit" name="decision" value="approve" { "Authorize this device" }
            button.secondary type="submit" name="decision" value="deny" { "Deny" }
        }
    };
    Page::new("Authorize this device?", content).respond(&visit.visitor)
}

fn authorized(device_name: &str, workspace: &Workspace) -> Page {
    let content = html! {
        p { strong.device { (device_name) } " can now use the workspace " strong { (workspace.name) } "." }
        p { "Return to the terminal: pairing completes there by itself. You can close this page." }
        p { a href=(keys::PATH) { "See or revoke API keys" } }
    };
    Page::new(AUTHORIZED, content)
}

fn hidden(link: &Link<'_>) -> Markup {
    html! {
        input type="hidden" name="device_id" value=(link.device_id);
        input type="hidden" name="device_name" value=(link.device_name);
    }
}

fn not_a_member(asked: &str) -> Markup {
    let asked = doorkey_core::text::harmless(asked);
    html! { p.warning { "You are not a member of the workspace " strong.device { (asked) } " that the terminal asked for." } }
}
