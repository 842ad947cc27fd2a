//! Creating a workspace.

use doorkey_core::http::HttpResponse;
use maud::{Markup, html};

use super::{credits, onward, path_with, sign_in, written};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::visit::Visit;

pub(super) const PATH: &str = "/create-workspace";
pub(crate) const HEADING: &str = "Create a workspace";

/// This page, which then goes on to another of ours.
pub(super) fn path_back_to(next: &str) -> String {
    path_with(PATH, "redirect", next)
}

pub(super) fn show(visit: &Visit<'_>) -> HttpResponse {
    if visit.visitor.email.is_none() {
        return sign_in::first(visit);
    }
    let next = visit.request.url.query_value("redirect").unwrap_or_default();
    Page::new(HEADING, fields(visit, next, None)).respond(&visit.visitor)
}

pub(super) fn create(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else {
        return visit.refused(403, "You are not signed in any more. Open the page again.");
    };
    let (name, next) = (written(form, "workspace_name"), form.value("redirect"));
    let id = visit.state.ratchet.next();
    if visit.state.pensar.create_workspace(&name, &email, id).is_none() {
        let content = fields(visit, next, Some("A name with letters from A to Z, or digits, is needed."));
        return Page { status: 400, ..Page::new(HEADING, content) }.respond(&visit.visitor);
    }
    redirect(onward(visit, next).as_deref().unwrap_or(credits::PATH))
}

fn fields(visit: &Visit<'_>, next: &str, wrong: Option<&str>) -> Markup {
    html! {
        p { "A workspace holds your projects, your team and the balance that inference is paid from." }
        @if let Some(wrong) = wrong { p.warning role="alert" { (wrong) } }
        form method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="redirect" value=(next);
            p.field {
                label for="workspace_name" { "Name of the workspace" }
                input #workspace_name type="text" name="workspace_name" maxlength="40" required
                    autocomplete="organization";
            }
            p.buttons { button.primary type="submit" { "Create workspace" } }
        }
    }
}
