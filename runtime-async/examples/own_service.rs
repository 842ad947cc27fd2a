//! A service of one's own with rotating sessions: an issuer whose client id is known, names in the stores, timing.
//!
//! `cargo run -p doorkey-async --example async-own-service FOLDER`, in the environment that `doorkey sandbox` prints: the
//! sandbox plays this one, too.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, error::Error};

use doorkey_async::{
    Client, Driver, HttpTransport, KeychainConfig, ProxySettings, SessionConfig, Surface, Vault, boot_id,
    machine_id,
};
use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::oauth::{Dialect, OAuth};
use doorkey_core::service::{PensarHosts, RetryPolicy, Service, StoreNames};
use doorkey_core::{machine::Machine, notice::Notice, time::Now, url::Url};
use futures_lite::future::block_on;

/// The service: what is not named here is as Pensar has it.
fn service(hosts: PensarHosts) -> Service {
    let issuer = hosts.workos.clone();
    let pensar = Service::pensar(hosts, "build-box".into());
    Service {
        name: "Example".into(),
        command: "example".into(),
        api_variable: "EXAMPLE_API_URL".into(),
        names: StoreNames {
            keychain_service: "example-tool".into(),
            keychain_account: "refresh-token".into(),
            folder: "example".into(),
        },
        oauth: Some(OAuth {
            device_authorization_endpoint: Some(issuer.join("/user_management/authorize/device")),
            dialect: Dialect::Json,
            client_id: Some("client_pensar_apex_sandbox".to_owned()),
            request_limit: Duration::from_secs(20),
            // Nothing is known of a grace period, for one: a refresh token is sent once.
            ..OAuth::new(issuer.join("/user_management/authenticate"))
        }),
        retry: RetryPolicy { tries: 3, ..pensar.retry },
        machine_id: machine_id(),
        boot_id: boot_id(),
        ..pensar
    }
}

/// Where its session lies: in the keychain if there is one, else below `home`.
fn vault(names: &StoreNames, home: &Path) -> Vault {
    Vault::session(SessionConfig {
        keychain: Some(KeychainConfig {
            service: names.keychain_service.to_string(),
            account: names.keychain_account.to_string(),
            limit: Duration::from_secs(3),
        }),
        // The keychain belongs to the user, whatever `home` is: so does its lock.
        locked_at_home: Some(PathBuf::from(".config/example/auth.json")),
        ..SessionConfig::in_folder(&home.join(&*names.folder))
    })
}

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        match notice {
            Notice::DeviceCode { user_code, verification_uri, .. } => {
                println!("open {}", verification_uri.expose().expose_secret());
                println!("and type {}", user_code.expose_secret());
            }
            Notice::FellBack { failure, to, .. } => println!("kept in the {}: {failure}", to.as_str()),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    block_on(connect())
}

async fn connect() -> Result<(), Box<dyn Error>> {
    let home = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the session?")?);
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let (api, console) = (url("PENSAR_API_URL")?, url("PENSAR_CONSOLE_URL")?);
    let (gateway, workos) = (url("PENSAR_GATEWAY_URL")?, url("WORKOS_API_URL")?);
    let service = service(PensarHosts { api, console, gateway, workos });
    let names = service.names.clone();
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let transport = HttpTransport::new(proxies, "example/1.0");
    let driver = Driver::new(transport, move || vault(&names, &home));
    let machine = Machine::new(service.clone(), Connect::new(ConnectOptions::default()));
    let connected = driver.run(machine).with_surface(&mut Lines).await?;
    println!("signed in to {}; the session is in the {}", service.name, connected.kept.backend.as_str());

    let workspaces = HttpRequest::new(Method::Get, service.api.join("/api/cli/workspaces"));
    println!("HTTP {}", Client::new(driver, service).call(workspaces).await?.status);
    Ok(())
}
