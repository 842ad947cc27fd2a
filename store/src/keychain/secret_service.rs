//! The Secret Service (gnome-keyring, KWallet, KeePassXC, …) as a store of `keyring-core`, on `dbus-secret-service`.
//!
//! It is our own because it must do what the ready-made ones do not: tell *locked* from *missing* without a prompt,
//! and prompt only in [`Keychain::unseal`]. The main connection was opened with a prompt time of zero, with which
//! the library never shows one; the prompt has a connection of its own, whose end also takes the prompt away.
//!
//! Entries carry the attributes `service` and `username` (which keyring crates, Python's keyring and Go's use) and
//! `account` (which keytar uses), so that each of them, and `secret-tool`, finds what we wrote. On reading, either of
//! the last two will do. If several entries match, the one modified last counts. The `session` collection, which is
//! forgotten at logout, is never read, and as the default collection is refused as volatile.
//!
//! Sessions are plain, not encrypted. The bus is a local socket of the same user, and whoever can listen on it can
//! ask the service itself for the secret; what encryption would add is some cover against a bus that was pointed at
//! another machine, which no desktop does. It would cost, measured against gnome-keyring 42.1 on two busy cores
//! (400-byte secret; min / median of 200 runs, p50 of 300 calls):
//!
//! | | whole process that reads one secret | connect | search + read | search + write | crates |
//! |---|---|---|---|---|---|
//! | plain | 3.0 / 4.9 ms | 1.0 ms | 0.8-1.0 ms | 3.5-3.9 ms | 11 |
//! | Diffie-Hellman | 10.0 / 18.7 ms | 12-13 ms | 1.0-1.1 ms | 2.8-3.7 ms | 36 |
//! | `secret-tool lookup`, to compare | 14.6 / 20.3 ms | | | | |
//!
//! and the library draws its keys for it from a generator that is not made for cryptography.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbus_secret_service::{Collection, EncryptionType, Error as ServiceError, Item, SecretService};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use keyring_core::api::{Credential, CredentialApi, CredentialPersistence, CredentialStoreApi};
use keyring_core::{Entry, Error, Result};

use crate::failure::failure;

/// The collection that is forgotten at logout.
const SESSION: &str = "/org/freedesktop/secrets/collection/session";
/// What a method of an entry is answered with that somebody has removed since it was found.
const VANISHED: [&str; 3] = ["NoSuchObject", "UnknownMethod", "UnknownObject"];
/// As often an entry is looked for again when somebody keeps removing what was found.
const LOOKS: usize = 10;

const SERVICE: &str = "service";
const USERNAME: &str = "username";
const ACCOUNT: &str = "account";

/// What D-Bus calls it when nobody is there: no bus, no service, no such thing in it, no longer our session.
const NOBODY: [&str; 14] = [
    "BadAddress",
    "Disconnected",
    "FileNotFound",
    "IOError",
    "NameHasNoOwner",
    "NoNetwork",
    "NoServer",
    "NoSession",
    "NoSuchObject",
    "NotSupported",
    "ServiceUnknown",
    "UnknownInterface",
    "UnknownMethod",
    "UnknownObject",
];

/// The user's Secret Service. Nothing is connected before the first call.
#[derive(Clone)]
pub(super) struct Keychain {
    link: Arc<Mutex<Option<SecretService>>>,
}

/// What to search for to find all entries of a service.
pub(super) fn spec(service: &str) -> HashMap<&str, &str> {
    HashMap::from([(SERVICE, service)])
}

impl Keychain {
    pub(super) fn new() -> Self {
        Self { link: Arc::default() }
    }

    /// Whether a new entry would find a place.
    pub(super) fn probe(&self) -> std::result::Result<(), StoreFailure> {
        self.with(|service| writable(service).map(drop)).map_err(super::told)
    }

