//! The blocking driver.

use std::thread;
use std::time::Duration;

use doorkey_blocking::{Driver, HttpTransport, Transport};
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::record::Record;
use doorkey_core::secret::Body;
use doorkey_tests::mishap::Answer;

use crate::run::{Column, play};
use crate::scenario::{LeftBehind, Scenario, Step};
use crate::served::{AtTerminal, Served, browse, http, in_time};
use crate::world::{Played, World, befall};

/// The blocking driver at a served sandbox.
pub struct BlockingColumn<'a> {
    served: &'a mut Served,
    flaw: Option<Flaw>,
}

/// What a driver could do wrong.
#[derive(Clone, Copy, Debug)]
pub enum Flaw {
    /// Every request is sent without this header.
    LosesHeader(&'static str),
    /// Every request is sent without its body.
    LosesBody,
    /// Time passes while an answer is on its way.
    AnswersLate,
}

impl BlockingColumn<'_> {
    /// Runs a scenario.
    pub fn play(scenario: &Scenario, served: &mut Served, flaw: Option<Flaw>) -> Vec<Played> {
        let places = served.places.clone();
        play(scenario, &places, &mut BlockingColumn { served, flaw })
    }
}

impl Column for BlockingColumn<'_> {
    fn world(&self) -> &World {
        &self.served.world
    }

    fn leave_behind(&mut self, what: LeftBehind, minted: &Record) {
        self.served.leave_behind(what, minted);
    }

    fn prepare(&mut self, step: &'static Step) {
        self.served.prepare(step);
    }

    fn drive<L>(&mut self, machine: Machine<L>) -> Result<(), Failure>
    where
        L: Logic + Send + 'static,
        L::Output: Send,
    {
        let world = self.served.world.clone();
        let (mut person, mut observer) = (AtTerminal(world.clone()), world.clone());
        let wire = Wire { world: world.clone(), transport: http(), person: http(), flaw: self.flaw };
        let (vault, browser) = (self.served.vaults()(), self.served.browser.clone());
        in_time(move || {
            let driver = Driver::new(wire, vault).with_browser(browser).with_clock(world);
            driver.with_surface(&mut person).with_observer(&mut observer).run(machine).map(drop)
        })
    }
}

/// The real transport, and what happens on the way.
struct Wire {
    world: World,
    transport: HttpTransport,
    person: HttpTransport,
    flaw: Option<Flaw>,
}

impl Transport for Wire {
    fn send(&mut self, request: &HttpRequest, limit: Duration) -> Answer {
        while self.world.requests_must_wait() {
            thread::sleep(Duration::from_millis(1));
        }
        let mishap = self.world.mishap();
        let answer = befall(&mishap, || match self.flaw {
            None => self.transport.send(request, limit),
            Some(flaw) => self.transport.send(&self.spoiled(request, flaw), limit),
        });
        self.world.answered(&mishap, limit, answer, browse(&mut self.person))
    }
}

impl Wire {
    fn spoiled(&self, request: &HttpRequest, flaw: Flaw) -> HttpRequest {
        let mut request = request.clone();
        match flaw {
            Flaw::LosesHeader(lost) => request.headers.retain(|(name, _)| name != lost),
            Flaw::LosesBody => request.body = Body::default(),
            Flaw::AnswersLate => self.world.pass(Duration::from_millis(1)),
        }
        request
    }
}
