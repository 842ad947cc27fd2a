//! A service of one's own: hosts, names, timing. It pairs as Pentify does, and everything that is particular to it is a
//! value.
//!
//! `cargo run -p doorkey-blocking --example blocking-own-service FOLDER`, in the environment that `doorkey sandbox` prints:
//! the sandbox plays this one, too.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, error::Error};

use doorkey_blocking::{
    Client, Driver, HttpTransport, KeychainConfig, ProxySettings, Surface, Vault, VaultConfig,
};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::service::{PairingPolicy, Paths, Service, StoreNames};
use doorkey_core::{machine::Machine, notice::Notice, time::Now, url::Url};

/// The service: what is not named here is as Pentify has it.
fn service(api: Url, app: Url) -> Service {
    let pentify = Service::pentify(api, app, "build-box".into());
    Service {
        name: "Example".into(),
        command: "example".into(),
        token_variable: "EXAMPLE_TOKEN".into(),
        api_variable: "EXAMPLE_API_URL".into(),
        // Of bare tokens: nobody stores any under these names.
        bare_issuer: pentify.issuer.clone(),
        names: StoreNames {
            keychain_service: "example-tool".into(),
            keychain_account: "token".into(),
            folder: "example".into(),
        },
        paths: Paths { pair_page: "/auth/terminal-pair", poll: "/auth/terminal/poll", ..pentify.paths },
        pairing: PairingPolicy {
            first_poll: Duration::from_secs(1),
            interval: Duration::from_secs(3),
            ttl: Duration::from_secs(120),
            ..pentify.pairing
        },
        ..pentify
    }
}

/// Where its credentials lie: in the keychain if there is one, else below `home`.
fn vault(service: &Service, home: &Path) -> Vault {
    let names = &service.names;
    let folder = home.join(&*names.folder);
    Vault::new(VaultConfig {
        keychain: Some(KeychainConfig {
            service: names.keychain_service.to_string(),
            account: names.keychain_account.to_string(),
            limit: Duration::from_secs(3),
        }),
        // The keychain belongs to the user, whatever `home` is: so does its lock.
        locked_at_home: Some(PathBuf::from(".config/example/credentials")),
        ..VaultConfig::in_folder(&folder)
    })
}

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        match notice {
            Notice::PairingStarted { link, check_code, .. } => {
                println!("open {} and compare {}", link.expose().expose_secret(), check_code.expose());
            }
            Notice::FellBack { failure, to, .. } => println!("kept in the {}: {failure}", to.as_str()),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let home = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the token?")?);
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let service = service(url("PENTIFY_API_URL")?, url("PENTIFY_APP_URL")?);
    let vault = vault(&service, &home);
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let mut lines = Lines;
    let mut driver = Driver::new(HttpTransport::new(proxies, "example/1.0"), vault).with_surface(&mut lines);
    let login = driver.run(Machine::new(service.clone(), Login::new(LoginOptions::default())))?;
    println!("signed in to {}; the token is in the {}", service.name, login.kept.backend.as_str());

    let profile = HttpRequest::new(Method::Get, service.api.join(service.paths.profile));
    println!("HTTP {}", Client::new(driver, service).call(profile)?.status);
    Ok(())
}
