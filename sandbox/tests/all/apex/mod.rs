//! Pensar Apex: what its tests share.

mod console;
mod device;
mod events;
mod gateway;
mod grading;
mod legacy;
mod rotation;
mod served;
mod standard;
mod workspaces;

use std::convert::Infallible;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::{self, Settings};
use serde_json::{Value, json};

use crate::world::*;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const AUTHENTICATE: &str = "/user_management/authenticate";

/// What WorkOS answers to a terminal that begins.
struct Authorization {
    device_code: String,
    user_code: String,
    complete: Url,
}

/// What a login ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl World {
    fn apex(settings: Settings) -> Self {
        let mut config = config();
        config.pensar.as_mut().unwrap().settings = settings;
        Self::with(config)
    }

    fn pensar(&self) -> &pensar::Config {
        self.config.pensar.as_ref().unwrap()
    }

    fn client_id(&mut self) -> String {
        let answer = self.ask("/api/cli/config", "");
        json_of(&answer)["workosClientId"].as_str().unwrap().to_owned()
    }

    /// `GET` at the API.
    fn ask(&mut self, path: &str, token: &str) -> HttpResponse {
        let request = HttpRequest::new(Method::Get, self.pensar().api.join(path));
        self.send(&with_token(request, token))
    }

    /// `POST` at the API.
    fn tell(&mut self, path: &str, token: &str, body: &Value) -> HttpResponse {
        let request = post_json(self.pensar().api.join(path), body);
        self.send(&with_token(request, token))
    }

    /// `POST` at WorkOS.
    fn workos(&mut self, path: &str, body: &Value) -> HttpResponse {
        let request = post_json(self.pensar().workos.join(path), body);
        self.send(&request)
    }

    fn authorize(&mut self) -> Authorization {
        let client_id = self.client_id();
        let answer = self.workos("/user_management/authorize/device", &json!({ "client_id": client_id }));
        assert_eq!(answer.status, 200, "{}", text_of(&answer));
        let text = |name: &str| json_of(&answer)[name].as_str().unwrap().to_owned();
        Authorization {
            device_code: text("device_code"),
            user_code: text("user_code"),
            complete: url(&text("verification_uri_complete")),
        }
    }

    fn device_request(&mut self, device_code: &str) -> HttpRequest {
        let client_id = self.client_id();
        let body = json!({"client_id": client_id, "grant_type": DEVICE_GRANT, "device_code": device_code});
        post_json(self.pensar().workos.join(AUTHENTICATE), &body)
    }

    fn poll_code(&mut self, device_code: &str) -> HttpResponse {
        let request = self.device_request(device_code);
        self.send(&request)
    }

    fn refresh_request(&mut self, token: &str) -> HttpRequest {
        let client_id = self.client_id();
        refresh_request(self.pensar().workos.clone(), &client_id, token)
    }

    fn refresh(&mut self, token: &str) -> HttpResponse {
        let request = self.refresh_request(token);
        self.send(&request)
    }

    fn approve_code(&mut self, email: &str, link: &Url) {
        let page = Person::new(email).approve(link, |request| Ok::<_, Infallible>(self.send(request)));
        assert_eq!(page.unwrap().heading, "Device authorized");
    }

    /// A page of the console, asked for with a cookie.
    pub(crate) fn console(&mut self, target: &str, cookie: &str) -> HttpResponse {
        let url = url(&format!("{}{target}", self.pensar().console.origin()));
        self.send(&HttpRequest::new(Method::Get, url).header("cookie", cookie))
    }

    /// A form of the console, posted as a browser would.
    fn post_to_console(&mut self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> HttpResponse {
        let url = self.pensar().console.join(path);
        let origin = url.origin().to_string();
        self.send(&form_request(url, fields).header("origin", origin).header("cookie", cookie))
    }

    /// Signs in to the console by hand and gives the cookie.
    pub(crate) fn sign_in_to_console(&mut self, email: &str) -> String {
        let page = self.console("/sign-in", "");
        let (cookie, token) = (cookie_of(&page).unwrap(), form_token(&page));
        let page = self.post_to_console("/sign-in", &cookie, &[("form_token", &token), ("email", email)]);
        assert_eq!(page.status, 303);
        cookie_of(&page).unwrap()
    }

    /// A whole login.
    pub(crate) fn log_in_as(&mut self, email: &str) -> Tokens {
        let authorization = self.authorize();
        self.approve_code(email, &authorization.complete);
        self.wait(5_000);
        tokens_in(&self.poll_code(&authorization.device_code))
    }
}

fn with_token(request: HttpRequest, token: &str) -> HttpRequest {
    if token.is_empty() { request } else { request.bearer(&Secret::from(token)) }
}

fn post_json(url: Url, body: &Value) -> HttpRequest {
    HttpRequest::new(Method::Post, url).body("application/json", body.to_string())
}

fn refresh_request(workos: Url, client_id: &str, token: &str) -> HttpRequest {
    let body = json!({"client_id": client_id, "grant_type": "refresh_token", "refresh_token": token});
    post_json(workos.join(AUTHENTICATE), &body)
}

fn tokens_in(response: &HttpResponse) -> Tokens {
    assert_eq!(response.status, 200, "{}", text_of(response));
    let text = |name: &str| json_of(response)[name].as_str().unwrap().to_owned();
    Tokens { access: text("access_token"), refresh: text("refresh_token") }
}

/// Status and error of a refusal.
fn oauth_error(response: &HttpResponse) -> (u16, String) {
    let body = json_of(response);
    assert!(!body["error_description"].as_str().unwrap().is_empty(), "{body}");
    (response.status, body["error"].as_str().unwrap().to_owned())
}

fn error(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}
