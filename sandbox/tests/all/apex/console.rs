//! The console's pages, walked by a person.

use std::convert::Infallible;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_sandbox::pensar::account;
use doorkey_sandbox::{LastPage, Person, PersonError};
use serde_json::json;

use super::*;

/// Where a walk ended, hoped for or not.
fn ended(walk: Result<LastPage, PersonError<Infallible>>) -> (u16, String) {
    match walk {
        Ok(page) | Err(PersonError::Elsewhere(page)) => (page.status, page.heading),
        Err(other) => panic!("{other:?}"),
    }
}

fn balances(world: &mut World, tokens: &Tokens) -> Vec<(String, f64, bool)> {
    let listed = json_of(&world.ask("/api/cli/workspaces", &tokens.access));
    let listed = listed["workspaces"].as_array().unwrap().iter();
    listed
        .map(|it| {
            let slug = it["slug"].as_str().unwrap().to_owned();
            (slug, it["balance"].as_f64().unwrap(), it["hasPaymentMethod"].as_bool().unwrap())
        })
        .collect()
}

impl World {
    fn walk<T>(
        &mut self,
        walk: impl FnOnce(&mut dyn FnMut(&HttpRequest) -> Result<HttpResponse, Infallible>) -> T,
    ) -> T {
        walk(&mut |request| Ok(self.send(request)))
    }

    fn page(&self, path: &str) -> Url {
        self.pensar().console.join(path)
    }

    fn open_selection(&mut self, tokens: &Tokens) -> (String, Url) {
        let answer = self.tell("/api/cli/workspace-selection", &tokens.access, &json!({}));
        let body = json_of(&answer);
        let id = body["selectionId"].as_str().unwrap().to_owned();
        let link = format!("http://127.0.0.1:8005/select-workspace?id={id}");
        assert_eq!(
            (answer.status, &body["selectionUrl"], &body["expiresIn"]),
            (200, &link.as_str().into(), &600.into())
        );
        (id, url(&link))
    }

    fn selection(&mut self, id: &str, tokens: &Tokens) -> (u16, Value) {
        let path = self.pensar().api.join("/api/cli/workspace-selection").with("id", id);
        let answer = self.send(&with_token(HttpRequest::new(Method::Get, path), &tokens.access));
        (answer.status, json_of(&answer))
    }
}

#[test]
fn a_workspace_is_chosen_in_the_browser() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::MULTI);
    let (id, link) = world.open_selection(&tokens);
    assert_eq!(world.selection(&id, &tokens), (200, json!({"status": "pending"})));
    let mut person = Person::new(account::MULTI).choosing("blue-team");
    let page = world.walk(|send| person.choose_workspace(&link, send)).unwrap();
    assert_eq!(page.heading, "Workspace chosen");
    let complete = (200, json!({"status": "complete", "workspaceId": "wks_blue_team"}));
    assert_eq!(world.selection(&id, &tokens), complete);
    let mut person = Person::new(account::MULTI).choosing("acme");
    let walk = world.walk(|send| person.choose_workspace(&link, send));
    assert_eq!(ended(walk), (410, "This link was already used".to_owned()));
    world.wait(600_000);
    let tokens = tokens_in(&world.refresh(&tokens.refresh));
    assert_eq!(world.selection(&id, &tokens), complete);
}

#[test]
fn only_ones_own_workspaces_can_be_chosen() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    let (id, link) = world.open_selection(&tokens);
    let cookie = world.sign_in_to_console(account::SOLO);
    let token = form_token(&world.console(link.expose_target().expose_secret(), &cookie));
    for (workspace, status) in [("blue-team", 400), ("", 400), ("acme", 200)] {
        assert_eq!(world.selection(&id, &tokens), (200, json!({"status": "pending"})));
        let fields = [("form_token", token.as_str()), ("id", id.as_str()), ("workspace", workspace)];
        let answer = world.post_to_console("/select-workspace", &cookie, &fields);
        assert_eq!(answer.status, status, "{workspace}");
    }
    assert_eq!(world.selection(&id, &tokens).1["workspaceId"], "wks_acme");
}

