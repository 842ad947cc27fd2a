//! A program that is signed in.

use std::sync::Arc;

use doorkey_core::bearer::bearer_of;
use doorkey_core::call::Call;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::Find;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::{Machine, Outcome};
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;

use crate::driver::Driver;

/// Tokens and authorized requests, one at a time.
///
/// Several of them, in this process and in others, renew a session once between them: whoever comes second finds
/// what the first one stored.
///
/// ```
/// use doorkey_blocking::{Client, Driver, HttpTransport, ProxySettings, Vault, VaultConfig};
/// use doorkey_core::{failure::Exit, service::Service, url::Url};
///
/// let service = Service::pentify(
///     Url::parse("https://api.pentify.io")?,
///     Url::parse("https://app.pentify.io")?,
///     "build-box".into(),
/// );
/// let nowhere = VaultConfig::in_folder("/nonexistent/my-tool".as_ref());
/// let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
/// let mut client = Client::new(Driver::new(transport, Vault::new(nowhere)), service);
/// let failure = client.token().unwrap_err();
/// assert_eq!(failure.exit, Exit::NotSignedIn);
/// assert_eq!(failure.next.as_deref(), Some("run `pentify login`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client<'a> {
    driver: Driver<'a>,
    service: Arc<Service>,
    given: Given,
}

impl<'a> Client<'a> {
    /// A client of `service`, with the stored token.
    pub fn new(driver: Driver<'a>, service: impl Into<Arc<Service>>) -> Self {
        Self::given(driver, service, Given::default())
    }

    /// A client with the token that is `given`. No use with sessions, which come from the stores alone.
    pub fn given(driver: Driver<'a>, service: impl Into<Arc<Service>>, given: Given) -> Self {
        Self { driver, service: service.into(), given }
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// A token to authorize a request with now, renewed first if it is about to end.
    ///
    /// # Errors
    /// Not signed in, or no longer; the store or the network is in the way. The failure names the next step.
    pub fn token(&mut self) -> Outcome<Secret> {
        let find = Find::new(self.given.clone(), None);
        let found = self.driver.run(Machine::new(Arc::clone(&self.service), find))?;
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
    pub fn call(&mut self, request: HttpRequest) -> Outcome<HttpResponse> {
        let call = Call::new(self.given.clone(), request);
        self.driver.run(Machine::new(Arc::clone(&self.service), call)).map(|called| called.response)
    }
}
