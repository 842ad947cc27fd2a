//! Invariants 4 to 12, as checks of every step.

use std::borrow::Cow;
use std::time::Duration;

use doorkey_core::bearer::{Bearer, bearer_of};
use doorkey_core::failure::Failure;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::record::Record;
use doorkey_core::rotation::{Access, Journal};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreAnswer, StoreOp};
use doorkey_core::time::WallTime;
use doorkey_sandbox::Rule;
use serde::Deserialize;

use crate::client::{End, Process, Role};
use crate::fingerprint::WALL;
use crate::ghost::{Excuses, Ghost, Sent, Violation};
use crate::step::{Checked, is_read, is_token_request};
use crate::world::{BACKEND, World, millis};

/// What is left of a grace period must be enough for a request to arrive.
const ARRIVAL: Duration = Duration::from_secs(1);
/// How often a token of unknown fate may be risked.
const RISKS: u8 = 3;

/// Where a record is written.
pub enum Kept {
    /// Where it belongs, over a record of this login.
    InPlace { over: Option<String> },
    /// In the emergency file.
    InEmergency,
}

impl World {
    pub fn ghost(&mut self) -> &mut Ghost {
        self.ghost.change()
    }

    /// Something happens that nobody can prevent.
    pub fn excuse(&mut self, what: impl FnOnce(&mut Excuses)) {
        what(&mut self.ghost().excuses);
        self.excused = true;
    }

    /// Whether the session may be lost: what is stored may have been spent, and nobody could have prevented that.
    pub fn is_excused(&self) -> bool {
        let excuses = &self.ghost.excuses;
        if excuses.orphan || excuses.not_kept || excuses.forgotten || excuses.stranger {
            return true;
        }
        let Some(record) = self.newest() else { return true };
        let given_up = match record.rotation.as_ref().map(|rotation| &rotation.journal) {
            Some(Journal::Spending(spending)) => spending.last_resorts >= u32::from(RISKS),
            _ => false,
        };
        // What was rescued is not lost by its answer.
        let unclear = |sent: &Sent| !sent.rescued && !self.is_repeatable(*sent);
        given_up || self.ghost.sent.get(&record.token).is_some_and(unclear)
    }

    /// Whether the issuer will answer a token that has left as it did then.
    fn is_repeatable(&self, sent: Sent) -> bool {
        let age = WALL + self.millis - sent.first;
        age + millis(ARRIVAL) <= millis(self.bounds.grace)
    }

    fn may_have_slept(&self) -> bool {
        self.bounds.troubles.delays > 0 || self.bounds.troubles.jumps > 0
    }

    /// Whether the token that a request presents has left before.
    pub fn was_sent(&self, token: Option<&Secret>) -> bool {
        token.is_some_and(|token| self.ghost.sent.contains_key(token))
    }

    /// A request for tokens leaves: is it right to send it (invariants 4, 5, 7 to 10, 12)?
    pub fn check_request(&self, who: usize, presented: Option<&Secret>) -> Checked {
        let Some(token) = presented else { return Ok(()) };
        let holds = self.disk.lock == Some(who);
        Violation::unless(holds, 4, || format!("{who} refreshes without the lock"))?;
        Violation::unless(!self.disk.shared, 4, || format!("{who} refreshes what another computer may"))?;
        // Whatever others write meanwhile: what was refused in this very run is not sent again.
        let process = self.clients[who].process.as_ref();
        let again = process.is_some_and(|process| process.refused.as_ref() == Some(token));
        Violation::unless(!again, 9, || format!("{who} sends again what it was refused"))?;
        if self.ghost.excuses.stranger || self.ghost.excuses.forgotten {
            return Ok(());
        }
        let Some(record) = self.disk.records.get(&BACKEND) else {
            return Err(Violation::new(5, format!("{who} sends a token that is not stored")));
        };
        let stored = record.token == *token;
        Violation::unless(stored, 5, || format!("{who} sends another token than is stored now"))?;
        let rotation = record.rotation.as_ref();
        let spending = rotation.is_some_and(|rotation| matches!(rotation.journal, Journal::Spending(_)));
        Violation::unless(spending, 7, || format!("{who} sends a token, and the journal does not say so"))?;
        let refused = self.ghost.refused.contains(token);
        Violation::unless(!refused, 9, || format!("{who} sends a token that was refused"))?;
        let access = rotation.and_then(|rotation| rotation.access.as_ref());
        let (now, boot) = (self.now(), &*self.service.boot_id);
        let due = access.is_none_or(|access| access.is_due(now, boot));
        Violation::unless(due, 10, || format!("{who} refreshes a token that is not due"))?;
        let room = self.disk.emergency.is_some();
        Violation::unless(room, 12, || format!("{who} sends a token without an emergency file"))?;
        // What was begun before a restart is timed by the wall clock, which may have been set.
        let timed = match rotation.map(|rotation| &rotation.journal) {
            Some(Journal::Spending(spending)) => spending.started.boot == boot || !self.may_have_slept(),
            _ => true,
        };
        if let Some(sent) = self.ghost.sent.get(token)
            && timed
            && !self.is_within_grace(*sent)
        {
            let alive = access.is_some_and(|access| access.is_alive(now, boot));
            let what = || format!("{who} risks a token of unknown fate while another still lives");
            Violation::unless(!alive, 8, what)?;
            let few = sent.risked < RISKS;
            Violation::unless(few, 8, || format!("{who} risks a token of unknown fate once more"))?;
        }
        Ok(())
    }

