//! A real browser, headless and with a profile of its own.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::home::Home;
use crate::leash::{end_all, running_in};
use crate::running::Running;
use crate::wait_for;
use crate::webdriver::Session;

/// Works as root, stays off the network, and starts nothing by itself. With a pipe to the driver instead of a port,
/// the browser ends when the driver does, however that comes about.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
];

/// A browser that shows one page at a time. It ends on drop, with everything that it started.
pub struct Browser {
    /// Its session, for what this type has no method for.
    pub session: Session,
    driver: Option<Running>,
    home: Home,
}

/// How the server answered the request for a page.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u64,
    /// The headers, with names in lower case.
    pub headers: Value,
}

impl Browser {
    /// Starts one. The name is the test's.
    pub fn start(name: &str) -> Self {
        let home = Home::new(&format!("{name}-browser"));
        let (driver, port) = start_driver(&home);
        let session = open_session(&home, port);
        Self { session, driver: Some(driver), home }
    }

    /// Opens a page and waits until it is there.
    pub fn open(&self, url: &str) {
        self.session.post("/url", &json!({"url": url}));
    }

    /// The title of the page.
    pub fn title(&self) -> String {
        self.session.get("/title").as_str().unwrap().to_owned()
    }

    /// Everything that can be read on the page.
    pub fn text(&self) -> String {
        self.shown("document.body")
    }

    /// Waits for a button with this text in it, the only one, and presses it.
    pub fn press(&self, label: &str) {
        self.click_on("button", label);
    }

    /// The same with a link.
    pub fn follow(&self, label: &str) {
        self.click_on("a", label);
    }

    fn click_on(&self, element: &str, label: &str) {
        let wanted = format!("//{element}[contains(normalize-space(.), '{label}')]");
        wait_for(&format!("{label:?} to press"), || {
            let found = self.session.find(&wanted);
            assert!(found.len() < 2, "{label:?} on: {}", self.text());
            found.first().is_some_and(|found| self.session.click(found)).then_some(())
        });
    }

    /// Types a text into the field with this label, which is empty.
    pub fn fill(&self, label: &str, text: &str) {
        let labelled = format!("//input[@id = //label[normalize-space(.) = '{label}']/@for]");
        let fields = self.session.find(&labelled);
        assert_eq!(fields.len(), 1, "{label:?} on: {}", self.text());
        self.session.type_into(&fields[0], text);
    }

    /// The heading of the page.
    pub fn heading(&self) -> String {
        self.shown("document.querySelector('h1')")
    }

    /// Waits for the page with this heading.
    pub fn await_heading(&self, heading: &str) {
        wait_for(&format!("the page {heading:?}"), || (self.heading() == heading).then_some(()));
    }

    /// What can be read of an element; one step, in which the page cannot change.
    fn shown(&self, element: &str) -> String {
        let script = json!({"script": format!("return {element}?.innerText ?? ''"), "args": []});
        let text = wait_for("a page to read", || self.session.post_to_page("/execute/sync", &script));
        text.as_str().unwrap().to_owned()
    }

    /// Gives the page this much room.
    pub fn resize(&self, width: u64, height: u64) {
        self.session.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        );
    }

    /// Wants the page in `light` or `dark` colors.
    pub fn prefer(&self, scheme: &str) {
        let scheme = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.session.devtools("Emulation.setEmulatedMedia", &json!({"features": scheme}));
    }

    /// Takes a picture of what fits into the window.
    pub fn screenshot(&self, file: &Path) {
        let picture = self.session.get("/screenshot");
        fs::write(file, BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap()).unwrap();
    }

    /// How the pages that were opened since this was asked last were answered.
    pub fn answers(&self) -> Vec<Answer> {
        let log = self.session.post("/se/log", &json!({"type": "performance"}));
        let messages = log.as_array().unwrap().iter();
        let messages = messages
            .map(|entry| -> Value { serde_json::from_str(entry["message"].as_str().unwrap()).unwrap() });
        let answers = messages.filter_map(|message| {
            let params = &message["message"]["params"];
            let of_page = message["message"]["method"] == "Network.responseReceived";
            (of_page && params["type"] == "Document").then(|| params["response"].clone())
        });
        answers
            .map(|response| {
                let headers = response["headers"].as_object().unwrap().iter();
                let headers = headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
                Answer { status: response["status"].as_u64().unwrap(), headers: Value::Object(headers) }
            })
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.close();
        drop(self.driver.take());
        end_all(&running_in(self.home.folder()));
    }
}

/// Starts a browser at the driver on this port.
fn open_session(home: &Home, port: u16) -> Session {
    let mut failures = Vec::new();
    // One that a busy machine does not start in time can be started anew.
    while failures.len() < 3 {
        let profile = home.folder().join(format!("profile/{}", failures.len()));
        let profile = format!("--user-data-dir={}", profile.display());
        let flags: Vec<&str> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
        let wanted = json!({"browserName": "chrome", "goog:loggingPrefs": {"performance": "ALL"},
            "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": flags}});
        match Session::open(port, &wanted) {
            Ok(session) => return session,
            Err(why) => failures.push(why),
        }
    }
    panic!("three browsers did not start: {failures:#?}");
}

/// Starts a driver, on the port that it says.
fn start_driver(home: &Home) -> (Running, u16) {
    // It takes any port of IPv6 and then the same one of IPv4. If somebody has that already, it ends.
    for _ in 0..10 {
        let mut driver = Running::start(home.command("chromedriver", &["--port=0"]));
        let port = wait_for("the driver says its port or ends", || {
            let is_over = driver.is_over();
            let said = driver.stdout();
            let port =
                said.split_once("started successfully on port ").and_then(|(_, port)| port.split_once('.'));
            port.map(|(port, _)| Some(port.parse().unwrap())).or(is_over.then_some(None))
        });
        if let Some(port) = port {
            return (driver, port);
        }
        let said = driver.stdout() + &driver.stderr();
        assert!(said.contains("port not available"), "the driver ended: {said}");
    }
    panic!("ten drivers found no port");
}
