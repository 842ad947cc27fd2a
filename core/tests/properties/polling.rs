//! `Pairing`, `DeviceGrant` and `StartGrant`: how they end, and that a grant which several processes share one after the
//! other is polled as if one had it (invariants 1 to 3). The times of one process are tried in `pairing_faults.rs` and
//! `device_grant_faults.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::failure::Exit;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::Outcome;
use doorkey_core::oauth::OAuth;
use doorkey_core::pairing::Pairing;
use doorkey_core::pending_grant::{PendingGrant, StartGrant};
use doorkey_core::service::Service;
use doorkey_core::sign_in::{SignIn, SignInOptions};
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::cases;
use crate::plan::{NetFault, Plan, net_fault};
use crate::world::{World, parameter};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a poll is answered, if it is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Pending,
    SlowDown,
    Trouble,
    Approved,
    Final(&'static str),
}

use Answer::{Approved, Final, Pending, SlowDown, Trouble};

fn answers(ends: [&'static str; 2]) -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        8 => Just(Pending),
        2 => Just(SlowDown),
        1 => Just(Trouble),
        1 => Just(Approved),
        1 => proptest::sample::select(ends.to_vec()).prop_map(Final),
    ];
    vec(answer, 0..25)
}

/// The reference: what decides is the first definite answer that comes through.
fn decided(answers: &[Answer], heard: impl Fn(usize) -> bool) -> Option<Answer> {
    let definite = |answer: &&Answer| matches!(answer, Approved | Final(_));
    (0..).zip(answers).filter(|(at, _)| heard(*at)).map(|(_, answer)| answer).find(definite).copied()
}

/// An answer that nobody hears is none of the script's; and pages instead of the first answers would be another host's.
fn unsaid(faults: &BTreeMap<usize, NetFault>) -> BTreeMap<usize, NetFault> {
    let lost = |fault: NetFault| match fault {
        NetFault::AnswerLost(_) | NetFault::TooLarge | NetFault::Page(404) => NetFault::Lost,
        fault => fault,
    };
    faults.iter().map(|(at, fault)| (*at, lost(*fault))).collect()
}

fn code_of<T>(end: &Option<Outcome<T>>) -> Option<&str> {
    end.as_ref()?.as_ref().err().map(|failure| failure.code.as_ref())
}

fn interrupted<T>(end: &Option<Outcome<T>>) -> bool {
    matches!(end, Some(Err(failure)) if failure.exit == Exit::Interrupted)
}

proptest! {
    #![proptest_config(cases(80))]

    /// The first definite answer ends a pairing, and nothing else but the time does.
    #[test]
    fn a_pairing_ends_with_the_first_definite_answer(
        answers in answers(["access_denied", "validation_error"]),
        faults in btree_map(0usize..25, net_fault(), 0..8),
        open_browser in any::<bool>(),
        has_browser in any::<bool>(),
        cancelled in proptest::option::weighted(0.1, 0usize..60),
    ) {
        let envelope = |status, code: &str| {
            HttpResponse::new(status, format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"r"}}}}"#))
        };
        let (script, mut polls) = (answers.clone(), 0..);
        // A fault takes the place of an answer.
        let taken: Vec<usize> = faults.keys().copied().collect();
        let mut world = World::new(
            Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into()),
            move |_, _, _| {
                let at = polls.by_ref().find(|at| !taken.contains(at)).unwrap_or_default();
                match script.get(at).unwrap_or(&Pending) {
                    Pending => envelope(404, "not_paired_yet"),
                    SlowDown => envelope(429, "rate_limited"),
                    Trouble => envelope(503, "trouble"),
                    Approved => HttpResponse::new(200, r#"{"token":"pt_live_hush-1","workspace":{"slug":"acme"}}"#),
                    Final("access_denied") => envelope(403, "access_denied"),
                    Final(code) => envelope(400, code),
                }
            },
        );
        world.person.has_browser = has_browser;
        world.plan(&Plan { net: unsaid(&faults), cancelled, ..Plan::default() });
        let handle = world.start(None, Pairing::new(None, open_browser));
        world.finish(&[handle.pid], &[]);
        let end = handle.outcome();
        if !interrupted(&end) {
            match decided(&answers, |at| !faults.contains_key(&at)) {
                Some(Approved) => world.check(matches!(end, Some(Ok(_))), || "it is approved".to_owned()),
                Some(Final(code)) => world.check(code_of(&end) == Some(code), || format!("it ends with {code}")),
                _ => {
                    let at = world.millis;
                    let in_time = (300_000..=310_000).contains(&at);
                    let timed_out = matches!(&end, Some(Err(failure)) if failure.exit == Exit::TimedOut);
                    world.check(timed_out && in_time, || format!("it ended after {at} ms"));
                }
            }
        }
        world.check(open_browser || world.pages.is_empty(), || "a browser is opened".to_owned());
        world.verdict()?;
    }
}

fn service() -> Service {
    let url = |path: &str| url(&format!("https://auth.example.com{path}"));
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        device_authorization_endpoint: Some(url("/device")),
        client_id: Some("cli".into()),
        ..OAuth::new(url("/token"))
    };
    let service = Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap();
    Service { boot_id: "boot".into(), ..service.with_oauth(oauth) }
}

/// The reference: an issuer that knows how far apart polls must be (RFC 8628 §3.5).
#[derive(Default)]
struct Pace {
    polls: usize,
    /// From one poll to the next, in milliseconds.
    interval: u64,
    last: Option<u64>,
    /// What it was when the last poll came.
    at_last: u64,
    early: Option<u64>,
}

