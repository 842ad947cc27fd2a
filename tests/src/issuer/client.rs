//! The issuer's client as the core knows it, with a session in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorkey_blocking::{HttpTransport, ProxySettings};
use doorkey_core::device_grant::Granted;
use doorkey_core::oauth::{Dialect, OAuth};
use doorkey_core::record::{Backend, Record};
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use doorkey_store::{SessionConfig, Vault};

use crate::PATIENCE;
use crate::grant;
use crate::issuer::Endpoints;

/// A client (RFC 6749 §2.1) on one computer.
#[derive(Clone, Debug)]
pub struct Client {
    /// The issuer as a service. Strict: a spent refresh token is never sent again.
    pub service: Arc<Service>,
    folder: PathBuf,
}

impl Client {
    /// A client of this issuer that keeps its session here.
    pub fn new(at: &Endpoints, folder: &Path) -> Self {
        let url = |text: &str| Url::parse(text).unwrap();
        let api = at.origin();
        let hosts = PensarHosts { api: api.clone(), console: api.clone(), gateway: api.clone(), workos: api };
        let oauth = OAuth {
            device_authorization_endpoint: url(&at.device_authorization_endpoint),
            token_endpoint: url(&at.token_endpoint),
            dialect: Dialect::Form,
            client_id: Some(at.client_id.clone()),
            grace: None,
            access_lifetime: None,
            // A machine that is slow is none that lost an answer: nothing here is about limits.
            request_limit: PATIENCE,
        };
        let service = Service {
            name: "The issuer",
            command: "doorkey",
            issuer: at.issuer.clone(),
            bare_issuer: at.issuer.clone(),
            backends: &[Backend::File],
            machine_id: doorkey_store::machine_id(),
            boot_id: doorkey_store::boot_id(),
            oauth: Some(oauth),
            gateway: None,
            ..Service::pensar(hosts, "build-box".to_owned())
        };
        Self { service: Arc::new(service), folder: folder.to_owned() }
    }

    /// Where the session lies.
    pub fn vault(&self) -> Vault {
        Vault::session(SessionConfig::in_folder(&self.folder))
    }

    /// Connections to loopback.
    pub fn transport(&self) -> HttpTransport {
        HttpTransport::new(ProxySettings::default(), "doorkey-tests")
    }

    /// What is to be stored of what was granted just now.
    ///
    /// # Panics
    /// If that is not a session.
    pub fn record(&self, now: Now, granted: Granted) -> Record {
        match granted {
            Granted::Tokens { client_id, tokens } => grant::keep(&self.service, now, client_id, tokens),
            Granted::ApiKey(_) => panic!("an issuer does not grant API keys"),
        }
    }
}
