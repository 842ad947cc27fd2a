//! Which service a command talks to, and where its credentials lie.

use std::path::Path;
use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::record::Backend;
use doorkey_core::service::{PENTIFY_API, PENTIFY_APP, Service};
use doorkey_core::url::Url;
#[cfg(feature = "sandbox")]
use doorkey_store::create_folders;
use doorkey_store::{KeychainConfig, Vault, VaultConfig};

use crate::environment::Environment;

/// How long the keychain may take for one call.
const KEYCHAIN_LIMIT: Duration = Duration::from_secs(3);

/// A service, its credential store, and the embedded sandbox if that plays the service.
pub struct Place {
    /// The service.
    pub service: Service,
    /// Its credentials.
    pub vault: Vault,
    /// Runs as long as this lives.
    #[cfg(feature = "sandbox")]
    pub sandbox: Option<doorkey_sandbox::Running>,
}

impl Place {
    /// Pentify, at its own hosts or where the environment says.
    ///
    /// # Errors
    /// A variable with something that is no usable URL; no home folder.
    pub fn pentify(environment: &Environment) -> Result<Self, Failure> {
        let url = |variable: &str, default: &str| {
            let text = environment.get(variable).unwrap_or(default);
            Url::parse(text.trim_end_matches('/')).map_err(|e| {
                Failure::new(Exit::Usage, "unusable_setting", format!("{variable} is not usable: {e}"))
                    .next("correct or unset it, then try again")
            })
        };
        let (api, app) = (url("PENTIFY_API_URL", PENTIFY_API)?, url("PENTIFY_APP_URL", PENTIFY_APP)?);
        let mut service = Service::pentify(api, app, environment.hostname.clone());
        service.person_present = environment.terminal;
        Ok(Self {
            vault: vault(environment, &service)?,
            service,
            #[cfg(feature = "sandbox")]
            sandbox: None,
        })
    }

    /// The embedded sandbox, started on its own state and with a file of its own for credentials: never the real
    /// names.
    ///
    /// # Errors
    /// If the sandbox cannot start; no home folder.
    #[cfg(feature = "sandbox")]
    pub fn sandbox(environment: &Environment) -> Result<Self, Failure> {
        let folder = environment.state_home().ok_or_else(no_home)?.join("doorkey").join("sandbox");
        // Root in another user's home writes nothing there.
        create_folders(&folder).map_err(|e| {
            let (cause, next) = e.parts();
            let failure = Failure::new(Exit::Store, "store_refused", cause);
            next.map_or(failure.clone(), |next| failure.next(next))
        })?;
        let running = super::sandbox::start(folder.join("service.json"))?;
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
        Ok(Self { service, vault, sandbox: Some(running) })
    }
}

fn vault(environment: &Environment, service: &Service) -> Result<Vault, Failure> {
    let folder = environment.config_home().ok_or_else(no_home)?.join(service.names.folder);
    let credentials = folder.join("credentials");
    let keychain = service.backends.contains(&Backend::Keychain).then(|| KeychainConfig {
        service: service.names.keychain_service.to_owned(),
        account: service.names.keychain_account.to_owned(),
        limit: KEYCHAIN_LIMIT,
    });
    let locked = vec![credentials.clone()];
    // The keychain belongs to the user, not to whatever `HOME` says.
    let locked_at_home = Some(Path::new(".config").join(service.names.folder).join("credentials"));
    let ledger = folder.join("state.json");
    Ok(Vault::new(VaultConfig { ledger, credentials, locked, locked_at_home, keychain }))
}

fn no_home() -> Failure {
    Failure::new(Exit::Store, "no_home", "there is no home folder to keep anything in").next("set HOME")
}
