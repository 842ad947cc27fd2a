//! Pentify and its stores, or the sandbox that plays it.

use std::path::Path;

use doorkey_core::failure::Failure;
use doorkey_core::service::{PENTIFY_API, PENTIFY_APP, Service};
use doorkey_store::{Vault, VaultConfig};

use crate::environment::Environment;
use crate::place::{Place, base_url, check_site, keychain, no_home};

/// The variable with a token.
pub const TOKEN: &str = "PENTIFY_API_TOKEN";
const API: &str = "PENTIFY_API_URL";
const APP: &str = "PENTIFY_APP_URL";

/// Pentify, at its own hosts or where the environment says.
///
/// # Errors
/// A variable with something that is no usable URL; no home folder.
pub fn real(environment: &Environment) -> Result<Place, Failure> {
    let api = base_url(environment, API, PENTIFY_API)?;
    let app = base_url(environment, APP, PENTIFY_APP)?;
    let mut service = Service::pentify(api, app, environment.hostname.clone());
    service.person_present = environment.terminal;
    let vault = vault(environment, &service)?;
    Ok(Place::real(service, vault))
}

/// Whoever is asked whether the login was approved could redeem it, and so could whoever is shown its page: no login where
/// these are strangers to each other.
///
/// # Errors
/// API and pages are on different sites.
pub fn check_login(service: &Service) -> Result<(), Failure> {
    check_site((API, &service.api), (APP, &service.app))
}

/// The embedded sandbox, started on its own state and with a file of its own for credentials.
///
/// # Errors
/// If the sandbox cannot start; no home folder.
#[cfg(feature = "sandbox")]
pub fn sandbox(environment: &Environment) -> Result<Place, Failure> {
    let folder = crate::place::sandbox_folder(environment)?;
    let running = crate::sandbox::start(&folder)?;
    let (api, app) = (running.api.clone(), running.app.clone());
    let service = Service::pentify(api, app, environment.hostname.clone()).sandboxed();
    let credentials = folder.join("credentials");
    let locked = vec![credentials.clone()];
    let vault = Vault::new(VaultConfig {
        ledger: folder.join("state.json"),
        credentials,
        locked,
        locked_at_home: None,
        keychain: None,
    });
    let person = doorkey_sandbox::ACCOUNTS.first().map(|account| account.email).unwrap_or_default();
    Ok(Place { service, vault, sandbox: Some(crate::sandbox::Embedded { running: running.into(), person }) })
}

fn vault(environment: &Environment, service: &Service) -> Result<Vault, Failure> {
    let folder = environment.config_home().ok_or_else(no_home)?.join(&*service.names.folder);
    let credentials = folder.join("credentials");
    let locked = vec![credentials.clone()];
    // The keychain belongs to the user, not to whatever `HOME` says.
    let locked_at_home = Some(Path::new(".config").join(&*service.names.folder).join("credentials"));
    let ledger = folder.join("state.json");
    Ok(Vault::new(VaultConfig { ledger, credentials, locked, locked_at_home, keychain: keychain(service) }))
}
