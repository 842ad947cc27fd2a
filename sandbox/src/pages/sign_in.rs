//! Signing in and out. Accounts have no passwords here.

use doorkey_core::http::HttpResponse;
use form_urlencoded::Serializer;
use maud::html;

use super::{keys, pair};
use crate::account::{ACCOUNTS, Account};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::visit::Visit;

pub(crate) const PATH: &str = "/sign-in";
pub(crate) const OUT: &str = "/sign-out";

/// Sends somebody who is not signed in to sign in and come back to the page that was asked for.
pub(crate) fn first(visit: &Visit<'_>) -> HttpResponse {
    let next = visit.request.url.expose_target();
    let query = Serializer::new(String::new()).append_pair("next", next.expose_secret()).finish();
    redirect(&format!("{PATH}?{query}"))
}

pub(crate) fn show(visit: &Visit<'_>) -> HttpResponse {
    let next = visit.request.url.query_value("next").unwrap_or_default();
    let content = html! {
        p { "Pick somebody to be. There is no password." }
        form method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="next" value=(next);
            ul.choices {
                @for account in &ACCOUNTS {
                    li {
                        button.choice type="submit" name="email" value=(account.email) {
                            strong { "Continue as " (account.name) }
                            span { (account.email) }
                            span { (workspaces(account)) }
                        }
                    }
                }
            }
        }
    };
    Page::new("Sign in", content).respond(&visit.visitor)
}

pub(crate) fn sign_in(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(account) = Account::find(form.value("email")) else {
        return visit.refused(403, "There is no such account.");
    };
    visit.visitor.sign_in(account.email, visit.state, visit.now);
    // Never elsewhere, whatever the link said.
    let next = visit.place_of_ours(form.value("next"), |path| [pair::PATH, keys::PATH].contains(&path));
    redirect(next.as_deref().unwrap_or(keys::PATH))
}

pub(crate) fn sign_out(visit: &mut Visit<'_>) -> HttpResponse {
    visit.visitor.sign_out(visit.state);
    redirect(PATH)
}

fn workspaces(account: &Account) -> String {
    match account.workspaces {
        [one] => format!("One workspace: {}", one.name),
        several => format!("{} workspaces", several.len()),
    }
}
