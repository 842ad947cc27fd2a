//! Requests: `Exchange` and its retries, `Call` with `Find` and one more token, `Discover`.

use std::cell::RefCell;
use std::rc::Rc;

use doorkey_core::call::Call;
use doorkey_core::command::CommandId;
use doorkey_core::discover::Discover;
use doorkey_core::event::Event;
use doorkey_core::exchange::Exchange;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::metadata::Endpoints;
use doorkey_core::record::{Backend, Record};
use doorkey_core::resolve::{Resolved, Source};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::cases;
use crate::plan::{NetFault, Plan, net_fault};
use crate::world::{World, bearer};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn pentify() -> Service {
    Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into())
}

/// What a request comes to: an answer with that status, or a failure.
type Fate = Result<u16, NetFault>;

fn fate() -> impl Strategy<Value = Fate> {
    let status = prop_oneof![2 => Just(200u16), 1 => Just(204), 1 => Just(401), 1 => Just(403), 1 => Just(404),
        1 => Just(429), 2 => Just(500), 1 => Just(501), 1 => Just(503)];
    prop_oneof![1 => status.prop_map(Ok), 1 => net_fault().prop_map(Err)]
}

/// A world in which requests fare like this, one after the other, and then well.
fn world(service: Service, fates: &[Fate]) -> (World, Plan) {
    let statuses: Vec<u16> =
        fates.iter().filter(|fate| is_heard(fate)).map(|fate| fate.unwrap_or(200)).collect();
    let statuses = RefCell::new(statuses.into_iter());
    let world = World::new(service, move |_, _, _| {
        HttpResponse::new(statuses.borrow_mut().next().unwrap_or(200), "{}")
    });
    let net = fates.iter().enumerate().filter_map(|(at, fate)| Some((at, fate.err()?))).collect();
    (world, Plan { net, ..Plan::default() })
}

fn is_heard(fate: &Fate) -> bool {
    matches!(fate, Ok(_) | Err(NetFault::AnswerLost(_) | NetFault::TooLarge))
}

/// What a fate means (RFC 9110 §15, RFC 6585 §4): a success, an answer, or that it may be better later, when asked to
/// wait so many milliseconds.
enum Meaning {
    Success,
    Answer,
    Later(u64),
    Hopeless,
}

fn meaning(fate: Fate) -> Meaning {
    match fate {
        Ok(200..=299) | Err(NetFault::Page(200..=299)) => Meaning::Success,
        Ok(429 | 500..=599) | Err(NetFault::Page(429 | 500..=599)) => Meaning::Later(0),
        Ok(_) | Err(NetFault::Page(_)) => Meaning::Answer,
        Err(NetFault::Later(seconds)) => Meaning::Later(seconds * 1000),
        Err(NetFault::TooLarge) => Meaning::Hopeless,
        Err(NetFault::NotSent | NetFault::AnswerLost(_) | NetFault::Lost) => Meaning::Later(0),
    }
}

/// The reference: how many requests leave, how long it is asked to wait after each, and whether an answer comes out.
fn exchanged(fates: &[Fate], repeatable: bool, asking: bool) -> (Vec<u64>, bool) {
    let mut waits = Vec::new();
    for at in 0.. {
        let fate = fates.get(at).copied().unwrap_or(Ok(200));
        let is_final = asking && fate == Ok(501);
        match meaning(fate) {
            Meaning::Success => return (waits, true),
            _ if is_final => return (waits, true),
            Meaning::Answer => return (waits, asking),
            Meaning::Later(asked) if repeatable && at < 4 && asked <= 120_000 => waits.push(asked),
            Meaning::Later(_) | Meaning::Hopeless => return (waits, false),
        }
    }
    (waits, false)
}