#[test]
fn a_choice_is_open_for_ten_minutes_and_for_its_account() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::MULTI);
    let (id, link) = world.open_selection(&tokens);
    let mut other = Person::new(account::SOLO);
    let walk = world.walk(|send| other.choose_workspace(&link, send));
    assert_eq!(ended(walk), (403, "This link is somebody else's".to_owned()));
    let others = world.log_in_as(account::SOLO);
    assert_eq!(world.selection(&id, &others).0, 404);
    assert_eq!(world.selection("nonsense", &tokens).0, 404);
    let walk = world.walk(|send| other.choose_workspace(&link.join("").with("id", "nonsense"), send));
    assert_eq!(ended(walk), (404, "This link is not known".to_owned()));
    world.wait(590_000);
    let tokens = tokens_in(&world.refresh(&tokens.refresh));
    assert_eq!(world.selection(&id, &tokens), (200, json!({"status": "pending"})));
    world.wait(10_000);
    assert_eq!(world.selection(&id, &tokens), (200, json!({"status": "expired"})));
    let mut person = Person::new(account::MULTI);
    let walk = world.walk(|send| person.choose_workspace(&link, send));
    assert_eq!(ended(walk), (410, "This link has expired".to_owned()));
}

#[test]
fn somebody_without_a_workspace_creates_one() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::NEW);
    assert_eq!(balances(&mut world, &tokens), []);
    let link = world.page("/create-workspace").with("redirect", "/credits");
    let mut person = Person::new(account::NEW);
    let page = world.walk(|send| person.create_workspace(&link, "Night Shift", send)).unwrap();
    assert_eq!(page.heading, "Credits");
    assert_eq!(balances(&mut world, &tokens), [("night-shift".to_owned(), 0.0, false)]);
    let walk = world.walk(|send| person.create_workspace(&link, "!!!", send));
    assert_eq!(ended(walk), (400, "Create a workspace".to_owned()));
    // Whose choice has nothing to choose from is led there first, and back.
    let (mut world, link) = {
        let mut world = World::new();
        let tokens = world.log_in_as(account::NEW);
        let (_, link) = world.open_selection(&tokens);
        (world, link)
    };
    let mut person = Person::new(account::NEW);
    let walk = world.walk(|send| person.create_workspace(&link, "Night Shift", send));
    assert_eq!(ended(walk), (200, "Workspace chosen".to_owned()));
}

#[test]
fn somebody_without_an_account_signs_up_and_goes_on() {
    let mut world = World::new();
    let authorization = world.authorize();
    let console = world.pensar().console.clone();
    let mut person = Person::new("ada@example.com");
    let walk = world.walk(|send| person.approve(&authorization.complete, send));
    assert_eq!(ended(walk), (200, "Sign in".to_owned()), "nobody of that address yet");
    let page = world.walk(|send| person.sign_up(&console, "Ada", send)).unwrap();
    assert_eq!(page.heading, "Create a workspace");
    world.walk(|send| person.create_workspace(&console.join("/create-workspace"), "Engines", send)).unwrap();
    world.walk(|send| person.approve(&authorization.complete, send)).unwrap();
    world.wait(5_000);
    let tokens = tokens_in(&world.poll_code(&authorization.device_code));
    assert_eq!(balances(&mut world, &tokens), [("engines".to_owned(), 0.0, false)]);
    // Signed in anew, by the button that there is now.
    let again = world.log_in_as("ada@example.com");
    assert_eq!(balances(&mut world, &again).len(), 1);
    for (email, status) in [("ada@example.com", 409), ("ada", 400), ("<b>@x", 400), ("", 400)] {
        let walk = world.walk(|send| Person::new(email).sign_up(&console, "Ada", send));
        assert_eq!(ended(walk), (status, "Create an account".to_owned()), "{email}");
    }
}

