//! Examinations, in virtual time: a client that keeps all rules, and what careless ones are found at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_core::url::Url;
use doorkey_sandbox::exam::{Played, Report, Run, Situation, Step};
use doorkey_sandbox::pensar::CLIENT_ID;
use doorkey_sandbox::{Grade, Options, Rule, Running, Verdict, serve};
use serde_json::{Value, json};

use crate::world::*;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How a client is careless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carelessness {
    None,
    /// Takes trouble for the end.
    GivesUp,
    /// Deaf to `slow_down` and `Retry-After`.
    Deaf,
    /// Every process refreshes with what it read when it began.
    Races,
    /// Takes trouble at a refresh for the end of the session, and never sends its token again.
    Forgets,
    /// Goes to wherever it is sent.
    Follows,
}

/// A client of one sandbox, in virtual time.
struct Client {
    running: Running,
    now: Arc<AtomicU64>,
    carelessness: Carelessness,
    tokens: Option<Tokens>,
}

#[derive(Clone)]
struct Tokens {
    access: String,
    refresh: Option<String>,
    end: u64,
}

impl Client {
    fn new(situation: Situation, carelessness: Carelessness) -> Self {
        let now = Arc::new(AtomicU64::new(1_767_225_600_000));
        let told = Arc::clone(&now);
        let clock = Box::new(move || WallTime::from_unix_millis(told.load(Ordering::SeqCst)));
        let options = Options { clock: Some(clock), delay: Duration::ZERO, ..situation.options() };
        Self { running: serve(options).unwrap(), now, carelessness, tokens: None }
    }

    fn play(mut self, situation: Situation) -> (Played, Grade) {
        let mut runs = Vec::new();
        for step in situation.steps() {
            match step {
                Step::Login => runs.push(run(self.log_in())),
                Step::Wait(time) => self.wait(u64::try_from(time.as_millis()).unwrap()),
                Step::Use(copies) => {
                    let read = self.tokens.clone();
                    for _ in 0..*copies {
                        if self.carelessness == Carelessness::Races {
                            self.tokens = read.clone();
                        }
                        runs.push(run(self.use_session()));
                    }
                }
            }
        }
        let grade = self.running.grade().unwrap();
        let title = situation.title();
        (Played { situation, title, requests: grade.requests, runs, said: None }, grade)
    }

