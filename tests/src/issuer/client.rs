//! The issuer's client as the core knows it, with a session in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorkey_blocking::{Driver, HttpTransport, ProxySettings};
use doorkey_core::discover::Discover;
use doorkey_core::machine::Machine;
use doorkey_core::metadata::Endpoints as Known;
use doorkey_core::oauth::OAuth;
use doorkey_core::record::Backend;
use doorkey_core::service::Service;
use doorkey_store::{ProfileConfig, Vault, boot_id, machine_id};

use crate::PATIENCE;
use crate::issuer::Endpoints;

/// The name of the one profile.
const PROFILE: &str = "somebody";
/// This issuer grants nothing to who asks for nothing: the request ends as if the person had denied it.
const SCOPE: &str = "openid";

/// A client (RFC 6749 §2.1) on one computer.
#[derive(Clone, Debug)]
pub struct Client {
    /// The issuer as a service. Strict: a spent refresh token is never sent again.
    pub service: Arc<Service>,
    folder: PathBuf,
}

impl Client {
    /// A client of this issuer that keeps its session here, with what discovery finds.
    ///
    /// # Panics
    /// If that is not enough.
    pub fn discover(at: &Endpoints, folder: &Path) -> Self {
        let service = Service {
            backends: &[Backend::File],
            machine_id: machine_id(),
            boot_id: boot_id(),
            ..Service::issuer(&at.issuer, PROFILE, "build-box".to_owned()).unwrap()
        };
        let mut client = Self { service: Arc::new(service), folder: folder.to_owned() };
        let discover = Discover::new(at.issuer.clone(), Known::default(), None);
        let metadata = client.driver().run(Machine::new(Arc::clone(&client.service), discover)).unwrap();
        let oauth = metadata.client(at.client_id.clone(), Some(SCOPE.to_owned())).unwrap();
        // A machine that is slow is none that lost an answer: nothing here is about limits.
        let oauth = OAuth { request_limit: PATIENCE, ..oauth };
        client.service = Arc::new(Service::clone(&client.service).with_oauth(oauth));
        client
    }

    /// What is known of the issuer.
    ///
    /// # Panics
    /// Never: [`discover`](Self::discover) has found it.
    pub fn oauth(&self) -> &OAuth {
        self.service.oauth.as_ref().unwrap()
    }

    /// Where the session lies.
    pub fn vault(&self) -> Vault {
        Vault::profile(ProfileConfig::in_folder(&self.folder, PROFILE))
    }

    /// The blocking driver.
    pub fn driver<'a>(&self) -> Driver<'a> {
        Driver::new(self.transport(), self.vault())
    }

    /// The async driver.
    pub fn async_driver(&self) -> doorkey_async::Driver {
        let transport = doorkey_async::HttpTransport::new(ProxySettings::default(), "doorkey-tests");
        let client = self.clone();
        doorkey_async::Driver::new(transport, move || client.vault())
    }

    /// Connections to loopback.
    pub fn transport(&self) -> HttpTransport {
        HttpTransport::new(ProxySettings::default(), "doorkey-tests")
    }
}
