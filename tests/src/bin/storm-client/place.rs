//! Pensar as the environment says it, and where its session lies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings};
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::url::Url;
use doorkey_store::{KeychainConfig, SessionConfig, Vault, boot_id, machine_id};

use crate::args::{Args, Place};
use crate::clock::LaterClock;

/// A machine that is slow is none that lost an answer: nothing here is about limits.
const LIMIT: Duration = Duration::from_secs(60);

pub fn service(args: &Args) -> Service {
    let url = |variable: &str| {
        let text = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"));
        Url::parse(&text).unwrap()
    };
    let [api, console] = [url("PENSAR_API_URL"), url("PENSAR_CONSOLE_URL")];
    let [gateway, workos] = [url("PENSAR_GATEWAY_URL"), url("WORKOS_API_URL")];
    let mut service = Service::pensar(PensarHosts { api, console, gateway, workos }, "storm".to_owned());
    service.backends = match args.store {
        Place::File => &[doorkey_core::record::Backend::File],
        Place::Keychain => &[doorkey_core::record::Backend::Keychain],
    };
    service.machine_id = args.machine.clone().or_else(machine_id);
    service.boot_id = boot_id();
    if let Some(oauth) = &mut service.oauth {
        oauth.grace = Some(Duration::from_secs(args.grace)).filter(|grace| !grace.is_zero());
        oauth.request_limit = LIMIT;
    }
    service
}

/// As `pensar` lays it out, but for the lock in the home folder of the password database: those who share a session
/// here share a home as well, and experiments that run beside each other must not wait for each other.
pub fn vault(args: &Args, service: &Service) -> Vault {
    let home = PathBuf::from(std::env::var_os("HOME").expect("HOME is not set"));
    let inside = |name: &str| home.join(Path::new(&*service.names.folder)).join(name);
    let keychain = matches!(args.store, Place::Keychain).then(|| KeychainConfig {
        service: args.keychain_service.clone(),
        account: service.names.keychain_account.to_string(),
        limit: LIMIT,
    });
    Vault::session(SessionConfig {
        settings: inside("config.json"),
        session: inside("auth.json"),
        emergency: inside("auth.emergency.json"),
        locked_at_home: None,
        keychain,
        shared: false,
    })
}

pub fn transport() -> HttpTransport {
    HttpTransport::new(ProxySettings::default(), "storm-client")
}

pub fn clock(args: &Args) -> LaterClock {
    LaterClock(Duration::from_secs(args.later))
}
