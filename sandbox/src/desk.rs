//! Where requests meet the service, one after another.

use std::sync::{Mutex, MutexGuard, PoisonError};

use doorkey_core::http::{HttpRequest, HttpResponse};

use crate::clock::Clock;
use crate::options::{Access, AccessLog};
use crate::service::Service;

/// The service with all that it needs of the world.
pub(crate) struct Desk {
    service: Mutex<Service>,
    clock: Clock,
    log: Option<AccessLog>,
}

impl Desk {
    pub(crate) fn new(service: Service, clock: Clock, log: Option<AccessLog>) -> Self {
        Self { service: Mutex::new(service), clock, log }
    }

    /// Answers one request.
    pub(crate) fn handle(&self, request: &HttpRequest) -> HttpResponse {
        let response = self.service().handle(self.clock.now(), request);
        if let Some(log) = &self.log {
            let place = format!("{}{}", request.url.origin(), request.url.path());
            log(&Access { method: request.method.as_str(), place, status: response.status });
        }
        response
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
