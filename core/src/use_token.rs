//! Taking over a token that the person has: checked first, stored only when the service accepts it.

use alloc::boxed::Box;

use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::{Exchange, not_the_api};
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::keep::{Keep, Kept};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::record::Record;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{is_api_token, malformed_token};
use crate::workspace_answers::read_workspace;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UseToken {
    token: Secret,
    variable_set: bool,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Checking(Exchange),
    Keeping(Box<Keep>),
}

impl UseToken {
    /// `variable_set`: a token in the environment will hide the stored one.
    pub fn new(token: Secret, variable_set: bool) -> Self {
        Self { token, variable_set, phase: Phase::New }
    }

    fn checked(&mut self, cx: &mut Context<'_>, end: Outcome<HttpResponse>) -> Step<Kept> {
        let response = match end {
            Ok(response) => response,
            Err(failure) => return Step::fail(rejected(cx, failure)),
        };
        // Only what the API itself said counts: a captive portal says 200, too.
        let Some(usage) = json_object(&response).filter(|_| response.status == 200) else {
            return Step::fail(rejected(cx, not_the_api(cx.service)));
        };
        let record = Record::new(
            &cx.service.issuer,
            usage.get("workspace").and_then(read_workspace),
            self.token.clone(),
        );
        let mut keep = Box::new(Keep::new(record, cx.service.backends));
        let step = keep.start(cx);
        self.phase = Phase::Keeping(keep);
        step
    }
}

impl Logic for UseToken {
    type Output = Kept;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        if !is_api_token(&self.token) {
            return Step::fail(malformed_token(cx.service, "the input"));
        }
        if self.variable_set {
            cx.show(Notice::VariableHides { variable: cx.service.token_variable.clone().into_owned() });
        }
        let url = cx.service.api.join(cx.service.paths.usage);
        let mut exchange = Exchange::new(HttpRequest::new(Method::Get, url).bearer(&self.token));
        let step = exchange.start(cx);
        self.phase = Phase::Checking(exchange);
        step.then(|end| self.checked(cx, end))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Kept> {
        match &mut self.phase {
            Phase::New => Step::Ignored("not started"),
            Phase::Checking(exchange) => exchange.handle(cx, event).then(|end| self.checked(cx, end)),
            Phase::Keeping(keep) => keep.handle(cx, event),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Checking(exchange) => exchange.deadline(),
            Phase::New | Phase::Keeping(_) => None,
        }
    }
}

fn rejected(cx: &Context<'_>, mut failure: Failure) -> Failure {
    failure.message.push_str("; nothing was stored");
    if failure.exit == Exit::NotSignedIn {
        failure =
            failure.next(alloc::format!("check the token, or make a new one at {}", cx.service.keys_page()));
    }
    failure
}