    /// A request for tokens has left, and may have arrived.
    pub fn has_left(&mut self, presented: Option<Secret>) {
        let Some(token) = presented else { return };
        let now = WALL + self.millis;
        let risk = self.ghost.sent.get(&token).is_some_and(|sent| !self.is_within_grace(*sent));
        let sent = self.ghost().sent.entry(token).or_insert(Sent { first: now, risked: 0, rescued: false });
        sent.risked += u8::from(risk);
    }

    fn is_within_grace(&self, sent: Sent) -> bool {
        WALL + self.millis - sent.first < millis(self.bounds.grace)
    }

    /// What the issuer's own eye saw.
    pub fn check_grade(&mut self, excused: bool) -> Checked {
        let issuer = self.issuer.change();
        let grade = issuer.grade();
        issuer.begin_report();
        for rule in [Rule::RefreshReplayed, Rule::RefreshRaced] {
            let clean = excused || grade.count(rule) == 0;
            Violation::unless(clean, 8, || format!("the issuer saw {rule:?}"))?;
        }
        Ok(())
    }

    /// An answer reaches a process.
    pub fn heard(
        &mut self,
        who: usize,
        request: &HttpRequest,
        presented: Option<Secret>,
        response: &HttpResponse,
    ) {
        if !is_token_request(request) {
            return;
        }
        let login = self.newest().and_then(login_of).map(str::to_owned).unwrap_or_default();
        let process = self.process(who);
        if response.status == 200 {
            process.pair_of = Some(login);
            match presented {
                Some(_) => self.pairs.refreshes += 1,
                None => self.pairs.logins += 1,
            }
        } else if is_refusal(response) {
            process.refused = presented;
            process.noted = false;
        }
    }

    /// A store is asked: may it be (invariants 4, 6, 9)?
    pub fn check_op(&self, who: usize, op: &StoreOp) -> Checked {
        let holds = self.disk.lock == Some(who);
        let free = is_read(op) || matches!(op, StoreOp::Lock { .. } | StoreOp::Unlock);
        Violation::unless(free || holds, 4, || format!("{who} writes without the lock: {}", name(op)))?;
        let client = &self.clients[who];
        let Some(process) = &client.process else { return Ok(()) };
        match op {
            StoreOp::Unlock if holds => self.check_unlock(who, process),
            StoreOp::WriteEmergency(_) => {
                let may_fail = self.bounds.troubles.stores > 0;
                Violation::unless(may_fail, 6, || format!("{who} takes a lost race for a broken store"))
            }
            StoreOp::Delete { .. } if client.role == Role::Session => {
                Err(Violation::new(9, format!("{who} deletes the record")))
            }
            StoreOp::Write { record, expected, .. }
                if self.disk.records.get(&BACKEND).map(Record::version) == *expected =>
            {
                self.check_write(who, client.role, record)
            }
            _ => Ok(()),
        }
    }

