//! Which service a command talks to, and where its credentials lie.

use std::fmt::Display;
use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::record::Backend;
use doorkey_core::service::Service;
use doorkey_core::site::same_site;
use doorkey_core::url::Url;
#[cfg(feature = "sandbox")]
use doorkey_store::create_folders;
use doorkey_store::{KeychainConfig, Vault};

use crate::environment::Environment;

/// How long the keychain may take for one call.
pub const KEYCHAIN_LIMIT: Duration = Duration::from_secs(3);

/// A service, its credential store, and the embedded sandbox if that plays the service.
pub struct Place {
    /// The service.
    pub service: Service,
    /// Its credentials.
    pub vault: Vault,
    /// Runs as long as this lives.
    #[cfg(feature = "sandbox")]
    pub sandbox: Option<crate::sandbox::Embedded>,
}

impl Place {
    /// The real service.
    pub fn real(service: Service, vault: Vault) -> Self {
        Self {
            service,
            vault,
            #[cfg(feature = "sandbox")]
            sandbox: None,
        }
    }
}

/// A base URL: the variable's, or the default.
///
/// # Errors
/// The variable holds something that is no usable URL.
pub fn base_url(environment: &Environment, variable: &str, default: &str) -> Result<Url, Failure> {
    let text = environment.get(variable).unwrap_or(default);
    let unusable = |why: &dyn Display| unusable_setting(format!("{variable} is not usable: {why}"));
    // Paths are put after it: a query would be lost.
    if text.contains('?') {
        return Err(unusable(&"it has a query"));
    }
    Url::parse(text.trim_end_matches('/')).map_err(|e| unusable(&e))
}

/// A base URL as a variable gives it, or by default.
pub type Named<'a> = (&'static str, &'a Url);

/// Codes and tokens are shared by hosts of one site alone, whatever the environment says (invariant 17): whoever could set one
/// of the variables would otherwise have what a person approves on the real page, or what the real issuer grants.
///
/// # Errors
/// They are on different sites.
pub fn check_site((api_variable, api): Named<'_>, (variable, url): Named<'_>) -> Result<(), Failure> {
    if same_site(url.origin(), api.origin()) {
        return Ok(());
    }
    let message = format!("{} is not on the site of the API, {}", url.origin(), api.origin());
    Err(unusable_setting(message)
        .next(format!("set {api_variable} and {variable} to hosts that belong together")))
}

/// Something in the environment or the settings cannot be used.
pub fn unusable_setting(message: String) -> Failure {
    Failure::new(Exit::Usage, "unusable_setting", message).next("correct or unset it, then try again")
}

/// The service's names in the keychain, if it uses one.
pub fn keychain(service: &Service) -> Option<KeychainConfig> {
    service.backends.contains(&Backend::Keychain).then(|| KeychainConfig {
        service: service.names.keychain_service.to_string(),
        account: service.names.keychain_account.to_string(),
        limit: KEYCHAIN_LIMIT,
    })
}

/// There is no home folder.
pub fn no_home() -> Failure {
    Failure::new(Exit::Store, "no_home", "there is no home folder to keep anything in")
        .next("set HOME to its whole path")
}

/// The folder of the embedded sandbox, made if it is missing: its own state, and credentials that are never stored
/// under the real names.
///
/// # Errors
/// There is no home folder, or it is not ours to write to.
#[cfg(feature = "sandbox")]
pub fn sandbox_folder(environment: &Environment) -> Result<std::path::PathBuf, Failure> {
    let folder = environment.state_home().ok_or_else(no_home)?.join("doorkey").join("sandbox");
    // Root in another user's home writes nothing there.
    create_folders(&folder).map_err(|e| {
        let (cause, next) = e.parts();
        let failure = Failure::new(Exit::Store, "store_refused", cause);
        next.map_or(failure.clone(), |next| failure.next(next))
    })?;
    Ok(folder)
}