proptest! {
    #![proptest_config(cases(150))]

    /// What may be repeated is, as often as that makes sense and never sooner than asked; anything else never is.
    #[test]
    fn an_exchange_repeats_what_may_be_repeated(
        method in prop_oneof![Just(Method::Get), Just(Method::Post), Just(Method::Delete)],
        kind in 0..3,
        fates in prop_oneof![2 => vec(fate(), 0..6), 1 => vec(Just(Err(NetFault::NotSent)), 4..7)],
        cancelled in proptest::option::weighted(0.1, 0usize..10),
    ) {
        let (mut world, plan) = world(pentify(), &fates);
        let request = HttpRequest::new(method, url("https://api.pentify.io/v1/usage"));
        let exchange = match kind {
            0 => Exchange::new(request),
            1 => Exchange::new(request).repeatable(),
            _ => Exchange::asking(request),
        };
        let (waits, succeeds) = exchanged(&fates, kind > 0 || method != Method::Post, kind == 2);
        world.plan(&Plan { cancelled, ..plan });
        let handle = world.start(None, exchange);
        world.finish(&[handle.pid], &[]);
        let sent = world.sent.clone();
        for ((pair, asked), n) in sent.windows(2).zip(&waits).zip(0u32..) {
            let least = (*asked).max(if *asked > 0 { 0 } else { 750 << n });
            let waited = pair[1].at - pair[0].at;
            world.check(waited >= least.min(22_500).max(*asked), || format!("sent again after {waited} ms"));
        }
        let end = handle.outcome();
        let interrupted = matches!(&end, Some(Err(failure)) if failure.exit == Exit::Interrupted);
        if !interrupted {
            world.check(sent.len() == waits.len() + 1, || format!("{} requests, not {}", sent.len(), waits.len() + 1));
            world.check(end.is_some_and(|end| end.is_ok()) == succeeds, || format!("an answer: {succeeds}"));
        }
        world.verdict()?;
    }

    /// A refused token is replaced once, by another one, if there is one (RFC 6750 §3.1); nothing else is asked for twice.
    #[test]
    fn a_call_tries_one_more_token_and_no_third(
        first in prop_oneof![3 => Just(401u16), 1 => Just(200), 1 => Just(403), 1 => Just(404)],
        second in prop_oneof![Just(200u16), Just(401)],
        newer in prop_oneof![3 => Just(Ok(Some("pt_live_hush-2"))), 1 => Just(Ok(Some("pt_live_hush-1"))),
            1 => Just(Ok(None)), 1 => Just(Err(()))],
    ) {
        let (mut world, _) = world(pentify(), &[Ok(first), Ok(second)]);
        let found = |token: &str| {
            let record = Record::bare(Secret::from(token));
            Box::new(Resolved { source: Source::Store(Backend::File), record })
        };
        let event = |found| Event::TokenFound { id: CommandId(0), found };
        let none = || Failure::new(Exit::Store, "store_locked", "it is locked");
        world.finds = vec![
            event(Ok(Some(found("pt_live_hush-1")))),
            event(newer.map(|token| token.map(found)).map_err(|()| none())),
        ];
        let request = HttpRequest::new(Method::Get, url("https://api.pentify.io/v1/scans"));
        let task = Task::SharedCall { request: request.clone() };
        let handle = world.start(Some(task), Call::shared(request));
        world.finish(&[handle.pid], &[]);
        let again = first == 401 && newer == Ok(Some("pt_live_hush-2"));
        let mut expected = vec!["pt_live_hush-1"];
        expected.extend(again.then_some("pt_live_hush-2"));
        let sent: Vec<String> = world.sent.iter().map(|sent| bearer(&sent.request)).collect();
        world.check(sent == expected, || format!("{sent:?}"));
        let succeeds = if again { second == 200 } else { first == 200 };
        world.check(handle.outcome().is_some_and(|end| end.is_ok()) == succeeds, || format!("success: {succeeds}"));
        let asked_twice = world.finds.is_empty();
        world.check(asked_twice == (first == 401), || "a token that nobody refused is replaced".to_owned());
        world.verdict()?;
    }

    /// Nobody's tokens go where they must not go (invariant 17): nothing is looked for, nothing leaves.
    #[test]
    fn a_call_elsewhere_is_none(host in "[a-z]{1,9}\\.(pentify\\.io|example|pentify\\.io\\.example)") {
        prop_assume!(host != "api.pentify.io");
        let (mut world, _) = world(pentify(), &[]);
        let request = HttpRequest::new(Method::Get, url(&format!("https://{host}/")));
        let handle = world.start(Some(Task::SharedCall { request: request.clone() }), Call::shared(request));
        world.finish(&[handle.pid], &[]);
        let code = handle.outcome().and_then(Result::err).map(|failure| failure.code.to_string());
        world.check(code.as_deref() == Some("origin_not_allowed"), || format!("{code:?}"));
        world.check(world.sent.is_empty(), || "it is sent".to_owned());
        world.verdict()?;
    }
}

