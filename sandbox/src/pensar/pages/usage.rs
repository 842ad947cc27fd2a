//! Usage: what a workspace has spent, and whether Apex may go on.

use doorkey_core::http::HttpResponse;
use maud::html;

use super::{links, sign_in};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::visit::Visit;

pub(crate) const HEADING: &str = "Usage";

pub(super) fn show(visit: &Visit<'_>, slug: &str) -> HttpResponse {
    let Some(email) = &visit.visitor.email else { return sign_in::first(visit) };
    let workspace = visit.state.pensar.workspaces.get(slug).filter(|it| it.has_member(email));
    let Some(workspace) = workspace else { return visit.not_found() };
    let content = html! {
        dl.facts {
            dt { "Workspace" }
            dd { (workspace.name) }
            dt { "Balance" }
            dd { (workspace.balance) }
            dt { "Spent" }
            dd { (workspace.spent) }
            dt { "Apex Inference" }
            dd { strong { @if workspace.inference { "On" } @else { "Off" } } }
        }
        form method="post" action=(workspace.usage_path()) {
            (form_token(&visit.visitor))
            p.buttons {
                @if workspace.inference {
                    button.secondary type="submit" name="inference" value="off" { "Switch Apex Inference off" }
                } @else {
                    button.primary type="submit" name="inference" value="on" { "Switch Apex Inference on" }
                }
            }
        }
        (links(workspace))
    };
    Page::new(HEADING, content).respond(&visit.visitor)
}

pub(super) fn switch(visit: &mut Visit<'_>, slug: &str, form: &Form) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else {
        return visit.refused(403, "You are not signed in any more. Open the page again.");
    };
    let wanted = match form.value("inference") {
        "on" => true,
        "off" => false,
        _ => return visit.refused(400, "Nothing was switched. Open the page again."),
    };
    let workspace = visit.state.pensar.workspaces.get_mut(slug).filter(|it| it.has_member(&email));
    let Some(workspace) = workspace else { return visit.not_found() };
    workspace.inference = wanted;
    redirect(&workspace.usage_path())
}
