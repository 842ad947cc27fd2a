//! What both drivers are given: a served sandbox in the world's time, files in a scratch folder, and a person.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use doorkey_blocking::{Browser, HttpTransport, ProxySettings, Surface, Transport};
use doorkey_core::command::{Choice, Question};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::HttpRequest;
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::time::Now;
use doorkey_sandbox::{Options, Running, serve};
use doorkey_store::{SessionConfig, Vault, VaultConfig};
use doorkey_tests::PATIENCE;
use doorkey_tests::mishap::Answer;
use doorkey_tests::scratch::Scratch;
use serde_json::{Map, Value};

use crate::run::Places;
use crate::scenario::{self, LeftBehind, Scenario, Site, Step};
use crate::world::World;

/// A scenario's computer, and the sandbox that it talks to.
pub struct Served {
    pub world: World,
    pub places: Places,
    pub browser: Browser,
    site: Site,
    folder: PathBuf,
    _scratch: Scratch,
    pub running: Running,
}

impl Served {
    /// `column` tells those from each other that run at the same time.
    pub fn new(scenario: &'static Scenario, column: &str) -> Self {
        let world = World::before(&scenario.steps[0]);
        let time = world.clone();
        let mut options = Options { clock: Some(Box::new(move || time.issuer_time())), ..Options::default() };
        match scenario.site {
            Site::Pentify { strict } => {
                options.faults = strict.then(|| "strict-poll".parse().unwrap()).into_iter().collect();
            }
            Site::Pensar(settings) => options.pensar = settings,
        }
        let running = serve(options).unwrap();
        let places = Places {
            api: running.api.clone(),
            app: running.app.clone(),
            pensar_api: running.pensar_api.clone(),
            gateway: running.gateway.clone(),
            console: running.console.clone(),
            workos: running.workos.clone(),
        };
        let scratch = Scratch::new(&format!("{column}-{}", scenario.name.replace([' ', ':', ','], "-")));
        let folder = scratch.join("home");
        Self {
            world,
            places,
            browser: Browser::default(),
            site: scenario.site,
            folder,
            _scratch: scratch,
            running,
        }
    }

    /// What makes vaults of this computer's files.
    pub fn vaults(&self) -> impl Fn() -> Vault + Send + Sync + 'static {
        let (folder, site) = (self.folder.clone(), self.site);
        move || match site {
            Site::Pentify { .. } => Vault::new(VaultConfig::in_folder(&folder)),
            Site::Pensar(_) => Vault::session(SessionConfig::in_folder(&folder)),
        }
    }

    /// Makes ready for a step.
    pub fn prepare(&mut self, step: &Step) {
        let preferred = (step.run.browser() == scenario::Browser::Opens).then(|| "true".to_owned());
        self.browser = Browser { preferred, ..Browser::default() };
    }

    /// Writes plain text into the settings.
    pub fn leave_behind(&self, what: LeftBehind, minted: &Record) {
        let path = self.folder.join("config.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
        let mut settings: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let mut put = |key: &str, token: &str| settings.insert(key.to_owned(), token.into());
        match what {
            LeftBehind::Key => drop(put("pensarAPIKey", minted.token.expose_secret())),
            LeftBehind::Session => {
                put("refreshToken", minted.token.expose_secret());
                let access = minted.rotation.as_ref().and_then(|rotation| rotation.access.as_ref());
                if let Some(access) = access {
                    put("accessToken", access.token.expose_secret());
                }
            }
        }
        fs::create_dir_all(&self.folder).unwrap();
        fs::write(&path, serde_json::to_string(&settings).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// How a driver ends that does not.
pub const HANGS: &str = "hangs";

/// What a driver comes to, unless it hangs: then it is left to itself.
pub fn in_time(drive: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Result<(), Failure> {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(drive()));
    let hangs = |_| Err(Failure::new(Exit::Internal, HANGS, "it does not end"));
    end.recv_timeout(PATIENCE).unwrap_or_else(hangs)
}

/// How the drivers' and the person's requests are sent.
pub fn http() -> HttpTransport {
    HttpTransport::new(ProxySettings::default(), "doorkey-tests")
}

/// How a browser sends, which is not what is tried here.
pub fn browse(transport: &mut HttpTransport) -> impl FnMut(&HttpRequest) -> Answer {
    |request| transport.send(request, PATIENCE)
}

/// The person at the terminal.
pub struct AtTerminal(pub World);

impl Surface for AtTerminal {
    fn show(&mut self, _: Now, _: &Notice) {}

    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        let choice = self.0.choice(choices.len());
        Box::new(move || choice)
    }

    fn ask(&mut self, _: Question) -> Box<dyn FnOnce() -> bool + Send> {
        let yes = self.0.says_yes();
        Box::new(move || yes)
    }
}
