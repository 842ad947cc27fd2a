//! The list of API keys.

use doorkey_core::http::HttpResponse;
use maud::{Markup, html};

use super::sign_in;
use crate::account::SCOPES;
use crate::digest::Digest;
use crate::form::Form;
use crate::key::Key;
use crate::moment::Moment;
use crate::page::{Page, form_token, redirect};
use crate::session::Visitor;
use crate::visit::Visit;

pub(crate) const PATH: &str = "/settings/api-keys";
pub(crate) const REVOKE: &str = "/settings/api-keys/revoke";

pub(crate) fn show(visit: &Visit<'_>) -> HttpResponse {
    let Some(account) = visit.visitor.account() else {
        return sign_in::first(visit);
    };
    let mut keys: Vec<(&Digest, &Key)> =
        visit.state.keys.iter().filter(|(_, key)| key.account == account.email).collect();
    keys.sort_by_key(|(digest, key)| (key.revoked.is_some(), std::cmp::Reverse(key.created), *digest));
    let content = html! {
        p { "Keys that act as " strong { (account.email) } ". A key is shown in full only to the terminal that got it." }
        @if keys.is_empty() {
            p.empty { "There are no keys yet. Run " code { "pentify login" } " in a terminal to make one." }
        }
        ul.keys {
            @for (digest, key) in keys { li { (entry(&visit.visitor, digest, key)) } }
        }
    };
    Page { wide: true, ..Page::new("API keys", content) }.respond(&visit.visitor)
}

pub(crate) fn revoke(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(account) = visit.visitor.account() else {
        return visit.refused(403, "You are not signed in any more.");
    };
    let wanted = form.value("key");
    let key = visit.state.keys.iter_mut().find(|(digest, _)| digest.short() == wanted);
    match key.filter(|(_, key)| key.account == account.email) {
        Some((_, key)) => {
            key.revoked.get_or_insert(visit.now);
            redirect(PATH)
        }
        None => visit.refused(404, "There is no such key."),
    }
}

fn entry(visitor: &Visitor, digest: &Digest, key: &Key) -> Markup {
    let workspace = key.holder().map_or("", |(_, workspace)| workspace.name);
    html! {
        h2.device {
            (key.name)
            @if key.revoked.is_some() { " " span.badge { "Revoked" } }
        }
        dl.facts {
            dt { "Key" }
            dd { code { (key.prefix) "…" } }
            dt { "Workspace" }
            dd { (workspace) }
            dt { "Scopes" }
            dd { ul.scopes { @for scope in SCOPES { li { code { (scope) } } } } }
            dt { "Created" }
            dd { (key.created.for_people()) }
            dt { "Last used" }
            dd { (key.last_used.map_or("never".to_owned(), Moment::for_people)) }
            @if let Some(revoked) = key.revoked {
                dt { "Revoked" }
                dd { (revoked.for_people()) }
            }
        }
        @if key.revoked.is_none() {
            form method="post" action=(REVOKE) {
                (form_token(visitor))
                input type="hidden" name="key" value=(digest.short());
                button.secondary type="submit" aria-label=(format!("Revoke {}", key.prefix)) { "Revoke" }
            }
        }
    }
}
