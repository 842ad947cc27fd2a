//! Pensar's console, for a terminal that is played by hand.

use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_sandbox::pensar::account;
use doorkey_tests::audit::check_page;
use doorkey_tests::browser::Browser;
use doorkey_tests::sandbox::Sandbox;
use serde_json::{Value, json};

/// A terminal that was given a code.
struct Terminal<'a> {
    sandbox: &'a Sandbox,
    client_id: Value,
    begun: Value,
}

impl<'a> Terminal<'a> {
    fn begin(sandbox: &'a Sandbox) -> Self {
        let config = send(&HttpRequest::new(Method::Get, url(&sandbox.pensar_api, "/api/cli/config")));
        let client_id = config["workosClientId"].clone();
        let begin = url(&sandbox.workos, "/user_management/authorize/device");
        let begun = send(&post(begin, &json!({ "client_id": client_id })));
        Self { sandbox, client_id, begun }
    }

    fn text(&self, name: &str) -> &str {
        self.begun[name].as_str().unwrap()
    }

    /// Asks once.
    fn poll(&self) -> Value {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let body = json!({
            "client_id": self.client_id, "grant_type": grant, "device_code": self.begun["device_code"],
        });
        send(&post(url(&self.sandbox.workos, "/user_management/authenticate"), &body))
    }

    fn token(&self) -> Secret {
        Secret::from(self.poll()["access_token"].as_str().unwrap())
    }
}

fn url(base: &str, path: &str) -> Url {
    Url::parse(base).unwrap().join(path)
}

fn post(url: Url, body: &Value) -> HttpRequest {
    HttpRequest::new(Method::Post, url).body("application/json", body.to_string())
}

fn send(request: &HttpRequest) -> Value {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    let answer = transport.send(request, Duration::from_secs(30)).unwrap();
    serde_json::from_slice(answer.body.as_bytes()).unwrap()
}

fn workspaces(sandbox: &Sandbox, token: &Secret) -> Value {
    let list = HttpRequest::new(Method::Get, url(&sandbox.pensar_api, "/api/cli/workspaces"));
    send(&list.bearer(token))["workspaces"].clone()
}

/// Signs in with one press, whatever page was asked for.
fn continue_as(browser: &Browser, name: &str) {
    browser.await_heading("Sign in");
    browser.press(&format!("Continue as {name}"));
}

#[test]
fn a_terminal_is_connected_by_its_link() {
    let sandbox = Sandbox::start("console-link", &[]);
    let browser = Browser::start("console-link");
    let terminal = Terminal::begin(&sandbox);
    assert_eq!(terminal.poll()["error"], "authorization_pending");
    browser.open(terminal.text("verification_uri_complete"));
    browser.await_heading("Sign in");
    assert_eq!(browser.title(), "Sign in · Pensar Console sandbox");
    check_page(&browser, "console-sign-in");
    continue_as(&browser, "Multi");
    browser.await_heading("Authorize this device?");
    let text = browser.text();
    for shown in [terminal.text("user_code"), account::MULTI, "Only if you started this just now"] {
        assert!(text.contains(shown), "{shown} is missing: {text}");
    }
    check_page(&browser, "console-authorize");
    browser.press("Authorize this device");
    browser.await_heading("Device authorized");
    check_page(&browser, "console-authorized");
    assert_eq!(workspaces(&sandbox, &terminal.token()).as_array().unwrap().len(), 3);
    browser.open(terminal.text("verification_uri_complete"));
    browser.await_heading("This code was already used");
}

#[test]
fn a_code_is_typed_and_refused() {
    let sandbox = Sandbox::start("console-typed", &[]);
    let browser = Browser::start("console-typed");
    let terminal = Terminal::begin(&sandbox);
    browser.open(terminal.text("verification_uri"));
    continue_as(&browser, "Solo");
    browser.await_heading("Connect a terminal");
    check_page(&browser, "console-type");
    browser.fill("The code that your terminal shows", "bcdf ghjk");
    browser.press("Continue");
    browser.await_heading("This code is not known");
    check_page(&browser, "console-wrong");
    browser.open(terminal.text("verification_uri"));
    browser.fill("The code that your terminal shows", &terminal.text("user_code").to_lowercase());
    browser.press("Continue");
    browser.await_heading("Authorize this device?");
    browser.press("Deny");
    browser.await_heading("Request denied");
    assert_eq!(terminal.poll()["error"], "access_denied");
}

