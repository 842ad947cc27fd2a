//! Runs a scenario in a column.

use doorkey_core::call::Call;
use doorkey_core::connect::Connect;
use doorkey_core::connection::Connection;
use doorkey_core::credits::Credits;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::failure::Failure;
use doorkey_core::login::Login;
use doorkey_core::logout::Logout;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::record::{Backend, Record};
use doorkey_core::secret::Secret;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::session::Session;
use doorkey_core::status::Status;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use doorkey_core::use_token::UseToken;

use crate::scenario::{LeftBehind, Scenario, Site, Step};
use crate::world::{Played, World};

/// Something that runs machines.
pub trait Column {
    /// The world that it runs them in.
    fn world(&self) -> &World;

    /// Puts this into the settings, as an older program would have.
    fn leave_behind(&mut self, what: LeftBehind, minted: &Record);

    /// Makes ready for a step.
    fn prepare(&mut self, step: &'static Step);

    /// Runs a machine to its end.
    fn drive<L>(&mut self, machine: Machine<L>) -> Result<(), Failure>
    where
        L: Logic + Send + 'static,
        L::Output: Send;
}

/// Where a service is reached.
#[derive(Clone)]
pub struct Places {
    pub api: Url,
    pub app: Url,
    pub pensar_api: Url,
    pub gateway: Url,
    pub console: Url,
    pub workos: Url,
}

/// Runs all steps; what came of each.
pub fn play(scenario: &Scenario, places: &Places, column: &mut impl Column) -> Vec<Played> {
    let mut service = scenario.site.service(places);
    let mut played = Vec::new();
    for step in scenario.steps {
        let world = column.world().clone();
        world.begin(step);
        let minted = world.minted();
        // Where nothing was minted, what comes next ends otherwise than it should, and is told.
        if let (Some(what), Some(minted)) = (step.left_behind, &minted) {
            column.leave_behind(what, minted);
        }
        if step.restarted {
            service.boot_id.push('+');
        }
        service.person_present = step.asked;
        column.prepare(step);
        let token = minted.map_or_else(Secret::default, |record| record.token.clone());
        let task = step.run.task(&service, &token);
        world.task(&task, &service);
        let end = drive(column, task, service.clone());
        played.push(world.end(end));
    }
    played
}

impl Site {
    /// The service at these places, which keeps everything in files.
    fn service(self, places: &Places) -> Service {
        let name = "build-box".to_owned();
        let Places { api, app, pensar_api, gateway, console, workos } = places.clone();
        let mut service = match self {
            Self::Pentify { .. } => Service::pentify(api, app, name),
            Self::Pensar(settings) => {
                let mut service =
                    Service::pensar(PensarHosts { api: pensar_api, console, gateway, workos }, name);
                if let Some(oauth) = &mut service.oauth {
                    oauth.grace = Some(settings.grace).filter(|grace| !grace.is_zero());
                }
                service
            }
        };
        service.bare_issuer.clone_from(&service.issuer);
        service.backends = &[Backend::File];
        service.machine_id = Some("machine-1".to_owned());
        service.boot_id = "boot".to_owned();
        service
    }
}

fn drive(column: &mut impl Column, task: Task, service: Service) -> Result<(), Failure> {
    match task {
        Task::Login(options) => column.drive(Machine::new(service, Login::new(options))),
        Task::UseToken { token, variable_set } => {
            column.drive(Machine::new(service, UseToken::new(token, variable_set)))
        }
        Task::Logout(options) => column.drive(Machine::new(service, Logout::new(options))),
        Task::Status(options) => column.drive(Machine::new(service, Status::new(options))),
        Task::Connect(options) => column.drive(Machine::new(service, Connect::new(options))),
        Task::Disconnect => column.drive(Machine::new(service, Disconnect::default())),
        Task::Connection => column.drive(Machine::new(service, Connection::default())),
        Task::Credits => column.drive(Machine::new(service, Credits::default())),
        Task::Session { refusal } => {
            column.drive(Machine::new(service, refusal.map_or_else(Session::new, Session::after)))
        }
        Task::Call { given, request } => column.drive(Machine::new(service, Call::new(given, request))),
        _ => unreachable!("no scenario has it"),
    }
}
