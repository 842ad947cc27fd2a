//! Signing in and out. Accounts have no passwords here.

use doorkey_core::http::HttpResponse;
use doorkey_core::url::Url;
use form_urlencoded::Serializer;
use maud::html;

use super::{Visit, keys, pair};
use crate::account::{ACCOUNTS, Account};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};

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
    visit.visitor.sign_in(account, visit.state, visit.now);
    redirect(&place_of_ours(visit, form.value("next")))
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

/// Where to go after signing in: a page of ours that needs it, and never elsewhere, whatever the link said.
fn place_of_ours(visit: &Visit<'_>, next: &str) -> String {
    let origin = visit.request.url.origin();
    let wanted = Url::parse(&format!("{origin}{next}")).ok();
    let known = wanted.filter(|url| url.origin() == origin && [pair::PATH, keys::PATH].contains(&url.path()));
    known.map_or(keys::PATH.to_owned(), |url| url.expose_target().expose_secret().to_owned())
}
