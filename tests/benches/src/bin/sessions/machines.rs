//! The machines of the sessions.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::oauth::OAuth;
use doorkey_core::pairing::Pairing;
use doorkey_core::service::Service;
use doorkey_core::url::Url;

use crate::punctual::Punctual;

/// One kind of machine, any number of which share a service.
pub(crate) trait Kind {
    type Logic: Logic<Output: Send> + Send + 'static;

    /// Such a machine.
    fn machine(&self) -> Machine<Self::Logic>;
}

pub(crate) struct Pairings(Arc<Service>);

impl Pairings {
    pub(crate) fn new(api: &str, first_poll: Duration, interval: Duration) -> Self {
        let url = Url::parse(api).unwrap();
        let mut service = Service::pentify(url.clone(), url, "build-box".into());
        service.pairing.first_poll = first_poll;
        service.pairing.interval = interval;
        Self(Arc::new(service))
    }
}

impl Kind for Pairings {
    type Logic = Punctual<Pairing>;

    fn machine(&self) -> Machine<Self::Logic> {
        Machine::new(Arc::clone(&self.0), Punctual(Pairing::new(None, false)))
    }
}

pub(crate) struct Grants(Arc<Service>);

impl Grants {
    /// The issuer says the interval.
    pub(crate) fn new(issuer: &str) -> Self {
        let url = Url::parse(issuer).unwrap();
        let mut service = Service::pentify(url.clone(), url.clone(), "build-box".into());
        service.oauth = Some(OAuth {
            device_authorization_endpoint: Some(url.join("/device")),
            client_id: Some("client".into()),
            ..OAuth::new(url.join("/token"))
        });
        Self(Arc::new(service))
    }
}

impl Kind for Grants {
    type Logic = Punctual<DeviceGrant>;

    fn machine(&self) -> Machine<Self::Logic> {
        Machine::new(Arc::clone(&self.0), Punctual(DeviceGrant::new(false)))
    }
}
