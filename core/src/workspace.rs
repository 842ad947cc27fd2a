//! Which workspace a session works in: the only one, one that is created meanwhile, or the one that the person
//! chooses: here, in the browser, or by its name on the command line.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use crate::billing::Billing;
use crate::call::{Call, Called};
use crate::command::{Choice, CommandId};
use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::not_the_api;
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::money::Money;
use crate::notice::Notice;
use crate::oauth::seconds;
use crate::record::{Gateway, Workspace};
use crate::resolve::{Given, unexpected};
use crate::secret::Secret;
use crate::service::Service;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Url;

/// The list of workspaces.
pub const WORKSPACES: &str = "/api/cli/workspaces";
/// A choice in the browser.
pub const WORKSPACE_SELECTION: &str = "/api/cli/workspace-selection";
/// Makes a workspace the one that is worked in.
pub const SELECT_WORKSPACE: &str = "/api/cli/select-workspace";

/// From an answer to the next question whether something has happened in the browser.
const INTERVAL: Duration = Duration::from_secs(3);
/// How long to wait for a workspace to be created.
const CREATION: Duration = Duration::from_secs(5 * 60);
/// How long to wait for a choice in the browser.
const SELECTION: Duration = Duration::from_secs(10 * 60);

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChooseWorkspace {
    /// By slug or name, as the command line says.
    wanted: Option<String>,
    open_browser: bool,
    /// Where the service says its pages are.
    console: Option<Url>,
    /// The page that is being opened.
    page: Option<CommandId>,
    phase: Phase,
}

/// What was chosen, and what the service says to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selected {
    /// The workspace.
    pub workspace: Workspace,
    /// Whether it can pay for inference.
    pub billing: Billing,
    /// Where its inference requests go.
    pub gateway: Gateway,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Listing(Box<Call>),
    /// There is none yet; until then.
    AwaitingOne {
        next: Timestamp,
        until: Timestamp,
    },
    ListingAgain(Box<Call>, Timestamp),
    Choosing(CommandId, Vec<Listed>),
    Opening(Box<Call>, Vec<Listed>),
    AwaitingChoice {
        next: Timestamp,
        until: Timestamp,
        selection: Secret,
        listed: Vec<Listed>,
    },
    AskingForChoice(Box<Call>, Timestamp, Secret, Vec<Listed>),
    Selecting(Box<Call>, Listed),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Listed {
    workspace: Workspace,
    balance: Option<Money>,
}

impl ChooseWorkspace {
    /// Chooses `wanted`, by slug or name, if that is given.
    pub fn new(wanted: Option<String>, open_browser: bool) -> Self {
        Self { wanted, open_browser, console: None, page: None, phase: Phase::New }
    }

