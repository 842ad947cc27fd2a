//! The WebDriver protocol, as far as the browser tests need it.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::wait_for;

/// How long a command may take: a page to load, a script to run.
const LIMIT: Duration = Duration::from_secs(90);
/// What a driver says if the page that it works on is replaced by the next one meanwhile.
const REPLACED: [&str; 4] =
    ["stale element reference", "no such execution context", "aborted by navigation", "Cannot find context"];
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
    ///
    /// # Errors
    /// What the driver says if there is no session.
    pub fn open(port: u16, capabilities: &Value) -> Result<Self, String> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(LIMIT))
            .build()
            .new_agent();
        let base = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = answer(agent.post(&base).send(wanted.to_string()), "new session")?;
        let id = session["sessionId"].as_str().unwrap();
        Ok(Self { base: format!("{base}/{id}"), agent })
    }

    /// Asks for something.
    pub fn get(&self, path: &str) -> Value {
        answer(self.agent.get(format!("{}{path}", self.base)).call(), path)
            .unwrap_or_else(|why| panic!("{why}"))
    }

    /// Does something.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same on a page that may just be replaced by the next one: nothing if it was.
    pub fn post_to_page(&self, path: &str, body: &Value) -> Option<Value> {
        match self.try_post(path, body) {
            Err(why) if REPLACED.iter().any(|said| why.contains(said)) => None,
            done => Some(done.unwrap_or_else(|why| panic!("{why}"))),
        }
    }

    /// The elements that an XPath finds.
    pub fn find(&self, xpath: &str) -> Vec<Element> {
        let wanted = json!({"using": "xpath", "value": xpath});
        let found = wait_for("a page to search", || self.post_to_page("/elements", &wanted));
        let found = found.as_array().unwrap().iter();
        found.map(|element| Element(element[ELEMENT].as_str().unwrap().to_owned())).collect()
    }

    /// Clicks on an element, and waits for the page that this leads to. Whether it was still there.
    #[must_use]
    pub fn click(&self, element: &Element) -> bool {
        match self.try_post(&format!("/element/{}/click", element.0), &json!({})) {
            Err(why) if why.contains("stale element reference") => false,
            done => done.map_or_else(|why| panic!("{why}"), |_| true),
        }
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

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.base);
        answer(self.agent.post(url).content_type("application/json").send(body.to_string()), path)
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

/// What the driver gives, or why it gives nothing.
fn answer(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    what: &str,
) -> Result<Value, String> {
    let mut response = response.unwrap_or_else(|e| panic!("{what}: {e}"));
    let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    if response.status().is_success() {
        return Ok(body["value"].take());
    }
    Err(format!("{what}: {}: {}", body["value"]["error"], body["value"]["message"]))
}
