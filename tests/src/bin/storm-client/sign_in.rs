//! A login from the device code to the stored session, with the person at the other side.

use std::thread;
use std::time::Duration;

use doorkey_blocking::{Clock as _, Driver};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::record::{Generation, Record, Slot};
use doorkey_core::service::Service;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_tests::grant;
use doorkey_tests::storm::line::Told;

use crate::args::{Args, Place};
use crate::lines::{Lines, access, fingerprint, login};
use crate::place;

/// Between two attempts to store what a keyring did not take.
const PAUSE: Duration = Duration::from_millis(200);

pub fn run(args: &Args) -> Result<(), Failure> {
    let service = place::service(args);
    let record = grant::record(&service, place::clock(args).now());
    // Known before anybody can find it.
    let generation = Generation { login: record.token.fingerprint().as_str().into(), counter: 1 };
    let record = Record { generation: Some(generation), ..record };
    let lines = Lines::new(args.name);
    let (login, token) = (login(&record), fingerprint(&record));
    lines.tell(Told::SignedIn { login, token, access: access(&record) });
    // What has failed may have happened all the same, and be renewed by now.
    let mut stored = keep(args, &service, &record);
    while let Err(failure) = &stored
        && failure.exit == Exit::Store
        && matches!(args.store, Place::Keychain)
    {
        lines.failed(None, failure);
        thread::sleep(PAUSE);
        stored = match is_stored(args, &service, &record) {
            Some(true) => Ok(()),
            Some(false) => keep(args, &service, &record),
            None => stored,
        };
    }
    stored.inspect_err(|failure| lines.failed(None, failure))
}

fn keep(args: &Args, service: &Service, record: &Record) -> Result<(), Failure> {
    let vault = place::vault(args, service);
    let mut driver = Driver::new(place::transport(), vault).with_clock(place::clock(args));
    driver.run(Machine::new(service.clone(), Keep::new(record.clone(), service.backends))).map(drop)
}

/// Whether a session of this login is stored; nothing if that cannot be told.
fn is_stored(args: &Args, service: &Service, record: &Record) -> Option<bool> {
    let load = StoreOp::Load { backend: args.store.backend(), slot: Slot::Active };
    match place::vault(args, service).perform(load) {
        StoreAnswer::Records(found) => Some(found.iter().any(|(_, found)| login(found) == login(record))),
        _ => None,
    }
}