    fn wait(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// An answer that is one.
    fn send(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let response = over_http(request).ok()?;
        if response.status == 307 && self.carelessness == Carelessness::Follows {
            let target = Url::parse(response.header_value("location").unwrap()).unwrap();
            over_http(&HttpRequest { url: target, ..request.clone() }).unwrap();
        }
        if response.status == 429 && self.carelessness != Carelessness::Deaf {
            self.wait(response.header_value("retry-after").unwrap().parse::<u64>().unwrap() * 1_000);
        }
        (response.status == 200 || response.status == 400).then_some(response)
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Option<Value> {
        let fields: Vec<_> = [("client_id", CLIENT_ID)].iter().chain(fields).copied().collect();
        self.send(&form_request(self.running.workos.join(path), &fields)).map(|answer| json_of(&answer))
    }

    fn log_in(&mut self) -> bool {
        let begun = self.post("/user_management/authorize/device", &[]).unwrap();
        let mut interval = begun["interval"].as_u64().unwrap_or(5) * 1_000;
        let end = self.now() + begun["expires_in"].as_u64().unwrap() * 1_000;
        let code = begun["device_code"].as_str().unwrap();
        loop {
            self.wait(interval);
            if self.now() > end {
                return false;
            }
            let fields = [("grant_type", DEVICE_GRANT), ("device_code", code)];
            let Some(answer) = self.post("/user_management/authenticate", &fields) else {
                if self.carelessness == Carelessness::GivesUp {
                    return false;
                }
                continue;
            };
            match answer["error"].as_str() {
                Some("slow_down") if self.carelessness != Carelessness::Deaf => interval += 5_000,
                Some("authorization_pending" | "slow_down") => {}
                Some(_) => return false,
                None => {
                    self.keep(&answer);
                    return true;
                }
            }
        }
    }

    fn keep(&mut self, answer: &Value) {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let end = self.now() + answer["expires_in"].as_u64().unwrap() * 1_000;
        self.tokens =
            Some(Tokens { access: text("access_token"), refresh: Some(text("refresh_token")), end });
    }

    fn use_session(&mut self) -> bool {
        let Some(mut tokens) = self.tokens.clone() else { return false };
        if self.now() >= tokens.end {
            let Some(refresh) = tokens.refresh.clone() else { return false };
            let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
            let Some(answer) = self.post("/user_management/authenticate", &fields) else {
                if self.carelessness == Carelessness::Forgets {
                    self.tokens = None;
                }
                return false;
            };
            if answer["error"].is_string() {
                self.tokens = Some(Tokens { refresh: None, ..tokens });
                return false;
            }
            self.keep(&answer);
            tokens = self.tokens.clone().unwrap();
        }
        let resource = Url::parse(&self.running.announcement().env.sandbox_resource).unwrap();
        let request = HttpRequest::new(Method::Get, resource).bearer(&Secret::from(tokens.access));
        self.send(&request).is_some_and(|answer| answer.status == 200)
    }
}

fn run(is_ok: bool) -> Run {
    Run::Exited(if is_ok { 0 } else { 1 })
}

fn examine(carelessness: Carelessness) -> Report {
    let play = |situation| Client::new(situation, carelessness).play(situation);
    Report::of(Situation::ALL.into_iter().map(play).collect())
}

fn failed(report: &Report) -> Vec<(Rule, Situation)> {
    let failed = report.grade.rules.iter().filter(|finding| finding.verdict == Verdict::Failed);
    failed.map(|finding| (finding.rule, finding.first.as_ref().unwrap().situation.unwrap())).collect()
}

#[test]
fn every_rule_has_an_occasion_and_a_good_client_keeps_them_all() {
    let report = examine(Carelessness::None);
    assert_eq!(failed(&report), []);
    assert_eq!(report.grade.tally(Verdict::Passed), Rule::ALL.len(), "{:#?}", report.grade.rules);
    for played in &report.situations {
        let is_in = played.runs[0] == Run::Exited(0);
        assert!(played.situation.lets_in().is_none_or(|lets_in| lets_in == is_in), "{played:?}");
    }
    let runs =
        |wanted| &report.situations.iter().find(|played| played.situation == wanted).unwrap().runs[1..];
    let (done, not) = (Run::Exited(0), Run::Exited(1));
    let occasions = |rule| report.grade.rules.iter().find(|finding| finding.rule == rule).unwrap().occasions;
    let counted = [Rule::LoginGivenUp, Rule::SessionLost, Rule::RedirectFollowed].map(occasions);
    assert_eq!(counted, [4, 2, 2], "every kind of trouble was had");
    assert_eq!(runs(Situation::Refresh), [done, done]);
    assert_eq!(runs(Situation::RefreshLost), [not, done]);
    assert_eq!(runs(Situation::RefreshBroken), [not, done]);
    assert_eq!(runs(Situation::AtOnce), [done; 4]);
    assert_eq!(runs(Situation::Revoked), [not, not]);
    assert_eq!(runs(Situation::ApiRedirected), [not]);
}

#[test]
fn careless_clients_are_found_where_they_are_careless() {
    let lost = (Rule::SessionLost, Situation::RefreshLost);
    for (carelessness, expected) in [
        (Carelessness::GivesUp, vec![(Rule::LoginGivenUp, Situation::PollLost)]),
        (
            Carelessness::Deaf,
            vec![
                (Rule::SlowDownIgnored, Situation::SlowDown),
                (Rule::RetryAfterIgnored, Situation::PollBusy),
            ],
        ),
        (Carelessness::Races, vec![(Rule::RefreshRaced, Situation::AtOnce)]),
        (Carelessness::Forgets, vec![lost]),
        (
            Carelessness::Follows,
            vec![
                (Rule::TokenToWrongHost, Situation::PollRedirected),
                (Rule::RedirectFollowed, Situation::PollRedirected),
            ],
        ),
    ] {
        assert_eq!(failed(&examine(carelessness)), expected, "{carelessness:?}");
    }
}

#[test]
fn what_was_not_played_is_not_passed() {
    let played = Client::new(Situation::Plain, Carelessness::None).play(Situation::Plain);
    let report = Report::of(vec![played]);
    for (rule, verdict) in [
        (Rule::EarlyPoll, Verdict::Passed),
        (Rule::SlowDownIgnored, Verdict::NotExercised),
        (Rule::RefreshRaced, Verdict::NotExercised),
        (Rule::RefreshReplayed, Verdict::NotExercised),
    ] {
        assert_eq!(report.grade.verdict(rule), verdict, "{rule:?}");
    }
    assert!(report.says_something() && !Report::of(Vec::new()).says_something());
}

#[test]
fn a_report_is_written_with_its_situations() {
    let played = Client::new(Situation::AtOnce, Carelessness::Races).play(Situation::AtOnce);
    let report = serde_json::to_value(Report::of(vec![played])).unwrap();
    let situation = &report["situations"][0];
    assert_eq!(situation["situation"], "at-once");
    assert_eq!(situation["runs"][0], json!({"exited": 0}));
    let raced =
        report["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "refresh-raced").unwrap();
    assert_eq!((&raced["verdict"], &raced["first"]["situation"]), (&"failed".into(), &"at-once".into()));
    let text = report.to_string();
    assert!(!text.contains("psr_") && !text.contains("eyJ"), "{text}");
    for situation in Situation::ALL {
        assert_eq!(serde_json::to_value(situation).unwrap(), situation.id());
    }
}

#[test]
fn pentify_is_examined_as_well() {
    for (situation, expected) in [(Situation::Plain, 200), (Situation::Denied, 403)] {
        let client = Client::new(situation, Carelessness::None);
        let poll = client.running.api.join("/auth/terminal/poll").with("device_id", device_id(1));
        let poll = HttpRequest::new(Method::Get, poll);
        let mut status = 404;
        for _ in 0..3 {
            assert_eq!(status, 404);
            client.wait(2_500);
            status = over_http(&poll).unwrap().status;
            if status != 404 {
                break;
            }
        }
        assert_eq!(status, expected, "{situation:?}");
    }
}
