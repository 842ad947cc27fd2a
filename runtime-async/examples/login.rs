//! A login from nothing to a stored token, and a request with it.
//!
//! `cargo run -p doorkey-async --example async-login FOLDER`, where FOLDER takes the token. Whoever plays the service is
//! named by the environment: the lines that `doorkey sandbox` prints.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::{env, error::Error, path::PathBuf};

use doorkey_async::{Client, Driver, HttpTransport, ProxySettings, Surface, Vault, VaultConfig};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::{machine::Machine, notice::Notice, service::Service, time::Now, url::Url};
use futures_lite::future::block_on;

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::PairingStarted { link, check_code, .. } = notice {
            println!("open {} and compare {}", link.expose().expose_secret(), check_code.expose());
        }
    }
}

/// Any executor does.
fn main() -> Result<(), Box<dyn Error>> {
    block_on(login())
}

async fn login() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the token?")?);
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let service = Service::pentify(url("PENTIFY_API_URL")?, url("PENTIFY_APP_URL")?, "build-box".into());
    let vaults = move || Vault::new(VaultConfig::in_folder(&folder));
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vaults);
    let machine = Machine::new(service.clone(), Login::new(LoginOptions::default()));
    let login = driver.run(machine).with_surface(&mut Lines).await?;
    println!("signed in; the token is in the {}", login.kept.backend.as_str());

    let usage = HttpRequest::new(Method::Get, service.api.join("/v1/usage"));
    let answer = Client::new(driver, service).call(usage).await?;
    println!("HTTP {}, {} bytes", answer.status, answer.body.len());
    Ok(())
}
