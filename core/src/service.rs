//! A service as a value: endpoints, names in the stores, environment variables, timing.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::oauth::{Dialect, OAuth};
use crate::record::Backend;
use crate::text::quoted;
use crate::url::{Url, UrlError};

/// Everything that is particular to one service. Values marked "chosen" are stated by no public page.
///
/// A service of one's own is one of these with other values:
///
/// ```
/// use doorkey_core::service::Service;
/// use doorkey_core::url::Url;
///
/// let (api, app) = (Url::parse("https://api.example.com")?, Url::parse("https://app.example.com")?);
/// let service = Service {
///     name: "Example".into(),
///     command: "example".into(),
///     token_variable: "EXAMPLE_TOKEN".into(),
///     ..Service::pentify(api, app, "build-box".into())
/// };
/// assert_eq!(service.login_command(), "run `example login`");
/// # Ok::<(), doorkey_core::url::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// The service's name, as in sentences.
    pub name: Cow<'static, str>,
    /// The command that a person types, as in "run `pentify login`".
    pub command: Cow<'static, str>,
    /// Its arguments that sign in, as in the same.
    pub login: Cow<'static, str>,
    /// Base of the API.
    pub api: Url,
    /// Base of the pages for browsers.
    pub app: Url,
    /// What a stored token is bound to (invariant 17): the API's origin, or `sandbox`.
    pub issuer: String,
    /// The issuer of a bare token that another tool stored.
    pub bare_issuer: String,
    /// The name of this machine, as the person knows it.
    pub device_name: String,
    /// The environment variable with a token.
    pub token_variable: Cow<'static, str>,
    /// What says where the API is, for messages: an environment variable.
    pub api_variable: Cow<'static, str>,
    /// Where credentials go, best first.
    pub backends: &'static [Backend],
    /// Whether a person can answer a prompt of the operating system's keychain.
    pub person_present: bool,
    /// This machine's id, the same after a restart; `None` if it has none.
    pub machine_id: Option<String>,
    /// The id of this run of the machine, new with every restart; empty if it is unknown.
    pub boot_id: String,
    /// Names in the stores.
    pub names: StoreNames,
    /// Paths of the endpoints of a service that pairs.
    pub paths: Paths,
    /// Timing of the pairing.
    pub pairing: PairingPolicy,
    /// The issuer of rotating sessions; `None`: the service pairs and mints API tokens.
    pub oauth: Option<OAuth>,
    /// Base of the inference gateway, if the service has one.
    pub gateway: Option<Url>,
    /// Whether that base was named for this process: then the one that a login stored does not count.
    pub gateway_is_named: bool,
    /// Timing of API requests.
    pub retry: RetryPolicy,
    /// A mistake to be made on purpose.
    #[cfg(feature = "seeded-faults")]
    pub seeded: Option<crate::seeded::Seeded>,
}

/// Where Pensar Apex is: [`PENSAR_API`] and so on, or others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PensarHosts {
    /// The API.
    pub api: Url,
    /// The pages.
    pub console: Url,
    /// The inference gateway.
    pub gateway: Url,
    /// The issuer of sessions.
    pub workos: Url,
}

/// What a service's entries are called in the stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreNames {
    /// The keychain's service.
    pub keychain_service: Cow<'static, str>,
    /// The keychain's account of the active credential; a workspace's is this, a colon and the slug.
    pub keychain_account: Cow<'static, str>,
    /// The folder below the user's configuration folder.
    pub folder: Cow<'static, str>,
}

/// Paths below the API's and the app's base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Paths {
    /// The page where a person authorizes this device.
    pub pair_page: &'static str,
    /// The page where keys are seen and revoked.
    pub keys_page: &'static str,
    /// The pairing's poll.
    pub poll: &'static str,
    /// Usage of the workspace; answers 200 exactly for valid tokens.
    pub usage: &'static str,
    /// User, workspace and key in use.
    pub profile: &'static str,
    /// The list of scans.
    pub scans: &'static str,
    /// The key in use, for revoking it.
    pub current_key: &'static str,
}