    /// The lock is given back: is everything where it must be by then (invariants 7, 9, 11, 15)?
    fn check_unlock(&self, who: usize, process: &Process) -> Checked {
        let on_its_way = process.flight.is_some() || process.token_request().is_some();
        Violation::unless(!on_its_way, 4, || format!("{who} gives the lock back while its request is away"))?;
        let lied_to = self.ghost.excuses.stranger || self.ghost.excuses.forgotten;
        let failed_login = self.may_lose_login(who, process.troubled);
        let kept = process.pair_of.is_none() || process.not_kept || lied_to || failed_login;
        Violation::unless(kept, 7, || format!("{who} gives the lock back before the new pair is stored"))?;
        if self.clients[who].role == Role::Logout && !process.troubled && process.machine_is_content() {
            let gone = self.disk.records.get(&BACKEND).is_none_or(Record::is_tombstone);
            // Where no lock holds, another computer's login may have come since.
            let login = self.newest().and_then(login_of);
            let another = self.disk.shared && login.is_some_and(|login| !self.ghost.over.contains(login));
            Violation::unless(gone && self.disk.emergency.is_none() || lied_to || another, 6, || {
                format!("{who} has signed out, and something is left")
            })?;
        }
        Ok(())
    }

    fn check_write(&self, who: usize, role: Role, record: &Record) -> Checked {
        let held = self.disk.records.get(&BACKEND);
        let (before, login) = (held.and_then(login_of), login_of(record));
        let back = login.is_some_and(|login| self.ghost.over.contains(login)) && !record.is_tombstone();
        // Where no lock holds, a login writes until it reads itself.
        let no_lock = self.disk.shared || self.ghost.excuses.stranger;
        let back = back && !(no_lock && role == Role::Login);
        Violation::unless(!back, 6, || format!("{who} brings a login back that was over"))?;
        if role != Role::Session {
            return Ok(());
        }
        Violation::unless(!record.is_tombstone(), 9, || format!("{who} deletes the record"))?;
        let rescued = self.newest().and_then(login_of);
        let same = before == login || rescued == login;
        Violation::unless(same, 6, || format!("{who} writes another login than is stored"))?;
        let Some(held) = held else { return Ok(()) };
        let (old, new) = (held.rotation.as_ref(), record.rotation.as_ref());
        let machine = old.and_then(|rotation| rotation.machine.as_ref());
        let ours = machine.is_none() || machine == self.service.machine_id.as_ref();
        Violation::unless(ours, 4, || format!("{who} rotates another machine's session"))?;
        if let (Some(new), true) = (new, held.token != record.token) {
            let noted = new.spent.last() == Some(&held.token.fingerprint());
            Violation::unless(noted, 7, || format!("{who} does not note what was spent"))?;
        }
        let (was, is) = (old.and_then(|r| r.access.as_ref()), new.and_then(|r| r.access.as_ref()));
        if let (Some(is), Some(minted)) = (is, self.ghost.minted)
            && was.map(|access| &access.token) != Some(&is.token)
        {
            let known = is.received.boot == self.service.boot_id;
            let older = !known || is.received.mono.as_millis() <= minted;
            // An answer that is repeated has the token of the first one.
            let (now, end) = (self.issuer_time(), is.left(self.now(), &self.service.boot_id));
            let end = WallTime::from_unix_millis(now.as_unix_millis() + millis(end.unwrap_or_default()));
            let lives = self.accepts_at(end, &is.token) || !self.accepts(&is.token) || self.is_excused();
            Violation::unless(older && lives, 10, || format!("{who} takes a token for younger than it is"))?;
            // A pair belongs together: the token that will be sent next is the one that the issuer expects.
            let belongs = held.token != record.token;
            Violation::unless(belongs, 7, || format!("{who} keeps a token that was spent"))?;
        }
        Ok(())
    }

    /// What a store answered: does it fit what nobody else can have done (invariant 5), and what becomes of the pair?
    pub fn check_answer(&mut self, who: usize, kept: Option<Kept>, answer: &StoreAnswer) -> Checked {
        let conflict = *answer == StoreAnswer::Conflict;
        let lied_to = self.ghost.excuses.stranger || self.ghost.excuses.forgotten;
        let late = self.process(who).troubled;
        Violation::unless(!conflict || lied_to || late || self.disk.shared, 5, || {
            format!("{who} writes over something that it has not read under the lock")
        })?;
        if *answer != StoreAnswer::Done {
            return Ok(());
        }
        match kept {
            Some(Kept::InPlace { over }) => self.written(who, over),
            Some(Kept::InEmergency) => {
                self.process(who).pair_of = None;
                self.rescued();
            }
            None => {}
        }
        Ok(())
    }

