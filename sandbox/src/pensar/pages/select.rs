//! Choosing a workspace for a terminal that cannot ask.

use doorkey_core::http::HttpResponse;
use maud::html;

use super::{choices, create, sign_in};
use crate::digest::Digest;
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::visit::Visit;

pub(crate) const PATH: &str = "/select-workspace";
/// The heading of the page after choosing.
pub(crate) const CHOSEN: &str = "Workspace chosen";

pub(super) fn show(visit: &mut Visit<'_>) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else { return sign_in::first(visit) };
    let id = visit.request.url.query_value("id").unwrap_or_default();
    if let Err(page) = open(visit, &email, id) {
        return page.respond(&visit.visitor);
    }
    if visit.state.pensar.workspaces_of(&email).next().is_none() {
        return redirect(&create::path_back_to(visit.request.url.expose_target().expose_secret()));
    }
    let content = html! {
        p { "Which workspace should your terminal use? Inference is paid from its balance." }
        form method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="id" value=(id);
            (choices(visit.state.pensar.workspaces_of(&email)))
        }
    };
    Page::new("Choose a workspace", content).respond(&visit.visitor)
}

pub(super) fn choose(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else {
        return visit.refused(403, "You are not signed in any more. Open the link again.");
    };
    let id = form.value("id");
    if let Err(page) = open(visit, &email, id) {
        return page.respond(&visit.visitor);
    }
    let pensar = &mut visit.state.pensar;
    let workspace = pensar.workspaces.get(form.value("workspace")).filter(|it| it.has_member(&email));
    let (Some(workspace), Some(selection)) = (workspace, pensar.selections.get_mut(&Digest::of(id))) else {
        return visit.refused(400, "Nothing was chosen. Open the link again.");
    };
    selection.chosen = Some(workspace.id.clone());
    let content = html! {
        p { "Your terminal goes on with " strong { (workspace.name) } " by itself. You can close this page." }
    };
    Page::new(CHOSEN, content).respond(&visit.visitor)
}

/// Whether this account can choose now; else the page that says why not.
fn open(visit: &Visit<'_>, email: &str, id: &str) -> Result<(), Page> {
    let selection = visit.state.pensar.selections.get(&Digest::of(id));
    let Some(selection) = selection else {
        return Err(Page::note(404, "This link is not known", "Copy the whole link from your terminal."));
    };
    if selection.account != email {
        return Err(Page::note(
            403,
            "This link is somebody else's",
            "Sign out, and sign in with the account that the terminal was connected with.",
        ));
    }
    if selection.chosen.is_some() {
        return Err(Page::note(410, "This link was already used", "A workspace has been chosen with it."));
    }
    if selection.is_over(visit.now) {
        return Err(Page::note(
            410,
            "This link has expired",
            "A link works for ten minutes. Run the login again in your terminal.",
        ));
    }
    Ok(())
}
