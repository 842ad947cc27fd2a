//! Signing up, which leads on to a first workspace.

use doorkey_core::http::HttpResponse;
use maud::{Markup, html};

use super::{create, credits, onward, written};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::visit::Visit;

pub(crate) const PATH: &str = "/sign-up";
const HEADING: &str = "Create an account";
/// The longest address that is taken.
const ADDRESS_CHARACTERS: usize = 100;

pub(super) fn show(visit: &Visit<'_>) -> HttpResponse {
    let next = visit.request.url.query_value("next").unwrap_or_default();
    Page::new(HEADING, fields(visit, next, None)).respond(&visit.visitor)
}

pub(super) fn sign_up(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let (name, email, next) = (written(form, "your_name"), form.value("email").trim(), form.value("next"));
    let wrong = |status, why| {
        let content = fields(visit, next, Some(why));
        Page { status, ..Page::new(HEADING, content) }.respond(&visit.visitor)
    };
    if name.is_empty() || !is_address(email) {
        return wrong(400, "A name and an address such as you@example.com are needed.");
    }
    if visit.state.pensar.accounts.contains_key(email) {
        return wrong(409, "There is an account of this address already.");
    }
    let id = visit.state.ratchet.next();
    if !visit.state.pensar.sign_up(email, &name, id) {
        return visit.refused(429, "There are too many accounts already.");
    }
    visit.visitor.sign_in(email, visit.state, visit.now);
    let next = onward(visit, next).unwrap_or(credits::PATH.to_owned());
    redirect(&create::path_back_to(&next))
}

fn fields(visit: &Visit<'_>, next: &str, wrong: Option<&str>) -> Markup {
    html! {
        @if let Some(wrong) = wrong { p.warning role="alert" { (wrong) } }
        form method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="next" value=(next);
            p.field {
                label for="your_name" { "Your name" }
                input #your_name type="text" name="your_name" maxlength="40" required autocomplete="name";
            }
            p.field {
                label for="email" { "Your address" }
                input #email type="email" name="email" maxlength=(ADDRESS_CHARACTERS) required
                    autocomplete="email" aria-describedby="hint";
                span #hint { "It is only a name here: nothing is sent." }
            }
            p.buttons { button.primary type="submit" { "Create account" } }
        }
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@').filter(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && text.len() <= ADDRESS_CHARACTERS
    });
    parts.is_some() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'&".contains(&byte))
}
