//! `login`: switch to a workspace whose stored token still works, else pair; then store.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::{Exchange, not_the_api};
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::keep::{Keep, Kept};
use crate::looks::{by_workspace, is_settled, reading_order};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::pairing::{Paired, Pairing};
use crate::places::Places;
use crate::record::{Backend, Record, Slot};
use crate::store::{Ledger, StoreAnswer, StoreOp};
use crate::time::Timestamp;

/// What the command line says about a login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LoginOptions {
    /// The workspace to be signed in to, by slug or name.
    pub workspace: Option<String>,
    /// Pair even if switching would do.
    pub re_pair: bool,
    /// Open a browser.
    pub open_browser: bool,
    /// A token in the environment will hide the stored one.
    pub variable_set: bool,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    options: LoginOptions,
    phase: Phase,
}

/// A successful login.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoggedIn {
    /// Where the credential rests.
    pub kept: Kept,
    /// `None`: it was stored already, and made the active one.
    pub paired: Option<Paired>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    /// Before a person is sent to the browser: what the storing will need must be there.
    Preparing(Places),
    Looking {
        id: CommandId,
        backend: Backend,
        ledger: Ledger,
        found: Vec<(Backend, Slot, Record)>,
        looks: usize,
    },
    Checking(Exchange, Backend, Box<Record>),
    Pairing(Pairing),
    Keeping(Box<Keep>, Option<Paired>),
}

impl Login {
    /// A login as the command line asks for it.
    pub fn new(options: LoginOptions) -> Self {
        Self { options, phase: Phase::New }
    }

    fn prepared(&mut self, cx: &mut Context<'_>, ledger: Ledger) -> Step<LoggedIn> {
        match (&self.options.workspace, self.options.re_pair) {
            (Some(_), false) => self.look(cx, ledger, 0, Vec::new()),
            _ => self.pair(cx),
        }
    }

    fn look(
        &mut self,
        cx: &mut Context<'_>,
        ledger: Ledger,
        looks: usize,
        found: Vec<(Backend, Slot, Record)>,
    ) -> Step<LoggedIn> {
        if let Some(backend) = reading_order(cx.service, &ledger).get(looks).copied() {
            let id = cx.store(StoreOp::LoadAll(backend));
            self.phase = Phase::Looking { id, backend, ledger, found, looks };
            return Step::Pending;
        }
        let active = found.iter().find(|(_, slot, _)| *slot == Slot::Active).map(|(.., r)| r.version());
        let candidates = found
            .into_iter()
            .filter(|(_, slot, r)| *slot != Slot::Active && r.issuer.as_deref() == Some(&*cx.service.issuer))
            .map(|(backend, _, record)| (backend, record))
            .collect();
        let name = self.options.workspace.clone().unwrap_or_default();
        match by_workspace(candidates, &name) {
            Err(failure) => Step::fail(failure),
            Ok(Some((backend, record))) if active != Some(record.version()) => {
                let url = cx.service.api.join(cx.service.paths.usage);
                let mut exchange = Exchange::new(HttpRequest::new(Method::Get, url).bearer(&record.token));
                let step = exchange.start(cx);
                self.phase = Phase::Checking(exchange, backend, Box::new(record));
                step.then(|end| self.checked(cx, end))
            }
            Ok(_) => self.pair(cx),
        }
    }

    fn checked(&mut self, cx: &mut Context<'_>, end: Outcome<HttpResponse>) -> Step<LoggedIn> {
        let Phase::Checking(_, backend, record) = &self.phase else { return Step::Ignored("not waited for") };
        match end {
            Ok(response) if json_object(&response).is_some() => {
                let keep = Box::new(Keep::new(Record::clone(record), &[*backend]));
                self.keep(cx, keep, None)
            }
            // A captive portal says 200, too.
            Ok(_) => Step::fail(not_the_api(cx.service)),
            // Revoked meanwhile, or without rights: a new one is needed.
            Err(failure) if matches!(failure.exit, Exit::NotSignedIn | Exit::RefusedByApi) => self.pair(cx),
            Err(failure) => Step::fail(failure),
        }
    }

    fn pair(&mut self, cx: &mut Context<'_>) -> Step<LoggedIn> {
        let mut pairing = Pairing::new(self.options.workspace.clone(), self.options.open_browser);
        let step = pairing.start(cx);
        self.phase = Phase::Pairing(pairing);
        step.and_then(|paired| self.paired(cx, paired))
    }

