//! A store of one's own for API tokens, one for each workspace: a map, as it could be a table of a database. It is put
//! through the conformance kit.
//!
//! `cargo run -p doorkey-async --no-default-features --example async-own-store FOLDER`, in the environment that `doorkey
//! sandbox` prints.
#![allow(clippy::print_stdout, reason = "this is its user interface")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{env, error::Error};

use doorkey_async::{Client, Driver, HttpTransport, ProxySettings, Surface, Vault, VaultConfig};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::{machine::Machine, notice::Notice, service::Service, time::Now, url::Url};
use doorkey_store::conformance::Kit;
use doorkey_store::{CredentialStore, Swap};
use futures_lite::future::block_on;

/// Records as text, as a database has them. Taking the lock begins a transaction.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<BTreeMap<Slot, Secret>>>);

type Rows<'a> = MutexGuard<'a, BTreeMap<Slot, Secret>>;

impl Table {
    fn begin(&self) -> Result<Rows<'_>, StoreFailure> {
        self.0.lock().map_err(|e| StoreFailure { kind: StoreFailureKind::Refused, detail: e.to_string() })
    }
}

fn read(rows: &Rows<'_>, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
    rows.get(slot).map(decoded).transpose()
}

fn decoded(row: &Secret) -> Result<Record, StoreFailure> {
    let unreadable = StoreFailureKind::Unreadable;
    Record::decode(row).map_err(|e| StoreFailure { kind: unreadable, detail: e.to_string() })
}

impl CredentialStore for Table {
    /// In the place of which one it is used.
    fn backend(&self) -> Backend {
        Backend::File
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.begin().map(drop)
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        read(&self.begin()?, slot)
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        self.begin()?.iter().map(|(slot, row)| Ok((slot.clone(), decoded(row)?))).collect()
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        let mut rows = self.begin()?;
        if read(&rows, slot)?.map(|held| held.version()).as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        rows.insert(slot.clone(), record.encode());
        Ok(Swap::Done)
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        let mut rows = self.begin()?;
        if read(&rows, slot)?.is_some_and(|held| held.version() != *expected) {
            return Ok(Swap::Conflict);
        }
        rows.remove(slot);
        Ok(Swap::Done)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let trial = Table::default();
    // It belongs into your tests.
    Kit::new(|| Box::new(trial.clone())).check()?;
    println!("the store does what a store must do");
    block_on(login())
}

async fn login() -> Result<(), Box<dyn Error>> {
    // What is remembered without secrets, and the lock, still lie in a folder.
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder is to take the lock?")?);
    let table = Table::default();
    let vaults = {
        let table = table.clone();
        move || Vault::new(VaultConfig::in_folder(&folder)).with_store(Box::new(table.clone()))
    };
    let proxies = ProxySettings::from_variables(|name| env::var(name).ok());
    let driver = Driver::new(HttpTransport::new(proxies, "my-tool/1.0"), vaults);
    let url = |variable| Ok::<_, Box<dyn Error>>(Url::parse(&env::var(variable)?)?);
    let mut service = Service::pentify(url("PENTIFY_API_URL")?, url("PENTIFY_APP_URL")?, "build-box".into());
    service.backends = &[Backend::File];
    let machine = Machine::new(service.clone(), Login::new(LoginOptions::default()));
    driver.run(machine).with_surface(&mut Lines).await?;
    let token = Client::new(driver, service).token().await?;
    println!("signed in; a token of {} bytes", token.expose_secret().len());
    println!("{} rows", table.begin()?.len());
    Ok(())
}

struct Lines;

impl Surface for Lines {
    fn show(&mut self, _: Now, notice: &Notice) {
        if let Notice::PairingStarted { link, check_code, .. } = notice {
            println!("open {} and compare {}", link.expose().expose_secret(), check_code.expose());
        }
    }
}
