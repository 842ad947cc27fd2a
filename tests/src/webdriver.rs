//! The WebDriver protocol, as far as the browser tests need it.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// How long a command may take: a page to load, a script to run.
const LIMIT: Duration = Duration::from_secs(90);
/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One session of a driver.
#[derive(Debug)]
pub struct Session {
    agent: Agent,
    base: String,
}

/// An element of the page that is shown.
#[derive(Debug)]
pub struct Element(String);

impl Session {
    /// Opens a session with these capabilities at a driver on this port.
    pub fn open(port: u16, capabilities: &Value) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(LIMIT))
            .build()
            .new_agent();
        let base = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = answer(agent.post(&base).send(wanted.to_string()), "new session");
        let id = session["sessionId"].as_str().unwrap();
        Self { base: format!("{base}/{id}"), agent }
    }

    /// Asks for something.
    pub fn get(&self, path: &str) -> Value {
        answer(self.agent.get(format!("{}{path}", self.base)).call(), path)
    }

    /// Does something.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.base);
        answer(self.agent.post(url).content_type("application/json").send(body.to_string()), path)
    }

    /// The elements that an XPath finds.
    pub fn find(&self, xpath: &str) -> Vec<Element> {
        let found = self.post("/elements", &json!({"using": "xpath", "value": xpath}));
        let found = found.as_array().unwrap().iter();
        found.map(|element| Element(element[ELEMENT].as_str().unwrap().to_owned())).collect()
    }

    /// Clicks on an element, and waits for the page that this leads to.
    pub fn click(&self, element: &Element) {
        self.post(&format!("/element/{}/click", element.0), &json!({}));
    }

    /// Types a text into an element.
    pub fn type_into(&self, element: &Element, text: &str) {
        self.post(&format!("/element/{}/value", element.0), &json!({ "text": text }));
    }

    /// Runs a script in the page, whose rules for its own scripts do not count for ours.
    pub fn execute(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same for a script that calls its last argument with the result.
    pub fn execute_async(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Gives an order in the browser's own protocol.
    pub fn devtools(&self, order: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": order, "params": params}))
    }

    /// Ends the session and, with it, its browser.
    pub fn close(&self) {
        // What does not end by this is killed.
        let _ = self.agent.delete(&self.base).call();
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>, what: &str) -> Value {
    let mut response = response.unwrap_or_else(|e| panic!("{what}: {e}"));
    let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    assert!(response.status().is_success(), "{what}: {}", body["value"]["message"]);
    body["value"].take()
}
