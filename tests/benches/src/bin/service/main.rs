//! What the clients that are measured talk to, in a process of its own: `service sandbox`, or `service issuer SECONDS`
//! for one with that interval. Prints its base URL and ends when its input does.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "it says where it is")]

mod issuer;

use std::io::{Read as _, stdin};
use std::thread;

use doorkey_sandbox::{Options, serve};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

fn main() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let _sandbox = match &args[..] {
        [kind] if kind == "sandbox" => {
            // All sessions come from one address.
            let running = serve(Options { rate_limit: false, ..Options::default() }).unwrap();
            println!("{}", running.announcement().urls.api);
            Some(running)
        }
        [kind, seconds] if kind == "issuer" => {
            let interval = seconds.parse().unwrap();
            thread::spawn(move || issuer::serve(interval));
            None
        }
        _ => panic!("service sandbox | service issuer SECONDS"),
    };
    let _ = stdin().read_to_end(&mut Vec::new());
}
