//! A user interface of one's own: link, code, countdown, a choice of workspaces, and failures with their next step.
//!
//! `cargo run -p doorkey-blocking --example blocking-own-ui FOLDER`, in the environment that `doorkey sandbox` prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is its user interface")]

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::{env, error::Error};

use doorkey_blocking::{
    Driver, HttpTransport, ProxySettings, SessionConfig, Surface, Vault, boot_id, machine_id,
};
use doorkey_core::command::Choice;
use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::failure::Failure;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::{machine::Machine, notice::Notice, url::Url};

/// What is on the screen.
#[derive(Default)]
struct Screen {
    /// When the code that is shown ends.
    ends: Option<Timestamp>,
}

impl Surface for Screen {
    fn show(&mut self, _: Now, notice: &Notice) {
        match notice {
            Notice::DeviceCode { user_code, verification_uri, verification_uri_complete, expires_at } => {
                let page = verification_uri_complete.as_ref().unwrap_or(verification_uri);
                println!("open {}", page.expose().expose_secret());
                println!("and compare {}", user_code.expose_secret());
                self.ends = Some(*expires_at);
            }
            Notice::Retrying { reason, wait } => println!("{reason}; again in {} s", wait.as_secs()),
            Notice::FellBack { failure, to, .. } => println!("kept in the {} ({failure})", to.as_str()),
            // There are more, and there will be others.
            _ => {}
        }
    }

    fn tick(&mut self, now: Now) {
        if let Some(ends) = self.ends {
            eprint!("\r{:3} s left ", ends.since(now.mono).as_secs());
        }
    }

    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        self.ends = None;
        println!();
        for (number, choice) in (1..).zip(choices) {
            let balance = choice.balance.map(|balance| balance.to_string()).unwrap_or_default();
            println!("{number}  {}  {balance}", choice.name);
        }
        print!("which one? ");
        let _ = io::stdout().flush();
        // This runs on a thread of its own, so that it may wait for the person.
        Box::new(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).ok()?;
            line.trim().parse::<usize>().ok()?.checked_sub(1)
        })
    }
}

fn main() -> ExitCode {
    match connect() {
        Ok(connected) => {
            let slug = connected.kept.record.slug().unwrap_or("no workspace");
            println!("signed in: {slug}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            let Some(failure) = error.downcast_ref::<Failure>() else { return ExitCode::FAILURE };
            if let Some(next) = &failure.next {
                eprintln!("next: {next}");
            }
            ExitCode::from(failure.exit.code())
        }
    }
}

fn connect() -> Result<Connected, Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("which folder is to take the session?")?;
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let (api, console) = (url("PENSAR_API_URL")?, url("PENSAR_CONSOLE_URL")?);
    let (gateway, workos) = (url("PENSAR_GATEWAY_URL")?, url("WORKOS_API_URL")?);
    let mut service = Service::pensar(PensarHosts { api, console, gateway, workos }, "build-box".into());
    // Sessions are told apart from copies of them on other machines, and from those of an earlier run of this one.
    (service.machine_id, service.boot_id) = (machine_id(), boot_id());
    // Somebody is here to choose; otherwise a page asks.
    service.person_present = true;
    let vault = Vault::session(SessionConfig::in_folder(Path::new(&folder)));
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let mut screen = Screen::default();
    let mut driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vault).with_surface(&mut screen);
    Ok(driver.run(Machine::new(service, Connect::new(ConnectOptions::default())))?)
}
