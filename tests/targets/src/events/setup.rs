//! What is run, for which service, and what is stored before.

use std::time::Duration;

use doorkey_core::connect::ConnectOptions;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::LoginOptions;
use doorkey_core::logout::LogoutOptions;
use doorkey_core::metadata::{Endpoints, Metadata};
use doorkey_core::oauth::OAuth;
use doorkey_core::pending_grant::PendingGrant;
use doorkey_core::record::{Backend, Gateway, Generation, Record, Slot, Workspace};
use doorkey_core::resolve::Given;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation, Spending};
use doorkey_core::secret::{Fingerprint, Secret};
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::sign_in::{GrantKind, SignInOptions};
use doorkey_core::status::StatusOptions;
use doorkey_core::store::{StoreFailureKind, Unsettled};
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::{Origin, Url};
use doorkey_core::verdict::{Refusal, RefusalKind};

use crate::bytes::Bytes;

use super::secrets::{secret, token_of};
use super::stores::Stores;

/// The issuer of the services that have one.
pub const ISSUER: &str = "https://auth.example.com";
/// When a run begins.
pub const START: Now =
    Now { mono: Timestamp::from_millis(1_000_000_000), wall: WallTime::from_unix_millis(1_700_000_000_000) };
const BOOT: &str = "boot-1";
const MACHINE: &str = "machine-1";

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

/// One of all kinds.
pub fn service(bytes: &mut Bytes<'_>) -> Service {
    let mut service = match bytes.below(6) {
        0 => Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "box".into()),
        1 | 2 => {
            let hosts = PensarHosts {
                api: url("https://api.pensar.dev"),
                console: url("https://console.pensar.dev"),
                gateway: url("https://gateway.pensar.dev"),
                workos: url("https://api.workos.com"),
            };
            Service::pensar(hosts, "box".into())
        }
        _ => {
            let at = |path| Some(url(ISSUER).join(path));
            let ends = bytes.byte();
            let oauth = OAuth {
                issuer: Some(ISSUER.to_owned()),
                authorization_endpoint: at("/authorize").filter(|_| ends & 1 == 0),
                device_authorization_endpoint: at("/device").filter(|_| ends & 2 == 0),
                revocation_endpoint: at("/revoke").filter(|_| ends & 4 == 0),
                names_issuer: ends & 8 != 0,
                grace: (ends & 16 != 0).then_some(Duration::from_secs(10)),
                access_lifetime: (ends & 32 != 0).then_some(Duration::from_secs(300)),
                client_id: Some("client_1".to_owned()),
                resources: vec![Origin::parse("https://api.example.com").expect("an origin")],
                ..OAuth::new(url(ISSUER).join("/token"))
            };
            Service::issuer(ISSUER, "work", "box".into()).expect("an issuer").with_oauth(oauth)
        }
    };
    service.boot_id = BOOT.to_owned();
    let more = bytes.byte();
    service.machine_id = (more & 1 == 0).then(|| MACHINE.to_owned());
    service.person_present = more & 2 != 0;
    service.backends = match more >> 2 & 3 {
        0 | 1 => &[Backend::Keychain, Backend::File],
        2 => &[Backend::File],
        _ => &[Backend::EncryptedFile],
    };
    if more & 0xf0 == 0xf0 { service.sandboxed() } else { service }
}