#[test]
fn somebody_new_signs_up_creates_a_workspace_and_pays() {
    let sandbox = Sandbox::start("console-new", &[]);
    let browser = Browser::start("console-new");
    let terminal = Terminal::begin(&sandbox);
    browser.open(terminal.text("verification_uri_complete"));
    browser.await_heading("Sign in");
    browser.follow("Create an account");
    browser.await_heading("Create an account");
    check_page(&browser, "console-sign-up");
    browser.fill("Your name", "Ada");
    browser.fill("Your address", "ada@example.com");
    browser.press("Create account");
    browser.await_heading("Create a workspace");
    check_page(&browser, "console-create");
    browser.fill("Name of the workspace", "Night Shift");
    browser.press("Create workspace");
    browser.await_heading("Authorize this device?");
    browser.press("Authorize this device");
    browser.await_heading("Device authorized");
    let token = terminal.token();
    assert_eq!(workspaces(&sandbox, &token)[0]["balance"], 0.0);

    browser.open(&format!("{}/night-shift/settings/billing", sandbox.console));
    browser.await_heading("Billing");
    assert!(browser.text().contains("Billing isn't configured."), "{}", browser.text());
    check_page(&browser, "console-billing-none");
    browser.press("Add $30.00 and a payment method");
    browser.await_heading("Billing");
    doorkey_tests::wait_for("the new balance", || browser.text().contains("A practice card").then_some(()));
    check_page(&browser, "console-billing");
    assert_eq!(workspaces(&sandbox, &token)[0]["balance"], 30.0);

    browser.open(&format!("{}/night-shift/settings/usage", sandbox.console));
    browser.await_heading("Usage");
    check_page(&browser, "console-usage");
    browser.press("Switch Apex Inference off");
    doorkey_tests::wait_for("the other button", || {
        browser.text().contains("Switch Apex Inference on").then_some(())
    });
    check_page(&browser, "console-usage-off");

    browser.open(&format!("{}/credits", sandbox.console));
    browser.await_heading("Credits");
    check_page(&browser, "console-credits");
    browser.press("Sign out");
    browser.await_heading("Sign in");
}

#[test]
fn a_workspace_is_chosen_for_a_terminal_that_cannot_ask() {
    let sandbox = Sandbox::start("console-choice", &[]);
    let browser = Browser::start("console-choice");
    let terminal = Terminal::begin(&sandbox);
    browser.open(terminal.text("verification_uri_complete"));
    continue_as(&browser, "Multi");
    browser.press("Authorize this device");
    browser.await_heading("Device authorized");
    let token = terminal.token();
    let selection = url(&sandbox.pensar_api, "/api/cli/workspace-selection");
    let opened = send(&post(selection.clone(), &json!({})).bearer(&token));
    browser.open(opened["selectionUrl"].as_str().unwrap());
    browser.await_heading("Choose a workspace");
    check_page(&browser, "console-select");
    browser.press("Blue Team");
    browser.await_heading("Workspace chosen");
    check_page(&browser, "console-selected");
    let asked = selection.with("id", opened["selectionId"].as_str().unwrap());
    let told = send(&HttpRequest::new(Method::Get, asked).bearer(&token));
    assert_eq!(told, json!({"status": "complete", "workspaceId": "wks_blue_team"}));
}

#[test]
fn the_older_way_settles_the_workspace_on_the_page() {
    let sandbox = Sandbox::start("console-older", &["--legacy"]);
    let browser = Browser::start("console-older");
    let begun = send(&post(url(&sandbox.pensar_api, "/auth/device/code"), &json!({})));
    browser.open(begun["verificationUriComplete"].as_str().unwrap());
    continue_as(&browser, "Multi");
    browser.await_heading("Choose a workspace");
    check_page(&browser, "console-older-choose");
    browser.press("Client Labs");
    browser.await_heading("Authorize this device?");
    check_page(&browser, "console-older-authorize");
    browser.press("Authorize this device");
    browser.await_heading("Device authorized");
    let poll =
        post(url(&sandbox.pensar_api, "/auth/device/token"), &json!({"deviceCode": begun["deviceCode"]}));
    let told = send(&poll);
    assert_eq!((&told["status"], &told["workspace"]["slug"]), (&"complete".into(), &"client-labs".into()));
}