    /// Lets the Secret Service ask the person to unlock the default collection. The wait is counted in whole
    /// seconds, at least one.
    ///
    /// The library counts rounds of at most a second, and a message of any kind ends a round: the bus's greeting
    /// takes the first one, hence one more.
    pub(super) fn unseal(&self, wait: Duration) -> std::result::Result<(), StoreFailure> {
        let rounds = wait.as_secs().max(1) + 1;
        let service = SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, rounds)
            .map_err(|error| explain(&error))?;
        let collection = service.get_default_collection().map_err(|error| explain(&error))?;
        let refused =
            || failure(StoreFailureKind::Refused, "the keychain was not unlocked; unlock it and try again");
        match collection.ensure_unlocked() {
            Ok(()) => match collection.is_locked() {
                Ok(false) => Ok(()),
                Ok(true) => Err(refused()),
                Err(error) => Err(explain(&error)),
            },
            Err(ServiceError::Prompt) => Err(refused()),
            Err(error) => Err(explain(&error)),
        }
    }

    /// Works on the one connection. A broken one is given up, so that a later call may find a restarted service.
    fn with<T>(&self, work: impl FnOnce(&SecretService) -> Result<T>) -> Result<T> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let service = match link.take() {
            Some(service) => service,
            None => SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, 0).map_err(wrap)?,
        };
        let result = work(&service);
        if !matches!(&result, Err(Error::PlatformFailure(_))) {
            *link = Some(service);
        }
        result
    }
}

impl CredentialStoreApi for Keychain {
    fn vendor(&self) -> String {
        "Secret Service".to_owned()
    }

    fn id(&self) -> String {
        env!("CARGO_PKG_NAME").to_owned()
    }

    fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        let place = Place { keychain: self.clone(), service: service.to_owned(), account: user.to_owned() };
        Ok(Entry::new_with_credential(Arc::new(place)))
    }

    /// One entry for each account, as they were at one moment: one that vanished since then may have been replaced by
    /// what the search did not find yet. A locked one among them fails the search: it may be any.
    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let names = self.with(|service| {
            let mut look = 1;
            loop {
                match names(service, spec) {
                    Err(error) if is_vanished(&error) && look < LOOKS => look += 1,
                    answer => return answer.map_err(wrap),
                }
            }
        })?;
        names.iter().map(|(service, account)| self.build(service, account, None)).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn persistence(&self) -> CredentialPersistence {
        CredentialPersistence::UntilDelete
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keychain")
    }
}

/// Where a credential lies, or would lie.
struct Place {
    keychain: Keychain,
    service: String,
    account: String,
}

impl Place {
    /// The entry that counts, and whether it carries the attribute `username`.
    fn find<'a>(&self, service: &'a SecretService) -> Result<Option<(Item<'a>, bool)>> {
        for (key, named) in [(USERNAME, true), (ACCOUNT, false)] {
            let wanted = HashMap::from([(SERVICE, self.service.as_str()), (key, self.account.as_str())]);
            let found = service.search_items(wanted).map_err(wrap)?;
            if let Some(item) = newest(found.unlocked.into_iter().filter(lasts).collect())? {
                return Ok(Some((item, named)));
            }
            if found.locked.iter().any(lasts) {
                return Err(wrap(ServiceError::Locked));
            }
        }
        Ok(None)
    }

    /// Does something with the entry that counts; `None` if there is none. One that somebody removes meanwhile does not
    /// count.
    fn with_entry<T>(
        &self,
        service: &SecretService,
        work: impl Fn(&Item<'_>, bool) -> std::result::Result<T, ServiceError>,
    ) -> Result<Option<T>> {
        for look in 1.. {
            let Some((item, named)) = self.find(service)? else { break };
            match work(&item, named) {
                Err(error) if is_vanished(&error) && look < LOOKS => {}
                answer => return answer.map(Some).map_err(wrap),
            }
        }
        Ok(None)
    }

    fn attributes(&self) -> HashMap<&str, &str> {
        let account = self.account.as_str();
        HashMap::from([(SERVICE, self.service.as_str()), (USERNAME, account), (ACCOUNT, account)])
    }
}

impl CredentialApi for Place {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        const KIND: &str = "text/plain";
        self.keychain.with(|service| {
            let replaced = self.with_entry(service, |item, named| {
                item.set_secret(secret, KIND)?;
                if named { Ok(()) } else { item.set_attributes(self.attributes()) }
            })?;
            if replaced.is_some() {
                return Ok(());
            }
            let label = format!("{}: {}", self.service, self.account);
            let collection = writable(service)?;
            collection.create_item(&label, self.attributes(), secret, false, KIND).map_err(wrap)?;
            Ok(())
        })
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        self.keychain
            .with(|service| self.with_entry(service, |item, _| item.get_secret())?.ok_or(Error::NoEntry))
    }

    fn delete_credential(&self) -> Result<()> {
        self.keychain.with(|service| self.with_entry(service, |item, _| item.delete())?.ok_or(Error::NoEntry))
    }

    /// An entry is found by its names each time, so there is nothing else to point at it.
    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        self.keychain.with(|service| self.find(service)?.map(|_| None).ok_or(Error::NoEntry))
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((self.service.clone(), self.account.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.account, self.service)
    }
}

