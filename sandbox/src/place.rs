//! The origins that a service has, and which of them a request is for.

use doorkey_core::http::HttpRequest;
use doorkey_core::url::{Origin, Url};

use crate::config::Config;

/// One of the service's origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Pentify's API.
    Api,
    /// Pentify's pages.
    App,
    /// Pensar's API.
    PensarApi,
    /// Pensar's gateway for inference.
    Gateway,
    /// Pensar's pages.
    Console,
    /// Pensar's authorization server.
    WorkOs,
}

impl Place {
    /// Whether programs ask there. Only there do faults happen.
    pub(crate) fn is_for_programs(self) -> bool {
        !matches!(self, Self::App | Self::Console)
    }
}

impl Config {
    /// Where a request belongs; `None` if its host is not one of ours.
    pub(crate) fn place_of(&self, request: &HttpRequest) -> Option<Place> {
        let pensar = self.pensar.as_ref();
        let places = [
            (Place::Api, Some(&self.api)),
            (Place::App, Some(&self.app)),
            (Place::PensarApi, pensar.map(|pensar| &pensar.api)),
            (Place::Gateway, pensar.map(|pensar| &pensar.gateway)),
            (Place::Console, pensar.map(|pensar| &pensar.console)),
            (Place::WorkOs, pensar.map(|pensar| &pensar.workos)),
        ];
        let found = places.into_iter().find(|(_, base)| base.is_some_and(|base| is_for(base, request)));
        found.map(|(place, _)| place)
    }
}

/// Whether a request is for this base URL. Where it came over a wire, its `Host` counts too.
fn is_for(base: &Url, request: &HttpRequest) -> bool {
    base.origin() == request.url.origin()
        && request.header_value("host").is_none_or(|host| host == authority(base.origin()))
}

/// Host and port as they stand in a `Host` header.
fn authority(origin: &Origin) -> String {
    let whole = origin.to_string();
    whole.split_once("://").map(|(_, authority)| authority.to_owned()).unwrap_or_default()
}