/// One of all kinds.
pub fn task(bytes: &mut Bytes<'_>, service: &Service) -> Task {
    let kind = bytes.below(21);
    let options = bytes.byte();
    let flag = |bit: u8| options & (1 << bit) != 0;
    let workspace = || flag(7).then(|| "acme".to_owned());
    let token = || Secret::new(format!("pt_live_{}", secret(90)));
    let given = || Given { flag: flag(0).then(token), variable: flag(1).then(token), workspace: workspace() };
    let request = || {
        let to = match options >> 2 & 3 {
            0 | 1 => service.api.join("/v1/usage"),
            2 => service.gateway.as_ref().unwrap_or(&service.api).join("/v1/messages"),
            _ => url("https://elsewhere.example/"),
        };
        let method = if flag(4) { Method::Post } else { Method::Get };
        HttpRequest::new(method, to).body("application/json", "{}")
    };
    let endpoints = |all: bool| Endpoints {
        token: flag(2).then(|| url(ISSUER).join("/token")),
        device_authorization: (all || flag(3)).then(|| url(ISSUER).join("/device")),
        ..Endpoints::default()
    };
    match kind {
        0 => Task::Login(LoginOptions {
            workspace: workspace(),
            re_pair: flag(0),
            open_browser: flag(1),
            variable_set: flag(2),
        }),
        1 => Task::UseToken { token: token(), variable_set: flag(0) },
        2 => Task::Logout(LogoutOptions { workspace: workspace(), revoke: flag(0) }),
        3 => Task::Status(StatusOptions { given: given(), explain: flag(2), check: flag(3) }),
        4 => Task::Connect(ConnectOptions { workspace: workspace(), force: flag(0), open_browser: flag(1) }),
        5 => Task::Disconnect,
        6 => Task::Connection,
        7 => Task::ExplainConnection,
        8 => Task::Credits,
        9 => {
            let kind = if flag(0) { RefusalKind::Rights } else { RefusalKind::Token };
            // That of the access token that is stored.
            let token = Fingerprint::of(access_token().as_bytes());
            Task::Session { refusal: flag(1).then_some(Refusal { token, kind }) }
        }
        10 => Task::Call { given: given(), request: request() },
        11 => Task::SharedCall { request: request() },
        12 => Task::Find { given: given() },
        13 => {
            let remembered = Metadata {
                issuer: ISSUER.to_owned(),
                endpoints: endpoints(true),
                names_issuer: flag(4),
                speaks_openid: flag(5),
            };
            Task::Discover {
                issuer: ISSUER.to_owned(),
                given: Box::new(endpoints(false)),
                remembered: flag(6).then(|| Box::new(remembered)),
            }
        }
        14 | 15 => Task::SignIn {
            options: SignInOptions {
                open_browser: flag(0),
                browser_is_here: flag(1),
                grant: [None, Some(GrantKind::Device), Some(GrantKind::Browser), None]
                    [usize::from(options >> 2 & 3)],
            },
            pending: (kind == 15).then(|| Box::new(pending(service))),
        },
        16 => Task::StartGrant,
        17 => Task::SignOut { revoke: flag(0) },
        18 => Task::ResumeSignOut,
        19 => Task::Distrust { token: Secret::new(access_token()) },
        _ if flag(0) => Task::DeviceGrant { open_browser: flag(1) },
        _ => Task::BrowserGrant { open_browser: flag(1) },
    }
}

fn pending(service: &Service) -> PendingGrant {
    PendingGrant {
        issuer: service.issuer.clone(),
        client_id: "client_1".to_owned(),
        device_code: Secret::new(secret(91)),
        user_code: Secret::new(secret(92)),
        verification_uri: service.app.join("/activate"),
        verification_uri_complete: None,
        started: Moment::new(START, BOOT),
        lag: Duration::from_millis(200),
        lifetime: Duration::from_secs(600),
        interval: Duration::from_secs(5),
        polled: false,
    }
}

fn access_token() -> String {
    token_of(93, START.wall.as_unix_seconds() - 100, Duration::from_secs(300))
}

