//! Which profile a command works for, and where its credentials lie.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::record::Backend;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::text::harmless;
use doorkey_store::{EncryptionKey, ProfileConfig, Vault, boot_id, machine_id};

use crate::environment::Environment;
use crate::input::read_hidden;
use crate::place::{Place, keychain, no_home, unusable_setting};

use crate::signals::Watch;

use super::settings::{Profile, Settings, SettingsFile};

/// The folder below the user's configuration folder.
pub(super) const FOLDER: &str = "doorkey";
/// The name of the key of the encrypted store among a service manager's credentials.
const CREDENTIAL: &str = "doorkey.key";

/// The profiles on this machine, and what the environment says about them.
pub struct Profiles<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// The settings.
    pub file: SettingsFile,
    /// What they said.
    pub settings: Settings,
    /// Where all of it lies.
    pub folder: PathBuf,
    /// `--profile`.
    named: Option<String>,
    /// Who hears signals while a passphrase is typed.
    watch: Watch,
    /// Whether a passphrase may be asked for.
    may_ask: bool,
    /// Asked for once.
    passphrase: OnceCell<Secret>,
}

impl<'a> Profiles<'a> {
    /// Reads the settings.
    ///
    /// # Errors
    /// There is no home folder, or they cannot be read.
    pub fn read(environment: &'a Environment, named: Option<String>, watch: Watch) -> Result<Self, Failure> {
        let folder = folder(environment).ok_or_else(no_home)?;
        let file = SettingsFile::new(folder.join("config.toml"));
        let settings = file.read()?;
        Ok(Self {
            environment,
            file,
            settings,
            folder,
            named,
            watch,
            may_ask: true,
            passphrase: OnceCell::new(),
        })
    }

    /// As with `--profile`, which it overrules.
    pub fn name(&mut self, profile: String) {
        self.named = Some(profile);
    }

    /// The name that was given, by the flag or else by the environment.
    pub fn named(&self) -> Option<&str> {
        self.named.as_deref().or_else(|| self.environment.get("DOORKEY_PROFILE"))
    }

    /// Whether a flag named the profile.
    pub fn is_named_by_flag(&self) -> bool {
        self.named.is_some()
    }

    /// The name of the profile to work for: the given one, else the active one.
    pub fn chosen(&self) -> Option<&str> {
        self.named().or_else(|| self.settings.active())
    }

    /// The profile to work for.
    ///
    /// # Errors
    /// There is none, or none of the given name.
    pub fn current(&self) -> Result<Profile, Failure> {
        let Some(name) = self.chosen() else {
            return Err(Failure::new(Exit::NotSignedIn, "not_signed_in", "not signed in anywhere")
                .next("run `doorkey login ISSUER --client-id ID`"));
        };
        self.settings.profile(name)?.ok_or_else(|| unknown(name))
    }

    /// Where a profile's credentials lie.
    ///
    /// # Errors
    /// The settings name no store that there is.
    pub fn place(&self, profile: &Profile) -> Result<Place, Failure> {
        let service = profile.service(self.environment.hostname.clone())?;
        self.place_of(service, &profile.name)
    }

    /// The same for a service of which no profile is remembered yet.
    ///
    /// # Errors
    /// The settings name no store that there is.
    pub fn place_of(&self, service: Service, profile: &str) -> Result<Place, Failure> {
        let service = Service {
            machine_id: machine_id(),
            boot_id: boot_id(),
            person_present: self.environment.terminal,
            backends: self.backends()?,
            ..service
        };
        let vault = Vault::profile(ProfileConfig {
            locked_at_home: Some(Path::new(".config").join(FOLDER)),
            keychain: keychain(&service),
            key: self.key()?,
            ..ProfileConfig::in_folder(&self.folder, profile)
        });
        Ok(Place::real(service, vault))
    }

