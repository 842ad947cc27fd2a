//! A program that is signed in.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorkey_core::bearer::bearer_of;
use doorkey_core::call::Call;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::Find;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::{Machine, Outcome};
use doorkey_core::resolve::{Given, Resolved};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::verdict::Refusal;

use crate::driver::Driver;
use crate::executor::executor;
use crate::flight::{Flight, Found};
use crate::live::Alive;

/// Tokens and authorized requests for any number of tasks. Clones are the same client.
///
/// Whoever asks while the token is being looked for, or rotated, waits for what comes of it: a thousand tasks cause one
/// rotation. Whoever stops waiting stops nothing that others wait for, nor a rotation that has begun.
///
/// ```
/// use doorkey_async::{Client, Driver, HttpTransport, ProxySettings, Vault, VaultConfig};
/// use doorkey_core::{failure::Exit, service::Service, url::Url};
/// use futures_lite::future::block_on;
///
/// let service = Service::pentify(
///     Url::parse("https://api.pentify.io")?,
///     Url::parse("https://app.pentify.io")?,
///     "build-box".into(),
/// );
/// let nowhere = VaultConfig::in_folder("/nonexistent/my-tool".as_ref());
/// let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
/// let driver = Driver::new(transport, move || Vault::new(nowhere.clone()));
/// let failure = block_on(Client::new(driver, service).token()).unwrap_err();
/// assert_eq!(failure.exit, Exit::NotSignedIn);
/// assert_eq!(failure.next.as_deref(), Some("run `pentify login`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    driver: Driver,
    service: Arc<Service>,
    given: Given,
    flights: Mutex<Vec<Arc<Flight>>>,
}

impl Client {
    /// A client of `service`, with the stored token.
    pub fn new(driver: Driver, service: impl Into<Arc<Service>>) -> Self {
        Self::given(driver, service, Given::default())
    }

    /// A client with the token that is `given`. No use with sessions, which come from the stores alone.
    pub fn given(driver: Driver, service: impl Into<Arc<Service>>, given: Given) -> Self {
        let shared = Shared { driver, service: service.into(), given, flights: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.shared.service
    }

    /// The driver; [`Driver::settled`] is worth waiting for at the end of a program.
    pub fn driver(&self) -> &Driver {
        &self.shared.driver
    }

    /// A token to authorize a request with now, renewed first if it is about to end.
    ///
    /// # Errors
    /// Not signed in, or no longer; the store or the network is in the way. The failure names the next step.
    pub async fn token(&self) -> Outcome<Secret> {
        let found = self.find(None).await?;
        let token = found.as_ref().and_then(|found| bearer_of(&found.record));
        // Without a refusal there is always one, or a failure.
        token.cloned().ok_or_else(|| Failure::new(Exit::Internal, "internal", "a record without a token"))
    }

    /// Sends a request to the service's API, or wherever else its tokens may go
    /// ([`Service::takes_tokens`](doorkey_core::service::Service::takes_tokens)), with the token added; a failed one again
    /// where that is safe, and one whose token was refused once more with a newer token. A 2xx answer.
    ///
    /// # Errors
    /// As [`token`](Self::token), or why there is no such answer.
    pub async fn call(&self, request: HttpRequest) -> Outcome<HttpResponse> {
        let machine = Machine::new(Arc::clone(&self.shared.service), Call::shared(request));
        let called = self.shared.driver.run(machine).find_with(self.clone()).await?;
        Ok(called.response)
    }

    pub(crate) async fn find(&self, refusal: Option<Refusal>) -> Found {
        self.board(refusal)?.flight.arrival().await
    }

    /// Joins whoever looks for the same already, or begins to look.
    fn board(&self, refusal: Option<Refusal>) -> Outcome<Passenger> {
        // Before anything that is dropped without it: what lands takes the lock, too.
        let executor = executor().map_err(|e| Failure::new(Exit::Internal, "no_thread", e.to_string()))?;
        let mut flights = self.flights();
        if let Some(flight) = flights.iter().find(|flight| flight.refusal == refusal) {
            return Ok(self.passenger(flight));
        }
        let find = Find::new(self.shared.given.clone(), refusal.clone());
        let run = self.shared.driver.run(Machine::new(Arc::clone(&self.shared.service), find));
        let flight = Arc::new(Flight::new(refusal, run.interrupter()));
        let alive = Alive::new(&self.shared.driver.means.live);
        let landing = Landing { client: self.clone(), flight: Arc::clone(&flight), _alive: alive };
        let lands = async move {
            let found = run.await.map(|found: Option<Resolved>| found.map(Arc::new));
            landing.land(found);
        };
        executor.spawn(lands).detach();
        flights.push(Arc::clone(&flight));
        Ok(self.passenger(&flight))
    }

    fn passenger(&self, flight: &Arc<Flight>) -> Passenger {
        flight.board();
        Passenger { client: self.clone(), flight: Arc::clone(flight) }
    }

    fn flights(&self) -> MutexGuard<'_, Vec<Arc<Flight>>> {
        // No panic can leave it half changed.
        self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits.
struct Passenger {
    client: Client,
    flight: Arc<Flight>,
}

impl Drop for Passenger {
    fn drop(&mut self) {
        // Under one lock with boarding, so that nobody joins what is being given up.
        let mut flights = self.client.flights();
        if self.flight.left() {
            flights.retain(|other| !Arc::ptr_eq(other, &self.flight));
        }
    }
}

/// The end of a search. One that ends in a panic ends for all who wait, too.
struct Landing {
    client: Client,
    flight: Arc<Flight>,
    // Dropped last: it holds what was found.
    _alive: Alive,
}

impl Landing {
    fn land(&self, found: Found) {
        self.client.flights().retain(|other| !Arc::ptr_eq(other, &self.flight));
        self.flight.land(found);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        // Nobody looks at it if there is something already.
        self.land(Err(Failure::new(Exit::Internal, "internal", "the search for the token panicked")));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("service", &self.shared.service.name).finish_non_exhaustive()
    }
}
