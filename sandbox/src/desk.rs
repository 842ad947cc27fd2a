//! Where requests meet the service, one after another.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorkey_core::http::HttpRequest;
use doorkey_core::url::Origin;

use crate::clock::Clock;
use crate::config::Config;
use crate::door::Door;
use crate::fault::{Answer, Fault, Faults};
use crate::grade::Grade;
use crate::options::{Access, AccessLog, Options};
use crate::service::Service;
use crate::state::State;
use crate::state_file::{Ports, Saved, StateFile};

/// The service with all that it needs of the world.
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    api: Origin,
    log: Option<AccessLog>,
    /// How late a slow answer is.
    pub(crate) delay: Duration,
}

struct Inner {
    service: Service,
    config: Config,
    clock: Clock,
    faults: Faults,
    ports: Ports,
    file: Option<StateFile>,
}

impl Desk {
    /// Opens the state, if it is kept in a file, and both doors.
    pub(crate) fn open(options: Options) -> io::Result<(Self, [Door; 2])> {
        let mut clock = Clock::new(options.speed);
        let mut file = options.state.as_deref().map(StateFile::open).transpose()?;
        let mut doors =
            Doors { shareable: file.is_some(), wanted: [options.api_port, options.app_port], saved: None };
        let locked = file.as_ref().map(StateFile::lock).transpose()?;
        let mut state = None;
        if let Some(file) = &mut file {
            let alone = file.announce()?;
            if let Some(saved) = file.load()? {
                clock.catch_up(saved.now);
                doors.saved = Some((saved.ports, alone));
                state = Some(saved.state);
            }
        }
        let doors = doors.open()?;
        let [api, app] = &doors;
        let ports = Ports { api: api.port(), app: app.port() };
        let config = Config {
            rate_limit: options.rate_limit,
            strict_poll: options.faults.iter().any(|spec| spec.fault == Fault::StrictPoll),
            speed: options.speed,
            ..Config::new(api.base.clone(), app.base.clone())
        };
        let state = match state {
            Some(state) => state,
            None => State::new(random_seed()?),
        };
        if let Some(file) = &mut file {
            file.save(&Saved::new(clock.now().as_unix_millis(), ports, state.clone()))?;
        }
        drop(locked);
        let inner = Inner {
            service: Service::with_state(config.clone(), state),
            config,
            clock,
            faults: Faults::new(options.seed, &options.faults),
            ports,
            file,
        };
        let api = api.base.origin().clone();
        Ok((Self { inner: Mutex::new(inner), api, log: options.log, delay: options.delay }, doors))
    }

    /// Answers one request.
    ///
    /// # Errors
    /// If the state can be neither loaded nor saved; then nothing has happened.
    pub(crate) fn handle(&self, request: &HttpRequest) -> io::Result<Answer> {
        let answer = self.inner().handle(request, request.url.origin() == &self.api)?;
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
        Ok(answer)
    }

    /// What clients did wrong so far, with every server of this state.
    pub(crate) fn grade(&self) -> io::Result<Grade> {
        let mut inner = self.inner();
        let _locked = inner.file.as_ref().map(StateFile::lock).transpose()?;
        inner.reload()?;
        Ok(inner.service.grade())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn handle(&mut self, request: &HttpRequest, for_api: bool) -> io::Result<Answer> {
        let fault = if for_api { self.faults.next_fault() } else { None };
        let _locked = self.file.as_ref().map(StateFile::lock).transpose()?;
        self.reload()?;
        let now = self.clock.now();
        let Some(file) = &mut self.file else {
            return Ok(self.service.handle_with(now, request, fault));
        };
        let before = self.service.state().clone();
        let answer = self.service.handle_with(now, request, fault);
        if self.service.state() != &before {
            let saved = Saved::new(now.as_unix_millis(), self.ports, self.service.state().clone());
            if let Err(error) = file.save(&saved) {
                self.service = Service::with_state(self.config.clone(), before);
                return Err(error);
            }
        }
        Ok(answer)
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
    wanted: [u16; 2],
    /// Where the state was served last, and whether nobody serves it now.
    saved: Option<(Ports, bool)>,
}

impl Doors {
    fn open(&self) -> io::Result<[Door; 2]> {
        let [api, app] = self.wanted;
        let saved = self.saved.map(|(ports, alone)| (ports.api, ports.app, alone));
        Ok([
            self.open_one(api, saved.map(|(api, _, alone)| (api, alone)))?,
            self.open_one(app, saved.map(|(_, app, alone)| (app, alone)))?,
        ])
    }

    fn open_one(&self, wanted: u16, saved: Option<(u16, bool)>) -> io::Result<Door> {
        match saved {
            Some((port, false)) if wanted == 0 || wanted == port => {
                Door::open_shared(port).or_else(|_| Door::open_shareable(wanted))
            }
            // If somebody else has taken the port meanwhile, any other will do.
            Some((port, true)) if wanted == 0 => {
                Door::open_shareable(port).or_else(|_| Door::open_shareable(0))
            }
            _ if self.shareable => Door::open_shareable(wanted),
            _ => Door::open(wanted),
        }
    }
}

fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
