//! A store of one's own for a session: one file with one line, put through the conformance kit.
//!
//! `cargo run -p doorkey-blocking --no-default-features --example blocking-own-store FOLDER`, in the environment that
//! `doorkey sandbox` prints.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, error::Error};

use doorkey_blocking::{Client, Driver, HttpTransport, ProxySettings, SessionConfig, Surface, Vault};
use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::secret::Secret;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::{machine::Machine, notice::Notice, time::Now, url::Url};
use doorkey_store::conformance::Kit;
use doorkey_store::{CredentialStore, Swap, boot_id, lock_beside, machine_id};

/// A session is one record, in the active slot. Whoever writes holds the vault's lock, so that nothing comes between
/// the comparison and the swap.
struct OneLine(PathBuf);

impl CredentialStore for OneLine {
    fn backend(&self) -> Backend {
        Backend::File
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.temporary().map(drop)
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        match fs::read_to_string(&self.0) {
            Ok(line) if *slot == Slot::Active => {
                let unreadable = |e| failed(StoreFailureKind::Unreadable, e);
                Record::decode(&Secret::from(line)).map(Some).map_err(unreadable)
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(refused(e)),
            _ => Ok(None),
        }
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        Ok(self.load(&Slot::Active)?.map(|record| (Slot::Active, record)).into_iter().collect())
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        if self.load(slot)?.map(|held| held.version()).as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        // The old line or the new one, whenever the machine stops.
        let (path, mut file) = self.temporary()?;
        file.write_all(record.encode().expose_secret().as_bytes()).map_err(refused)?;
        file.sync_all().map_err(refused)?;
        fs::rename(path, &self.0).map_err(refused)?;
        self.sync_folder()?;
        Ok(Swap::Done)
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        match self.load(slot)? {
            None => Ok(Swap::Done),
            Some(held) if held.version() != *expected => Ok(Swap::Conflict),
            Some(_) => {
                fs::remove_file(&self.0).map_err(refused)?;
                self.sync_folder()?;
                Ok(Swap::Done)
            }
        }
    }
}

impl OneLine {
    fn temporary(&self) -> Result<(PathBuf, File), StoreFailure> {
        let path = self.0.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(refused)?;
        Ok((path, file))
    }

    fn sync_folder(&self) -> Result<(), StoreFailure> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        if cfg!(unix) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)
        } else {
            Ok(())
        }
    }
}

fn refused(cause: io::Error) -> StoreFailure {
    failed(StoreFailureKind::Refused, cause)
}

fn failed(kind: StoreFailureKind, cause: impl ToString) -> StoreFailure {
    StoreFailure { kind, detail: cause.to_string() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the session?")?);
    fs::create_dir_all(&folder)?;
    // Everything in it is deleted, so that this is another file than the session's. It belongs into your tests.
    let trial = folder.join("trial");
    Kit::new(|| Box::new(OneLine(trial.clone()))).under_lock(lock_beside(&trial)?).check_session()?;
    println!("the store does what a store must do");

    let store = OneLine(folder.join("session"));
    let vault = Vault::session(SessionConfig::in_folder(&folder)).with_store(Box::new(store));
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let mut lines = Lines;
    let mut driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vault).with_surface(&mut lines);
    let service = service()?;
    driver.run(Machine::new(service.clone(), Connect::new(ConnectOptions::default())))?;
    let token = Client::new(driver, service).token()?;
    println!("signed in; a token of {} bytes", token.expose_secret().len());
    Ok(())
}

fn service() -> Result<Service, Box<dyn Error>> {
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let (api, console) = (url("PENSAR_API_URL")?, url("PENSAR_CONSOLE_URL")?);
    let (gateway, workos) = (url("PENSAR_GATEWAY_URL")?, url("WORKOS_API_URL")?);
    let mut service = Service::pensar(PensarHosts { api, console, gateway, workos }, "build-box".into());
    (service.machine_id, service.boot_id) = (machine_id(), boot_id());
    service.backends = &[Backend::File];
    Ok(service)
}

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::DeviceCode { user_code, verification_uri, .. } = notice {
            println!("open {}", verification_uri.expose().expose_secret());
            println!("and type {}", user_code.expose_secret());
        }
    }
}
