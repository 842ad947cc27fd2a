//! The async driver.

use std::sync::Arc;
use std::time::Duration;

use async_io::{Timer, block_on};
use doorkey_async::{Driver, HttpTransport, Sending, Transport};
use doorkey_blocking::ProxySettings;
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::record::Record;

use crate::run::{Column, play};
use crate::scenario::{LeftBehind, Scenario, Step};
use crate::served::{AtTerminal, Served, browse, http, in_time};
use crate::world::{Played, World};

/// The async driver at a served sandbox.
pub struct AsyncColumn<'a> {
    served: &'a mut Served,
}

impl AsyncColumn<'_> {
    /// Runs a scenario.
    pub fn play(scenario: &Scenario, served: &mut Served) -> Vec<Played> {
        let places = served.places.clone();
        play(scenario, &places, &mut AsyncColumn { served })
    }
}

impl Column for AsyncColumn<'_> {
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
        let transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
        let driver =
            Driver::new(Wire { world: world.clone(), transport: Arc::new(transport) }, self.served.vaults())
                .with_browser(self.served.browser.clone())
                .with_clock(world.clone());
        let mut person = AtTerminal(world.clone());
        in_time(move || {
            block_on(driver.run(machine).with_surface(&mut person).with_observer(Box::new(world))).map(drop)
        })
    }
}

/// The real transport, and what happens on the way.
struct Wire {
    world: World,
    transport: Arc<HttpTransport>,
}

impl Transport for Wire {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        let (world, transport) = (self.world.clone(), Arc::clone(&self.transport));
        Box::pin(async move {
            while world.requests_must_wait() {
                Timer::after(Duration::from_millis(1)).await;
            }
            let mishap = world.mishap();
            let answer = match mishap.instead() {
                Some(answer) => answer,
                None => match transport.send(request, limit).await {
                    Ok(response) => mishap.befall(response),
                    Err(failure) => Err(failure),
                },
            };
            world.answered(&mishap, limit, answer, browse(&mut http()))
        })
    }
}
