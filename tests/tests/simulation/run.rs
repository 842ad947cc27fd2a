//! One pairing in virtual time.

use std::convert::Infallible;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::{FailureKind, HttpResponse, RequestFailure};
use doorkey_core::machine::{Machine, Outcome};
use doorkey_core::pairing::{Paired, Pairing};
use doorkey_core::secret::Entropy;
use doorkey_core::service::Service as Descriptor;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::Url;
use doorkey_sandbox::{ACCOUNTS, Answer, Config, Fault, FaultSpec, Faults, Grade, Person, Service};
use doorkey_tests::dice::Dice;

/// When the world begins, on the wall clock.
const EPOCH: u64 = 1_800_000_000_000;
/// A pairing's request is given up after this.
const LIMIT: u64 = 10_000;

/// What will happen in a run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// The service hands a token out once only.
    pub strict: bool,
    pub faults: Vec<FaultSpec>,
    /// Milliseconds there and back again, at most.
    pub latency: u64,
    /// When the person clicks, in milliseconds from the start.
    pub clicks_at: Option<u64>,
    /// Whether the click is on "Deny".
    pub denies: bool,
}

impl Plan {
    pub fn calm() -> Self {
        Self { seed: 1, strict: false, faults: Vec::new(), latency: 0, clicks_at: None, denies: false }
    }

    pub fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let all = [
            Fault::LostAnswer,
            Fault::Slow,
            Fault::TooManyRequests,
            Fault::HtmlError,
            Fault::Truncate,
            Fault::Reset,
        ];
        let count = dice.below(4);
        let faults = (0..count)
            .map(|_| {
                let fault = all[usize::try_from(dice.below(6)).unwrap()];
                let per_mille = 1 + u32::try_from(dice.below(600)).unwrap();
                FaultSpec { fault, per_mille, path: "/".to_owned() }
            })
            .collect();
        Self {
            seed,
            strict: dice.below(2) == 0,
            faults,
            latency: [0, 50, 2_000, 9_000][usize::try_from(dice.below(4)).unwrap()],
            clicks_at: (dice.below(8) > 0).then(|| dice.below(299_000)),
            denies: dice.below(8) == 0,
        }
    }
}

/// A run and what came of it.
pub struct Run {
    pub outcome: Outcome<Paired>,
    pub approved: bool,
    /// Complete answers that came through after the click.
    pub answers_after_approval: u32,
    pub token_answers_lost: u32,
    pub token_answers_seen: u32,
    pub last_poll: u64,
    pub ended_at: u64,
    pub grade: Grade,
    /// Every poll with its time and what became of it.
    pub story: Vec<(u64, String)>,
    machine: Machine<Pairing>,
    service: Service,
    faults: Faults,
    dice: Dice,
    plan: Plan,
    millis: u64,
    link: Option<Url>,
    /// What will be reported, and when.
    pending: Option<(u64, Event)>,
}

impl Run {
    pub fn new(plan: &Plan) -> Self {
        let (api, app) = (url("http://127.0.0.1:8001"), url("http://127.0.0.1:8002"));
        let config = Config { strict_poll: plan.strict, ..Config::new(api.clone(), app.clone()) };
        let descriptor = Descriptor::pentify(api, app, "build-box".into());
        let service = Service::new(config, [7; 32]);
        Self {
            outcome: Err(doorkey_core::failure::Failure::interrupted()),
            approved: false,
            answers_after_approval: 0,
            token_answers_lost: 0,
            token_answers_seen: 0,
            last_poll: 0,
            ended_at: 0,
            grade: service.grade(),
            story: Vec::new(),
            machine: Machine::new(descriptor, Pairing::new(None, true)),
            service,
            faults: Faults::new(plan.seed, &plan.faults),
            dice: Dice(plan.seed ^ 0xabcd),
            plan: plan.clone(),
            millis: 0,
            link: None,
            pending: None,
        }
    }