    /// The emergency file took what was got for the token that is stored.
    fn rescued(&mut self) {
        let Some(token) = self.disk.records.get(&BACKEND).map(|held| held.token.clone()) else { return };
        let newer = self.newest().is_some_and(|newest| newest.token != token);
        if let Some(sent) = self.ghost().sent.get_mut(&token) {
            sent.rescued = newer;
        }
    }

    /// A record was written over this login's.
    fn written(&mut self, who: usize, before: Option<String>) {
        let Some(record) = self.disk.records.get(&BACKEND) else { return };
        let (login, ended) = (login_of(record).map(str::to_owned), record.is_tombstone());
        let settled = record.rotation.as_ref().is_some_and(|rotation| rotation.journal == Journal::Settled);
        let process = self.process(who);
        if settled {
            process.pair_of = None;
        }
        // What it writes now has to say that the token was refused.
        if let Some(token) = process.refused.clone().filter(|_| !process.noted) {
            process.noted = true;
            self.ghost().refused.insert(token);
        }
        if !ended && login.as_ref().is_some_and(|login| self.ghost.over.contains(login)) {
            // A login that has written itself once more, over another that came between.
            self.ghost().over.retain(|over| Some(over) != login.as_ref());
        }
        if ended {
            self.ghost().over.extend(login);
        } else if before != login {
            self.ghost().over.extend(before);
        } else {
            return;
        }
        self.overtake();
    }

    /// Whose login was there when these processes began may not be there when they end.
    pub fn overtake(&mut self) {
        for client in &mut self.clients {
            if client.process.as_ref().is_some_and(|process| !process.overtaken) {
                client.change().process.iter_mut().for_each(|process| process.overtaken = true);
            }
        }
    }

    /// What is not stored any more cannot be lost.
    pub fn forget_the_past(&mut self) {
        if self.ghost.sent.is_empty() && self.ghost.refused.is_empty() {
            return;
        }
        let held = self.disk.records.get(&BACKEND);
        let rescued = self.disk.emergency.as_ref().and_then(|file| file.record.as_ref());
        let stored = |token: &Secret| [held, rescued].iter().flatten().any(|record| record.token == *token);
        let ghost = self.ghost.change();
        ghost.sent.retain(|token, _| stored(token));
        ghost.refused.retain(stored);
    }

    /// A prompt: never with the lock.
    pub fn check_unlocked(&self, who: usize, what: &str) -> Checked {
        let free = self.disk.lock != Some(who);
        Violation::unless(free, 4, || format!("{who} holds the lock while {what}"))
    }

    /// A process has ended, with everything done that it wanted done.
    pub fn ended(&mut self, who: usize) -> Checked {
        let Some(process) = self.client(who).process.take() else { return Ok(()) };
        let Process { machine, flight, troubled, pair_of, overtaken, not_kept, .. } = process;
        let Some(end) = machine.end() else { return Ok(()) };
        let failure = if let End::Failed(failure) = &end { Some(failure) } else { None };
        if let Some(tape) = &mut self.tape {
            tape.end(who, failure);
        }
        self.note(|| format!("{who} ended: {}", told(&end)));
        let locked = self.disk.lock == Some(who);
        Violation::unless(!locked, 4, || format!("{who} ends with the lock"))?;
        Violation::unless(flight.is_none(), 11, || format!("{who} ends while its request is away"))?;
        let lied_to = self.ghost.excuses.stranger || self.ghost.excuses.forgotten;
        let failed_login = self.may_lose_login(who, troubled);
        let kept = pair_of.is_none() || not_kept || lied_to || failed_login;
        Violation::unless(kept, 7, || format!("{who} ends without having stored the new pair"))?;
        if self.clients[who].role == Role::Session {
            self.check_bearer(who, &end, troubled || overtaken, pair_of.as_deref())?;
        }
        self.last_end = Some(end);
        Ok(())
    }

