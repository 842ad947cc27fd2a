//! What is measured: machines of services as the commands set them up.

use std::hint::black_box;
use std::mem::size_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::http::HttpResponse;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::oauth::Dialect;
use doorkey_core::pairing::Pairing;
use doorkey_core::record::{Backend, Generation, Record};
use doorkey_core::rotation::{Access, Moment, Rotation};
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::session::Session;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::Url;

use crate::meter::{Recorded, Recording, weigh};
use crate::world::{BEGIN, Until, World};

const INTERVAL: Duration = Duration::from_secs(5);
const POLLS: u32 = 50;
const BOOT: &str = "5c3f5bd8-6f2a-4a6c-9a55-0d4c8b7f1e22";
const NOT_PAIRED: &str = r#"{"error":{"code":"not_paired_yet","message":"Nobody has authorized.","request_id":"req_0123456789abcdef"}}"#;
const CODE: &str = r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS","user_code":"WDJB-MJHT",
    "verification_uri":"https://issuer.example/device",
    "verification_uri_complete":"https://issuer.example/device?user_code=WDJB-MJHT","expires_in":300,"interval":5}"#;
const PENDING: &str =
    r#"{"error":"authorization_pending","error_description":"Nobody has decided about this code yet."}"#;
const TOKENS: &str = r#"{"access_token":"eyJhbGciOiJSUzI1NiJ9.c3VydmV5LW9mLWEtdG9rZW4tb2YtdXN1YWwtbGVuZ3Ro.c2ln",
    "refresh_token":"lUVwkS8n2eRMFnTpDs0AQ7bhGKcY1dXz","token_type":"Bearer","expires_in":300}"#;

/// A machine and its story.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) recording: Box<dyn Recording>,
    /// The body that it reads again and again, if one event in two is that.
    pub(crate) answer: Option<&'static str>,
    /// At the moment that its memory is told of.
    pub(crate) moment: &'static str,
    /// The bytes of the machine itself, and of what it holds on the heap.
    pub(crate) bytes: (usize, i64),
}

pub(crate) fn scenes() -> [Scene; 4] {
    [pairing(), device_grant(), good_token(), refresh()]
}

/// Nanoseconds to parse a body with `serde_json` alone.
pub(crate) fn parsing(body: &str) -> f64 {
    const TIMES: u32 = 1_000;
    let started = Instant::now();
    for _ in 0..TIMES {
        black_box(serde_json::from_slice::<serde_json::Value>(black_box(body.as_bytes())).unwrap());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

/// What machines share, by itself.
pub(crate) fn service_bytes() -> (usize, i64) {
    (size_of::<Service>(), weigh(issuer).1)
}

fn pairing() -> Scene {
    let mut world = World::new(json(404, NOT_PAIRED), None);
    let service = Arc::new(pentify());
    let make = || Machine::new(Arc::clone(&service), Pairing::new(None, false));
    let (mut machine, heap) = weigh(|| begun(make(), &mut world, Until::Waiting).0);
    let start = machine.clone();
    let script = world.go_on(&mut machine, Until::Polled(POLLS));
    Scene {
        name: "`Pairing`, polling",
        recording: Box::new(Recorded { machine: start, script }),
        answer: Some(NOT_PAIRED),
        moment: "`Pairing`, between polls",
        bytes: (size_of::<Machine<Pairing>>(), heap),
    }
}

fn device_grant() -> Scene {
    let mut world = World::new(json(200, CODE), None);
    let service = Arc::new(issuer());
    let make = || Machine::new(Arc::clone(&service), DeviceGrant::new(false));
    let (mut machine, heap) = weigh(|| begun(make(), &mut world, Until::Waiting).0);
    let start = machine.clone();
    world.answer = json(400, PENDING);
    let script = world.go_on(&mut machine, Until::Polled(POLLS));
    Scene {
        name: "`DeviceGrant`, polling",
        recording: Box::new(Recorded { machine: start, script }),
        answer: Some(PENDING),
        moment: "`DeviceGrant`, between polls",
        bytes: (size_of::<Machine<DeviceGrant>>(), heap),
    }
}

fn good_token() -> Scene {
    session("`Session`, the token is good", "`Session`, before anything", 10_000, Until::Waiting)
}

fn refresh() -> Scene {
    session("`Session`, a refresh", "`Session`, waiting for new tokens", 290_000, Until::Asking)
}

/// A session whose access token is so old.
fn session(name: &'static str, moment: &'static str, age: u64, until: Until) -> Scene {
    let service = Arc::new(issuer());
    let make = || Machine::new(Arc::clone(&service), Session::new());
    let world = || World::new(json(200, TOKENS), Some(record(age)));
    let (_, heap) = match until {
        Until::Asking => {
            let mut world = world();
            weigh(|| begun(make(), &mut world, until).0)
        }
        _ => weigh(make),
    };
    let start = make();
    let (machine, script) = begun(start.clone(), &mut world(), Until::Ended);
    assert!(matches!(machine.outcome(), Some(Ok(_))), "{:?}", machine.outcome());
    Scene {
        name,
        recording: Box::new(Recorded { machine: start, script }),
        answer: None,
        moment,
        bytes: (size_of::<Machine<Session>>(), heap),
    }
}

fn begun<L: Logic>(
    mut machine: Machine<L>,
    world: &mut World,
    until: Until,
) -> (Machine<L>, crate::meter::Script) {
    let script = world.start(&mut machine, until);
    (machine, script)
}

fn pentify() -> Service {
    let url = |text| Url::parse(text).unwrap();
    let mut service =
        Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "build-box".into());
    service.pairing.interval = INTERVAL;
    service
}

fn issuer() -> Service {
    let [api, console, gateway, workos] =
        ["api.pensar.dev", "console.pensar.dev", "gateway.pensar.dev", "issuer.example"]
            .map(|host| Url::parse(&format!("https://{host}")).unwrap());
    let mut service = Service::pensar(PensarHosts { api, console, gateway, workos }, "build-box".into());
    service.backends = &[Backend::File];
    service.boot_id = BOOT.into();
    if let Some(oauth) = &mut service.oauth {
        oauth.dialect = Dialect::Form;
        oauth.client_id = Some("client_pensar_apex".into());
    }
    service
}

fn record(age: u64) -> Record {
    let received = BEGIN - age;
    let now = Now { mono: Timestamp::from_millis(received), wall: WallTime::from_unix_millis(received) };
    let access = Access {
        token: Secret::from("eyJhbGciOiJSUzI1NiJ9.c3VydmV5LW9mLWEtdG9rZW4tb2YtdXN1YWwtbGVuZ3Ro.b2xk"),
        received: Moment::new(now, BOOT),
        lifetime: Some(Duration::from_secs(300)),
    };
    let rotation = Rotation {
        client_id: Some("client_pensar_apex".into()),
        access: Some(access),
        ..Rotation::default()
    };
    let mut record = Record::new(&issuer().issuer, None, Secret::from("kXJ7wqP1mZ0LrT5cV9sB3nY8dG2hF6aE"));
    record.generation = Some(Generation::first(&Entropy::new([7; 32])));
    record.rotation = Some(rotation.into());
    record
}

fn json(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status, body).header("content-type", "application/json").header("content-length", "100")
}
