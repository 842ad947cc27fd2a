//! A request, read once for everybody who looks at it.

use doorkey_core::http::{HttpRequest, Method};

use crate::api;
use crate::config::Config;
use crate::digest::Digest;
use crate::pairing::is_device_id;
use crate::pensar::Presented;
use crate::place::Place;

/// A request, and what it asks.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a HttpRequest,
    /// Where it belongs; `None` under a name that is not ours.
    pub(crate) place: Option<Place>,
    /// The device that a well-formed poll at Pentify is about.
    pub(crate) device: Option<Digest>,
    /// What it presents to Pensar.
    pub(crate) presented: Presented,
}

impl<'a> Asked<'a> {
    pub(crate) fn read(request: &'a HttpRequest, config: &Config) -> Self {
        let place = config.place_of(request);
        let device = if place == Some(Place::Api) { polling_device(request) } else { None };
        Self { request, place, device, presented: Presented::read(place, request) }
    }

    /// Whether it is for programs; only there do faults happen.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.place.is_some_and(Place::is_for_programs)
    }
}

/// The device that a well-formed poll is about.
fn polling_device(request: &HttpRequest) -> Option<Digest> {
    let device_id = request.url.query_value("device_id").filter(|id| is_device_id(id))?;
    (request.url.path() == api::POLL && request.method == Method::Get).then(|| Digest::of(device_id))
}