    fn listed(
        &mut self,
        cx: &mut Context<'_>,
        step: Step<Called>,
        until: Option<Timestamp>,
    ) -> Step<Selected> {
        let response = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Err(failure)) => {
                return match until {
                    Some(until) if is_trouble(&failure) => self.await_one(cx, until),
                    _ => Step::fail(failure),
                };
            }
            Step::Done(Ok(called)) => called.response,
        };
        let Some((listed, console)) = read_list(&response) else {
            return match until {
                Some(until) => self.await_one(cx, until),
                None => Step::fail(not_the_api(cx.service)),
            };
        };
        self.console = console.and_then(|url| named_page(cx.service, &url)).or(self.console.take());
        match (listed.as_slice(), until) {
            ([], None) => {
                let until = cx.now.mono + CREATION;
                let console = self.console.as_ref().unwrap_or(&cx.service.app);
                let page = console.join("/create-workspace").with("redirect", "/credits");
                cx.show(Notice::CreateWorkspace { page: page.clone(), expires_at: until });
                if self.open_browser {
                    self.page = Some(cx.open_page(page));
                }
                self.await_one(cx, until)
            }
            ([], Some(until)) => self.await_one(cx, until),
            _ => self.choose(cx, listed),
        }
    }

    fn await_one(&mut self, cx: &Context<'_>, until: Timestamp) -> Step<Selected> {
        let next = cx.now.mono + INTERVAL;
        if next > until {
            return Step::fail(
                Failure::new(Exit::TimedOut, "no_workspace", "no workspace was created within 5 minutes")
                    .next(format!(
                        "create one at {}, then {}",
                        cx.service.app.origin(),
                        cx.service.login_command()
                    )),
            );
        }
        self.phase = Phase::AwaitingOne { next, until };
        Step::Pending
    }

    fn choose(&mut self, cx: &mut Context<'_>, mut listed: Vec<Listed>) -> Step<Selected> {
        if let Some(wanted) = &self.wanted {
            return match named(&listed, wanted) {
                Ok(chosen) => self.select(cx, chosen),
                Err(failure) => Step::fail(failure),
            };
        }
        if listed.len() == 1 {
            let only = listed.remove(0);
            return self.select(cx, only);
        }
        if cx.service.person_present {
            let id = cx.choose(listed.iter().map(Listed::as_choice).collect());
            self.phase = Phase::Choosing(id, listed);
            return Step::Pending;
        }
        // There is nothing to say: no body.
        let request = HttpRequest::new(Method::Post, cx.service.api.join(WORKSPACE_SELECTION))
            .header("content-type", "application/json");
        let mut call = Box::new(Call::repeatable(Given::default(), request));
        let step = call.start(cx);
        self.phase = Phase::Opening(call, listed.clone());
        self.opened(cx, step, listed)
    }

    fn opened(&mut self, cx: &mut Context<'_>, step: Step<Called>, listed: Vec<Listed>) -> Step<Selected> {
        let response = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Err(failure)) => return Step::fail(failure),
            Step::Done(Ok(called)) => called.response,
        };
        let body = json_object(&response).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let page = text("selectionUrl").and_then(|url| named_page(cx.service, url));
        let (Some(selection), Some(page)) = (text("selectionId"), page) else {
            return Step::fail(not_the_api(cx.service));
        };
        let lifetime = body.get("expiresIn").and_then(seconds).map_or(SELECTION, |said| said.min(SELECTION));
        let until = cx.now.mono + lifetime;
        cx.show(Notice::ChooseInBrowser { page: page.clone(), expires_at: until });
        if self.open_browser {
            self.page = Some(cx.open_page(page));
        }
        self.await_choice(cx, until, Secret::from(selection), listed)
    }

    fn await_choice(
        &mut self,
        cx: &Context<'_>,
        until: Timestamp,
        selection: Secret,
        listed: Vec<Listed>,
    ) -> Step<Selected> {
        let next = cx.now.mono + INTERVAL;
        if next > until {
            return Step::fail(not_chosen(cx.service, &listed));
        }
        self.phase = Phase::AwaitingChoice { next, until, selection, listed };
        Step::Pending
    }

    fn told_choice(
        &mut self,
        cx: &mut Context<'_>,
        step: Step<Called>,
        until: Timestamp,
        selection: Secret,
        listed: Vec<Listed>,
    ) -> Step<Selected> {
        let response = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Err(failure)) if is_trouble(&failure) => {
                return self.await_choice(cx, until, selection, listed);
            }
            Step::Done(Err(failure)) => return Step::fail(failure),
            Step::Done(Ok(called)) => called.response,
        };
        let body = json_object(&response).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        match (text("status"), text("workspaceId").and_then(Workspace::readable_id)) {
            (Some("complete"), Some(id)) => {
                let known = listed.into_iter().find(|listed| listed.workspace.id.as_ref() == Some(&id));
                let unknown = || Listed {
                    workspace: Workspace { id: Some(id), name: None, slug: String::new() },
                    balance: None,
                };
                let chosen = known.unwrap_or_else(unknown);
                self.select(cx, chosen)
            }
            (Some("expired"), _) => Step::fail(not_chosen(cx.service, &listed)),
            _ => self.await_choice(cx, until, selection, listed),
        }
    }

    fn select(&mut self, cx: &mut Context<'_>, chosen: Listed) -> Step<Selected> {
        let body = json!({"workspaceId": chosen.workspace.id});
        let mut call =
            Box::new(Call::repeatable(Given::default(), post(cx.service, SELECT_WORKSPACE, &body)));
        let step = call.start(cx);
        self.phase = Phase::Selecting(call, chosen.clone());
        self.selected(cx, step, &chosen)
    }

    fn selected(&mut self, cx: &mut Context<'_>, step: Step<Called>, chosen: &Listed) -> Step<Selected> {
        let response = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Err(failure)) => return Step::fail(failure),
            Step::Done(Ok(called)) => called.response,
        };
        let Some(body) = json_object(&response) else { return Step::fail(not_the_api(cx.service)) };
        if body.get("confirmed").and_then(Value::as_bool) == Some(false) {
            let name = chosen.workspace.name.as_deref().unwrap_or(&chosen.workspace.slug);
            return Step::fail(
                Failure::new(
                    Exit::RefusedByApi,
                    "workspace_not_confirmed",
                    format!("{} did not confirm the workspace {name:?}", cx.service.name),
                )
                .next(format!("{} and choose another one", cx.service.login_command())),
            );
        }
        let workspace =
            body.get("workspace").and_then(read_workspace).unwrap_or_else(|| chosen.workspace.clone());
        let console = self.console.as_ref().unwrap_or(&cx.service.app);
        let billing = Billing::read(cx.service, console, &body, &workspace.slug, chosen.balance);
        let gateway = read_gateway(cx.service, &body);
        Step::Done(Ok(Selected { workspace, billing, gateway }))
    }
}

