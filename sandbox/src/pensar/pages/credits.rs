//! The balances of all one's workspaces.

use doorkey_core::http::HttpResponse;
use maud::html;

use super::{create, sign_in};
use crate::page::Page;
use crate::visit::Visit;

pub(super) const PATH: &str = "/credits";
pub(crate) const HEADING: &str = "Credits";

pub(super) fn show(visit: &Visit<'_>) -> HttpResponse {
    let Some(email) = &visit.visitor.email else { return sign_in::first(visit) };
    let mut workspaces = visit.state.pensar.workspaces_of(email).peekable();
    let content = html! {
        p { "Inference in Apex is paid for in advance, from the balance of the workspace that it runs in." }
        @if workspaces.peek().is_none() { p.empty { "You have no workspace yet." } }
        ul.keys {
            @for workspace in workspaces {
                li {
                    h2 { (workspace.name) }
                    dl.facts {
                        dt { "Balance" }
                        dd { strong { (workspace.balance) } }
                    }
                    p { a href=(workspace.billing_path()) { "Billing of " (workspace.name) } }
                }
            }
        }
        p.aside { a href=(create::PATH) { "Create a workspace" } }
    };
    Page::new(HEADING, content).respond(&visit.visitor)
}