/// The timing of the pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairingPolicy {
    /// From the start to the first poll.
    pub first_poll: Duration,
    /// From an answer to the next poll.
    pub interval: Duration,
    /// The interval's factor after a 429, in percent, for the rest of this login (chosen).
    pub slower_percent: u32,
    /// From the start to the end.
    pub ttl: Duration,
    /// The last poll is placed so long before the end.
    pub last_poll_before_end: Duration,
    /// How long the service repeats the answer with the token (chosen).
    pub repeat_window: Duration,
    /// How long a poll may take; one in flight at the end is awaited that long.
    pub request_limit: Duration,
}

/// The timing of API requests and of every backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub tries: u32,
    /// The first wait; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How long one try may take.
    pub request_limit: Duration,
    /// A `Retry-After` longer than this is not waited for.
    pub patience: Duration,
}

impl Service {
    /// Pentify Terminal at its default hosts or others.
    pub fn pentify(api: Url, app: Url, device_name: String) -> Self {
        Self {
            name: "Pentify".into(),
            command: "pentify".into(),
            login: "login".into(),
            issuer: api.origin().to_string(),
            bare_issuer: PENTIFY_API.into(),
            api,
            app,
            device_name,
            token_variable: "PENTIFY_API_TOKEN".into(),
            api_variable: "PENTIFY_API_URL".into(),
            backends: &[Backend::Keychain, Backend::File],
            person_present: false,
            machine_id: None,
            boot_id: String::new(),
            names: StoreNames {
                keychain_service: "pentify-terminal".into(),
                keychain_account: "api-token".into(),
                folder: "pentify".into(),
            },
            paths: PATHS,
            pairing: PAIRING,
            oauth: None,
            gateway: None,
            gateway_is_named: false,
            retry: RETRY,
            #[cfg(feature = "seeded-faults")]
            seeded: None,
        }
    }

    /// Pensar Apex at its default hosts or others.
    pub fn pensar(hosts: PensarHosts, device_name: String) -> Self {
        let PensarHosts { api, console, gateway, workos } = hosts;
        let issuer = |api: &dyn core::fmt::Display, workos: &dyn core::fmt::Display| {
            alloc::format!("{api} via {workos}")
        };
        Self {
            name: "Pensar Console".into(),
            command: "pensar".into(),
            login: "login".into(),
            issuer: issuer(api.origin(), workos.origin()),
            bare_issuer: issuer(&PENSAR_API, &WORKOS_API),
            app: console,
            device_name,
            // Sessions and keys come from the stores alone.
            token_variable: "".into(),
            api_variable: "PENSAR_API_URL".into(),
            backends: &[Backend::Keychain, Backend::File],
            person_present: false,
            machine_id: None,
            boot_id: String::new(),
            names: StoreNames {
                keychain_service: "dev.pensar.apex".into(),
                keychain_account: "workos-refresh-token".into(),
                folder: ".pensar".into(),
            },
            paths: PATHS,
            pairing: PAIRING,
            oauth: Some(OAuth {
                device_authorization_endpoint: Some(workos.join("/user_management/authorize/device")),
                dialect: Dialect::Json,
                grace: Some(Duration::from_secs(10)),
                ..OAuth::new(workos.join("/user_management/authenticate"))
            }),
            gateway: Some(gateway),
            gateway_is_named: false,
            retry: RETRY,
            #[cfg(feature = "seeded-faults")]
            seeded: None,
            api,
        }
    }

