//! Where requests meet the service, one after another.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorkey_core::http::HttpRequest;
use doorkey_core::time::WallTime;

use crate::clock::Clock;
use crate::config::Config;
use crate::door::Door;
use crate::events::{Delivery, Events};
use crate::exam::Script;
use crate::fault::{Answer, Fault, Faults};
use crate::grade::Grade;
use crate::moment::DAY;
use crate::options::{Access, AccessLog, Options};
use crate::pensar;
use crate::place::Place;
use crate::serve_error::ServeError;
use crate::service::Service;
use crate::state::State;
use crate::state_file::{Ports, Saved, StateFile};

/// The service with all that it needs of the world.
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    log: Option<AccessLog>,
    /// How late a slow answer is.
    pub(crate) delay: Duration,
}

struct Inner {
    service: Service,
    config: Config,
    clock: Clock,
    faults: Faults,
    script: Option<Script>,
    ports: Ports,
    file: Option<StateFile>,
    events: Option<Events>,
}

impl Desk {
    /// Opens the state, if it is kept in a file, and all doors.
    pub(crate) fn open(options: Options) -> Result<(Self, [Door; 6]), ServeError> {
        let state_path = options.state.clone().unwrap_or_default();
        let unusable = |why: io::Error| ServeError::State(state_path.clone(), why);
        let mut clock = options.clock.map_or_else(|| Clock::new(options.speed), Clock::Told);
        let mut file = options.state.as_deref().map(StateFile::open).transpose().map_err(unusable)?;
        let open = |path: &Path| Events::open(path).map_err(|why| ServeError::Events(path.to_owned(), why));
        let events = options.events.as_deref().map(open).transpose()?;
        let wanted = Ports {
            api: options.api_port,
            app: options.app_port,
            pensar_api: options.pensar_api_port,
            gateway: options.gateway_port,
            console: options.console_port,
            workos: options.workos_port,
        };
        let mut doors = Doors { shareable: file.is_some(), wanted, saved: None };
        let locked = file.as_ref().map(StateFile::lock).transpose().map_err(unusable)?;
        let mut state = None;
        if let Some(file) = &mut file {
            let alone = file.announce().map_err(unusable)?;
            if let Some(saved) = file.load().map_err(unusable)? {
                clock.catch_up(saved.now);
                doors.saved = Some((saved.ports, alone));
                state = Some(saved.state);
            }
        }
        let doors = doors.open()?;
        let ports = Ports::from_array(doors.each_ref().map(Door::port));
        let [api, app, pensar_api, gateway, console, workos] = doors.each_ref().map(|door| door.base.clone());
        let pensar = pensar::Config { api: pensar_api, gateway, console, workos, settings: options.pensar };
        let config = Config {
            rate_limit: options.rate_limit,
            strict_poll: options.faults.iter().any(|spec| spec.fault == Fault::StrictPoll),
            speed: options.speed,
            quirks: options.quirks,
            ..Config::new(api, app).with_pensar(pensar)
        };
        let state = match state {
            Some(state) => state,
            None => State::new(random_seed().map_err(ServeError::System)?),
        };
        if let Some(file) = &mut file {
            let saved = Saved::new(clock.now().as_unix_millis(), ports, state.clone());
            file.save(&saved).map_err(unusable)?;
        }
        drop(locked);
        let inner = Inner {
            service: Service::with_state(config.clone(), state),
            config,
            clock,
            faults: Faults::new(options.seed, &options.faults),
            script: options.situation.map(Script::new),
            ports,
            file,
            events,
        };
        Ok((Self { inner: Mutex::new(inner), log: options.log, delay: options.delay }, doors))
    }

    /// Answers one request; gives the number of a request for tokens.
    ///
    /// # Errors
    /// If the state can be neither loaded nor saved; then nothing has happened. If the events log cannot be written.
    pub(crate) fn handle(&self, request: &HttpRequest) -> io::Result<(Answer, Option<u64>)> {
        let (answer, told) = self.inner().handle(request)?;
        if let Some(log) = &self.log {
            let status = match &answer {
                Answer::Whole(response) | Answer::Late(response) | Answer::Cut(response) => {
                    Some(response.status)
                }
                Answer::Lost | Answer::Reset => None,
            };
            let place = format!("{}{}", request.url.origin(), request.url.path());
            log(&Access { method: request.method.as_str(), place, status });
        }
        Ok((answer, told))
    }