#[test]
fn signing_up_leads_back_to_the_code() {
    let mut world = World::new();
    let authorization = world.authorize();
    let target = authorization.complete.expose_target();
    let next =
        form_urlencoded::Serializer::new(String::new()).append_pair("next", target.expose_secret()).finish();
    let sign_in = world.console(target.expose_secret(), "");
    assert_eq!(sign_in.header_value("location"), Some(format!("/sign-in?{next}").as_str()));
    assert!(text_of(&world.console(&format!("/sign-in?{next}"), "")).contains(&format!("/sign-up?{next}")));
    let page = world.console(&format!("/sign-up?{next}"), "");
    let (cookie, token) = (cookie_of(&page).unwrap(), form_token(&page));
    let fields = [
        ("form_token", token.as_str()),
        ("your_name", "Ada"),
        ("email", "ada@example.com"),
        ("next", target.expose_secret()),
    ];
    let answer = world.post_to_console("/sign-up", &cookie, &fields);
    let cookie = cookie_of(&answer).unwrap();
    let location = answer.header_value("location").unwrap();
    assert!(location.starts_with("/create-workspace?redirect=%2Fdevice"), "{location}");
    let page = world.console(location, &cookie);
    let fields = [
        ("form_token", form_token(&page)),
        ("workspace_name", "Engines".to_owned()),
        ("redirect", target.expose_secret().to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = world.post_to_console("/create-workspace", &cookie, &fields);
    assert_eq!(answer.header_value("location"), Some(target.expose_secret()));
}

#[test]
fn pages_lead_to_our_own_pages_only() {
    let mut world = World::new();
    let cookie = world.sign_in_to_console(account::NEW);
    for (next, expected) in [
        ("/credits", "/credits"),
        ("/device?user_code=BCDF-GHJK", "/device?user_code=BCDF-GHJK"),
        ("/acme/settings/billing", "/acme/settings/billing"),
        ("", "/credits"),
        ("https://evil.example/credits", "/credits"),
        ("//evil.example/credits", "/credits"),
        ("/\\evil.example", "/credits"),
        ("@evil.example/credits", "/credits"),
        ("/sign-out", "/credits"),
        ("/credits\r\nset-cookie: x=y", "/credits"),
    ] {
        let page = world.console("/create-workspace", &cookie);
        let token = form_token(&page);
        let fields = [("form_token", token.as_str()), ("workspace_name", "x"), ("redirect", next)];
        let answer = world.post_to_console("/create-workspace", &cookie, &fields);
        assert_eq!((answer.status, answer.header_value("location")), (303, Some(expected)), "{next:?}");
    }
}

#[test]
fn credits_are_bought_and_inference_is_switched() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::UNPAID);
    let mut person = Person::new(account::UNPAID);
    let billing = world.page("/fresh-start/settings/billing");
    let page = world.walk(|send| person.top_up(&billing, send)).unwrap();
    assert_eq!(page.heading, "Billing");
    assert_eq!(balances(&mut world, &tokens), [("fresh-start".to_owned(), 30.0, true)], "once");

    let tokens = world.log_in_as(account::OFF);
    let mut person = Person::new(account::OFF);
    let usage = world.page("/quiet/settings/usage");
    let id = json!({"workspaceId": "wks_quiet"});
    for (on, ready) in [(true, true), (true, true), (false, false)] {
        let page = world.walk(|send| person.switch_inference(&usage, on, send)).unwrap();
        assert_eq!(page.heading, "Usage");
        let selected = json_of(&world.tell("/api/cli/select-workspace", &tokens.access, &id));
        assert_eq!(selected["billing"]["ready"], ready);
    }
}

