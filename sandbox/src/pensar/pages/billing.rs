//! Billing: the balance of a workspace, and buying more.

use doorkey_core::http::HttpResponse;
use maud::html;

use super::{links, sign_in};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::pensar::money::Money;
use crate::pensar::workspace::TOP_UP;
use crate::visit::Visit;

pub(crate) const HEADING: &str = "Billing";
/// Below this a balance is low.
const LOW: Money = Money::cents(100);

pub(super) fn show(visit: &Visit<'_>, slug: &str) -> HttpResponse {
    let Some(email) = &visit.visitor.email else { return sign_in::first(visit) };
    let workspace = visit.state.pensar.workspaces.get(slug).filter(|it| it.has_member(email));
    let Some(workspace) = workspace else { return visit.not_found() };
    let content = html! {
        @if workspace.balance == Money::ZERO {
            p.warning { strong { "Billing isn't configured." } " Add credits to use Apex." }
        } @else if workspace.balance < LOW {
            p.warning { strong { "The balance is low." } " We recommend " (TOP_UP) "." }
        }
        dl.facts {
            dt { "Workspace" }
            dd { (workspace.name) }
            dt { "Balance" }
            dd { strong { (workspace.balance) } }
            dt { "Payment method" }
            dd { @if workspace.has_payment_method { "A practice card" } @else { "None yet" } }
        }
        form method="post" action=(workspace.billing_path()) {
            (form_token(&visit.visitor))
            p.buttons {
                button.primary type="submit" name="top_up" value="30" {
                    "Add " (TOP_UP)
                    @if !workspace.has_payment_method { " and a payment method" }
                }
            }
        }
        (links(workspace))
    };
    Page::new(HEADING, content).respond(&visit.visitor)
}

/// The button was pressed. Nobody pays anything: it is a sandbox.
pub(super) fn top_up(visit: &mut Visit<'_>, slug: &str, form: &Form) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else {
        return visit.refused(403, "You are not signed in any more. Open the page again.");
    };
    let workspace = visit.state.pensar.workspaces.get_mut(slug).filter(|it| it.has_member(&email));
    match workspace {
        Some(workspace) if form.value("top_up") == "30" => {
            workspace.balance = workspace.balance.plus(TOP_UP);
            workspace.has_payment_method = true;
            redirect(&workspace.billing_path())
        }
        Some(_) => visit.refused(400, "Nothing was bought. Open the page again."),
        None => visit.not_found(),
    }
}