    pub fn finish(mut self) -> Self {
        self.report(Event::Started { jitter_seed: self.plan.seed });
        while self.machine.outcome().is_none() {
            let wake = self.machine.poll_timeout().map_or(u64::MAX, |(at, _)| at.as_millis());
            let arrival = self.pending.as_ref().map_or(u64::MAX, |(at, _)| *at);
            let click = self.plan.clicks_at.unwrap_or(u64::MAX);
            let next = wake.min(arrival).min(click);
            assert_ne!(next, u64::MAX, "a machine that runs waits for something");
            self.millis = self.millis.max(next);
            if next == click {
                self.click();
            } else if next == arrival {
                let (_, event) = self.pending.take().unwrap();
                self.report(event);
            } else {
                self.report(Event::Woke);
            }
        }
        self.ended_at = self.millis;
        self.grade = self.service.grade();
        self.outcome = self.machine.outcome().unwrap().clone();
        self
    }

    fn click(&mut self) {
        self.plan.clicks_at = None;
        let (now, service) = (wall(self.millis), &mut self.service);
        let send = |request: &_| Ok::<_, Infallible>(service.handle(now, request));
        let mut person = Person::new(ACCOUNTS[0].email);
        let link = self.link.clone().unwrap();
        let page = if self.plan.denies { person.deny(&link, send) } else { person.approve(&link, send) };
        page.unwrap();
        self.approved = true;
    }

    fn report(&mut self, event: Event) {
        let now = Now { mono: Timestamp::from_millis(self.millis), wall: wall(self.millis) };
        self.machine.handle_event(now, event);
        while let Some(command) = self.machine.poll_command() {
            match command {
                Command::DrawEntropy { id } => {
                    let mut bits = [0; 32];
                    bits[..8].copy_from_slice(&self.plan.seed.to_be_bytes());
                    self.report(Event::Entropy { id, entropy: Entropy::new(bits) });
                }
                Command::OpenPage { id, url } => {
                    self.link = Some(url);
                    self.report(Event::PageOpened { id });
                }
                Command::Send { id, request, .. } => self.send(id, &request),
                Command::Ask { id, .. } => self.report(Event::Answered { id, yes: false }),
                _ => {}
            }
        }
    }

    fn send(&mut self, id: CommandId, request: &doorkey_core::http::HttpRequest) {
        self.last_poll = self.millis;
        let there = self.dice.below(self.plan.latency / 2 + 1);
        let back = self.dice.below(self.plan.latency / 2 + 1);
        let fault = self.faults.next_fault(request.url.path());
        let answer = self.service.handle_with(wall(self.millis + there), request, fault);
        let (told, delay, response) = match answer {
            Answer::Whole(response) => ("whole", 0, Some(response)),
            Answer::Late(response) => ("late", 2_000, Some(response)),
            Answer::Cut(response) => {
                self.token_answers_lost += u32::from(response.status == 200);
                ("cut", 0, None)
            }
            // The sandbox does not say what it was that got lost.
            Answer::Lost => {
                self.token_answers_lost += u32::from(self.approved && !self.plan.denies);
                ("lost", 0, None)
            }
            Answer::Reset => ("reset", 0, None),
        };
        let arrives = self.millis + there + back + delay;
        let status = response.as_ref().map_or(0, |response: &HttpResponse| response.status);
        self.story.push((self.millis, format!("{told} {status}")));
        let failed = |kind| {
            let failure = RequestFailure { kind, detail: "a wire was cut".into() };
            Event::RequestFailed { id, failure }
        };
        let (at, event) = match response {
            Some(response) if arrives <= self.millis + LIMIT => {
                self.answers_after_approval += u32::from(self.approved && (200..405).contains(&status));
                self.token_answers_seen += u32::from(status == 200);
                (arrives, Event::Response { id, response })
            }
            Some(_) => {
                self.token_answers_lost += u32::from(status == 200);
                (self.millis + LIMIT, failed(FailureKind::AnswerLost))
            }
            None => (arrives.min(self.millis + LIMIT), failed(FailureKind::AnswerLost)),
        };
        self.pending = Some((at, event));
    }
}

fn wall(millis: u64) -> WallTime {
    WallTime::from_unix_millis(EPOCH + millis)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}
