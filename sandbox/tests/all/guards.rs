//! What protects the pages from other pages, and people from hostile links.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::url::Text;
use doorkey_sandbox::Person;

use crate::world::*;

/// A person who is signed in and looks at the decision, and the fields that would approve.
struct Scene {
    world: World,
    cookie: String,
    form_token: String,
    id: String,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let cookie = world.sign_in(SOLO);
        let id = device_id(1);
        let link = world.link(&id, "laptop");
        let page = world.get(link.expose_target().expose_secret(), &cookie);
        Self { form_token: form_token(&page), world, cookie, id }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("form_token", self.form_token.clone()),
            ("device_id", self.id.clone()),
            ("workspace", "acme".to_owned()),
            ("decision", "approve".to_owned()),
        ]
    }

    fn request(&self) -> HttpRequest {
        let fields = self.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        form_request(self.world.config.app.join("/auth/terminal-pair"), &fields)
    }

    fn is_approved(&mut self) -> bool {
        let id = self.id.clone();
        self.world.poll(&id).status == 200
    }
}

#[test]
fn only_our_own_form_approves() {
    let origin = "http://127.0.0.1:8002";
    type Change = fn(&Scene) -> HttpRequest;
    let whole: Change = |scene| {
        scene.request().header("origin", "http://127.0.0.1:8002").header("cookie", scene.cookie.as_str())
    };
    let cases: [(&str, u16, Change); 10] = [
        ("as it should be", 200, whole),
        ("no origin", 403, |scene| scene.request().header("cookie", scene.cookie.as_str())),
        ("null origin", 403, |scene| {
            scene.request().header("origin", "null").header("cookie", scene.cookie.as_str())
        }),
        ("origin of another port", 403, |scene| {
            scene.request().header("origin", "http://127.0.0.1:8003").header("cookie", scene.cookie.as_str())
        }),
        ("origin of the API", 403, |scene| {
            scene.request().header("origin", "http://127.0.0.1:8001").header("cookie", scene.cookie.as_str())
        }),
        ("no cookie", 403, |scene| scene.request().header("origin", "http://127.0.0.1:8002")),
        ("another cookie", 403, |scene| {
            let cookie = format!("{}x", scene.cookie);
            scene.request().header("origin", "http://127.0.0.1:8002").header("cookie", cookie)
        }),
        ("another form token", 403, |scene| {
            let mut request = scene.request();
            let body = text_of_request(&request).replace("form_token=", "form_token=x");
            request.body = body.into();
            request.header("origin", "http://127.0.0.1:8002").header("cookie", scene.cookie.as_str())
        }),
        ("not a form", 415, |scene| {
            let mut request = scene.request();
            request.headers = vec![("content-type".to_owned(), Text::from("text/plain"))];
            request.header("origin", "http://127.0.0.1:8002").header("cookie", scene.cookie.as_str())
        }),
        ("another host", 421, |scene| {
            scene
                .request()
                .header("origin", "http://127.0.0.1:8002")
                .header("cookie", scene.cookie.as_str())
                .header("host", "evil.example:8002")
        }),
    ];
    for (case, status, change) in cases {
        let mut scene = Scene::new();
        assert_eq!(scene.world.config.app.origin().to_string(), origin);
        let request = change(&scene);
        assert_eq!(scene.world.send(&request).status, status, "{case}");
        assert_eq!(scene.is_approved(), status == 200, "{case}");
    }
}

#[test]
fn opening_a_link_approves_nothing_whatever_it_says() {
    let mut scene = Scene::new();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(scene.fields()).finish();
    let cookie = scene.cookie.clone();
    for path in ["/auth/terminal-pair", "/sign-in", "/settings/api-keys/revoke"] {
        scene.world.get(&format!("{path}?device_name=x&{query}"), &cookie);
    }
    assert!(!scene.is_approved());
    assert_eq!(scene.world.poll(&device_id(1)).status, 404);
}

#[test]
fn a_foreign_host_name_reaches_neither_api_nor_pages() {
    let mut world = World::new();
    for base in [world.config.api.clone(), world.config.app.clone()] {
        for host in ["evil.example", "localhost:8001", "127.0.0.1", "127.0.0.1:8003", ""] {
            let request = HttpRequest::new(Method::Get, base.join("/sign-in")).header("host", host);
            assert_eq!(refusal(&world.send(&request)), (421, "misdirected_request".to_owned()), "{host}");
        }
    }
}