fn grant(pace: &mut Pace, answers: &[Answer], request: &HttpRequest, now: u64) -> HttpResponse {
    let error = |code: &str| HttpResponse::new(400, format!(r#"{{"error":"{code}"}}"#));
    if request.url.path() == "/device" {
        *pace = Pace { interval: 5_000, last: Some(now), ..Pace::default() };
        return HttpResponse::new(
            200,
            r#"{"device_code":"hush-code","user_code":"hush-user","verification_uri":"https://auth.example.com/d",
                "verification_uri_complete":"https://auth.example.com/d?c=hush-user","expires_in":120,"interval":5}"#,
        );
    }
    assert_eq!(parameter(request, "device_code").as_deref(), Some("hush-code"));
    let since = now - pace.last.unwrap_or_default();
    if since < pace.interval {
        pace.early = Some(now);
    }
    (pace.last, pace.at_last) = (Some(now), pace.interval);
    pace.polls += 1;
    match answers.get(pace.polls - 1).unwrap_or(&Pending) {
        Pending => error("authorization_pending"),
        SlowDown => {
            pace.interval += 5_000;
            error("slow_down")
        }
        Trouble => HttpResponse::new(503, "<html>"),
        Approved => {
            HttpResponse::new(200, r#"{"access_token":"hush-a","refresh_token":"hush-r","expires_in":300}"#)
        }
        Final(code) => error(code),
    }
}

proptest! {
    #![proptest_config(cases(80))]

    /// One process begins, others go on, each of them killed or interrupted somewhere. Together they poll no faster than
    /// they may, none polls for a code that is over, and the first definite answer is the end.
    #[test]
    fn a_grant_that_changes_hands_is_polled_as_by_one(
        answers in answers(["access_denied", "expired_token"]),
        hands in vec((0u64..20_000, proptest::option::of(1usize..40), any::<bool>()), 0..4),
        faults in btree_map(0usize..4, net_fault(), 0..2),
        open_browser in any::<bool>(),
        signs_in in any::<bool>(),
    ) {
        let (pace, script) = (Rc::new(RefCell::new(Pace::default())), answers.clone());
        let shared = Rc::clone(&pace);
        let mut world = World::new(service(), move |_, request, now| grant(&mut shared.borrow_mut(), &script, request, now));
        let begun = world.run(Some(Task::StartGrant), StartGrant::default(), &Plan::default());
        let Some(Ok(begun)) = begun else { panic!("{begun:?}") };
        let until = world.millis + 120_000;
        world.disk.pending = Some(begun);
        let hands = hands.into_iter().chain([(0, None, false)]);
        for (pause, stopped, gently) in hands {
            world.sleep(pause);
            // What is kept is read back as it was.
            let kept = world.disk.pending.clone().unwrap();
            let pending = PendingGrant::decode(&kept.encode());
            world.check(pending.as_ref() == Some(&kept), || "it is not read back as it was".to_owned());
            let stop = |wanted: bool| stopped.filter(|_| gently == wanted);
            let (cancelled, killed) = (stop(true), stop(false));
            let plan = Plan { net: unsaid(&faults), cancelled, killed, ..Plan::default() };
            let before = pace.borrow().polls;
            world.plan(&plan);
            let (code, ok) = if signs_in {
                let options = SignInOptions { open_browser, ..SignInOptions::default() };
                let task = Task::SignIn { options, pending: Some(Box::new(kept.clone())) };
                let handle = world.start(Some(task), SignIn::resumed(options, kept));
                world.finish(&[handle.pid], &[]);
                let end = handle.outcome();
                (end.as_ref().map(|end| end.as_ref().err().map(|f| f.code.to_string())), matches!(end, Some(Ok(_))))
            } else {
                let handle = world.start(None, DeviceGrant::resumed(open_browser, kept));
                world.finish(&[handle.pid], &[]);
                let end = handle.outcome();
                (end.as_ref().map(|end| end.as_ref().err().map(|f| f.code.to_string())), matches!(end, Some(Ok(_))))
            };
            let Pace { early, polls, interval, at_last, .. } = *pace.borrow();
            world.check(early.is_none(), || format!("an early poll at {early:?}"));
            let late = world.sent.iter().any(|sent| sent.at >= until && sent.request.url.path() == "/token");
            world.check(!late, || "a poll for a code that is over".to_owned());
            // No poll leaves before the next process could tell how long to wait after it.
            let kept = world.disk.pending.as_ref().map_or(0, |kept| kept.interval.as_millis());
            let known = u64::try_from(kept).unwrap();
            world.check(polls == before || known >= at_last, || format!("{known} ms are kept, not {at_last}"));
            // Who is stopped between the answer and its note cannot tell the next one.
            if code.is_none() || code == Some(Some("interrupted".into())) {
                pace.borrow_mut().interval = interval.min(known);
                continue;
            }
            let mut seen = answers.iter().skip(before).take(polls - before);
            let last = seen.next_back().copied();
            match code.flatten() {
                None => world.check(ok && last == Some(Approved), || format!("granted by {last:?}")),
                Some(code) if last == Some(Final("access_denied")) && code == "access_denied" => {}
                Some(code) => {
                    let at = world.millis;
                    let over = at >= until || last == Some(Final("expired_token"));
                    world.check(over || !faults.is_empty(), || format!("{code} after {at} ms"));
                }
            }
            break;
        }
        world.verdict()?;
    }
}