    /// The same, where nobody is asked for a passphrase: what needs one stays closed.
    #[cfg(feature = "doctor")]
    #[must_use]
    pub fn without_asking(self) -> Self {
        Self { may_ask: false, ..self }
    }

    /// Whether a passphrase is the only key that there can be, and somebody is here to ask for it.
    ///
    /// # Errors
    /// The settings name no store that there is.
    pub fn needs_passphrase(&self) -> Result<bool, Failure> {
        let is_only = self.backends()? == [Backend::EncryptedFile];
        Ok(is_only && self.environment.terminal && self.key_file().is_none())
    }

    /// The stores to use, best first.
    ///
    /// # Errors
    /// The settings name no store that there is.
    pub fn backends(&self) -> Result<&'static [Backend], Failure> {
        let (store, place) = match self.environment.get("DOORKEY_STORE") {
            Some(store) => (Some(store), "DOORKEY_STORE"),
            None => (self.settings.store(), "`store` in config.toml"),
        };
        match store {
            None => Ok(&[Backend::Keychain, Backend::File]),
            Some("keychain") => Ok(&[Backend::Keychain]),
            Some("encrypted-file") => Ok(&[Backend::EncryptedFile]),
            Some("plain-file") => Ok(&[Backend::File]),
            Some(other) => Err(unusable_setting(format!(
                "{place} is {:?}, not keychain, encrypted-file or plain-file",
                harmless(other)
            ))),
        }
    }

    /// What the encrypted store is encrypted with: the service manager's credential, else the file that the settings
    /// name, else, where only that store is used and somebody can be asked, a passphrase.
    fn key(&self) -> Result<Option<EncryptionKey>, Failure> {
        if let Some(file) = self.key_file() {
            return Ok(Some(EncryptionKey::KeyFile(file)));
        }
        if !self.may_ask || !self.needs_passphrase()? {
            return Ok(None);
        }
        let passphrase = match self.passphrase.get() {
            Some(passphrase) => passphrase.clone(),
            None => self.ask_for_passphrase()?,
        };
        Ok(Some(EncryptionKey::Passphrase(self.passphrase.get_or_init(|| passphrase).clone())))
    }

    fn key_file(&self) -> Option<PathBuf> {
        // A relative one would be another in each folder.
        let folder = self.environment.get("CREDENTIALS_DIRECTORY").map(Path::new);
        let managed = folder.filter(|folder| folder.is_absolute()).map(|folder| folder.join(CREDENTIAL));
        let named = || self.settings.key_file().map(PathBuf::from);
        managed.filter(|path| path.exists()).or_else(named)
    }

    /// Twice for a file that is still to be made: whoever mistypes then could never open it.
    fn ask_for_passphrase(&self) -> Result<Secret, Failure> {
        let ask = |prompt| {
            read_hidden(&self.watch, prompt)
                .map_err(|failure| failure.next("run it at a terminal, or name a `key_file` in config.toml"))
        };
        let typed = ask("Passphrase of the credentials (not shown): ")?;
        if typed.expose_secret().is_empty() {
            return Err(Failure::new(Exit::Usage, "no_passphrase", "an empty passphrase protects nothing")
                .next("think of one, or name a `key_file` in config.toml"));
        }
        if !self.folder.join("credentials.enc").exists() {
            let again = ask("The same again: ")?;
            if again != typed {
                return Err(Failure::new(
                    Exit::Usage,
                    "no_passphrase",
                    "the two passphrases differ; nothing was stored",
                )
                .next("try again"));
            }
        }
        Ok(typed)
    }
}

/// The folder of all profiles; `None` without a home.
pub fn folder(environment: &Environment) -> Option<PathBuf> {
    Some(environment.config_home()?.join(FOLDER))
}

/// No profile has this name.
pub fn unknown(name: &str) -> Failure {
    let what = format!("there is no profile {:?}", harmless(name));
    Failure::new(Exit::Usage, "unknown_profile", what)
        .next("see `doorkey list`; an issuer is given like https://auth.example.com")
}
