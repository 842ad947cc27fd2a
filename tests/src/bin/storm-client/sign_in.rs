//! A login from the device code to the stored session, with the person at the other side.

use doorkey_blocking::{Clock as _, Driver};
use doorkey_core::failure::Failure;
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_tests::grant;
use doorkey_tests::storm::line::Told;

use crate::args::Args;
use crate::lines::{Lines, access, fingerprint, login};
use crate::place;

pub fn run(args: &Args) -> Result<(), Failure> {
    let service = place::service(args);
    let clock = place::clock(args);
    let record = grant::record(&service, clock.now());
    let vault = place::vault(args, &service);
    let mut driver = Driver::new(place::transport(), vault).with_clock(clock);
    let keep = Keep::new(record, service.backends);
    let lines = Lines::new(args.name);
    match driver.run(Machine::new(service, keep)) {
        Ok(kept) => {
            let record = &kept.record;
            let (login, token) = (login(record), fingerprint(record));
            lines.tell(Told::SignedIn { login, token, access: access(record) });
            Ok(())
        }
        Err(failure) => {
            lines.failed(None, &failure);
            Err(failure)
        }
    }
}
