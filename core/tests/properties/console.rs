//! Pensar's commands with its sessions: `Connect`, `ChooseWorkspace`, `Connection`, `Credits`, `Migrate`, `Amend`, in any
//! order with those of `sessions.rs`.

use std::cell::RefCell;
use std::rc::Rc;

use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::failure::Exit;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::secret::Secret;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::store::Unsettled;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::cases;
use crate::deeds::{Deed, asking};
use crate::issuer::{Issuer, LIFETIME};
use crate::plan::{NetFault, Plan, plan};
use crate::reference::{Login, Reference, expect_end};
use crate::sessions::{backend, pause};
use crate::world::{World, bearer, parameter, refreshed};

/// From one question to the next whether something has happened in the browser, and how long it may take to create a
/// workspace or to choose one there.
const INTERVAL: u64 = 3_000;
const CREATION: u64 = 300_000;
const SELECTION: u64 = 600_000;

/// What the console has, and what happens in the browser.
#[derive(Clone, Debug, Default)]
struct Console {
    /// How many workspaces there are.
    workspaces: usize,
    /// When one is created.
    created_at: Option<u64>,
    /// When one is chosen in the browser, and which.
    chosen: Option<(u64, usize)>,
    /// The workspaces that were selected.
    selected: Vec<String>,
    /// When lists and choices were asked for.
    asked: Vec<u64>,
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn pensar() -> Service {
    let hosts = PensarHosts {
        api: url("https://api.pensar.dev"),
        console: url("https://console.pensar.dev"),
        gateway: url("https://gateway.pensar.dev"),
        workos: url("https://api.workos.com"),
    };
    let mut service = Service::pensar(hosts, "build-box".into());
    (service.machine_id, service.boot_id) = (Some("m".into()), "boot".into());
    if let Some(oauth) = &mut service.oauth {
        oauth.grace = None;
    }
    service
}

fn workspace(number: usize) -> serde_json::Value {
    serde_json::json!({
        "id": format!("w{number}"), "name": format!("N{number}"), "slug": format!("slug-{number}"),
        "balance": 5, "hasPaymentMethod": true,
    })
}

fn serve(console: &mut Console, issuer: &mut Issuer, request: &HttpRequest, now: u64) -> HttpResponse {
    let json = |value: serde_json::Value| HttpResponse::new(200, value.to_string());
    let tokens = |(refresh, access): (String, String)| {
        let lifetime = LIFETIME / 1000;
        json(serde_json::json!({"access_token": access, "refresh_token": refresh, "expires_in": lifetime}))
    };
    match request.url.path() {
        "/api/cli/config" => return json(serde_json::json!({"workosClientId": "cli"})),
        "/user_management/authorize/device" => {
            return json(serde_json::json!({
                "device_code": "hush-code", "user_code": "hush-user", "expires_in": 300, "interval": 5,
                "verification_uri": "https://auth.pensar.dev/device",
            }));
        }
        "/user_management/authenticate" => {
            let pair = match refreshed(request) {
                Some(token) => issuer.refresh(&token, now),
                None => Some(issuer.sign_in(now)),
            };
            return pair.map_or_else(|| HttpResponse::new(400, r#"{"error":"invalid_grant"}"#), tokens);
        }
        _ if issuer.left(&bearer(request), now).is_none() => return HttpResponse::new(401, "{}"),
        _ => {}
    }
    match request.url.path() {
        "/api/cli/workspaces" => {
            console.asked.push(now);
            let created = console.created_at.is_some_and(|at| at <= now);
            let count = console.workspaces + usize::from(console.workspaces == 0 && created);
            json(serde_json::json!({"workspaces": (0..count).map(workspace).collect::<Vec<_>>()}))
        }
        "/api/cli/workspace-selection" if request.body.is_empty() && request.url.query().is_empty() => {
            let page = "https://console.pensar.dev/select?s=hush-choice";
            json(serde_json::json!({"selectionId": "hush-choice", "selectionUrl": page, "expiresIn": 600}))
        }
        "/api/cli/workspace-selection" => {
            console.asked.push(now);
            json(match console.chosen.filter(|(at, _)| *at <= now) {
                Some((_, which)) => {
                    serde_json::json!({"status": "complete", "workspaceId": format!("w{which}")})
                }
                None => serde_json::json!({"status": "pending"}),
            })
        }
        "/api/cli/select-workspace" => {
            let id = parameter(request, "workspaceId").unwrap_or_default();
            console.selected.push(id.clone());
            let number = id.trim_start_matches('w').parse().unwrap_or_default();
            json(serde_json::json!({
                "confirmed": true, "workspace": workspace(number), "signingKey": "hush-key",
                "gatewayUrl": "https://gateway.pensar.dev",
                "billing": {"balance": 5, "hasPaymentMethod": true, "ready": true},
            }))
        }
        "/gateway/validate" => json(
            serde_json::json!({"workspace": {"name": "N"}, "credits": {"balance": 12.5}, "signingKey": "hush-key-2"}),
        ),
        _ => HttpResponse::new(404, "{}"),
    }
}

fn world(console: &Rc<RefCell<Console>>) -> World {
    let console = Rc::clone(console);
    World::new(pensar(), move |issuer, request, now| serve(&mut console.borrow_mut(), issuer, request, now))
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => asking(),
        3 => (any::<bool>(), of(0usize..3)).prop_map(|(force, wanted)| Deed::Connect { force, wanted }),
        3 => Just(Deed::Connection),
        2 => Just(Deed::Credits),
        1 => Just(Deed::Disconnect),
    ]
}

proptest! {
    #![proptest_config(cases(100))]

    /// Whatever is asked for in whatever order; at the beginning there is nothing, or a token that an older program left in
    /// the settings, which is moved once and never lost.
    #[test]
    fn nothing_costs_a_session_of_pensars(
        left_in_settings in any::<bool>(),
        unsettled in of(backend()),
        chooses in of(0usize..2),
        person_present in any::<bool>(),
        says_yes in any::<bool>(),
        steps in vec((deed(), plan(0..3, 0..2), pause()), 1..6),
    ) {
        let console = Rc::new(RefCell::new(Console { workspaces: 2, chosen: Some((0, 1)), ..Console::default() }));
        let mut world = world(&console);
        world.service.person_present = person_present;
        (world.person.chooses, world.person.says_yes) = (chooses, says_yes);
        let mut reference = Reference::new();
        if left_in_settings {
            let (refresh, _) = world.issuer.sign_in(0);
            world.disk.plaintext = Some(Record::bare_refresh(Secret::from(refresh)));
            // Its access token is nowhere.
            reference.distrusted = true;
        } else {
            reference.login = Login::Out;
        }
        // An earlier logout could not reach it.
        let left = |backend| Unsettled { backend, slot: Slot::Active, version: None };
        world.disk.ledger.unsettled = unsettled.map(left).into_iter().collect();
        for (deed, plan, pause) in &steps {
            world.sleep(*pause);
            reference.run(&mut world, &[*deed], &[], plan);
        }
        expect_end(&mut world, &mut reference)?;
    }
}

proptest! {
    #![proptest_config(cases(40))]

    /// The only workspace, the one that is named, the one that is chosen here or in the browser, or the one that is created
    /// meanwhile; and no question in less than three seconds.
    #[test]
    fn the_workspace_is_the_one_that_was_chosen(
        workspaces in 0usize..4,
        wanted in of(0usize..4),
        chooses in of(0usize..4),
        person_present in any::<bool>(),
        created_at in of(0u64..2 * CREATION),
        chosen in of((0u64..2 * SELECTION, 0usize..4)),
        faults in proptest::collection::btree_map(3usize..12, prop_oneof![Just(NetFault::NotSent), Just(NetFault::Lost)], 0..3),
    ) {
        let chosen = chosen.filter(|(_, which)| *which < workspaces);
        let console = Rc::new(RefCell::new(Console { workspaces, created_at, chosen, ..Console::default() }));
        let mut world = world(&console);
        (world.service.person_present, world.person.chooses) = (person_present, chooses);
        let options = ConnectOptions { workspace: wanted.map(|wanted| format!("slug-{wanted}")), ..ConnectOptions::default() };
        let task = Task::Connect(options.clone());
        let faulty = !faults.is_empty();
        let end = world.run(Some(task), Connect::new(options), &Plan { net: faults, ..Plan::default() }).unwrap();
        let in_time = |at: Option<u64>, within: u64| at.is_some_and(|at| at <= world.millis && at < within);
        let there = if workspaces == 0 && in_time(created_at, CREATION) { 1 } else { workspaces };
        let expected = match (wanted, there) {
            (_, 0) => None,
            (Some(wanted), _) => Some(wanted).filter(|wanted| *wanted < there),
            (None, 1) => Some(0),
            _ if person_present => chooses.filter(|chooses| *chooses < there),
            _ => chosen.filter(|(at, _)| in_time(Some(*at), SELECTION)).map(|(_, which)| which),
        };
        let console = console.borrow();
        let selected = console.selected.first().cloned();
        let given = end.as_ref().ok().and_then(|done| done.kept.record.workspace.as_ref()?.id.clone());
        // With failures of the network it may take longer than there is time.
        let right = |found: &Option<String>| found.is_none() && faulty || *found == expected.map(|which| format!("w{which}"));
        let told = format!("{selected:?} was selected, {given:?} given, {expected:?} chosen, {end:?}");
        world.check(right(&selected) && right(&given), || told);
        let hasty = console.asked.windows(2).any(|pair| pair[1] - pair[0] < INTERVAL);
        world.check(faulty || !hasty || workspaces > 0 && console.asked.len() < 3, || "asked in a hurry".to_owned());
        // Whatever became of the choice, what was granted is kept.
        let kept = world.disk.tokens().count();
        let interrupted = matches!(&end, Err(failure) if failure.exit == Exit::Network);
        world.check(kept == 1 || interrupted, || format!("{kept} records are stored"));
        let first = world.disk.records.keys().next().cloned();
        world.check(first.is_none_or(|key| key == (Backend::Keychain, Slot::Active)), || "elsewhere".to_owned());
        world.verdict()?;
    }
}
