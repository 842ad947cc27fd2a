//! One device flow as a program would write it.

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use oauth2::basic::BasicClient;
use oauth2::{
    ClientId, DeviceAuthorizationUrl, EndpointNotSet, EndpointSet, HttpClientError, HttpRequest,
    HttpResponse, StandardDeviceAuthorizationResponse, TokenUrl,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::{Instant, sleep, sleep_until};

use crate::lateness;

type Client = BasicClient<EndpointNotSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What all sessions share.
pub(crate) struct Service {
    oauth: Client,
    http: reqwest::Client,
    port: u16,
    /// Whether each session keeps a connection of its own, for which each asks for another name of the same host: the
    /// client would share them else.
    kept: bool,
}

/// Every name is that of this machine.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new([SocketAddr::from(([127, 0, 0, 1], 0))].into_iter());
        Box::pin(ready(Ok(addresses)))
    }
}

impl Service {
    pub(crate) fn new(url: &str, kept: bool) -> Self {
        let oauth = BasicClient::new(ClientId::new("client".to_owned()))
            .set_device_authorization_url(DeviceAuthorizationUrl::new(format!("{url}/device")).unwrap())
            .set_token_uri(TokenUrl::new(format!("{url}/token")).unwrap());
        let builder = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Here));
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        let builder = if kept { builder } else { builder.pool_max_idle_per_host(0) };
        let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
        Self { oauth, http: builder.build().unwrap(), port, kept }
    }

    /// Asks for a code, and polls with it from then on.
    pub(crate) async fn session(&'static self, number: u32, first_poll: Instant) {
        let http = move |request| self.send(number, request);
        let code = self.oauth.exchange_device_code().request_async(&http).await;
        let code: StandardDeviceAuthorizationResponse = code.unwrap();
        sleep_until(first_poll).await;
        let ended = self.oauth.exchange_device_access_token(&code).request_async(&http, punctual, None).await;
        println!("failed {:?}", ended.map(drop));
    }

    /// As the crate does with `reqwest`.
    fn send(
        &'static self,
        number: u32,
        mut request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse, HttpClientError<reqwest::Error>>> + Send {
        if self.kept {
            let name = format!("http://session-{number}.localhost:{}{}", self.port, request.uri().path());
            *request.uri_mut() = name.parse().unwrap();
        }
        async move {
            let request = request.try_into().map_err(Box::new)?;
            let response = self.http.execute(request).await.map_err(Box::new)?;
            let mut answer = oauth2::http::Response::builder().status(response.status());
            for (name, value) in response.headers() {
                answer = answer.header(name, value);
            }
            let body = response.bytes().await.map_err(Box::new)?;
            answer.body(body.to_vec()).map_err(HttpClientError::Http)
        }
    }
}

/// Sleeps before the next poll, which leaves in the same breath.
async fn punctual(interval: Duration) {
    let due = Instant::now() + interval;
    sleep(interval).await;
    lateness::record(due.elapsed());
}