/// What is stored when it begins.
pub fn stores(bytes: &mut Bytes<'_>, service: &Service) -> Stores {
    let mut stores = Stores::default();
    let home = service.backends[bytes.below(service.backends.len())];
    if bytes.flag() {
        let record = record(bytes, service);
        stores.ledger.backend = Some(home);
        stores.ledger.session = record.rotation.is_some();
        stores.ledger.active = record.slug().map(str::to_owned);
        if record.rotation.is_none() && service.oauth.is_none() {
            stores.records.insert((home, Slot::Workspace("acme".into())), record.clone());
        }
        stores.records.insert((home, Slot::Active), record);
    }
    let more = bytes.byte();
    if more & 1 != 0 {
        stores.emergency = Some(record(bytes, service)).filter(|record| record.generation.is_some());
    }
    if more & 2 != 0 {
        let mut plain = Record::bare_refresh(Secret::new(secret(94)));
        plain.workspace = Some(workspace().into());
        stores.plaintext = Some(plain);
    }
    if more & 4 != 0 {
        let elsewhere = *bytes.pick(&Backend::ALL);
        stores.records.insert((elsewhere, Slot::Active), record(bytes, service));
        let version = Some(stores.records[&(elsewhere, Slot::Active)].version()).filter(|_| more & 8 != 0);
        stores.ledger.unsettled.push(Unsettled { backend: elsewhere, slot: Slot::Active, version });
    }
    if more & 16 != 0 {
        stores.broken.insert(*bytes.pick(&Backend::ALL), *bytes.pick(&KINDS));
    }
    stores
}

/// How stores fail.
pub const KINDS: [StoreFailureKind; 8] = [
    StoreFailureKind::Absent,
    StoreFailureKind::Busy,
    StoreFailureKind::Locked,
    StoreFailureKind::Refused,
    StoreFailureKind::Shared,
    StoreFailureKind::TimedOut,
    StoreFailureKind::Unreadable,
    StoreFailureKind::Volatile,
];

/// A record that some login stored.
pub fn record(bytes: &mut Bytes<'_>, service: &Service) -> Record {
    let (kind, more) = (bytes.byte(), bytes.byte());
    let issuer = if more & 0x70 == 0x70 { "https://other.example" } else { &*service.issuer };
    let login = ["login-one", "login-two"][usize::from(more & 1)];
    let generation = Generation { login: login.into(), counter: 1 + u64::from(more >> 1 & 3) };
    if kind == 255 {
        return Record::tombstone(generation);
    }
    if kind % 8 == 7 {
        return Record::bare_refresh(Secret::new(secret(95)));
    }
    let mut record = Record {
        generation: Some(generation),
        ..Record::new(issuer, Some(workspace()), Secret::new(format!("pt_live_{}", secret(96))))
    };
    record.gateway = Gateway { url: None, signing_key: (more & 8 != 0).then(|| Secret::new(secret(97))) };
    if service.oauth.is_some() && kind % 8 != 6 {
        record.token = Secret::new(secret(98 + kind % 2));
        record.rotation = Some(rotation(bytes).into());
    }
    record
}

fn workspace() -> Workspace {
    Workspace { id: Some("ws_1".into()), name: Some("Acme".into()), slug: "acme".into() }
}

fn rotation(bytes: &mut Bytes<'_>) -> Rotation {
    let (kind, more) = (bytes.below(8), bytes.byte());
    let ago = [100_u64, 0, 290, 400, 5, 86_400, 59, 280][usize::from(more & 7)];
    let moment = |seconds: u64| Moment {
        wall: WallTime::from_unix_millis(START.wall.as_unix_millis() - seconds * 1000),
        mono: Timestamp::from_millis(START.mono.as_millis() - seconds * 1000),
        boot: if more & 8 == 0 { BOOT.to_owned() } else { "boot-0".to_owned() },
    };
    let access = Access {
        token: Secret::new(access_token()),
        received: moment(ago),
        lifetime: (more & 16 == 0).then_some(Duration::from_secs(300)),
    };
    let spending = |last_resorts| {
        Journal::Spending(Spending { attempt: 1 + last_resorts, started: moment(ago % 20), last_resorts })
    };
    Rotation {
        client_id: (more & 32 == 0).then(|| "client_1".to_owned()),
        machine: [Some(MACHINE), None, Some("machine-2"), Some(MACHINE)][usize::from(more >> 6)]
            .map(str::to_owned),
        access: Some(access).filter(|_| kind != 7),
        journal: match kind {
            0 | 1 | 7 => Journal::Settled,
            2 => spending(0),
            3 => spending(2),
            4 => Journal::Refused { interrupted: more & 1 == 0 },
            5 => Journal::Unrenewable,
            _ => Journal::Revoking,
        },
        spent: vec![Fingerprint::of(b"earlier")],
    }
}
