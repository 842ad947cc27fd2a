//! A login from nothing to a stored token, and a request with it.
//!
//! `cargo run -p doorkey-blocking --example blocking-login FOLDER`, where FOLDER takes the token. Whoever plays the service
//! is named by the environment: the lines that `doorkey sandbox` prints.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::{env, error::Error, path::Path};

use doorkey_blocking::{Client, Driver, HttpTransport, ProxySettings, Surface, Vault, VaultConfig};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::{machine::Machine, notice::Notice, service::Service, time::Now, url::Url};

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::PairingStarted { link, check_code, .. } = notice {
            println!("open {} and compare {}", link.expose().expose_secret(), check_code.expose());
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("which folder is to take the token?")?;
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let service = Service::pentify(url("PENTIFY_API_URL")?, url("PENTIFY_APP_URL")?, "build-box".into());
    let vault = Vault::new(VaultConfig::in_folder(Path::new(&folder)));
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let mut lines = Lines;
    let mut driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vault).with_surface(&mut lines);
    let login = driver.run(Machine::new(service.clone(), Login::new(LoginOptions::default())))?;
    println!("signed in; the token is in the {}", login.kept.backend.as_str());

    let usage = HttpRequest::new(Method::Get, service.api.join("/v1/usage"));
    let answer = Client::new(driver, service).call(usage)?;
    println!("HTTP {}, {} bytes", answer.status, answer.body.len());
    Ok(())
}
