//! Whatever is asked, the service answers.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::time::WallTime;
use doorkey_core::url::Text;
use doorkey_sandbox::pensar::account;
use doorkey_sandbox::{Fault, Person};
use proptest::prelude::*;

use crate::cases::cases;
use crate::world::*;

fn method() -> impl Strategy<Value = Method> {
    use Method::*;
    prop::sample::select(vec![Get, Post, Put, Patch, Delete])
}

fn path() -> impl Strategy<Value = String> {
    let known = [
        "/",
        "/sign-in",
        "/sign-out",
        "/auth/terminal-pair",
        "/settings/api-keys",
        "/settings/api-keys/revoke",
        "/style.css",
        "/redirected",
        "/auth/terminal/poll",
        "/v1/usage",
        "/v1/scans",
        "/v1/keys/current",
        "/v1/",
        "/device",
        "/sign-up",
        "/create-workspace",
        "/select-workspace",
        "/credits",
        "/acme/settings/billing",
        "/acme/settings/usage",
        "/api/cli/config",
        "/api/cli/workspaces",
        "/api/cli/select-workspace",
        "/api/cli/workspace-selection",
        "/auth/validate",
        "/auth/device/code",
        "/auth/device/token",
        "/user_management/authorize/device",
        "/user_management/authenticate",
        "/gateway/validate",
        "/v1/messages",
    ];
    prop_oneof![
        8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "/[ -~]{0,40}".prop_map(|path| path.replace(['?', '#', ' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'], "")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let known = vec![
        device_id(1),
        device_id(2),
        "acme".into(),
        "approve".into(),
        "deny".into(),
        SOLO.into(),
        account::SOLO.into(),
        "client_pensar_apex_sandbox".into(),
        "refresh_token".into(),
        "urn:ietf:params:oauth:grant-type:device_code".into(),
        "BCDF-GHJK".into(),
        "/credits".into(),
    ];
    prop_oneof![3 => prop::sample::select(known), 2 => any::<String>(), 1 => "pt_live_[a-z]{0,20}"]
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "device_id",
        "device_name",
        "workspace",
        "next",
        "email",
        "key",
        "decision",
        "form_token",
        "user_code",
        "id",
        "redirect",
        "your_name",
        "workspace_name",
        "top_up",
        "inference",
        "client_id",
        "grant_type",
        "device_code",
        "refresh_token",
        "workspaceId",
        "deviceCode",
    ];
    prop_oneof![6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn header() -> impl Strategy<Value = (String, String)> {
    let name =
        prop::sample::select(vec!["host", "origin", "cookie", "authorization", "content-type", "x-other"]);
    let known =
        prop::sample::select(vec!["http://127.0.0.1:8002", "127.0.0.1:8001", "Bearer x", "=;=", "Bearer"]);
    let value = prop_oneof![known.prop_map(str::to_owned), any::<String>()];
    (name.prop_map(str::to_owned), value)
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    use Fault::*;
    prop::option::of(prop::sample::select(vec![
        LostAnswer,
        Slow,
        TooManyRequests,
        HtmlError,
        Truncate,
        Reset,
        StrictPoll,
    ]))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn the_service_never_panics_and_never_gives_a_key_away(
        requests in prop::collection::vec(
            (method(), 0_usize..6, path(), prop::collection::vec((name(), value()), 0..4),
             prop::collection::vec(header(), 0..4), prop::collection::vec((name(), value()), 0..5),
             0..4, fault(), prop_oneof![0_u64..10_000, any::<u64>()]),
            1..30,
        ),
    ) {
        let mut world = World::new();
        let key = world.pair(&mut Person::new(SOLO), &device_id(9), "laptop");
        let cookie = world.sign_in(SOLO);
        let token = form_token(&world.get("/settings/api-keys", &cookie));
        let pensar = world.config.pensar.clone().unwrap();
        let bases =
            [world.config.api.clone(), world.config.app.clone(), pensar.api, pensar.gateway, pensar.console, pensar.workos];
        let console = world.sign_in_to_console(account::SOLO);
        let console_token = form_token(&world.console("/credits", &console));
        let tokens = world.log_in_as(account::SOLO);
        for (method, place, path, query, headers, fields, kind, fault, now) in requests {
            let url = query.into_iter().fold(bases[place].join(&path), |url, (name, value)| url.with(&name, value));
            let mut request = HttpRequest::new(method, url);
            request = match kind {
                0 => request,
                1 => {
                    let body = fields.into_iter().collect::<std::collections::BTreeMap<_, _>>();
                    request.body("application/json", serde_json::to_string(&body).unwrap())
                }
                2 => request.bearer(&tokens.access.as_str().into()),
                _ => {
                    let (cookie, token) = if place == 4 { (&console, &console_token) } else { (&cookie, &token) };
                    let mut serializer = form_urlencoded::Serializer::new(String::new());
                    let body = serializer.append_pair("form_token", token).extend_pairs(fields).finish();
                    request
                        .body("application/x-www-form-urlencoded", body)
                        .header("origin", bases[place].origin().to_string())
                        .header("cookie", cookie.as_str())
                }
            };
            for (name, value) in headers {
                request = request.header(&name, Text::from(value));
            }
            let answer = world.service.handle_with(WallTime::from_unix_millis(now), &request, fault);
            if let Some(response) = answer.complete() {
                prop_assert!((200..600).contains(&response.status));
                let text = text_of(&response);
                prop_assert!(!text.contains(&key) && !text.contains(&tokens.refresh));
                for (name, value) in &response.headers {
                    prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}: {:?}", name, value);
                }
            }
        }
        let saved = serde_json::to_string(world.service.state()).unwrap();
        prop_assert_eq!(&serde_json::from_str::<doorkey_sandbox::State>(&saved).unwrap(), world.service.state());
    }
}
