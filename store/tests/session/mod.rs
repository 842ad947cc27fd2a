//! A session's records, for tests.

use std::time::Duration;

use doorkey_core::record::{Gateway, Generation, Record, Workspace};
use doorkey_core::rotation::{Access, Journal, Moment, Rotation, Spending};
use doorkey_core::secret::Secret;
use doorkey_core::time::{Timestamp, WallTime};
use doorkey_core::url::Url;

/// A refresh token of this login.
pub fn refresh_token(login: &str, number: u64) -> Secret {
    Secret::new(format!("refresh-{login}{number}"))
}

/// A session of this login, as rich as they come: its refresh token has the number of its counter.
pub fn session(login: &str, counter: u64) -> Record {
    let received = Moment {
        wall: WallTime::from_unix_millis(1_700_000_000_000),
        mono: Timestamp::from_millis(counter),
        boot: "boot".into(),
    };
    let started = received.clone();
    let rotation = Rotation {
        client_id: Some("client_1".into()),
        machine: Some("machine".into()),
        access: Some(Access {
            token: Secret::new(format!("access-{counter}-{}", "é".repeat(5_000))),
            received,
            lifetime: Some(Duration::from_secs(300)),
        }),
        journal: Journal::Spending(Spending { attempt: 1, started, last_resorts: 1 }),
        spent: (counter.saturating_sub(8)..counter)
            .map(|number| refresh_token(login, number).fingerprint())
            .collect(),
    };
    Record {
        generation: Some(Generation { login: login.into(), counter }),
        workspace: Some(
            Workspace { id: Some("ws_1".into()), name: Some("My Team".into()), slug: "my-team".into() }
                .into(),
        ),
        rotation: Some(rotation.into()),
        gateway: Gateway {
            url: Url::parse("https://gateway.pensar.dev").ok(),
            signing_key: Some(Secret::from("signing-key")),
        },
        ..Record::new("https://api.pensar.dev", None, refresh_token(login, counter))
    }
}

/// What is left when a session of this login is ended.
pub fn tombstone(login: &str, counter: u64) -> Record {
    Record::tombstone(Generation { login: login.into(), counter })
}