    fn check_bearer(&self, who: usize, end: &End, troubled: bool, spent: Option<&str>) -> Checked {
        let record = match end {
            End::Bearer(Bearer::Good(kept)) => &kept.record,
            End::Failed(failure) => {
                let gone = self.is_signed_out() || self.is_excused();
                let disturbed = troubled || gone || self.may_have_slept();
                let what = || format!("{who} fails though nothing went wrong: {}", failure.code);
                return Violation::unless(disturbed || self.must_not_rotate(&failure.code), 8, what);
            }
            _ => return Err(Violation::new(0, format!("{who} ends with {}", told(end)))),
        };
        let login = login_of(record);
        let adopted = spent.is_some() && spent != login;
        Violation::unless(!adopted, 6, || format!("{who} has spent one login's token and uses another's"))?;
        let counter = |record: &Record| record.generation.as_ref().map_or(0, |g| g.counter);
        let newest = self.newest();
        let stored = newest.is_some_and(|held| {
            bearer_of(held) == bearer_of(record)
                || login_of(held) == login && counter(held) >= counter(record)
        });
        let over = login.is_some_and(|login| self.ghost.over.contains(login));
        let lost = over || self.ghost.excuses.not_kept || self.ghost.excuses.stranger;
        Violation::unless(stored || lost, 7, || format!("{who} hands out a token that is not stored"))?;
        let accepted = bearer_of(record).is_some_and(|token| self.accepts(token));
        // It may have slept after it had looked at the clock for the last time.
        let access = record.rotation.as_ref().and_then(|rotation| rotation.access.as_ref());
        let dead = access.is_some_and(|access| !access.is_alive(self.now(), &self.service.boot_id));
        let accepted = accepted || self.may_have_slept() && dead || self.cannot_know(record);
        let what = || format!("{who} hands out a token that the API refuses");
        Violation::unless(accepted || self.is_excused(), 10, what)
    }
}

impl World {
    /// Whether a login may fail with its first pair: the person signs in once more.
    fn may_lose_login(&self, who: usize, troubled: bool) -> bool {
        self.clients[who].role == Role::Login && (troubled || self.may_have_slept())
    }

    /// Whether nobody here can know if the API still accepts a record's access token.
    pub fn cannot_know(&self, record: &Record) -> bool {
        let Some(rotation) = &record.rotation else { return false };
        // What becomes of another computer's session is not decided here.
        let machine = rotation.machine.as_ref();
        let elsewhere = machine.is_some() && machine != self.service.machine_id.as_ref();
        // After a restart the wall clock counts, which may have been set.
        let before = |access: &Access| access.received.boot != self.service.boot_id;
        elsewhere || self.may_have_slept() && rotation.access.as_ref().is_some_and(before)
    }

    /// Whether it is right that a session is not rotated here, for this reason.
    pub fn must_not_rotate(&self, code: &str) -> bool {
        let rotation = self.newest().and_then(|record| record.rotation.as_ref());
        let machine = rotation.and_then(|rotation| rotation.machine.as_ref());
        let copied = machine.is_some() && machine != self.service.machine_id.as_ref();
        copied && code == "copied_home" || self.disk.shared && code == "store_shared"
    }
}

impl Process {
    /// Whether a logout has met nothing that it could not remove.
    fn machine_is_content(&self) -> bool {
        !self.machine.has_ended() || matches!(self.machine.clone().end(), Some(End::LoggedOut(_)))
    }
}

/// Whether the issuer does not accept what was presented.
fn is_refusal(response: &HttpResponse) -> bool {
    let body: serde_json::Value = serde_json::from_slice(response.body.as_bytes()).unwrap_or_default();
    body["error"] == "invalid_grant"
}

/// The refresh token that a request presents.
pub fn presented(request: &HttpRequest) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Presented<'a> {
        #[serde(borrow)]
        refresh_token: Cow<'a, str>,
    }
    let body: Presented<'_> = serde_json::from_slice(request.body.as_bytes()).ok()?;
    Some(Secret::from(&*body.refresh_token))
}

pub fn login_of(record: &Record) -> Option<&str> {
    record.generation.as_ref().map(|generation| &*generation.login)
}

fn name(op: &StoreOp) -> String {
    let text = format!("{op:?}");
    text.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

/// An end in words.
pub fn told(end: &End) -> String {
    match end {
        End::Bearer(Bearer::Good(kept)) => format!("a token of {}", kept.record.version()),
        End::Bearer(Bearer::NothingNewer) => "nothing newer".into(),
        End::LoggedIn(connected) => format!("signed in as {}", connected.kept.record.version()),
        End::LoggedOut(_) => "signed out".into(),
        End::Failed(Failure { code, .. }) => format!("failed: {code}"),
    }
}
