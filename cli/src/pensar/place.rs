//! Pensar and its stores, or the sandbox that plays it.

use std::path::{Path, PathBuf};

use doorkey_core::failure::Failure;
use doorkey_core::service::{PENSAR_API, PENSAR_CONSOLE, PENSAR_GATEWAY, PensarHosts, Service, WORKOS_API};
use doorkey_core::site::same_site;
use doorkey_core::url::{Origin, Url};
use doorkey_store::{KeychainConfig, SessionConfig, Vault, boot_id, machine_id};

use crate::environment::Environment;
use crate::place::{Place, base_url, check_site, keychain, no_home};
#[cfg(feature = "sandbox")]
use crate::sandbox::Embedded;

const API: &str = "PENSAR_API_URL";
const CONSOLE: &str = "PENSAR_CONSOLE_URL";
const GATEWAY: &str = "PENSAR_GATEWAY_URL";
const WORKOS: &str = "WORKOS_API_URL";

/// The session's file, whose lock is its credential's.
const SESSION: &str = "auth.json";

/// Pensar, at its own hosts or where the environment says.
///
/// # Errors
/// A variable with something that is no usable URL; hosts that do not belong together; no home folder.
pub fn real(environment: &Environment) -> Result<Place, Failure> {
    let api = base_url(environment, API, PENSAR_API)?;
    let console = base_url(environment, CONSOLE, PENSAR_CONSOLE)?;
    let gateway = base_url(environment, GATEWAY, PENSAR_GATEWAY)?;
    let workos = base_url(environment, WORKOS, WORKOS_API)?;
    for (variable, url) in [(CONSOLE, &console), (GATEWAY, &gateway)] {
        check_site((API, &api), (variable, url))?;
    }
    if !is_pensars_own(&api, &workos) {
        check_site((API, &api), (WORKOS, &workos))?;
    }
    let hosts = PensarHosts { api, console, gateway, workos };
    let mut service = Service::pensar(hosts, environment.hostname.clone());
    service.person_present = environment.terminal;
    service.gateway_is_named = environment.get(GATEWAY).is_some();
    let names = &service.names;
    let folder = environment.home().ok_or_else(no_home)?.join(&*names.folder);
    // The keychain belongs to the user, not to whatever `HOME` says.
    let locked_at_home = Some(Path::new(&*names.folder).join(SESSION));
    let vault = vault(folder, locked_at_home, keychain(&service));
    Ok(Place::real(of_this_machine(service), vault))
}

/// The embedded sandbox, started on its own state and with files of its own for credentials.
///
/// # Errors
/// If the sandbox cannot start; no home folder.
#[cfg(feature = "sandbox")]
pub fn sandbox(environment: &Environment) -> Result<Place, Failure> {
    let running = crate::sandbox::start(&crate::place::sandbox_folder(environment)?)?.into();
    sandbox_at(environment, Embedded { running, person: doorkey_sandbox::pensar::account::SOLO })
}

/// The same embedded sandbox once more.
///
/// # Errors
/// No home folder.
#[cfg(feature = "sandbox")]
pub fn sandbox_at(environment: &Environment, sandbox: Embedded) -> Result<Place, Failure> {
    let folder = crate::place::sandbox_folder(environment)?;
    let running = &sandbox.running;
    let (api, console, gateway) =
        (running.pensar_api.clone(), running.console.clone(), running.gateway.clone());
    let hosts = PensarHosts { api, console, gateway, workos: running.workos.clone() };
    let service = Service::pensar(hosts, environment.hostname.clone());
    let mut service = of_this_machine(service.sandboxed());
    service.person_present = environment.terminal;
    // A login stored where it was then. Should somebody have that port by now, it is elsewhere.
    service.gateway_is_named = true;
    let vault = vault(folder.join("pensar"), None, None);
    Ok(Place { service, vault, sandbox: Some(sandbox) })
}

/// The service's own issuer is on another site than its API. Either of them beside a stranger would hand it tokens.
fn is_pensars_own(api: &Url, workos: &Url) -> bool {
    let is_beside =
        |url: &Url, known| Origin::parse(known).is_ok_and(|known| same_site(url.origin(), &known));
    is_beside(api, PENSAR_API) && is_beside(workos, WORKOS_API)
}

fn of_this_machine(service: Service) -> Service {
    Service { machine_id: machine_id(), boot_id: boot_id(), ..service }
}

fn vault(folder: PathBuf, locked_at_home: Option<PathBuf>, keychain: Option<KeychainConfig>) -> Vault {
    Vault::session(SessionConfig {
        settings: folder.join("config.json"),
        session: folder.join(SESSION),
        emergency: folder.join("auth.emergency"),
        locked_at_home,
        keychain,
        shared: false,
    })
}