impl Logic for ChooseWorkspace {
    type Output = Selected;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Selected> {
        let mut call = Box::new(list(cx.service));
        let step = call.start(cx);
        self.phase = Phase::Listing(call);
        self.listed(cx, step, None)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Selected> {
        if self.page_opened(cx, event) {
            return Step::Pending;
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Listing(mut call), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Listing(call);
                self.listed(cx, step, None)
            }
            (Phase::ListingAgain(mut call, until), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::ListingAgain(call, until);
                self.listed(cx, step, Some(until))
            }
            (Phase::Opening(mut call, listed), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Opening(call, listed.clone());
                self.opened(cx, step, listed)
            }
            (Phase::AskingForChoice(mut call, until, selection, listed), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::AskingForChoice(call, until, selection.clone(), listed.clone());
                self.told_choice(cx, step, until, selection, listed)
            }
            (Phase::Selecting(mut call, chosen), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Selecting(call, chosen.clone());
                self.selected(cx, step, &chosen)
            }
            (Phase::AwaitingOne { next, until }, Event::Woke) if next <= cx.now.mono => {
                let mut call = Box::new(list(cx.service));
                let step = call.start(cx);
                self.phase = Phase::ListingAgain(call, until);
                self.listed(cx, step, Some(until))
            }
            (Phase::AwaitingChoice { next, until, selection, listed }, Event::Woke)
                if next <= cx.now.mono =>
            {
                let url = cx.service.api.join(WORKSPACE_SELECTION).with("id", selection.clone());
                let mut call = Box::new(Call::new(Given::default(), HttpRequest::new(Method::Get, url)));
                let step = call.start(cx);
                self.phase = Phase::AskingForChoice(call, until, selection.clone(), listed.clone());
                self.told_choice(cx, step, until, selection, listed)
            }
            (Phase::Choosing(id, mut listed), Event::Chosen { id: answered, index }) if id == *answered => {
                match index.filter(|index| *index < listed.len()) {
                    Some(index) => {
                        let chosen = listed.swap_remove(index);
                        self.select(cx, chosen)
                    }
                    None => Step::fail(not_chosen(cx.service, &listed)),
                }
            }
            (phase, event) => {
                self.phase = phase;
                match event {
                    Event::Woke => Step::Ignored("nothing is due"),
                    _ => Step::Ignored("not waited for"),
                }
            }
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Selected> {
        match self.call() {
            Some(call) => match call.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                Step::Done(Ok(_)) => unexpected(),
                _ => Step::Pending,
            },
            None => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Listing(call)
            | Phase::ListingAgain(call, _)
            | Phase::Opening(call, _)
            | Phase::AskingForChoice(call, ..)
            | Phase::Selecting(call, _) => call.deadline(),
            Phase::AwaitingOne { next, .. } | Phase::AwaitingChoice { next, .. } => {
                Some((*next, WakeReason::NextPoll))
            }
            Phase::New | Phase::Choosing(..) => None,
        }
    }
}

impl ChooseWorkspace {
    /// Takes note of what became of the browser, if the event says that.
    fn page_opened(&mut self, cx: &mut Context<'_>, event: &Event) -> bool {
        match event {
            Event::PageOpened { id } if self.page == Some(*id) => {}
            Event::PageNotOpened { id, reason } if self.page == Some(*id) => {
                cx.show(Notice::PageNotOpened { reason: harmless(reason) });
            }
            _ => return false,
        }
        self.page = None;
        true
    }