const ISSUER: &str = "https://auth.example.com/realm";
/// RFC 8414 §3.1 and OpenID Connect Discovery 1.0 §4.1.
const PLACES: [&str; 2] =
    ["/.well-known/oauth-authorization-server/realm", "/realm/.well-known/openid-configuration"];
const ENDPOINTS: [&str; 4] =
    ["authorization_endpoint", "device_authorization_endpoint", "token_endpoint", "revocation_endpoint"];

/// What lies at a place: nothing, or metadata of this issuer with some endpoints.
type Place = Option<(&'static str, [bool; 4])>;

fn place() -> impl Strategy<Value = Place> {
    let issuer = prop_oneof![4 => Just(ISSUER), 1 => Just("https://auth.example.com/realm/"),
        1 => Just("https://evil.example")];
    of((issuer, any::<[bool; 4]>()))
}

fn endpoint(which: usize, from: usize) -> String {
    format!("https://auth.example.com/{from}/{which}")
}

fn metadata(place: Place, from: usize) -> HttpResponse {
    let Some((issuer, has)) = place else { return HttpResponse::new(404, "not here") };
    let mut body = serde_json::json!({ "issuer": issuer });
    for which in (0..4).filter(|which| has[*which]) {
        body[ENDPOINTS[which]] = endpoint(which, from).into();
    }
    HttpResponse::new(200, body.to_string())
}

fn endpoints(known: [Option<Url>; 4]) -> Endpoints {
    let [authorization, device_authorization, token, revocation] = known;
    Endpoints { authorization, device_authorization, token, revocation }
}

proptest! {
    #![proptest_config(cases(150))]

    /// What is given counts, then what the issuer says at the first place, then at the second. Whoever speaks for another
    /// issuer ends it, unless all that is needed was given (RFC 8414 §3.3).
    #[test]
    fn an_issuer_is_believed_in_this_order(
        places in [place(), place()],
        given in any::<[bool; 4]>(),
        faults in proptest::collection::btree_map(0usize..4, net_fault(), 0..3),
    ) {
        let asked = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&asked);
        let mut world = World::new(pentify(), move |_, request, _| {
            let at = PLACES.iter().position(|place| *place == request.url.path());
            let Some(at) = at else { return HttpResponse::new(500, "") };
            log.borrow_mut().push(at);
            metadata(places[at], at + 1)
        });
        let own = endpoints([0, 1, 2, 3].map(|which| given[which].then(|| url(&endpoint(which, 0)))));
        let task = Task::Discover { issuer: ISSUER.into(), given: Box::new(own.clone()), remembered: None };
        let plan = Plan { net: faults, ..Plan::default() };
        let end = world.run(Some(task), Discover::new(ISSUER.into(), own.clone(), None), &plan);
        // An answer counts that came back whole: then it is the last one that its place gave.
        let heard = asked.borrow().clone();
        let known = |at: usize| places[at].filter(|_| heard.contains(&at));
        let is_own = |place: &(&str, [bool; 4])| place.0 == ISSUER;
        let strange = (0..2).filter_map(known).any(|place| !is_own(&place));
        match end {
            Some(Ok(found)) => {
                let found = found.endpoints;
                let found = [found.authorization, found.device_authorization, found.token, found.revocation];
                for (which, found) in found.into_iter().enumerate() {
                    let said = |at: usize| known(at).filter(is_own).is_some_and(|(_, has)| has[which]);
                    let may = |from: usize| if from == 0 { given[which] } else { said(from - 1) };
                    let from = (0..3).find(|from| found == Some(url(&endpoint(which, *from))));
                    let fits = match from {
                        Some(from) => may(from) && (from == 0 || !given[which]),
                        None => found.is_none() && !given[which],
                    };
                    world.check(fits, || format!("{}: {found:?}", ENDPOINTS[which]));
                }
                world.check(!strange || own.suffice(), || "another issuer is believed".to_owned());
            }
            Some(Err(failure)) => {
                world.check(!own.suffice(), || format!("{} with all that is needed", failure.code));
                let told = (0..2).filter_map(|at| places[at]).any(|place| is_own(&place));
                let calm = plan.net.is_empty();
                let expected = if strange { "other_issuer" } else { "no_metadata" };
                world.check(!calm || (failure.code == expected && (strange || !told)), || failure.code.to_string());
            }
            None => {}
        }
        world.verdict()?;
    }
}
