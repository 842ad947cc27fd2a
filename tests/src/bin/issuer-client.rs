//! A process that asks for tokens of `npm/issuer` and uses each at once, until it has been handed so many different
//! ones: `issuer-client ENDPOINTS FOLDER TOKENS`. It tells what happened on standard output, one JSON object a line.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an experiment that cannot go on ends")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use doorkey_blocking::{Clock as _, SystemClock, Transport as _};
use doorkey_core::bearer::Bearer;
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::machine::{Disposition, Machine};
use doorkey_core::session::Session;
use doorkey_core::time::Now;
use doorkey_core::trace::Observer;
use doorkey_core::url::Url;
use doorkey_tests::PATIENCE;
use doorkey_tests::issuer::{Asked, Client, Endpoints};
use serde_json::Value;

/// Between two asks. All processes ask at the same moments, which is when they could get into each other's way.
const TICK_MILLIS: u64 = 100;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [endpoints, folder, tokens] = &args[..] else {
        panic!("usage: issuer-client ENDPOINTS FOLDER TOKENS")
    };
    let at: Endpoints = serde_json::from_str(endpoints).unwrap();
    let (client, tokens) = (Client::discover(&at, Path::new(folder)), tokens.parse().unwrap());
    let resource = Url::parse(&at.resource).unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < tokens {
        let asked = ask(&client, &resource);
        let mut line = serde_json::to_vec(&asked).unwrap();
        line.push(b'\n');
        std::io::stdout().write_all(&line).unwrap();
        seen.insert(asked.token);
        let left = TICK_MILLIS - SystemClock.now().mono.as_millis() % TICK_MILLIS;
        thread::sleep(Duration::from_millis(left));
    }
}

fn ask(client: &Client, resource: &Url) -> Asked {
    let (started, mut sent) = (Instant::now(), Sent::default());
    let mut driver = client.driver().with_observer(&mut sent);
    let session = Machine::new(client.service.clone(), Session::new());
    let bearer: Bearer = driver.run(session).unwrap_or_else(|failure| panic!("no token: {failure:?}"));
    drop(driver);
    let token = bearer.token().expect("a token");
    let request = HttpRequest::new(Method::Get, resource.clone()).bearer(token);
    let answer = client.transport().send(&request, PATIENCE).unwrap();
    let body: Value = serde_json::from_slice(answer.body.as_bytes()).unwrap();
    Asked {
        token: token.fingerprint().as_str().to_owned(),
        sent_at: sent.0,
        status: answer.status,
        dead_for: body["expired_for_millis"].as_u64(),
        took: u64::try_from(started.elapsed().as_millis()).unwrap(),
    }
}

/// Every request that the machine sends: it sends none but refreshes.
#[derive(Default)]
struct Sent(Vec<u64>);

impl Observer for Sent {
    fn handled(&mut self, _: Now, _: &Event, _: Disposition, commands: &[Command]) {
        let requests = commands.iter().filter(|command| matches!(command, Command::Send { .. }));
        self.0.extend(requests.map(|_| SystemClock.now().mono.as_millis()));
    }
}
