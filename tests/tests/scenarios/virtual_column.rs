//! The pure core, the sandbox's pure service, and memory.

use std::collections::VecDeque;

use doorkey_blocking::Clock;
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::record::{Record, Workspace};
use doorkey_core::rotation::{Access, Moment};
use doorkey_core::secret::Entropy;
use doorkey_core::store::{Ledger, StoreAnswer, StoreOp};
use doorkey_core::trace::Observer;
use doorkey_core::url::Url;
use doorkey_sandbox::{Config, Grade, Service, pensar};
use doorkey_tests::disk::Disk;

use crate::run::{Column, Places, play};
use crate::scenario::{Browser, LeftBehind, Scenario, Site, Step};
use crate::shelf::Shelf;
use crate::world::{Played, World, befall};

/// Virtual time.
pub struct VirtualColumn {
    world: World,
    issuer: Service,
    disk: Disk,
    /// Where API tokens are; a session's disk knows of one record only.
    shelf: Option<Shelf>,
    browser: Browser,
    jitter_seeds: VecDeque<u64>,
    draws: u8,
}

impl VirtualColumn {
    /// Runs a scenario with these seeds, one for each step, on a service that is reached at these places; what came of
    /// each step, and what the service thinks of it.
    pub fn play(scenario: &Scenario, places: &Places, jitter_seeds: Vec<u64>) -> (Vec<Played>, Grade) {
        let mut column = Self {
            world: World::before(&scenario.steps[0]),
            issuer: Service::new(scenario.site.config(places), [7; 32]),
            disk: Disk { keeps_text: true, ..Disk::default() },
            shelf: matches!(scenario.site, Site::Pentify { .. }).then(Shelf::default),
            browser: Browser::Unwanted,
            jitter_seeds: jitter_seeds.into(),
            draws: 0,
        };
        let played = play(scenario, places, &mut column);
        (played, column.issuer.grade())
    }

    fn perform(&mut self, op: StoreOp) -> StoreAnswer {
        let answer = self.shelf.as_mut().and_then(|shelf| shelf.perform(&op));
        answer.unwrap_or_else(|| self.disk.perform(0, op))
    }

    /// Performs one command; its answer.
    fn answer(&mut self, command: Command) -> Option<Event> {
        Some(match command {
            Command::DrawEntropy { id } => {
                self.draws += 1;
                Event::Entropy { id, entropy: Entropy::new([self.draws; 32]) }
            }
            Command::Send { id, request, limit } => {
                let (world, issuer) = (&self.world, &mut self.issuer);
                let mishap = world.mishap();
                let answer = befall(&mishap, || Ok(issuer.handle(world.issuer_time(), &request)));
                let visit = |request: &_| Ok(issuer.handle(world.issuer_time(), request));
                match world.answered(&mishap, limit, answer, visit) {
                    Ok(response) => Event::Response { id, response },
                    Err(failure) => Event::RequestFailed { id, failure },
                }
            }
            Command::Store { id, op } => Event::Store { id, answer: self.perform(op) },
            Command::OpenPage { id, .. } => match self.browser {
                Browser::Opens => Event::PageOpened { id },
                Browser::Unwanted | Browser::Fails => {
                    Event::PageNotOpened { id, reason: "there is no display here".to_owned() }
                }
            },
            Command::Ask { id, .. } => Event::Answered { id, yes: self.world.says_yes() },
            Command::Choose { id, choices } => Event::Chosen { id, index: self.world.choice(choices.len()) },
            Command::Show(_) => return None,
            other => panic!("unknown command {other:?}"),
        })
    }
}

impl Column for VirtualColumn {
    fn world(&self) -> &World {
        &self.world
    }

    fn leave_behind(&mut self, what: LeftBehind, minted: &Record) {
        let mut record = match what {
            LeftBehind::Key => Record::bare(minted.token.clone()),
            LeftBehind::Session => Record::bare_refresh(minted.token.clone()),
        };
        let access = minted.rotation.as_ref().and_then(|rotation| rotation.access.as_ref());
        if let (Some(access), Some(rotation)) = (access, record.rotation_mut()) {
            let token = access.token.clone();
            rotation.access = Some(Access { token, received: Moment::default(), lifetime: None });
        }
        // The settings have both.
        let Ledger { active, workspace_id, gateway_url, .. } = self.disk.ledger.clone();
        record.workspace = active.map(|slug| Workspace { id: workspace_id, name: None, slug }.into());
        record.gateway.url = gateway_url.and_then(|url| Url::parse(&url).ok());
        self.disk.plaintext = Some(record);
    }

    fn prepare(&mut self, step: &'static Step) {
        self.browser = step.run.browser();
    }

    fn drive<L>(&mut self, mut machine: Machine<L>) -> Result<(), Failure>
    where
        L: Logic + Send + 'static,
        L::Output: Send,
    {
        let jitter_seed = self.jitter_seeds.pop_front().unwrap_or(11);
        let mut event = Event::Started { jitter_seed };
        let mut under_way = VecDeque::new();
        loop {
            let now = self.world.now();
            let disposition = machine.handle_event(now, event.clone());
            let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
            self.world.handled(now, &event, disposition, &commands);
            under_way.extend(commands.into_iter().filter(|command| !matches!(command, Command::Show(_))));
            if machine.outcome().is_some() {
                break;
            }
            // A request waits for everything else.
            let next = under_way.iter().position(|command| !matches!(command, Command::Send { .. }));
            let next = under_way.remove(next.unwrap_or(0)).and_then(|command| self.answer(command));
            event = next.unwrap_or_else(|| {
                let (at, _) = machine.poll_timeout().expect("it waits for something");
                self.world.pass(at.since(now.mono));
                Event::Woke
            });
        }
        // The lock is given back, and what was to be stored is stored, before the end is told.
        for command in under_way {
            if matches!(command, Command::Store { .. }) {
                self.answer(command);
            }
        }
        machine.into_outcome().expect("it has ended").map(drop)
    }
}

impl Site {
    fn config(self, places: &Places) -> Config {
        let Places { api, app, pensar_api, gateway, console, workos } = places.clone();
        let (strict_poll, settings) = match self {
            Self::Pentify { strict } => (strict, pensar::Settings::default()),
            Self::Pensar(settings) => (false, settings),
        };
        let pensar = pensar::Config { api: pensar_api, gateway, console, workos, settings };
        Config { strict_poll, ..Config::new(api, app).with_pensar(pensar) }
    }
}

impl Places {
    /// Places at which nobody is reached.
    pub fn nowhere() -> Self {
        let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Self {
            api: url(1),
            app: url(2),
            pensar_api: url(3),
            gateway: url(4),
            console: url(5),
            workos: url(6),
        }
    }
}
