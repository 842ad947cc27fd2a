//! What the screen stands on: a service, and what its machines may end with.

use doorkey::screen::job::{Done, Job};
use doorkey_core::billing::{Advice, Billing};
use doorkey_core::command::Choice;
use doorkey_core::connect::Connected;
use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::credits::CreditsReport;
use doorkey_core::disconnect::Disconnected;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::keep::Kept;
use doorkey_core::money::Money;
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::record::{Backend, Record, Workspace};
use doorkey_core::rotation::Rotation;
use doorkey_core::secret::Secret;
use doorkey_core::service::{PensarHosts, Service};
use doorkey_core::time::{Now, Timestamp, WallTime};
use doorkey_core::url::Url;

pub fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

pub fn service() -> Service {
    let hosts = PensarHosts {
        api: url("https://api.pensar.dev"),
        console: url("https://console.pensar.dev"),
        gateway: url("https://gateway.pensar.dev"),
        workos: url("https://api.workos.com"),
    };
    Service::pensar(hosts, "build-box".to_owned())
}

pub fn at(millis: u64) -> Now {
    Now { mono: Timestamp::from_millis(millis), wall: WallTime::from_unix_millis(millis) }
}

pub fn record() -> Record {
    let workspace = Workspace { id: None, name: Some("Acme Corp".to_owned()), slug: "acme".to_owned() };
    Record::new("https://api.pensar.dev", Some(workspace), Secret::from("key"))
}

pub fn device_code(expires_at: u64) -> Notice {
    Notice::DeviceCode {
        user_code: Secret::from("BCDF-GHJK"),
        verification_uri: url("https://console.pensar.dev/device"),
        verification_uri_complete: Some(url("https://console.pensar.dev/device?user_code=BCDF-GHJK")),
        expires_at: Timestamp::from_millis(expires_at),
    }
}

pub fn waiting(next_poll: u64, expires_at: u64) -> Notice {
    Notice::Waiting {
        last_poll: PollState::NotYet,
        next_poll: Some(Timestamp::from_millis(next_poll)),
        expires_at: Timestamp::from_millis(expires_at),
    }
}

pub fn choices(count: usize) -> Vec<Choice> {
    let choice = |at: usize| Choice {
        name: format!("Workspace {at} 日本"),
        slug: format!("workspace-{at}"),
        balance: (!at.is_multiple_of(3)).then(|| Money::from_units(at as i64 * 10_000)),
    };
    (0..count).map(choice).collect()
}

pub fn billing(cents: i64, advice: Advice) -> Billing {
    Billing { balance: Some(Money::from_units(cents * 100)), has_payment_method: true, ready: true, advice }
}

pub fn top_up() -> Advice {
    Advice::TopUp { page: url("https://console.pensar.dev/acme/settings/billing") }
}

pub fn looked(state: ConnectionState) -> Done {
    let credential = match state {
        ConnectionState::None => Err(Failure::new(Exit::NotSignedIn, "not_signed_in", "not connected")),
        _ => Ok(Kept { backend: Backend::File, record: record() }),
    };
    Done::Looked(Ok(ConnectionReport {
        credential,
        state,
        in_emergency_file: false,
        elsewhere: Vec::new(),
        sources: None,
    }))
}

/// Signed in, but never told where to work.
pub fn looked_without_workspace() -> Done {
    let rotation = Some(Rotation::default().into());
    let record = Record { workspace: None, rotation, ..record() };
    let credential = Ok(Kept { backend: Backend::File, record });
    Done::Looked(Ok(ConnectionReport {
        credential,
        state: ConnectionState::Connected,
        in_emergency_file: false,
        elsewhere: Vec::new(),
        sources: None,
    }))
}

pub fn connected(advice: Advice) -> Done {
    let kept = Kept { backend: Backend::Keychain, record: record() };
    Done::Connected(Ok(Connected { kept, billing: Some(billing(50, advice)), already: false }))
}

pub fn disconnected() -> Done {
    Done::Disconnected(Ok(Disconnected {
        workspace: record().workspace.as_deref().cloned(),
        was_connected: true,
        ..Disconnected::default()
    }))
}

pub fn credits(advice: Advice) -> Done {
    let billing = billing(4_200, advice);
    let (workspace, slug) = (Some("Acme Corp".to_owned()), Some("acme".to_owned()));
    Done::Credits(Ok(CreditsReport { workspace, slug, billing }))
}

/// The job ends without success.
pub fn failed(job: Job, failure: Failure) -> Done {
    match job {
        Job::Look => Done::Looked(Err(failure)),
        Job::Connect => Done::Connected(Err(failure)),
        Job::Disconnect => Done::Disconnected(Err(failure)),
        Job::Credits => Done::Credits(Err(failure)),
    }
}
