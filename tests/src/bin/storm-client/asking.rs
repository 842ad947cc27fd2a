//! Asking for a token, once or again and again.

use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_blocking::{Driver, Transport as _};
use doorkey_core::bearer::Bearer;
use doorkey_core::call::Call;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::oauth::REFRESH_GRANT;
use doorkey_core::record::Slot;
use doorkey_core::resolve::Given;
use doorkey_core::rotation::Journal;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::url::Text;
use doorkey_tests::storm::line::Told;

use crate::args::Args;
use crate::by_hand::{self, Hands, Hurried, Means};
use crate::careless::Careless;
use crate::deadly::Deadly;
use crate::lines::{Lines, Seen, Watch, access, fingerprint, login};
use crate::place;
use doorkey_tests::grant::CLIENT;

/// Asks once.
pub fn once(args: &Args) -> Result<(), Failure> {
    with_client(args, |client| {
        let mut last = Last::default();
        client.ask(&mut last)
    })
}

/// Asks until standard input ends. What fails is told and asked for again.
pub fn again_and_again(args: &Args, pause_millis: u64, call_every: u64) -> Result<(), Failure> {
    let ended = until_input_ends();
    with_client(args, |client| {
        let (mut last, mut asked, mut called) = (Last::default(), 0, 0);
        // Different for each client, and never in step with anything.
        let mut random = u64::from(args.name).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        while !ended.load(Ordering::Relaxed) {
            let _ = client.ask(&mut last);
            asked += 1;
            if asked % call_every == 0 {
                client.call();
                called += 1;
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            thread::sleep(Duration::from_millis(random % pause_millis.max(1)));
        }
        client.lines.tell(Told::Ended { asked, called });
        Ok(())
    })
}

/// Tells what is stored.
pub fn show(args: &Args) -> Result<(), Failure> {
    let service = place::service(args);
    let mut vault = place::vault(args, &service);
    let load = StoreOp::Load { backend: args.store.backend(), slot: Slot::Active };
    let lines = Lines::new(args.name);
    let found = match vault.perform(load) {
        StoreAnswer::Records(found) => found,
        StoreAnswer::Failed(failure) => {
            let code = format!("store_{}", failure.kind.as_str());
            let failure = Failure::new(Exit::Store, code, failure.detail);
            lines.failed(None, &failure);
            return Err(failure);
        }
        other => panic!("{other:?}"),
    };
    let (_, record) = found.first().expect("nothing is stored");
    let journal = match record.rotation.as_ref().map(|rotation| &rotation.journal) {
        Some(Journal::Settled) => "settled",
        Some(Journal::Spending(_)) => "spending",
        Some(Journal::Refused { .. }) => "refused",
        Some(Journal::Unrenewable) => "unrenewable",
        Some(Journal::Revoking) => "revoking",
        None => "none",
    };
    let (login, token, access) = (login(record), fingerprint(record), access(record));
    lines.tell(Told::Record { login, token, access, journal: journal.to_owned() });
    Ok(())
}

/// What a refresh costs on the wire, and no more.
pub fn post(args: &Args) -> Result<(), Failure> {
    let service = place::service(args);
    let oauth = service.oauth.as_ref().unwrap();
    let parameters = [
        ("client_id", Text::from(CLIENT.to_owned())),
        ("grant_type", Text::from(REFRESH_GRANT.to_owned())),
        // Another one each time: a token that was refused is not to be sent again, says the grade.
        ("refresh_token", Text::from(format!("psr_refresh_of-nobody-{}", std::process::id()))),
    ];
    let request = oauth.dialect.request(&oauth.token_endpoint, &parameters);
    let answer = place::transport().send(&request, oauth.request_limit).unwrap();
    assert_eq!(answer.status, 400);
    Ok(())
}

/// What was told last, so that nothing is told a thousand times.
#[derive(Default)]
struct Last {
    access: String,
    failure: Option<(Option<String>, String)>,
}

struct Client<'a> {
    service: Service,
    lines: Lines,
    seen: Rc<Seen>,
    way: Way<'a>,
}

/// How machines are run.
enum Way<'a> {
    Driver(Box<Driver<'a>>),
    ByHand { means: Box<Means>, hands: Box<dyn Hands>, watch: &'a mut Watch },
}

impl Client<'_> {
    fn ask(&mut self, last: &mut Last) -> Result<(), Failure> {
        let started = Instant::now();
        let outcome = self.run(Session::new());
        let wait_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match outcome {
            Ok(Bearer::Good(kept)) => {
                let (needed, access) = (self.seen.needed.get(), access(&kept.record));
                if needed || last.access != access {
                    let (login, requests) = (login(&kept.record), self.seen.requests.get());
                    self.lines.tell(Told::Token {
                        login,
                        access: access.clone(),
                        needed,
                        requests,
                        wait_micros,
                    });
                }
                *last = Last { access, failure: None };
                Ok(())
            }
            Ok(Bearer::NothingNewer) => panic!("nothing was refused"),
            Err(failure) => {
                let login = self.seen.login.borrow().clone();
                let now = Some((login.clone(), failure.code.clone().into_owned()));
                if last.failure != now {
                    self.lines.failed(login, &failure);
                    last.failure = now;
                }
                Err(failure)
            }
        }
    }

    fn call(&mut self) {
        let request = HttpRequest::new(Method::Get, self.service.api.join("/api/cli/workspaces"));
        if let Err(failure) = self.run(Call::new(Given::default(), request)) {
            // Tokens here live for a second: on a busy machine two in a row can expire on their way. Of the session, that
            // says nothing.
            if failure.code != "unauthorized" {
                self.lines.failed(self.seen.login.borrow().clone(), &failure);
            }
        }
    }

    fn run<L: Logic>(&mut self, logic: L) -> Outcome<L::Output> {
        let machine = Machine::new(self.service.clone(), logic);
        match &mut self.way {
            Way::Driver(driver) => driver.run(machine),
            Way::ByHand { means, hands, watch } => by_hand::run(means, &mut **hands, *watch, machine),
        }
    }
}

fn with_client<T>(args: &Args, work: impl FnOnce(&mut Client<'_>) -> T) -> T {
    let service = place::service(args);
    let (clock, vault) = (place::clock(args), place::vault(args, &service));
    let lines = Lines::new(args.name);
    let token_endpoint = service.oauth.as_ref().map(|oauth| oauth.token_endpoint.clone()).unwrap();
    let (mut watch, seen) = Watch::new(lines, token_endpoint.path());
    let deadly = Deadly::new(args);
    let hands: Option<Box<dyn Hands>> = match (args.careless, args.hurried, deadly.is_wanted()) {
        (true, ..) => Some(Box::new(Careless::default())),
        (_, true, _) => Some(Box::new(Hurried)),
        (.., true) => Some(Box::new(deadly)),
        _ => None,
    };
    let way = match hands {
        Some(hands) => {
            let means = Box::new(Means { clock, transport: place::transport(), vault });
            Way::ByHand { means, hands, watch: &mut watch }
        }
        None => {
            let driver = Driver::new(place::transport(), vault).with_clock(clock).with_observer(&mut watch);
            Way::Driver(Box::new(driver))
        }
    };
    work(&mut Client { service, lines, seen, way })
}

/// Becomes true at the end of standard input: whoever started us wants no more, or is gone.
fn until_input_ends() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    ended
}
