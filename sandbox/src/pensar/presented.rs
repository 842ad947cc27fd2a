//! What requests present in their bodies.

use doorkey_core::http::HttpRequest;

use super::body::Body;
use super::refusal::{INVALID_REQUEST, Refusal};
use super::{legacy, workos};
use crate::digest::Digest;
use crate::place::Place;

/// What a request presents.
pub(crate) struct Presented {
    body: Result<Body, Refusal>,
    /// The device code that it polls for.
    pub(crate) device_code: Option<Digest>,
    /// The refresh token.
    pub(crate) refresh_token: Option<Digest>,
}

impl Presented {
    /// Reads the body as it is read at that place; elsewhere there is nothing in it for Pensar.
    pub(crate) fn read(place: Option<Place>, request: &HttpRequest) -> Self {
        let (body, polled_at, code_name) = match place {
            Some(Place::WorkOs) => (Body::of_oauth(request), workos::AUTHENTICATE, "device_code"),
            Some(Place::PensarApi) => (Body::of(request), legacy::TOKEN, "deviceCode"),
            _ => return Self { body: Err(INVALID_REQUEST), device_code: None, refresh_token: None },
        };
        let fields = body.as_ref().ok().filter(|_| request.url.path() == polled_at);
        let named = |name: &str| fields.and_then(|fields| fields.text(name).ok()).map(Digest::of);
        let device_code = named(code_name);
        let refresh_token = if place == Some(Place::WorkOs) { named("refresh_token") } else { None };
        Self { body, device_code, refresh_token }
    }

    /// The body, if it is one.
    pub(super) fn body(&self) -> Result<&Body, Refusal> {
        self.body.as_ref().map_err(|refusal| *refusal)
    }
}