    /// Takes note of what became of the answer to a request for tokens.
    ///
    /// # Errors
    /// As for [`Desk::handle`].
    pub(crate) fn answered(&self, request: &HttpRequest, id: u64, delivery: Delivery) -> io::Result<()> {
        let mut inner = self.inner();
        if delivery == Delivery::Gone {
            inner.change(|service, _| service.undelivered(request))?;
        }
        let now = inner.clock.now();
        inner.events.as_ref().map_or(Ok(()), |events| events.answered(now, id, delivery))
    }

    /// What clients did wrong so far, with every server of this state.
    pub(crate) fn grade(&self) -> io::Result<Grade> {
        let mut inner = self.inner();
        let _locked = inner.file.as_ref().map(StateFile::lock).transpose()?;
        inner.reload()?;
        let now = inner.clock.now();
        let Some(script) = &inner.script else { return Ok(inner.service.grade_at(now)) };
        // Whoever was examined does not come any more.
        let end = WallTime::from_unix_millis(now.as_unix_millis().saturating_add(DAY));
        let mut grade = inner.service.grade_at(end);
        if let Some(rule) = script.occasion() {
            grade.add_occasion(rule);
        }
        Ok(grade)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn handle(&mut self, request: &HttpRequest) -> io::Result<(Answer, Option<u64>)> {
        let place = self.config.place_of(request);
        let is_for_programs = place.is_some_and(Place::is_for_programs);
        let fault = if is_for_programs { self.faults.next_fault(request.url.path()) } else { None };
        let mut script = self.script.clone();
        let ((answer, told), now) = self.change(|service, now| {
            let Some(script) = &mut script else { return (service.handle_noting(now, request, fault), now) };
            let fault = script.before(service, now, request);
            let (answer, told) = service.handle_noting(now, request, fault);
            script.after(&answer);
            ((answer, told), now)
        })?;
        self.script = script;
        if let (Some(told), Some(events)) = (&told, &self.events) {
            events.asked(now, told, fault)?;
        }
        Ok((answer, told.map(|told| told.id)))
    }

    /// One change of the service, seen by every server of the same state or by none.
    fn change<T>(&mut self, work: impl FnOnce(&mut Service, WallTime) -> T) -> io::Result<T> {
        let _locked = self.file.as_ref().map(StateFile::lock).transpose()?;
        self.reload()?;
        let now = self.clock.now();
        let Some(file) = &mut self.file else {
            return Ok(work(&mut self.service, now));
        };
        let before = self.service.state().clone();
        let done = work(&mut self.service, now);
        if self.service.state() != &before {
            let saved = Saved::new(now.as_unix_millis(), self.ports, self.service.state().clone());
            if let Err(error) = file.save(&saved) {
                self.service = Service::with_state(self.config.clone(), before);
                return Err(error);
            }
        }
        Ok(done)
    }

    /// Takes over what another server of the same state did. Only under the file's lock.
    fn reload(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file
            && let Some(saved) = file.load()?
        {
            self.clock.catch_up(saved.now);
            self.service = Service::with_state(self.config.clone(), saved.state);
        }
        Ok(())
    }
}

/// Which ports to open.
struct Doors {
    shareable: bool,
    /// Asked for; 0 for any.
    wanted: Ports,
    /// Where the state was served last, and whether nobody serves it now.
    saved: Option<(Ports, bool)>,
}

impl Doors {
    fn open(&self) -> Result<[Door; 6], ServeError> {
        let (saved, alone) = self.saved.unwrap_or_default();
        let saved = saved.to_array().map(|port| (port != 0).then_some((port, alone)));
        let [api, app, pensar_api, gateway, console, workos] = self.wanted.to_array();
        let [saved_api, saved_app, saved_pensar_api, saved_gateway, saved_console, saved_workos] = saved;
        Ok([
            self.open_one(api, saved_api)?,
            self.open_one(app, saved_app)?,
            self.open_one(pensar_api, saved_pensar_api)?,
            self.open_one(gateway, saved_gateway)?,
            self.open_one(console, saved_console)?,
            self.open_one(workos, saved_workos)?,
        ])
    }

    fn open_one(&self, wanted: u16, saved: Option<(u16, bool)>) -> Result<Door, ServeError> {
        let opened = match saved {
            Some((port, false)) if wanted == 0 || wanted == port => {
                Door::open_shared(port).or_else(|_| Door::open_shareable(wanted))
            }
            // If somebody else has taken the port meanwhile, any other will do.
            Some((port, true)) if wanted == 0 => {
                Door::open_shareable(port).or_else(|_| Door::open_shareable(0))
            }
            _ if self.shareable => Door::open_shareable(wanted),
            _ => Door::open(wanted),
        };
        opened.map_err(|why| match wanted {
            0 => ServeError::System(why),
            port => ServeError::Port(port, why),
        })
    }
}

fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