#[test]
fn signing_in_leads_to_our_own_pages_only() {
    let mut world = World::new();
    for (next, expected) in [
        ("/auth/terminal-pair?device_id=x&device_name=y", "/auth/terminal-pair?device_id=x&device_name=y"),
        ("/settings/api-keys", "/settings/api-keys"),
        ("", "/settings/api-keys"),
        ("https://evil.example/", "/settings/api-keys"),
        ("//evil.example/settings/api-keys", "/settings/api-keys"),
        ("/\\evil.example", "/settings/api-keys"),
        ("@evil.example/settings/api-keys", "/settings/api-keys"),
        ("1/settings/api-keys", "/settings/api-keys"),
        ("/sign-out", "/settings/api-keys"),
        ("/settings/api-keys\r\nset-cookie: x=y", "/settings/api-keys"),
    ] {
        let page = world.get("/sign-in", "");
        let cookie = cookie_of(&page).unwrap();
        let fields =
            [("form_token", form_token(&page)), ("email", SOLO.to_owned()), ("next", next.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = world.post("/sign-in", &cookie, &fields);
        assert_eq!((answer.status, answer.header_value("location")), (303, Some(expected)), "{next:?}");
        assert_ne!(cookie_of(&answer), Some(cookie), "signing in changes the cookie");
    }
}

#[test]
fn hostile_names_are_shown_harmlessly() {
    for (name, shown) in [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"><img src=x onerror=alert(1)>", "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;"),
        ("a&b?c#d", "a&amp;b?c#d"),
        ("bücher-ノート", "bücher-ノート"),
        ("evil\u{202e}gnp", "evil\u{fffd}gnp"),
        ("two\r\nlines\u{1b}[2J", "two  lines\u{fffd}[2J"),
        (&"x".repeat(5_000), &format!("{}…", "x".repeat(64))),
    ] {
        let mut world = World::new();
        let cookie = world.sign_in(MULTI);
        let id = device_id(1);
        let link = world.link(&id, name);
        for workspace in ["", "acme", "<b>nowhere</b>"] {
            let target = link.clone().with("workspace", workspace);
            let page = text_of(&world.get(target.expose_target().expose_secret(), &cookie));
            assert!(page.contains(&format!(">{shown}<")), "{name:?} in {page}");
            assert!(!page.contains("<script") && !page.contains("<img src=x") && !page.contains("<b>"));
        }
        let key = world.pair(&mut Person::new(MULTI), &id, name);
        let page = text_of(&world.get("/settings/api-keys", &cookie));
        assert!(page.contains(&format!(">Pentify Terminal · {shown}<")), "{page}");
        assert!(!page.contains(&key));
    }
}

#[test]
fn links_without_their_parts_are_not_valid() {
    let mut world = World::new();
    let id = device_id(1);
    for query in [
        String::new(),
        format!("device_id={id}"),
        format!("device_id={id}&device_name="),
        format!("device_id={id}&device_name=%20"),
        "device_name=laptop".to_owned(),
        format!("device_id={}&device_name=laptop", &id[1..]),
        format!("device_id={id}%00&device_name=laptop"),
    ] {
        let page = world.get(&format!("/auth/terminal-pair?{query}"), "");
        assert_eq!(page.status, 400, "{query}");
        assert!(text_of(&page).contains("This link is not valid"));
    }
}

#[test]
fn every_page_is_locked_down() {
    let mut world = World::new();
    let cookie = world.sign_in(MULTI);
    let link = world.link(&device_id(1), "laptop");
    let link = link.expose_target();
    for target in
        ["/", "/sign-in", "/settings/api-keys", "/nothing", "/style.css", "/icon.svg", link.expose_secret()]
    {
        for cookie in ["", &cookie] {
            let page = world.get(target, cookie);
            let header = |name| page.header_value(name).unwrap_or_default().to_owned();
            let csp = header("content-security-policy");
            for part in
                ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
            {
                assert!(csp.contains(part), "{target}: {csp}");
            }
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("referrer-policy"), "same-origin");
            assert_eq!(page.header_value("access-control-allow-origin"), None);
            if !target.contains('.') {
                assert_eq!(header("cache-control"), "no-store", "{target}");
            }
            let set = header("set-cookie");
            assert!(set.is_empty() || set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
        }
    }
    for path in ["/auth/terminal/poll", "/v1/usage"] {
        let request = HttpRequest::new(Method::Get, world.config.api.join(path));
        let answer = world.send(&request.header("origin", "https://evil.example"));
        assert_eq!(answer.header_value("access-control-allow-origin"), None);
        assert_eq!(answer.header_value("cache-control"), Some("no-store"));
    }
}

#[test]
fn keys_are_listed_and_revoked_by_their_holder_only() {
    let mut world = World::new();
    let key = world.pair(&mut Person::new(SOLO), &device_id(1), "laptop");
    let other = world.pair(&mut Person::new(MULTI), &device_id(2), "desktop");
    let (solo, multi) = (world.sign_in(SOLO), world.sign_in(MULTI));
    let page = world.get("/settings/api-keys", &solo);
    let text = text_of(&page);
    assert!(text.contains(&key[..12]) && !text.contains(&other[..12]));
    let (_, rest) = text.split_once("name=\"key\" value=\"").unwrap();
    let name = rest.split_once('"').unwrap().0;
    let theirs = form_token(&world.get("/settings/api-keys", &multi));
    let answer = world.post("/settings/api-keys/revoke", &multi, &[("form_token", &theirs), ("key", name)]);
    assert_eq!(answer.status, 404);
    assert_eq!(world.api(Method::Get, "/v1/usage", &key).status, 200);
    let ours = form_token(&page);
    let answer = world.post("/settings/api-keys/revoke", &solo, &[("form_token", &ours), ("key", name)]);
    assert_eq!(answer.status, 303);
    assert_eq!(refusal(&world.api(Method::Get, "/v1/usage", &key)), (401, "invalid_api_key".to_owned()));
    assert!(text_of(&world.get("/settings/api-keys", &solo)).contains("Revoked"));
}

#[test]
fn signing_out_ends_the_session_for_good() {
    let mut world = World::new();
    let cookie = world.sign_in(SOLO);
    let page = world.get("/settings/api-keys", &cookie);
    let answer = world.post("/sign-out", &cookie, &[("form_token", &form_token(&page))]);
    assert_eq!(answer.status, 303);
    let page = world.get("/settings/api-keys", &cookie);
    assert_eq!(
        (page.status, page.header_value("location")),
        (303, Some("/sign-in?next=%2Fsettings%2Fapi-keys"))
    );
    let cookie = world.sign_in(SOLO);
    world.wait(12 * 3_600_000 + 1_000);
    assert_eq!(world.get("/settings/api-keys", &cookie).status, 303, "twelve hours are enough");
}

fn text_of_request(request: &HttpRequest) -> String {
    String::from_utf8(request.body.as_bytes().to_vec()).unwrap()
}