    fn call(&mut self) -> Option<&mut Call> {
        match &mut self.phase {
            Phase::Listing(call)
            | Phase::ListingAgain(call, _)
            | Phase::Opening(call, _)
            | Phase::AskingForChoice(call, ..)
            | Phase::Selecting(call, _) => Some(call),
            _ => None,
        }
    }
}

impl Listed {
    fn as_choice(&self) -> Choice {
        let Workspace { name, slug, .. } = &self.workspace;
        Choice {
            name: name.clone().unwrap_or_else(|| slug.clone()),
            slug: slug.clone(),
            balance: self.balance,
        }
    }
}

/// A workspace in an answer, its texts made harmless.
pub(crate) fn read_workspace(value: &Value) -> Option<Workspace> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = text("id").and_then(Workspace::readable_id);
    Some(Workspace { id, name: text("name").map(harmless), slug: text("slug").map(harmless)? })
}

/// What an answer says about the gateway; a URL elsewhere than on the service's own site counts as none.
pub(crate) fn read_gateway(service: &Service, body: &Value) -> Gateway {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    Gateway {
        url: text("gatewayUrl").and_then(|url| Url::parse(url).ok()).filter(|url| service.has_gateway(url)),
        signing_key: text("signingKey").map(Secret::from),
    }
}

/// A page that the service named, if it is one of its own (invariant 18).
pub(crate) fn named_page(service: &Service, url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|page| service.has_page(page))
}

fn list(service: &Service) -> Call {
    Call::new(Given::default(), HttpRequest::new(Method::Get, service.api.join(WORKSPACES)))
}

fn post(service: &Service, path: &str, body: &Value) -> HttpRequest {
    HttpRequest::new(Method::Post, service.api.join(path)).body("application/json", body.to_string())
}

fn read_list(response: &HttpResponse) -> Option<(Vec<Listed>, Option<String>)> {
    let body = json_object(response)?;
    let workspaces = body.get("workspaces")?.as_array()?;
    let listed = workspaces.iter().filter_map(|value| {
        let workspace = read_workspace(value).filter(|workspace| workspace.id.is_some())?;
        Some(Listed { workspace, balance: value.get("balance").and_then(Money::from_json) })
    });
    let console = body.get("consoleUrl").and_then(Value::as_str).map(String::from);
    Some((listed.collect(), console))
}

/// A trouble of network or server ends no waiting for a person; the time does (invariant 2).
fn is_trouble(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Network | Exit::Server)
}

/// By slug first, then by exact name.
fn named(listed: &[Listed], wanted: &str) -> Result<Listed, Failure> {
    if let Some(hit) = listed.iter().find(|listed| listed.workspace.slug == wanted) {
        return Ok(hit.clone());
    }
    let by_name: Vec<&Listed> =
        listed.iter().filter(|listed| listed.workspace.name.as_deref() == Some(wanted)).collect();
    let wanted = harmless(wanted);
    match by_name.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::new(
            Exit::RefusedByApi,
            "unknown_workspace",
            format!("you are in no workspace {wanted:?}, but in {}", slugs(listed)),
        )
        .next("name one of these with --workspace")),
        several => Err(Failure::new(
            Exit::Usage,
            "ambiguous_workspace",
            format!("several workspaces are named {wanted:?}: {}", slugs(several.iter().copied())),
        )
        .next("name one by its slug")),
    }
}

fn slugs<'a>(listed: impl IntoIterator<Item = &'a Listed>) -> String {
    let slugs: Vec<&str> = listed.into_iter().map(|listed| listed.workspace.slug.as_str()).collect();
    slugs.join(", ")
}

fn not_chosen(service: &Service, listed: &[Listed]) -> Failure {
    let message = format!("no workspace was chosen out of {}", slugs(listed));
    Failure::new(Exit::TimedOut, "no_workspace_chosen", message)
        .next(format!("{} --workspace <slug>`", service.login_command().trim_end_matches('`')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_if_it_can_stand_in_a_header() {
        for (id, read) in [
            ("wks_1-A.b", Some("wks_1-A.b")),
            ("", None),
            ("w\u{e9}", None),
            ("w 1", None),
            ("w\r\nx: y", None),
        ] {
            let read = read.map(String::from);
            let workspace = Workspace { id: read, name: None, slug: "acme".into() };
            assert_eq!(read_workspace(&json!({"id": id, "slug": "acme"})), Some(workspace), "{id:?}");
        }
    }
}
