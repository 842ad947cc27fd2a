//! Signing in and out. Accounts have no passwords here.

use doorkey_core::http::HttpResponse;
use maud::html;

use super::{credits, onward, path_with, sign_up};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::pensar::account;
use crate::pensar::state::{Profile, State};
use crate::visit::Visit;

pub(crate) const PATH: &str = "/sign-in";
pub(crate) const OUT: &str = "/sign-out";

/// Sends somebody who is not signed in to sign in and come back to the page that was asked for.
pub(super) fn first(visit: &Visit<'_>) -> HttpResponse {
    redirect(&path_with(PATH, "next", visit.request.url.expose_target().expose_secret()))
}

pub(super) fn show(visit: &Visit<'_>) -> HttpResponse {
    let next = visit.request.url.query_value("next").unwrap_or_default();
    let pensar = &visit.state.pensar;
    let content = html! {
        p { "Pick somebody to be. There is no password." }
        form method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="next" value=(next);
            ul.choices {
                @for (email, profile) in everybody(pensar) {
                    li {
                        button.choice type="submit" name="email" value=(email) {
                            strong { "Continue as " (profile.name) }
                            span { (email) }
                            span { (workspaces(pensar, email)) }
                        }
                    }
                }
            }
        }
        p.aside { a href=(path_with(sign_up::PATH, "next", next)) { "Create an account" } }
    };
    Page::new("Sign in", content).respond(&visit.visitor)
}

pub(super) fn sign_in(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let email = form.value("email");
    if !visit.state.pensar.accounts.contains_key(email) {
        return visit.refused(403, "There is no such account.");
    }
    visit.visitor.sign_in(email, visit.state, visit.now);
    // Never elsewhere, whatever the link said.
    redirect(onward(visit, form.value("next")).as_deref().unwrap_or(credits::PATH))
}

pub(super) fn sign_out(visit: &mut Visit<'_>) -> HttpResponse {
    visit.visitor.sign_out(visit.state);
    redirect(PATH)
}

/// Those of the start in their order, then those who signed up.
fn everybody(pensar: &State) -> impl Iterator<Item = (&str, &Profile)> {
    let first = account::ALL.into_iter().filter_map(|email| Some((email, pensar.accounts.get(email)?)));
    let later = pensar.accounts.iter().map(|(email, profile)| (email.as_str(), profile));
    first.chain(later.filter(|(email, _)| !account::ALL.contains(email)))
}

fn workspaces(pensar: &State, email: &str) -> String {
    let mut workspaces = pensar.workspaces_of(email);
    match (workspaces.next(), workspaces.count()) {
        (None, _) => "No workspace yet".to_owned(),
        (Some(one), 0) => format!("One workspace: {}, {}", one.name, one.balance),
        (Some(_), more) => format!("{} workspaces", more + 1),
    }
}
