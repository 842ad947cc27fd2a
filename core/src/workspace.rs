//! Which workspace a session works in: the only one, one that is created meanwhile, or the one that the person
//! chooses: here, in the browser, or by its name on the command line.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use crate::call::{Call, Called};
use crate::command::CommandId;
use crate::event::Event;
use crate::exchange::not_the_api;
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::opening_page::OpeningPage;
use crate::record::Workspace;
use crate::resolve::Given;
use crate::secret::Secret;
use crate::service::Service;
use crate::store_failure::unexpected;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Url;
use crate::workspace_answers::{List, Listed, Progress, Selected, Selection};

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
    page: OpeningPage,
    phase: Phase,
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

impl ChooseWorkspace {
    /// Chooses `wanted`, by slug or name, if that is given.
    pub fn new(wanted: Option<String>, open_browser: bool) -> Self {
        Self { wanted, open_browser, console: None, page: OpeningPage::default(), phase: Phase::New }
    }

    fn listed(
        &mut self,
        cx: &mut Context<'_>,
        end: Outcome<Called>,
        until: Option<Timestamp>,
    ) -> Step<Selected> {
        let response = match (end, until) {
            (Ok(called), _) => called.response,
            (Err(failure), Some(until)) if is_trouble(&failure) => return self.await_one(cx, until),
            (Err(failure), _) => return Step::fail(failure),
        };
        let Some(List { listed, console }) = List::read(cx.service, &response) else {
            return match until {
                Some(until) => self.await_one(cx, until),
                None => Step::fail(not_the_api(cx.service)),
            };
        };
        self.console = console.or(self.console.take());
        match (listed.as_slice(), until) {
            ([], None) => {
                let until = cx.now.mono + CREATION;
                let console = self.console.as_ref().unwrap_or(&cx.service.app);
                let page = console.join("/create-workspace").with("redirect", "/credits");
                cx.show(Notice::CreateWorkspace { page: page.clone(), expires_at: until });
                if self.open_browser {
                    self.page = OpeningPage::open(cx, page);
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
        step.and_then(|called| self.opened(cx, &called.response, listed))
    }

    fn opened(
        &mut self,
        cx: &mut Context<'_>,
        response: &HttpResponse,
        listed: Vec<Listed>,
    ) -> Step<Selected> {
        let Some(Selection { id, page, lifetime }) = Selection::read(cx.service, response) else {
            return Step::fail(not_the_api(cx.service));
        };
        let lifetime = lifetime.map_or(SELECTION, |said| said.min(SELECTION));
        let until = cx.now.mono + lifetime;
        cx.show(Notice::ChooseInBrowser { page: page.clone(), expires_at: until });
        if self.open_browser {
            self.page = OpeningPage::open(cx, page);
        }
        self.await_choice(cx, until, id, listed)
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
        end: Outcome<Called>,
        until: Timestamp,
        selection: Secret,
        listed: Vec<Listed>,
    ) -> Step<Selected> {
        let response = match end {
            Ok(called) => called.response,
            Err(failure) if is_trouble(&failure) => return self.await_choice(cx, until, selection, listed),
            Err(failure) => return Step::fail(failure),
        };
        match Progress::read(&response) {
            Progress::Complete(id) => {
                let known = listed.into_iter().find(|listed| listed.workspace.id.as_ref() == Some(&id));
                let unknown = || Listed {
                    workspace: Workspace { id: Some(id), name: None, slug: String::new() },
                    balance: None,
                };
                let chosen = known.unwrap_or_else(unknown);
                self.select(cx, chosen)
            }
            Progress::Expired => Step::fail(not_chosen(cx.service, &listed)),
            Progress::Open => self.await_choice(cx, until, selection, listed),
        }
    }

    fn select(&mut self, cx: &mut Context<'_>, chosen: Listed) -> Step<Selected> {
        let body = json!({"workspaceId": chosen.workspace.id});
        let mut call =
            Box::new(Call::repeatable(Given::default(), post(cx.service, SELECT_WORKSPACE, &body)));
        let step = call.start(cx);
        self.phase = Phase::Selecting(call, chosen.clone());
        step.and_then(|called| self.selected(cx, &called.response, &chosen))
    }

    fn selected(&self, cx: &Context<'_>, response: &HttpResponse, chosen: &Listed) -> Step<Selected> {
        let console = self.console.as_ref().unwrap_or(&cx.service.app);
        Step::Done(Selected::read(cx.service, console, response, chosen))
    }
}

impl Logic for ChooseWorkspace {
    type Output = Selected;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Selected> {
        let mut call = Box::new(list(cx.service));
        let step = call.start(cx);
        self.phase = Phase::Listing(call);
        step.then(|end| self.listed(cx, end, None))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Selected> {
        if self.page.takes(cx, event) {
            return Step::Pending;
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Listing(mut call), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Listing(call);
                step.then(|end| self.listed(cx, end, None))
            }
            (Phase::ListingAgain(mut call, until), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::ListingAgain(call, until);
                step.then(|end| self.listed(cx, end, Some(until)))
            }
            (Phase::Opening(mut call, listed), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Opening(call, listed.clone());
                step.and_then(|called| self.opened(cx, &called.response, listed))
            }
            (Phase::AskingForChoice(mut call, until, selection, listed), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::AskingForChoice(call, until, selection.clone(), listed.clone());
                step.then(|end| self.told_choice(cx, end, until, selection, listed))
            }
            (Phase::Selecting(mut call, chosen), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Selecting(call, chosen.clone());
                step.and_then(|called| self.selected(cx, &called.response, &chosen))
            }
            (Phase::AwaitingOne { next, until }, Event::Woke) if next <= cx.now.mono => {
                let mut call = Box::new(list(cx.service));
                let step = call.start(cx);
                self.phase = Phase::ListingAgain(call, until);
                step.then(|end| self.listed(cx, end, Some(until)))
            }
            (Phase::AwaitingChoice { next, until, selection, listed }, Event::Woke)
                if next <= cx.now.mono =>
            {
                let url = cx.service.api.join(WORKSPACE_SELECTION).with("id", selection.clone());
                let mut call = Box::new(Call::new(Given::default(), HttpRequest::new(Method::Get, url)));
                let step = call.start(cx);
                self.phase = Phase::AskingForChoice(call, until, selection.clone(), listed.clone());
                step.then(|end| self.told_choice(cx, end, until, selection, listed))
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

fn list(service: &Service) -> Call {
    Call::new(Given::default(), HttpRequest::new(Method::Get, service.api.join(WORKSPACES)))
}

fn post(service: &Service, path: &str, body: &Value) -> HttpRequest {
    HttpRequest::new(Method::Post, service.api.join(path)).body("application/json", body.to_string())
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
