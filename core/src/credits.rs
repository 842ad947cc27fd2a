//! `credits`: the balance of the workspace, as the inference gateway knows it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use serde_json::Value;

use crate::amend::Amend;
use crate::bearer::Bearer;
use crate::billing::Billing;
use crate::call::{Call, Called};
use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::not_the_api;
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::money::Money;
use crate::record::{Gateway, Record};
use crate::resolve::Given;
use crate::service::Service;
use crate::session::Session;
use crate::store_failure::unexpected;
use crate::text::harmless;
use crate::time::Timestamp;
use crate::url::Url;
use crate::workspace_answers::read_gateway;

/// Tells name and balance of a workspace.
pub const GATEWAY_VALIDATE: &str = "/gateway/validate";

/// The machine. What the gateway says about itself is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Credits {
    phase: Phase,
}

/// What the gateway says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreditsReport {
    /// The workspace's name, harmless to show.
    pub workspace: Option<String>,
    /// Its slug, if it is known.
    pub slug: Option<String>,
    /// The balance, and what to do about it.
    pub billing: Billing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    /// Whose gateway, and which workspace, the record says.
    Finding(Box<Session>),
    Asking(Box<Call>),
    Amending(Box<Amend>, Box<CreditsReport>),
}

impl CreditsReport {
    /// Where credits are bought.
    pub fn billing_page(&self, service: &Service) -> Url {
        // Where nothing is to be done the console knows the workspace itself.
        self.billing.advice.page().cloned().unwrap_or_else(|| service.app.join("/credits"))
    }
}

impl Credits {
    fn found(&mut self, cx: &mut Context<'_>, bearer: Bearer) -> Step<CreditsReport> {
        let Bearer::Good(kept) = bearer else { return unexpected() };
        let record = kept.record;
        if record.lacks_workspace() {
            return Step::fail(
                Failure::new(Exit::Usage, "no_workspace_chosen", "no workspace has been chosen yet")
                    .next(format!("{} to choose one", cx.service.login_command())),
            );
        }
        let Some(request) = validation(cx, &record) else { return unexpected() };
        let mut call = Box::new(Call::new(Given::default(), request));
        let step = call.start(cx);
        self.phase = Phase::Asking(call);
        step.and_then(|called| self.told(cx, called))
    }

    fn told(&mut self, cx: &mut Context<'_>, called: Called) -> Step<CreditsReport> {
        let Called { response, record, .. } = called;
        let Some(body) = json_object(&response) else { return Step::fail(not_the_api(cx.service)) };
        let Some(balance) = body.pointer("/credits/balance").and_then(Money::from_json) else {
            return Step::fail(not_the_api(cx.service));
        };
        let name = body.pointer("/workspace/name").and_then(Value::as_str).map(harmless);
        let slug = record.slug().map(String::from);
        let report = CreditsReport {
            workspace: name.or_else(|| record.workspace.as_ref()?.name.clone()),
            billing: Billing::of_balance(&cx.service.app, slug.as_deref().unwrap_or_default(), balance),
            slug,
        };
        let gateway = read_gateway(cx.service, &body);
        // What one that was named for this process says of itself is nothing to keep.
        if cx.service.gateway_is_named || !is_news(&gateway, &record.gateway) {
            return Step::Done(Ok(report));
        }
        let mut amend = Box::new(Amend::new(&record, None, gateway));
        let step = amend.start(cx);
        self.phase = Phase::Amending(amend, Box::new(report));
        step.then(|_| self.amended())
    }

    /// What could not be kept is told by the gateway again.
    fn amended(&mut self) -> Step<CreditsReport> {
        match core::mem::take(&mut self.phase) {
            Phase::Amending(_, report) => Step::Done(Ok(*report)),
            _ => unexpected(),
        }
    }
}

impl Logic for Credits {
    type Output = CreditsReport;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<CreditsReport> {
        let mut session = Box::new(Session::new());
        let step = session.start(cx);
        self.phase = Phase::Finding(session);
        step.and_then(|bearer| self.found(cx, bearer))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<CreditsReport> {
        match (&mut self.phase, event) {
            (Phase::Finding(session), event) => {
                session.handle(cx, event).and_then(|bearer| self.found(cx, bearer))
            }
            (Phase::Asking(call), event) => call.handle(cx, event).and_then(|called| self.told(cx, called)),
            (Phase::Amending(amend, _), event) => amend.handle(cx, event).then(|_| self.amended()),
            (Phase::New, _) => Step::Ignored("not waited for"),
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<CreditsReport> {
        match &mut self.phase {
            Phase::Finding(session) => match session.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                _ => Step::Pending,
            },
            Phase::Asking(call) => match call.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                _ => Step::Pending,
            },
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Finding(session) => session.deadline(),
            Phase::Asking(call) => call.deadline(),
            _ => None,
        }
    }
}

/// The gateway that the service named, or the one that it is known by.
fn validation(cx: &Context<'_>, record: &Record) -> Option<HttpRequest> {
    let gateway = record.gateway.url.as_ref();
    let gateway = gateway.filter(|url| !cx.service.gateway_is_named && cx.service.has_gateway(url));
    let url = gateway.or(cx.service.gateway.as_ref())?.join(GATEWAY_VALIDATE);
    let id = record.workspace.as_ref().and_then(|workspace| workspace.id.as_deref());
    let request = HttpRequest::new(Method::Get, url);
    Some(match id {
        Some(id) => request.header("x-workspace-id", id),
        None => request,
    })
}

fn is_news(named: &Gateway, known: &Gateway) -> bool {
    (named.url.is_some() && named.url != known.url)
        || (named.signing_key.is_some() && named.signing_key != known.signing_key)
}
