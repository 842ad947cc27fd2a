//! Many sessions at once on the async driver: `sessions MACHINE CONNECTIONS NUMBER SECONDS URL`. Says on its output when it has
//! come to a state that is to be measured from outside.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "it says how far it is")]

#[path = "../../lateness.rs"]
mod lateness;
mod load;
mod machines;
mod punctual;
mod standing;

use std::time::Duration;

use crate::load::{Load, QUIET};
use crate::machines::{Grants, Pairings};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [machine, connections, number, seconds, url] = &args[..] else {
        panic!("sessions MACHINE CONNECTIONS NUMBER SECONDS URL")
    };
    raise_limits();
    let interval = Duration::from_secs(seconds.parse().unwrap());
    let load = Load::new(connections, number.parse().unwrap(), interval);
    match machine.as_str() {
        "pairing" => load.run(&Pairings::new(url, interval + QUIET, interval)),
        "device" => load.run(&Grants::new(url)),
        _ => panic!("pairing | device"),
    }
}

fn raise_limits() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}
