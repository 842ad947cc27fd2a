//! What a process does next: the driver's part, one command at a time.

use std::rc::Rc;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_core::machine::Disposition;
use doorkey_core::notice::Notice;
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

use crate::action::{StoreTrouble, WayTrouble};
use crate::client::{Client, Flight, Process};
use crate::ghost::Violation;
use crate::rules::{Kept, login_of, presented};
use crate::world::{BACKEND, World};

/// Whether it went as it must.
pub type Checked = Result<(), Violation>;

/// So many waits for the lock are more than any machine's patience.
const PATIENCE: usize = 400;

impl Process {
    /// Whether it is about to take the lock.
    pub fn wants_lock(&self) -> bool {
        matches!(self.head, Some(Command::Store { op: StoreOp::Lock { .. }, .. }))
    }

    /// The request for tokens that it is about to send.
    pub fn token_request(&self) -> Option<&HttpRequest> {
        match &self.head {
            Some(Command::Send { request, .. }) if is_token_request(request) => Some(request),
            _ => None,
        }
    }
}

impl World {
    /// Starts the command of a client.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn start(&mut self, who: usize) -> Checked {
        let client = self.client(who);
        client.runs -= 1;
        let role = client.role;
        let process = Process::new(role.machine(&self.service));
        self.client(who).process = Some(process);
        if let Some(tape) = &mut self.tape {
            tape.begin(who, &role.task(), &self.service);
        }
        self.tell(who, self.started())?;
        self.run_ahead(who)
    }

    /// Whether a process can go on by itself now.
    pub fn can_step(&self, who: usize) -> bool {
        let Some(process) = &self.clients[who].process else { return false };
        match &process.head {
            _ if process.flight.is_some() => true,
            Some(Command::Store { op: StoreOp::Lock { .. }, .. }) => self.disk.lock.is_none(),
            Some(_) => true,
            None => process.machine.wakes_at().is_some_and(|at| at <= self.now().mono),
        }
    }

    /// A process does what it wants to do next, or hears what it waits for.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn step(&mut self, who: usize) -> Checked {
        let process = self.process(who);
        if let Some(flight) = process.flight.take() {
            return self.deliver(who, flight);
        }
        match process.head.take() {
            None => self.tell(who, Event::Woke)?,
            Some(Command::Store { id, op }) => {
                let answer = self.perform(who, op)?;
                self.tell(who, Event::Store { id, answer })?;
            }
            Some(Command::Send { id, request, .. }) => {
                let presented = presented(&request);
                self.check_request(who, presented.as_ref())?;
                return self.arrive(who, id, request, presented);
            }
            Some(other) => panic!("{other:?} is done at once"),
        }
        self.run_ahead(who)
    }

    /// What it asks of a store goes wrong.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn fail_store(&mut self, who: usize, trouble: StoreTrouble) -> Checked {
        let Some(Command::Store { id, op }) = self.process(who).head.take() else {
            panic!("no store is asked")
        };
        self.process(who).troubled = true;
        let failed = |kind: StoreFailureKind| {
            StoreAnswer::Failed(StoreFailure { kind, detail: format!("it is {}", kind.as_str()) })
        };
        let answer = match trouble {
            StoreTrouble::Refused => {
                self.check_op(who, &op)?;
                failed(StoreFailureKind::Refused)
            }
            StoreTrouble::Late => {
                self.perform(who, op)?;
                failed(StoreFailureKind::TimedOut)
            }
            StoreTrouble::Forgotten => {
                self.check_op(who, &op)?;
                self.excuse(|excuses| excuses.forgotten = true);
                StoreAnswer::Done
            }
        };
        self.tell(who, Event::Store { id, answer })?;
        self.run_ahead(who)
    }

    /// Its request or the answer goes wrong on the way.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn fail_request(&mut self, who: usize, trouble: WayTrouble) -> Checked {
        self.process(who).troubled = true;
        let lost = |kind| RequestFailure { kind, detail: "a wire was cut".into() };
        if let Some(Flight { id, request, .. }) = self.process(who).flight.take() {
            self.issuer.change().undelivered(&request);
            let event = match trouble {
                WayTrouble::Garbled => Event::Response { id, response: HttpResponse::new(502, "<html>") },
                _ => Event::RequestFailed { id, failure: lost(FailureKind::AnswerLost) },
            };
            self.tell(who, event)?;
            return self.run_ahead(who);
        }
        let Some(Command::Send { id, request, .. }) = self.process(who).head.take() else {
            panic!("nothing is sent")
        };
        let presented = presented(&request);
        self.check_request(who, presented.as_ref())?;
        let event = match trouble {
            WayTrouble::NotSent => Event::RequestFailed { id, failure: lost(FailureKind::NotSent) },
            WayTrouble::Throttled => {
                let response = HttpResponse::new(429, "").header("retry-after", "1");
                Event::Response { id, response }
            }
            _ => {
                self.has_left(presented);
                Event::RequestFailed { id, failure: lost(FailureKind::AnswerLost) }
            }
        };
        self.tell(who, event)?;
        self.run_ahead(who)
    }

    /// It does not get the lock within one wait, or within all of them.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn wait_in_vain(&mut self, who: usize, for_good: bool) -> Checked {
        self.process(who).troubled = true;
        for _ in 0..PATIENCE {
            let Some(Command::Store { id, .. }) = self.process(who).head.take() else {
                panic!("no lock is wanted")
            };
            let failure = StoreFailure { kind: StoreFailureKind::Busy, detail: "it is busy".into() };
            self.tell(who, Event::Store { id, answer: StoreAnswer::Failed(failure) })?;
            self.run_ahead(who)?;
            // Meanwhile it looks what the holder has stored.
            let waits = |process: &Process| !process.wants_lock();
            while for_good && self.clients[who].process.as_ref().is_some_and(waits) && self.can_step(who) {
                self.step(who)?;
            }
            let wants_lock = self.clients[who].process.as_ref().is_some_and(Process::wants_lock);
            if !(for_good && wants_lock) {
                return Ok(());
            }
        }
        Err(Violation::new(4, format!("{who} waits for the lock without end")))
    }

    /// It is killed: the kernel gives its lock back, nothing else happens.
    pub fn kill(&mut self, who: usize) {
        let process = self.client(who).process.take();
        if let Some(flight) = process.and_then(|process| process.flight) {
            self.issuer.change().undelivered(&flight.request);
        }
        if self.disk.lock == Some(who) {
            self.disk.change().lock = None;
        }
    }

    /// It is killed after its request has left.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn kill_sending(&mut self, who: usize) -> Checked {
        let Some(request) = self.process(who).token_request().cloned() else { panic!("nothing is sent") };
        let presented = presented(&request);
        self.check_request(who, presented.as_ref())?;
        self.has_left(presented);
        self.orphans.push(Rc::new(request));
        self.kill(who);
        Ok(())
    }

    /// The request of a killed process arrives; nobody hears the answer.
    pub fn orphan_arrives(&mut self) {
        let request = self.orphans.remove(0);
        let response = self.ask(&request);
        let issuer = self.issuer.change();
        issuer.undelivered(&request);
        issuer.begin_report();
        self.note(|| format!("the issuer answers {}", response.status));
        if response.status != 200 {
            self.excuse(|excuses| excuses.orphan = true);
        }
    }

    /// The person interrupts it.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn interrupt(&mut self, who: usize) -> Checked {
        self.process(who).troubled = true;
        self.tell(who, Event::Cancelled)?;
        self.run_ahead(who)
    }

    /// Everything that does not touch what others see, up to the next thing that does.
    fn run_ahead(&mut self, who: usize) -> Checked {
        loop {
            let lock = self.disk.lock;
            let reads_may_fail = self.left.stores > 0;
            let process = self.process(who);
            if process.flight.is_some() {
                return Ok(());
            }
            if process.head.is_none() {
                process.head = process.machine.poll_command();
            }
            match &process.head {
                None if process.machine.has_ended() => return self.ended(who),
                None => return Ok(()),
                // Nobody else can change what the holder of the lock reads.
                Some(Command::Store { op, .. }) if is_read(op) && lock == Some(who) && !reads_may_fail => {}
                Some(Command::Send { .. }) if process.token_request().is_none() => {}
                Some(Command::Store { .. } | Command::Send { .. }) => return Ok(()),
                Some(_) => {}
            }
            let Some(command) = process.head.take() else { return Ok(()) };
            let event = match command {
                Command::Show(notice) => {
                    if matches!(notice, Notice::NotKept { .. }) {
                        process.not_kept = true;
                        self.excuse(|excuses| excuses.not_kept = true);
                    }
                    continue;
                }
                Command::Store { id, op } => Event::Store { id, answer: self.perform(who, op)? },
                // Not for tokens: of no interest here.
                Command::Send { id, request, .. } => Event::Response { id, response: self.ask(&request) },
                Command::DrawEntropy { id } => Event::Entropy { id, entropy: self.draw(who) },
                Command::OpenPage { id, url } => {
                    self.check_unlocked(who, "a page is opened")?;
                    match &mut self.pages {
                        Some(pages) => pages.push(url),
                        None => self.visit(&url),
                    }
                    Event::PageOpened { id }
                }
                Command::Ask { id, .. } => {
                    self.check_unlocked(who, "the person is asked")?;
                    Event::Answered { id, yes: true }
                }
                Command::Choose { id, .. } => {
                    self.check_unlocked(who, "the person chooses")?;
                    Event::Chosen { id, index: Some(0) }
                }
                other => panic!("{other:?} is not for these machines"),
            };
            self.tell(who, event)?;
        }
    }

    /// The request reaches the issuer, whose answer is on its way then.
    fn arrive(
        &mut self,
        who: usize,
        id: CommandId,
        request: HttpRequest,
        presented: Option<Secret>,
    ) -> Checked {
        let excused = self.is_excused() || self.was_sent(presented.as_ref());
        self.has_left(presented.clone());
        let response = self.ask(&request);
        self.check_grade(excused)?;
        self.note(|| format!("the issuer answers {}", response.status));
        let minted = self.now().mono.as_millis();
        if response.status == 200 {
            self.ghost().minted = Some(minted);
        }
        self.process(who).flight = Some(Flight { id, request, presented, response });
        Ok(())
    }

    fn deliver(&mut self, who: usize, flight: Flight) -> Checked {
        let Flight { id, request, presented, response } = flight;
        self.heard(who, &request, presented, &response);
        self.tell(who, Event::Response { id, response })?;
        self.run_ahead(who)
    }

    fn perform(&mut self, who: usize, op: StoreOp) -> Result<StoreAnswer, Violation> {
        self.check_op(who, &op)?;
        let changes = !is_read(&op);
        let kept = match op {
            StoreOp::Write { .. } => {
                let login = self.disk.records.get(&BACKEND).and_then(login_of);
                Some(Kept::InPlace { over: login.map(str::to_owned) })
            }
            StoreOp::WriteEmergency(_) => Some(Kept::InEmergency),
            _ => None,
        };
        let signed_out = self.is_signed_out();
        let answer = self.disk.change().perform(who, op);
        self.check_answer(who, kept, &answer)?;
        if changes {
            self.forget_the_past();
        }
        // A login over something that a logout could not remove is there as soon as the ledger says so.
        if changes && signed_out != self.is_signed_out() {
            self.overtake();
        }
        Ok(answer)
    }

    /// The same answer once more changes nothing, whatever it is.
    fn tell(&mut self, who: usize, event: Event) -> Checked {
        let now = self.now();
        let again = self.repeats
            && matches!(
                event,
                Event::Store { .. }
                    | Event::Response { .. }
                    | Event::RequestFailed { .. }
                    | Event::Started { .. }
            );
        let again = again.then(|| event.clone());
        let told = self.tape.is_some().then(|| event.clone());
        let process = self.process(who);
        let disposition = process.machine.handle_event(now, event);
        if let Some(again) = again {
            let before = process.machine.clone();
            let repeated = process.machine.handle_event(now, again);
            let ignored = matches!(repeated, Disposition::Ignored(_));
            let same = process.machine == before;
            Violation::unless(ignored && same, 0, || format!("{who} heeds an answer that it had before"))?;
        }
        if let Some(told) = told {
            let mut ahead = self.process(who).machine.clone();
            let commands: Vec<Command> = std::iter::from_fn(|| ahead.poll_command()).collect();
            let millis = self.millis;
            if let Some(tape) = &mut self.tape {
                tape.told(who, now, &told, disposition, &commands);
                for command in &commands {
                    tape.say(millis, format!("  {who}: {command:?}"));
                }
            }
        }
        Ok(())
    }

    pub fn client(&mut self, who: usize) -> &mut Client {
        self.clients[who].change()
    }

    pub fn process(&mut self, who: usize) -> &mut Process {
        self.client(who).process.as_mut().expect("it runs")
    }
}

/// Whether an operation changes nothing.
pub fn is_read(op: &StoreOp) -> bool {
    matches!(
        op,
        StoreOp::ReadLedger
            | StoreOp::Load { .. }
            | StoreOp::LoadAll(_)
            | StoreOp::Probe(_)
            | StoreOp::CheckLock
            | StoreOp::ReadEmergency
            | StoreOp::ReadPlaintext
    )
}

/// Whether a request is for tokens.
pub fn is_token_request(request: &HttpRequest) -> bool {
    request.url.path() == "/user_management/authenticate"
}
