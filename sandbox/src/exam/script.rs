//! What happens in a situation, request by request.

use std::collections::BTreeMap;
use std::convert::Infallible;

use doorkey_core::http::HttpRequest;
use doorkey_core::time::WallTime;
use doorkey_core::url::Url;
use serde_json::Value;

use super::situation::{Decision, Situation, Target};
use crate::account::ACCOUNTS;
use crate::fault::{Answer, Fault};
use crate::pensar::account::SOLO;
use crate::person::Person;
use crate::rule::Rule;
use crate::service::{Asking, Service};

/// Plays a situation to one client: decides by count, never by time. It is the person, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Script {
    situation: Situation,
    counts: BTreeMap<&'static str, u32>,
    /// Who is to decide, and where.
    link: Option<(&'static str, Url)>,
}

impl Script {
    pub(crate) fn new(situation: Situation) -> Self {
        Self { situation, counts: BTreeMap::new(), link: None }
    }

    /// A request came. The person does what is to be done before it is answered; gives what becomes of it.
    pub(crate) fn before(
        &mut self,
        service: &mut Service,
        now: WallTime,
        request: &HttpRequest,
    ) -> Option<Fault> {
        let (target, name) = match service.asking(request)? {
            Asking::Poll { link } => {
                let pentify = ACCOUNTS.first().map_or("", |account| account.email);
                self.link = link.map(|link| (pentify, link)).or(self.link.take());
                (Target::Poll, "poll")
            }
            Asking::Refresh => (Target::Refresh, "refresh"),
            Asking::Api => (Target::Api, "api"),
        };
        let count = self.counts.entry(name).or_default();
        *count += 1;
        let count = *count;
        if target == Target::Poll {
            self.decide(service, now, count);
        }
        if target == Target::Refresh && count == 1 && self.situation == Situation::Revoked {
            service.revoke_sessions(now);
        }
        self.situation.fault().filter(|fault| (fault.0, fault.1) == (target, count)).map(|fault| fault.2)
    }

    /// An answer went out.
    pub(crate) fn after(&mut self, answer: &Answer) {
        let (Answer::Whole(response) | Answer::Late(response)) = answer else { return };
        let Ok(body) = serde_json::from_slice::<Value>(response.body.as_bytes()) else { return };
        let link = ["verification_uri_complete", "verificationUriComplete"].map(|name| body[name].as_str());
        let link = link.into_iter().flatten().find_map(|link| Url::parse(link).ok());
        self.link = link.map(|link| (SOLO, link)).or(self.link.take());
    }

    /// The rule that this situation alone is an occasion to break, if the client got that far.
    pub(crate) fn occasion(&self) -> Option<Rule> {
        let refreshed = self.counts.contains_key("refresh");
        (self.situation == Situation::AtOnce && refreshed).then_some(Rule::RefreshRaced)
    }

    fn decide(&self, service: &mut Service, now: WallTime, poll: u32) {
        let Some((email, link)) = &self.link else { return };
        let send = |request: &HttpRequest| Ok::<_, Infallible>(service.handle(now, request));
        let mut person = Person::new(email);
        // A login that is over is nobody's to decide.
        let _ = match self.situation.decision() {
            Decision::Approve(at) if at == poll => person.approve(link, send),
            Decision::Deny(at) if at == poll => person.deny(link, send),
            _ => return,
        };
    }
}
