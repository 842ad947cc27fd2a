//! How a session stands: what is looked at for that, and what is asked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use doorkey_core::connection::{Connection, ConnectionReport, ConnectionState};
use doorkey_core::disconnect::Place;
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpResponse;
use doorkey_core::keep::Kept;
use doorkey_core::record::{Backend, Generation, Record, Slot, Workspace};
use doorkey_core::secret::Secret;
use doorkey_core::service::{PENSAR_API, PENSAR_CONSOLE, PENSAR_GATEWAY, PensarHosts, Service, WORKOS_API};
use doorkey_core::sources::Standing;
use doorkey_core::store::{StoreFailureKind, StoreOp};
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use world::World;

fn world() -> World {
    let url = |text| Url::parse(text).unwrap();
    let hosts = PensarHosts {
        api: url(PENSAR_API),
        console: url(PENSAR_CONSOLE),
        gateway: url(PENSAR_GATEWAY),
        workos: url(WORKOS_API),
    };
    let mut world = World::new(|_| Ok(HttpResponse::new(503, "")));
    world.service = Service::pensar(hosts, "build-box".into());
    world
}

fn plain(world: &mut World) -> ConnectionReport {
    world.run(&Task::Connection, Connection::default()).unwrap().unwrap()
}

fn explained(world: &mut World) -> ConnectionReport {
    world.run(&Task::ExplainConnection, Connection::explained()).unwrap().unwrap()
}

/// An API key that does not say its workspace.
fn put_api_key(world: &mut World) {
    let record = Record {
        generation: Generation::parse("l.1"),
        ..Record::new(&world.service.issuer, None, Secret::from("key-1"))
    };
    world.stores.get_mut(&Backend::File).unwrap().insert(Slot::Active, record);
    world.ledger.backend = Some(Backend::File);
}

fn standings(report: &ConnectionReport) -> Vec<(Place, Standing)> {
    let sources = report.sources.as_ref().unwrap();
    sources.iter().map(|source| (source.place, source.standing.clone())).collect()
}

#[test]
fn signed_out_each_backend_is_asked_once() {
    for broken in [false, true] {
        let mut world = world();
        if broken {
            world.broken.insert(Backend::Keychain, StoreFailureKind::Absent);
        }
        let report = plain(&mut world);
        let asked: Vec<_> = world
            .ops
            .iter()
            .filter_map(|op| if let StoreOp::Load { backend, .. } = op { Some(*backend) } else { None })
            .collect();
        assert_eq!(asked, [Backend::Keychain, Backend::File]);
        assert_eq!(report.state, ConnectionState::None);
        let elsewhere: Vec<_> =
            report.elsewhere.iter().map(|(place, look)| (*place, look.is_err())).collect();
        assert_eq!(elsewhere, [(Backend::Keychain, broken), (Backend::File, false)]);
        assert!(report.sources.is_none());
    }
}

#[test]
fn an_explanation_asks_nobody() {
    let mut world = world();
    put_api_key(&mut world);
    plain(&mut world);
    assert!(!world.sent.is_empty(), "it would have something to ask");
    let report = explained(&mut world);
    assert!(world.sent.is_empty());
    assert_eq!(report.state, ConnectionState::Connected);
    assert_eq!(
        standings(&report),
        [
            (Place::Backend(Backend::File), Standing::Used),
            (Place::Backend(Backend::Keychain), Standing::Empty),
            (Place::Emergency, Standing::Empty),
            (Place::Settings, Standing::Empty),
        ]
    );
}

#[test]
fn what_cannot_be_read_hides_no_other_place() {
    let mut world = world();
    put_api_key(&mut world);
    world.broken.insert(Backend::File, StoreFailureKind::Unreadable);
    assert!(world.run(&Task::Connection, Connection::default()).unwrap().is_err());
    let report = explained(&mut world);
    assert_eq!(&*report.credential.as_ref().unwrap_err().code, "store_unreadable");
    let told = standings(&report);
    assert!(matches!(&told[0], (Place::Backend(Backend::File), Standing::Failed(_))), "{told:?}");
    assert_eq!(told[1], (Place::Backend(Backend::Keychain), Standing::Empty));
    assert_eq!(told.len(), 4);
}

#[test]
fn connected_is_what_has_a_workspace_and_goes_on() {
    use ConnectionState::{Connected, Ending, Expired, None as Nothing, Recovering};
    let workspace = Workspace { id: None, name: None, slug: "acme".to_owned() };
    let key = Record::bare(Secret::from("key-1"));
    let session = Record::bare_refresh(Secret::from("refresh-1"));
    let chosen = Record { workspace: Some(workspace.into()), ..session.clone() };
    for (credential, state, connected) in [
        (None, Nothing, false),
        (Some(&key), Connected, true),
        (Some(&session), Connected, false),
        (Some(&chosen), Connected, true),
        (Some(&session), Recovering, false),
        (Some(&chosen), Recovering, true),
        (Some(&chosen), Ending, false),
        (Some(&chosen), Expired, false),
    ] {
        let kept = |record: &Record| Kept { backend: Backend::File, record: record.clone() };
        let credential = credential.map(kept).ok_or_else(Failure::interrupted);
        let report = ConnectionReport {
            credential,
            state,
            in_emergency_file: false,
            elsewhere: Vec::new(),
            sources: None,
        };
        assert_eq!(report.is_connected(), connected, "{report:?}");
    }
}