    fn paired(&mut self, cx: &mut Context<'_>, paired: Paired) -> Step<LoggedIn> {
        if let (Some(asked), Some(picked)) = (&self.options.workspace, &paired.workspace)
            && *asked != picked.slug
            && Some(asked) != picked.name.as_ref()
        {
            let (asked, picked) = (crate::text::harmless(asked), picked.slug.clone());
            cx.show(Notice::OtherWorkspace { asked, picked });
        }
        let record = Record::new(&cx.service.issuer, paired.workspace.clone(), paired.token.clone());
        let keep = Box::new(Keep::new(record, cx.service.backends));
        self.keep(cx, keep, Some(paired))
    }

    fn keep(&mut self, cx: &mut Context<'_>, mut keep: Box<Keep>, paired: Option<Paired>) -> Step<LoggedIn> {
        let step = keep.start(cx);
        self.phase = Phase::Keeping(keep, paired);
        step.then(|end| self.kept(cx, end))
    }

    fn kept(&mut self, cx: &Context<'_>, end: Outcome<Kept>) -> Step<LoggedIn> {
        match end {
            Err(failure) => Step::fail(match &self.phase {
                Phase::Keeping(_, Some(_)) => thrown_away(cx, failure),
                _ => failure,
            }),
            Ok(kept) => {
                let paired = match &mut self.phase {
                    Phase::Keeping(_, paired) => paired.take(),
                    _ => None,
                };
                Step::Done(Ok(LoggedIn { kept, paired }))
            }
        }
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        id: CommandId,
        answer: &StoreAnswer,
    ) -> Step<LoggedIn> {
        match (core::mem::replace(&mut self.phase, Phase::New), answer) {
            (Phase::Looking { id: waited, backend, ledger, mut found, looks }, answer) if waited == id => {
                if let StoreAnswer::Records(records) = answer {
                    let believed = records.iter().filter(|(slot, r)| is_settled(&ledger, backend, slot, r));
                    found.extend(believed.map(|(slot, record)| (backend, slot.clone(), record.clone())));
                }
                self.look(cx, ledger, looks + 1, found)
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }
}

impl Logic for Login {
    type Output = LoggedIn;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<LoggedIn> {
        if self.options.variable_set {
            cx.show(Notice::VariableHides { variable: cx.service.token_variable.clone().into_owned() });
        }
        let mut places = Places::default();
        let step = places.start(cx);
        self.phase = Phase::Preparing(places);
        step.and_then(|ledger| self.prepared(cx, ledger))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<LoggedIn> {
        match (&mut self.phase, event) {
            (Phase::Preparing(places), event) => {
                places.handle(cx, event).and_then(|ledger| self.prepared(cx, ledger))
            }
            (Phase::Checking(exchange, ..), event) => {
                exchange.handle(cx, event).then(|end| self.checked(cx, end))
            }
            (Phase::Pairing(pairing), event) => {
                pairing.handle(cx, event).and_then(|paired| self.paired(cx, paired))
            }
            (Phase::Keeping(keep, _), event) => keep.handle(cx, event).then(|end| self.kept(cx, end)),
            (_, Event::Store { id, answer }) => self.store_answered(cx, *id, answer),
            _ => Step::Ignored("not waited for"),
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<LoggedIn> {
        let (service, interrupted) = (cx.service, Failure::interrupted());
        Step::fail(match &self.phase {
            Phase::Keeping(_, Some(_)) => {
                Failure { message: "interrupted while the new token was being stored".into(), ..interrupted }
                    .next(format!(
                        "see `{} status`; if it is not there, revoke it at {}",
                        service.command,
                        service.keys_page()
                    ))
            }
            _ => interrupted,
        })
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Checking(exchange, ..) => exchange.deadline(),
            Phase::Pairing(pairing) => pairing.deadline(),
            _ => None,
        }
    }
}

/// Nobody will ever use a key that was minted but could not be stored.
fn thrown_away(cx: &Context<'_>, mut failure: Failure) -> Failure {
    failure.message.push_str("; it was thrown away");
    let mend = failure.next.take().map(|next| format!("{next}; then ")).unwrap_or_default();
    let page = cx.service.keys_page();
    failure.next(format!("{mend}revoke the key at {page} and sign in again"))
}
