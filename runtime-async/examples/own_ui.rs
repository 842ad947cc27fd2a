//! A user interface of one's own in another task: it is told everything by a channel, and answers by one.
//!
//! `cargo run -p doorkey-async --example async-own-ui FOLDER`, in the environment that `doorkey sandbox` prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is its user interface")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, error::Error, io};

use async_channel::{Receiver, Sender, bounded, unbounded};
use blocking::Unblock;
use doorkey_async::{
    Driver, HttpTransport, ProxySettings, SessionConfig, Surface, Vault, boot_id, machine_id,
};
use doorkey_core::command::Choice;
use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::failure::Failure;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::{machine::Machine, notice::Notice, time::Now, url::Url};
use futures_lite::io::{AsyncBufReadExt as _, BufReader};

/// What the screen is told.
enum Message {
    Notice(Box<Notice>),
    Tick(Now),
    /// With where the index of the choice goes.
    Choose(Vec<Choice>, Sender<Option<usize>>),
}

/// The driver's end of the channel.
struct Remote(Sender<Message>);

impl Surface for Remote {
    fn show(&mut self, _: Now, notice: &Notice) {
        self.tell(Message::Notice(Box::new(notice.clone())));
    }

    fn tick(&mut self, now: Now) {
        self.tell(Message::Tick(now));
    }

    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        let (answer, chosen) = bounded(1);
        self.tell(Message::Choose(choices.to_vec(), answer));
        // A thread of its own waits for it.
        Box::new(move || chosen.recv_blocking().ok().flatten())
    }
}

impl Remote {
    fn tell(&self, message: Message) {
        // A screen that is gone misses nothing.
        let _ = self.0.try_send(message);
    }
}

/// The user interface, until the login ends.
async fn screen(messages: Receiver<Message>) {
    let mut lines = BufReader::new(Unblock::new(io::stdin()));
    let mut ends = None;
    while let Ok(message) = messages.recv().await {
        match message {
            Message::Notice(notice) => {
                if let Notice::DeviceCode { user_code, verification_uri, expires_at, .. } = *notice {
                    println!("open {}", verification_uri.expose().expose_secret());
                    println!("and type {}", user_code.expose_secret());
                    ends = Some(expires_at);
                }
            }
            Message::Tick(now) => {
                if let Some(ends) = ends {
                    eprint!("\r{:3} s left ", ends.since(now.mono).as_secs());
                }
            }
            Message::Choose(choices, answer) => {
                ends = None;
                println!();
                for (number, choice) in (1..).zip(&choices) {
                    println!("{number}  {}", choice.name);
                }
                println!("which one?");
                let mut line = String::new();
                let read = lines.read_line(&mut line).await;
                let number = line.trim().parse::<usize>().ok().filter(|_| read.is_ok());
                let _ = answer.send(number.and_then(|number| number.checked_sub(1))).await;
            }
        }
    }
}

fn main() -> ExitCode {
    let (sender, messages) = unbounded();
    let (connected, ()) =
        futures_lite::future::block_on(futures_lite::future::zip(connect(sender), screen(messages)));
    match connected {
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

async fn connect(screen: Sender<Message>) -> Result<Connected, Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the session?")?);
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let (api, console) = (url("PENSAR_API_URL")?, url("PENSAR_CONSOLE_URL")?);
    let (gateway, workos) = (url("PENSAR_GATEWAY_URL")?, url("WORKOS_API_URL")?);
    let mut service = Service::pensar(PensarHosts { api, console, gateway, workos }, "build-box".into());
    // Sessions are told apart from copies of them on other machines, and from those of an earlier run of this one.
    (service.machine_id, service.boot_id) = (machine_id(), boot_id());
    // Somebody is here to choose; otherwise a page asks.
    service.person_present = true;
    let vaults = move || Vault::session(SessionConfig::in_folder(&folder));
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vaults);
    let machine = Machine::new(service, Connect::new(ConnectOptions::default()));
    let mut remote = Remote(screen);
    Ok(driver.run(machine).with_surface(&mut remote).await?)
}
