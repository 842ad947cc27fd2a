//! What is told: each line is one write, done before what it announces and after what it reports.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use doorkey_core::bearer::bearer_of;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Disposition;
use doorkey_core::record::Record;
use doorkey_core::rotation::{Journal, Spending};
use doorkey_core::secret::Fingerprint;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::time::Now;
use doorkey_core::trace::Observer;
use doorkey_tests::storm::line::{Line, Told};

/// Writes lines in the name of one client.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    client: u32,
}

impl Lines {
    pub fn new(client: u32) -> Self {
        Self { client }
    }

    pub fn tell(self, told: Told) {
        let mut line = serde_json::to_vec(&Line { client: self.client, told }).unwrap();
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line).and_then(|()| out.flush()).unwrap();
    }

    pub fn failed(self, login: Option<String>, failure: &Failure) {
        let asks_for_login = failure.exit == Exit::NotSignedIn;
        self.tell(Told::Failed { login, code: failure.code.clone().into_owned(), asks_for_login });
    }
}

/// Sees what a driver does, and tells of every rotation.
pub struct Watch {
    lines: Lines,
    token_path: String,
    seen: Rc<Seen>,
    /// What the journal says that was written last.
    spending: Option<(Record, Spending)>,
    storing: Option<(CommandId, Record)>,
}

/// What was seen while one machine ran.
#[derive(Debug, Default)]
pub struct Seen {
    /// The lock was wanted.
    pub needed: Cell<bool>,
    /// Requests of any kind.
    pub requests: Cell<u32>,
    /// The login of the record that was loaded last.
    pub login: RefCell<Option<String>>,
}

impl Watch {
    pub fn new(lines: Lines, token_path: &str) -> (Self, Rc<Seen>) {
        let seen = Rc::<Seen>::default();
        let watch = Self {
            lines,
            token_path: token_path.to_owned(),
            seen: Rc::clone(&seen),
            spending: None,
            storing: None,
        };
        (watch, seen)
    }
}

impl Observer for Watch {
    fn handled(&mut self, now: Now, event: &Event, _: Disposition, commands: &[Command]) {
        match event {
            Event::Started { .. } => {
                self.seen.needed.set(false);
                self.seen.requests.set(0);
            }
            Event::Store { id, answer: StoreAnswer::Done } => {
                if let Some((_, new)) = self.storing.take_if(|(storing, _)| storing == id) {
                    self.lines.tell(Told::Stored {
                        login: login(&new),
                        token: fingerprint(&new),
                        access: access(&new),
                    });
                }
            }
            Event::Store { answer: StoreAnswer::Records(records), .. } => {
                if let Some((_, record)) = records.first() {
                    *self.seen.login.borrow_mut() = Some(login(record));
                }
            }
            _ => {}
        }
        for command in commands {
            match command {
                Command::Store { op: StoreOp::Lock { .. }, .. } => self.seen.needed.set(true),
                Command::Store { id, op: StoreOp::Write { record, .. } } => {
                    match record.rotation.as_ref().map(|rotation| &rotation.journal) {
                        Some(Journal::Spending(spending)) => {
                            let (login, token) = (login(record), fingerprint(record));
                            let last_resort = spending.last_resorts > 0;
                            self.lines.tell(Told::Spending { login, token, last_resort });
                            self.spending = Some((record.clone(), spending.clone()));
                        }
                        Some(Journal::Settled) => self.storing = Some((*id, record.clone())),
                        _ => {}
                    }
                }
                Command::Send { request, .. } => {
                    self.seen.requests.set(self.seen.requests.get() + 1);
                    if let Some((record, spending)) = &self.spending
                        && request.url.path() == self.token_path
                    {
                        let age = now.mono.since(spending.started.mono);
                        self.lines.tell(Told::Sending {
                            login: login(record),
                            token: fingerprint(record),
                            attempt: spending.attempt,
                            last_resort: spending.last_resorts > 0,
                            age_millis: millis(age),
                            mono_millis: now.mono.as_millis(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
}

/// Which login a record belongs to.
pub fn login(record: &Record) -> String {
    record.generation.as_ref().map(|generation| generation.login.to_string()).unwrap_or_default()
}

/// The fingerprint of its refresh token.
pub fn fingerprint(record: &Record) -> String {
    hex(&record.token.fingerprint())
}

/// The fingerprint of what it authorizes requests with.
pub fn access(record: &Record) -> String {
    bearer_of(record).map(|token| hex(&token.fingerprint())).unwrap_or_default()
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn hex(fingerprint: &Fingerprint) -> String {
    fingerprint.as_str().to_owned()
}