#[test]
fn settings_are_for_members() {
    let mut world = World::new();
    let cookie = world.sign_in_to_console(account::SOLO);
    let token = form_token(&world.console("/acme/settings/billing", &cookie));
    for page in ["billing", "usage"] {
        assert_eq!(world.console(&format!("/acme/settings/{page}"), &cookie).status, 200);
        assert_eq!(world.console(&format!("/acme/settings/{page}"), "").status, 303);
        for slug in ["blue-team", "nobody"] {
            let path = format!("/{slug}/settings/{page}");
            assert_eq!(world.console(&path, &cookie).status, 404, "{path}");
            let fields = [("form_token", token.as_str()), ("top_up", "30"), ("inference", "off")];
            assert_eq!(world.post_to_console(&path, &cookie, &fields).status, 404, "{path}");
        }
    }
    let fields = [("form_token", token.as_str()), ("top_up", "-1000")];
    assert_eq!(world.post_to_console("/acme/settings/billing", &cookie, &fields).status, 400);
    let tokens = world.log_in_as(account::MULTI);
    let untouched = [("acme", 42.0), ("blue-team", 7.5), ("client-labs", 0.25)];
    let untouched = untouched.map(|(slug, balance)| (slug.to_owned(), balance, true));
    assert_eq!(balances(&mut world, &tokens), untouched);
}

#[test]
fn the_pages_say_how_much_is_left() {
    let mut world = World::new();
    for (email, target, expected) in [
        (account::LOW, "/frugal/settings/billing", vec!["$0.40", "The balance is low.", "$30.00"]),
        (
            account::UNPAID,
            "/fresh-start/settings/billing",
            vec!["$0.00", "Billing isn't configured.", "None yet"],
        ),
        (
            account::OFF,
            "/quiet/settings/usage",
            vec!["$25.00", "Apex Inference", "Off", "Switch Apex Inference on"],
        ),
        (account::MULTI, "/credits", vec!["Acme", "$42.00", "Client Labs", "$0.25"]),
        (account::NEW, "/credits", vec!["You have no workspace yet.", "/create-workspace"]),
        (account::NEW, "/sign-in", vec!["No workspace yet", "One workspace: Frugal, $0.40", "3 workspaces"]),
    ] {
        let cookie = world.sign_in_to_console(email);
        let page = text_of(&world.console(target, &cookie));
        for text in expected {
            assert!(page.contains(text), "{target} of {email} lacks {text}: {page}");
        }
    }
}

#[test]
fn every_page_is_locked_down() {
    let mut world = World::new();
    let authorization = world.authorize();
    let cookie = world.sign_in_to_console(account::SOLO);
    let device = authorization.complete.expose_target();
    let targets = [
        "/",
        "/sign-in",
        "/sign-up",
        "/create-workspace",
        "/credits",
        "/device",
        "/select-workspace?id=x",
        "/acme/settings/billing",
        "/acme/settings/usage",
        "/nothing",
        "/style.css",
        device.expose_secret(),
    ];
    for target in targets {
        for cookie in ["", &cookie] {
            let page = world.console(target, cookie);
            let header = |name| page.header_value(name).unwrap_or_default().to_owned();
            let csp = header("content-security-policy");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(csp.contains(part), "{target}: {csp}");
            }
            assert_eq!(page.header_value("access-control-allow-origin"), None);
            if !target.contains('.') {
                assert_eq!(header("cache-control"), "no-store", "{target}");
            }
            let set = header("set-cookie");
            let is_ours =
                set.starts_with("pensar_sandbox_") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax");
            assert!(set.is_empty() || is_ours, "{set}");
        }
    }
}

#[test]
fn a_sign_in_at_one_service_is_none_at_the_other() {
    let mut world = World::new();
    let pentify = world.sign_in(SOLO);
    let renamed = pentify.replace("pentify_sandbox_", "pensar_sandbox_");
    for cookie in [&pentify, &renamed] {
        assert_eq!(world.console("/credits", cookie).status, 303);
    }
}