    /// The issuer with this identifier, for the command `doorkey`: a profile of this name holds its session. Where its
    /// endpoints are is still to be said ([`Service::with_oauth`]).
    ///
    /// # Errors
    /// The identifier is no URL that anything would be sent to.
    pub fn issuer(identifier: &str, profile: &str, device_name: String) -> Result<Self, UrlError> {
        let api = Url::parse(identifier)?;
        let name = identifier.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Ok(Self {
            name: name.into(),
            command: "doorkey".into(),
            login: alloc::format!("login {}", quoted(profile)).into(),
            issuer: identifier.to_owned(),
            bare_issuer: String::new(),
            token_variable: "DOORKEY_TOKEN".into(),
            api_variable: "the issuer's address".into(),
            names: StoreNames {
                keychain_service: "doorkey".into(),
                keychain_account: profile.to_owned().into(),
                folder: "doorkey".into(),
            },
            ..Self::pentify(api.clone(), api, device_name)
        })
    }

    /// The same with these endpoints. What is stored is bound to those that it may be sent to, too: the one for tokens and
    /// the one for revocation.
    #[must_use]
    pub fn with_oauth(mut self, oauth: OAuth) -> Self {
        let identifier = oauth.issuer.as_deref().unwrap_or_default();
        let shown = |url: &Url| url.expose().expose_secret().to_owned();
        self.issuer = alloc::format!("{identifier} via {}", shown(&oauth.token_endpoint));
        if let Some(revocation) = &oauth.revocation_endpoint {
            self.issuer += &alloc::format!(" and {}", shown(revocation));
        }
        self.oauth = Some(oauth);
        self
    }

    /// The same service, played by the sandbox: its tokens are its own and lie in a file of their own.
    #[must_use]
    pub fn sandboxed(mut self) -> Self {
        self.issuer = SANDBOX_ISSUER.into();
        self.bare_issuer = SANDBOX_ISSUER.into();
        self.backends = &[Backend::File];
        self
    }

    /// Whether the embedded sandbox plays the service: its pages are gone when the command ends.
    pub fn is_sandbox(&self) -> bool {
        self.issuer == SANDBOX_ISSUER
    }

    /// Where the person sees and revokes keys, for messages.
    pub fn keys_page(&self) -> String {
        self.app.join(self.paths.keys_page).to_string()
    }

    /// The command line that signs in.
    pub fn login_line(&self) -> String {
        let sandbox = if self.is_sandbox() { " --sandbox" } else { "" };
        alloc::format!("{} {}{sandbox}", self.command, self.login)
    }

    /// How to sign in, for messages.
    pub fn login_command(&self) -> String {
        alloc::format!("run `{}`", self.login_line())
    }
}

/// Pentify's, from its public pages; those marked "chosen" above are stated nowhere.
const PATHS: Paths = Paths {
    pair_page: "/auth/terminal-pair",
    keys_page: "/settings/api-keys",
    poll: "/auth/terminal/poll",
    usage: "/v1/usage",
    profile: "/v1/profile",
    scans: "/v1/scans",
    current_key: "/v1/keys/current",
};
const PAIRING: PairingPolicy = PairingPolicy {
    first_poll: Duration::from_secs(2),
    interval: Duration::from_millis(2500),
    slower_percent: 150,
    ttl: Duration::from_secs(300),
    repeat_window: Duration::from_secs(30),
    last_poll_before_end: Duration::from_millis(500),
    request_limit: Duration::from_secs(10),
};
const RETRY: RetryPolicy = RetryPolicy {
    tries: 5,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    request_limit: Duration::from_secs(10),
    patience: Duration::from_secs(120),
};

/// Pensar's API.
pub const PENSAR_API: &str = "https://api.pensar.dev";
/// Pensar's pages.
pub const PENSAR_CONSOLE: &str = "https://console.pensar.dev";
/// Pensar's inference gateway.
pub const PENSAR_GATEWAY: &str = "https://gateway.pensar.dev";
/// The issuer of Pensar's sessions.
pub const WORKOS_API: &str = "https://api.workos.com";
/// Pentify's API.
pub const PENTIFY_API: &str = "https://api.pentify.io";
/// Pentify's pages.
pub const PENTIFY_APP: &str = "https://app.pentify.io";
/// The issuer of tokens that the embedded sandbox minted.
pub const SANDBOX_ISSUER: &str = "sandbox";