/// The default collection, if it can be written to and keeps what it gets.
fn writable(service: &SecretService) -> Result<Collection<'_>> {
    let collection = service.get_default_collection().map_err(wrap)?;
    if collection.path.starts_with(SESSION) {
        return Err(carried(failure(
            StoreFailureKind::Volatile,
            "the keychain's default collection is forgotten at logout; create a lasting one and make it the default",
        )));
    }
    match collection.is_locked().map_err(wrap)? {
        true => Err(wrap(ServiceError::Locked)),
        false => Ok(collection),
    }
}

fn lasts(item: &Item<'_>) -> bool {
    !item.path.starts_with(SESSION)
}

/// Services and accounts of the entries that are found.
fn names(
    service: &SecretService,
    spec: &HashMap<&str, &str>,
) -> std::result::Result<BTreeSet<(String, String)>, ServiceError> {
    let found = service.search_items(spec.clone())?;
    if found.locked.iter().any(lasts) {
        return Err(ServiceError::Locked);
    }
    let mut names = BTreeSet::new();
    for item in &found.unlocked {
        let mut attributes = item.get_attributes()?;
        let account = attributes.remove(USERNAME).or_else(|| attributes.remove(ACCOUNT));
        names.extend(attributes.remove(SERVICE).zip(account));
    }
    Ok(names)
}

/// The item modified last; only when there are several is it worth asking.
fn newest(mut items: Vec<Item<'_>>) -> Result<Option<Item<'_>>> {
    if items.len() < 2 {
        return Ok(items.pop());
    }
    let mut dated = Vec::with_capacity(items.len());
    for item in items {
        match item.get_modified() {
            Err(error) if is_vanished(&error) => {}
            answer => dated.push((answer.map_err(wrap)?, item)),
        }
    }
    Ok(dated
        .into_iter()
        .max_by_key(|(modified, item)| (*modified, item.path.to_string()))
        .map(|(_, item)| item))
}

fn wrap(error: ServiceError) -> Error {
    carried(explain(&error))
}

/// A failure of ours on its way through `keyring-core`'s type: rules forbid it, or the connection is no good.
fn carried(failure: StoreFailure) -> Error {
    use StoreFailureKind::{Locked, Refused, Volatile};
    match failure.kind {
        Locked | Refused | Volatile => Error::NoStorageAccess(Box::new(failure)),
        _ => Error::PlatformFailure(Box::new(failure)),
    }
}

fn explain(error: &ServiceError) -> StoreFailure {
    use StoreFailureKind::{Absent, Locked, Refused, TimedOut};
    let kind = match error {
        // With a prompt time of zero, a prompt that would be needed is a lock.
        ServiceError::Locked | ServiceError::Prompt => Locked,
        // The one thing asked for that may not exist is the default collection.
        ServiceError::NoResult | ServiceError::Unavailable => Absent,
        ServiceError::Dbus(cause) => match cause.name().unwrap_or_default() {
            name if ends(name, &["IsLocked"]) => Locked,
            name if ends(name, &["NoReply", "Timeout", "TimedOut"]) => TimedOut,
            name if name.contains(".Spawn.") || ends(name, &NOBODY) => Absent,
            _ => Refused,
        },
        _ => Refused,
    };
    let (what, next) = match (kind, error) {
        (Absent, ServiceError::NoResult) => {
            ("the keychain has no default collection", "create one with the system's keychain program")
        }
        // The library's words for it are about how it was built.
        (Absent, ServiceError::Dbus(cause)) if ends(cause.name().unwrap_or_default(), &["NotSupported"]) => {
            return failure(
                Absent,
                "there is no D-Bus session here; start a keychain service or use the credentials file",
            );
        }
        (Absent, _) => ("there is no keychain to talk to", "start one or use the credentials file"),
        (Locked, _) => ("the keychain is locked", "unlock it and try again"),
        (TimedOut, _) => ("the keychain did not answer", "restart it, then try again"),
        _ => ("the keychain refused", "look at the system's keychain program"),
    };
    let cause = harmless(&error.to_string());
    failure(kind, format!("{what}: {cause}; {next}"))
}

/// Whether an entry was removed after it was found.
fn is_vanished(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Dbus(cause) if ends(cause.name().unwrap_or_default(), &VANISHED))
}

fn ends(name: &str, words: &[&str]) -> bool {
    words.contains(&name.rsplit('.').next().unwrap_or_default())
}
