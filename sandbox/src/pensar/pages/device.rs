//! Connecting a terminal: its code, compared or typed, and the decision.

use doorkey_core::http::HttpResponse;
use maud::{Markup, html};

use super::{choices, create, sign_in};
use crate::form::Form;
use crate::page::{Page, form_token, redirect};
use crate::pages::{AUTHORIZED, DENIED};
use crate::pensar::device::Phase;
use crate::pensar::user_code;
use crate::pensar::workspace::Workspace;
use crate::visit::Visit;

pub(crate) const PATH: &str = "/device";

/// The most codes that nobody has, in a minute (RFC 8628 §5.1).
const MOST_WRONG: usize = 10;

/// A link was opened or a code typed. That alone decides nothing.
pub(super) fn show(visit: &mut Visit<'_>) -> HttpResponse {
    let Some(email) = visit.visitor.email.clone() else { return sign_in::first(visit) };
    let typed = visit.request.url.query_value("user_code").unwrap_or_default().trim();
    if typed.is_empty() {
        return Page::new("Connect a terminal", typing(None)).respond(&visit.visitor);
    }
    let code = match find(visit, typed) {
        Ok(code) => code,
        Err(page) => return page.respond(&visit.visitor),
    };
    let pensar = &mut visit.state.pensar;
    // An API key is for one workspace, so that is settled here; with tokens the terminal asks later.
    let needs_workspace = pensar.device_of(&code).is_some_and(|device| device.legacy);
    let usable: Vec<Workspace> = pensar.workspaces_of(&email).cloned().collect();
    let asked = visit.request.url.query_value("workspace");
    let workspace = match usable.as_slice() {
        _ if !needs_workspace => None,
        [] => return redirect(&create::path_back_to(visit.request.url.expose_target().expose_secret())),
        [only] => Some(only),
        several => match several.iter().find(|workspace| Some(workspace.slug.as_str()) == asked) {
            Some(workspace) => Some(workspace),
            None => {
                let page = Page::new("Choose a workspace", choose(&code, several));
                return page.respond(&visit.visitor);
            }
        },
    };
    confirm(visit, &email, &code, workspace).respond(&visit.visitor)
}

/// A button was pressed.
pub(super) fn decide(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    let Some(account) = visit.visitor.email.clone() else {
        return visit.refused(403, "You are not signed in any more. Open the link again.");
    };
    let code = match find(visit, form.value("user_code")) {
        Ok(code) => code,
        Err(page) => return page.respond(&visit.visitor),
    };
    let pensar = &mut visit.state.pensar;
    let has_workspace = pensar.workspaces_of(&account).next().is_some();
    let workspace = pensar.workspaces_of(&account).find(|it| it.slug == form.value("workspace"));
    let workspace = workspace.map(|workspace| workspace.slug.clone());
    let Some(device) = pensar.device_of(&code) else {
        return visit.refused(404, "This code is not known any more.");
    };
    let page = match form.value("decision") {
        "approve" if device.legacy == workspace.is_some() => {
            device.phase = Phase::Approved { account, workspace };
            authorized(has_workspace)
        }
        "deny" => {
            device.phase = Phase::Denied;
            Page::note(200, DENIED, "The terminal gets no access. You can close this page.")
        }
        _ => return visit.refused(400, "Nothing was decided. Open the link again."),
    };
    page.respond(&visit.visitor)
}

/// The code that was meant, if it waits for a decision; else the page that says why not.
fn find(visit: &mut Visit<'_>, typed: &str) -> Result<String, Page> {
    let (now, speed) = (visit.now, visit.config.speed);
    let pensar = &mut visit.state.pensar;
    if visit.config.rate_limit && pensar.wrong_codes.len(now, speed) >= MOST_WRONG {
        return Err(Page::note(429, "Too many wrong codes", "Wait a minute, then type the code once more."));
    }
    let code = user_code::read(typed);
    let device = code.as_deref().and_then(|code| pensar.device_of(code));
    let (Some(code), Some(device)) = (code, device) else {
        pensar.wrong_codes.count(now);
        let page = Page { status: 404, ..Page::new("This code is not known", typing(Some(typed))) };
        return Err(page);
    };
    match device.phase {
        Phase::Waiting if device.is_over(now) => Err(Page::note(
            410,
            "This code has expired",
            "A code works for some minutes. Run the login again in your terminal.",
        )),
        Phase::Waiting => Ok(code),
        Phase::Approved { .. } | Phase::Denied | Phase::Exchanged | Phase::Delivered { .. } => {
            Err(Page::note(
                410,
                "This code was already used",
                "Each code works once. If a terminal is still waiting, run the login there again.",
            ))
        }
    }
}

fn typing(wrong: Option<&str>) -> Markup {
    html! {
        @if wrong.is_some() {
            p.warning role="alert" { "No terminal waits with this code. Compare it letter by letter." }
        }
        form method="get" action=(PATH) {
            p.field {
                label for="user_code" { "The code that your terminal shows" }
                input.code #user_code type="text" name="user_code" value=[wrong] maxlength="20" required
                    autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="hint";
                span #hint { "Eight letters, such as BCDF-GHJK" }
            }
            p.buttons { button.primary type="submit" { "Continue" } }
        }
    }
}

fn choose(code: &str, workspaces: &[Workspace]) -> Markup {
    html! {
        p { "Which workspace should the terminal use? Inference is paid from its balance." }
        form method="get" action=(PATH) {
            input type="hidden" name="user_code" value=(code);
            (choices(workspaces.iter()))
        }
    }
}

fn confirm(visit: &Visit<'_>, email: &str, code: &str, workspace: Option<&Workspace>) -> Page {
    let content = html! {
        p { "Pensar Apex in a terminal wants to use Pensar Console as " strong { (email) } "." }
        dl.facts {
            dt { "Code" }
            dd { strong.code { (code) } }
            @if let Some(workspace) = workspace {
                dt { "Workspace" }
                dd { (workspace.name) }
            }
            dt { "It may" }
            dd { "see your workspaces and their balances, and pay for inference from them" }
        }
        p.warning {
            strong { "Only if you started this just now" }
            " and your terminal shows the same code. Otherwise deny."
        }
        form.buttons method="post" action=(PATH) {
            (form_token(&visit.visitor))
            input type="hidden" name="user_code" value=(code);
            @if let Some(workspace) = workspace {
                input type="hidden" name="workspace" value=(workspace.slug);
            }
            button.primary type="submit" name="decision" value="approve" { "Authorize this device" }
            button.secondary type="submit" name="decision" value="deny" { "Deny" }
        }
    };
    Page::new("Authorize this device?", content)
}

fn authorized(has_workspace: bool) -> Page {
    let content = html! {
        p { "Return to the terminal: the login completes there by itself. You can close this page." }
        @if !has_workspace {
            p { "You have no workspace yet. The terminal opens the page on which you create one." }
        }
    };
    Page::new(AUTHORIZED, content)
}
