//! One run of days: the moves of the exploration, drawn by dice, with many processes and one computer or two.
//!
//! Nothing is modelled a second time: each computer is a [`World`], with the same steps and the same checks. What two of
//! them share is handed from one to the other before either makes a step: the issuer, and the disk if that is one.

use std::mem::swap;
use std::rc::Rc;
use std::sync::Arc;

use doorkey_core::rotation::Journal;

use crate::action::{Action, Jump, StoreTrouble};
use crate::client::{Process, Role};
use crate::dice::Dice;
use crate::ghost::{Excuses, Violation};
use crate::moves::{store_troubles, way_troubles};
use crate::part::Part;
use crate::plan::{OF, Plan, Rates, Second};
use crate::rules::login_of;
use crate::somebody::Somebody;
use crate::step::Checked;
use crate::tally::Tally;
use crate::tape::Trace;
use crate::world::{World, millis};

const MINUTE: u64 = 60 * 1000;
const HOUR: u64 = 60 * MINUTE;
/// The wall clock is set by up to so much.
const SET: u64 = 48 * HOUR;
/// So many lines of a story, and so many traces, are enough to see how it ended.
const KEPT: usize = 50;

/// A run on its way.
pub struct Simulation {
    plan: Plan,
    dice: Dice,
    computers: Vec<Computer>,
    /// The one that has what is shared.
    on: usize,
    /// When the next processes are started, once none runs.
    next: Option<u64>,
    tally: Tally,
    story: Option<Vec<String>>,
}

struct Computer {
    world: World,
    /// How often it was started.
    boots: u64,
    /// Thousandths of a millisecond by which its wall clock has drifted and does not show it yet.
    drifted: i64,
    /// Its store has just refused something, and is likely to do so again: a disk is full for a while.
    refuses: bool,
    /// The login that may be lost, and nobody could have prevented that.
    excused: Option<Option<String>>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// What happened, counted.
    pub tally: Tally,
    /// The fingerprint of each computer at the end.
    pub fingerprints: Vec<u128>,
    /// What happened, line by line, if it was to be told.
    pub story: Vec<String>,
    /// The last traces, as `doorkey replay` reads them.
    pub traces: Vec<Trace>,
    /// What must not be.
    pub broken: Option<Violation>,
}

/// Runs a plan to its end.
pub fn simulate(plan: &Plan) -> Simulated {
    Simulation::new(plan.clone(), false).run()
}

/// The same, and every step is told.
pub fn tell(plan: &Plan) -> Simulated {
    Simulation::new(plan.clone(), true).run()
}

/// Something that goes wrong.
type Happening = fn(&mut Simulation) -> Checked;

impl Simulation {
    fn new(plan: Plan, told: bool) -> Self {
        let mut world = World::new(plan.bounds());
        world.pages = Some(Vec::new());
        if told {
            world = world.recorded();
        }
        let mut computers = vec![Computer { world, boots: 1, drifted: 0, refuses: false, excused: None }];
        if let Some(second) = plan.second {
            computers[0].world.disk.change().shared = second == Second::Shared;
            let mut world = computers[0].world.clone();
            world.draws = 1 << 32;
            world.mono_offset = (5 * HOUR).cast_signed();
            let service = Arc::make_mut(&mut world.service);
            service.machine_id = Some("machine-2".into());
            service.boot_id = "boot-of-2-1".into();
            computers.push(Computer { world, boots: 1, drifted: 0, refuses: false, excused: None });
        }
        let most = u64::BITS as usize;
        assert!(computers.iter().all(|c| c.world.clients.len() <= most), "one bit for each process");
        let dice = Dice(plan.seed ^ 0x5eed);
        let story = told.then(Vec::new);
        Self { plan, dice, computers, on: 0, next: None, tally: Tally::default(), story }
    }

    fn run(mut self) -> Simulated {
        let began = self.millis();
        let mut broken = None;
        while broken.is_none() && self.millis() - began < millis(self.plan.span) {
            broken = self.go_on().err();
            self.note_what_happened();
        }
        for computer in &self.computers {
            self.tally.pairs.logins += computer.world.pairs.logins;
            self.tally.pairs.refreshes += computer.world.pairs.refreshes;
        }
        self.tally.millis = self.millis() - began;
        let mut story = self.story.take().unwrap_or_default();
        story.extend(broken.as_ref().map(ToString::to_string));
        Simulated {
            tally: self.tally,
            fingerprints: self.computers.iter().map(|computer| computer.world.fingerprint().0).collect(),
            story,
            traces: self
                .computers
                .iter_mut()
                .flat_map(|c| c.world.tape.take())
                .flat_map(|t| t.traces)
                .collect(),
            broken,
        }
    }

    /// The next thing happens.
    fn go_on(&mut self) -> Checked {
        self.tally.steps += 1;
        if self.plan.repeats > 1 {
            let repeats = self.dice.below(self.plan.repeats) == 0;
            self.world().repeats = repeats;
        }
        if self.something_goes_wrong()? {
            return Ok(());
        }
        let Some((computer, who)) = self.anybody(|world, who| world.can_step(who)) else {
            return self.wait();
        };
        self.turn_to(computer);
        let roll = self.dice.below(OF);
        let rates = self.plan.rates;
        let Some(process) = &self.world().clients[who].process else { return Ok(()) };
        let (ways, stores) = (way_troubles(process), store_troubles(process));
        let who = name(who);
        if !ways.is_empty() && roll < rates.losses {
            let trouble = ways[self.pick(ways.len())];
            self.act(trouble.name(), Action::Way(who, trouble))
        } else if !stores.is_empty() && self.refuses(computer, roll) {
            self.act(StoreTrouble::Refused.name(), Action::Store(who, StoreTrouble::Refused))
        } else if !stores.is_empty() && roll < rates.stores {
            let trouble = stores[self.pick(stores.len())];
            self.computers[computer].refuses = trouble == StoreTrouble::Refused;
            self.act(trouble.name(), Action::Store(who, trouble))
        } else {
            self.perform(Action::Step(who))
        }
    }

    /// Whether its store still refuses what it is asked, as it did the last time.
    fn refuses(&mut self, computer: usize, roll: u64) -> bool {
        let refuses = &mut self.computers[computer].refuses;
        *refuses &= roll < OF * 3 / 4;
        *refuses
    }

    /// Whether this time it is something else than that somebody goes on.
    fn something_goes_wrong(&mut self) -> Result<bool, Violation> {
        let rates = self.plan.rates;
        let kinds: [(u64, Happening); 7] = [
            (rates.crashes, Self::crash),
            (rates.busy, Self::keep_waiting),
            (rates.delays, Self::delay),
            (rates.jumps, Self::set_clocks),
            (rates.interrupts, Self::interrupt),
            (rates.strangers, Self::let_stranger_write),
            (rates.restarts, Self::restart),
        ];
        let mut roll = self.dice.below(OF);
        for (rate, happens) in kinds {
            if roll < rate {
                happens(self)?;
                return Ok(true);
            }
            roll -= rate;
        }
        // What is left of the roll is as good as another.
        if roll.is_multiple_of(16) {
            return self.something_arrives();
        }
        if roll % 64 == 1 && self.anybody(|world, who| world.clients[who].process.is_some()).is_some() {
            self.start_one()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The request of a killed process, or the person at a page.
    fn something_arrives(&mut self) -> Result<bool, Violation> {
        if !self.world().orphans.is_empty() {
            if self.dice.below(4) > 0 {
                self.act("a killed process's request", Action::Orphan)?;
            } else {
                self.world().orphans.remove(0);
                self.tally.trouble("a killed process's request is lost");
            }
            return Ok(true);
        }
        Ok(self.look_at_page())
    }

    fn look_at_page(&mut self) -> bool {
        let Some(page) = self.world().pages.as_mut().and_then(Vec::pop) else { return false };
        let roll = self.dice.below(16);
        let somebody = match roll {
            0 => return true,
            1 => Somebody { denies: true, ..Somebody::SOLO },
            _ => Somebody::SOLO,
        };
        self.tally.trouble(if somebody.denies { "a login is refused" } else { "a login is approved" });
        // After the code's time there is nothing to approve; and who is signed out cannot tell that from here.
        let visited = self.world().visit_as(somebody, &page);
        self.world().note(|| format!("the person looks at {}: {}", page.path(), visited.is_ok()));
        true
    }

    /// Nobody can go on by itself.
    fn wait(&mut self) -> Checked {
        if self.anybody(|world, who| world.clients[who].process.is_some()).is_none() {
            return self.pause();
        }
        for computer in 0..self.computers.len() {
            self.turn_to(computer);
            if self.dice.below(4) > 0 && self.look_at_page() {
                return Ok(());
            }
        }
        let running = |computer: &&Computer| computer.world.clients.iter().any(|c| c.process.is_some());
        let instants = self.computers.iter().filter(running).filter_map(|c| c.world.next_instant());
        let Some(at) = instants.min() else {
            return Err(Violation::new(0, "processes wait for nothing"));
        };
        self.advance(at);
        Ok(())
    }

    /// Nobody runs, until the next processes are started.
    fn pause(&mut self) -> Checked {
        for computer in 0..self.computers.len() {
            self.turn_to(computer);
            self.forgive();
        }
        let Some(next) = self.next.take() else {
            self.next = Some(self.millis() + self.draw_pause());
            return Ok(());
        };
        self.advance(next);
        if self.dice.below(4) == 0 && self.plan.rates != Rates::default() {
            let computer = self.pick(self.computers.len());
            self.turn_to(computer);
            return self.probe();
        }
        if self.plan.second == Some(Second::Copied) && self.dice.below(200) == 0 {
            self.copy_home();
        }
        let most = if self.dice.below(2) == 0 { 3 } else { self.plan.processes.into() };
        for _ in 0..=self.dice.below(most) {
            self.start_one()?;
        }
        Ok(())
    }

    /// Mostly until something becomes due, or is over.
    fn draw_pause(&mut self) -> u64 {
        let calm = self.plan.rates == Rates::default();
        match self.dice.below(16) {
            0 if !calm => self.dice.below(8 * HOUR),
            1 | 2 if !calm => self.dice.below(20 * MINUTE),
            roll => {
                let computer = self.pick(self.computers.len());
                let world = &self.computers[computer].world;
                let until = world.next_instant().map_or(5 * MINUTE, |at| at - world.millis);
                until + if roll < 8 && !calm { self.dice.below(5_000) } else { 0 }
            }
        }
    }

    /// A lone process finds the session, unless that could not be.
    fn probe(&mut self) -> Checked {
        let world = self.world();
        let must = !world.is_excused() && !world.is_signed_out();
        let (left, pages) = (std::mem::take(&mut world.left), world.pages.take());
        let client = world.client(0);
        (client.role, client.runs) = (Role::Session, 1);
        let checked = world.guarded(World::probe_here);
        (world.left, world.pages) = (left, pages);
        self.tally.started += 1;
        self.tally.trouble(if must { "the session must be found" } else { "the session may be lost" });
        self.note_what_happened();
        self.advance(self.computers[self.on].world.millis);
        checked
    }

    /// What could be lost is forgotten once there is another login in its place.
    fn forgive(&mut self) {
        let computer = &mut self.computers[self.on];
        let world = &mut computer.world;
        if world.ghost.excuses == Excuses::default() {
            return;
        }
        let again = std::mem::take(&mut world.excused);
        let login = world.newest().and_then(login_of);
        match &computer.excused {
            // Whichever login it was that came to harm: it is not the one of before, or not alone.
            _ if again => computer.excused = Some(login.map(str::to_owned)),
            None => computer.excused = Some(login.map(str::to_owned)),
            Some(excused) if excused.as_deref() != login && world.orphans.is_empty() => {
                world.ghost.change().excuses = Excuses::default();
                computer.excused = None;
            }
            Some(_) => {}
        }
    }

    /// A process is started on some computer.
    fn start_one(&mut self) -> Checked {
        let computer = self.pick(self.computers.len());
        self.turn_to(computer);
        let idle = |world: &World, who: usize| world.clients[who].process.is_none();
        let Some(who) = self.anybody_here(idle) else { return Ok(()) };
        let (rates, roll, other) = (self.plan.rates, self.dice.below(OF), self.dice.below(8));
        let world = self.world();
        let rotation = world.newest().and_then(|record| record.rotation.as_ref());
        let refused = rotation.is_some_and(|r| matches!(r.journal, Journal::Refused { .. }));
        let lost = refused || world.is_signed_out() || world.must_not_rotate("copied_home");
        let role = match roll {
            _ if other == 0 && (lost || world.is_excused()) => Role::Login,
            roll if roll < rates.logins => Role::Login,
            roll if roll < rates.logins + rates.logouts => Role::Logout,
            _ => Role::Session,
        };
        let client = world.client(who);
        (client.role, client.runs) = (role, 1);
        self.tally.started += 1;
        self.perform(Action::Start(name(who)))
    }

    fn crash(&mut self) -> Checked {
        let Some((computer, who)) = self.anybody(|world, who| world.clients[who].process.is_some()) else {
            return Ok(());
        };
        self.turn_to(computer);
        let sends = |process: &Process| process.flight.is_none() && process.token_request().is_some();
        let sends = self.world().clients[who].process.as_ref().is_some_and(sends);
        // A poll for a device code leaves nothing behind that anybody could be judged by.
        let refreshes = self.world().clients[who].role == Role::Session;
        if sends && refreshes {
            return self.act("killed with its request on the way", Action::CrashSending(name(who)));
        }
        self.act("killed", Action::Crash(name(who)))
    }

    fn keep_waiting(&mut self) -> Checked {
        let waits = |world: &World, who: usize| {
            let wants = world.clients[who].process.as_ref().is_some_and(Process::wants_lock);
            wants && world.disk.lock.is_some()
        };
        let Some((computer, who)) = self.anybody(waits) else { return Ok(()) };
        self.turn_to(computer);
        if self.dice.below(2) == 0 {
            return self.act("a wait in vain", Action::Busy(name(who)));
        }
        self.act("all waits in vain", Action::Impatient(name(who)))
    }

    fn delay(&mut self) -> Checked {
        if self.world().next_instant().is_none() {
            return Ok(());
        }
        self.act("a delay", Action::Wait)
    }

    fn set_clocks(&mut self) -> Checked {
        let computer = self.pick(self.computers.len());
        self.turn_to(computer);
        match self.dice.below(4) {
            0 => self.act("the wall clock an hour ahead", Action::Jump(Jump::Ahead)),
            1 => self.act("the wall clock an hour back", Action::Jump(Jump::Back)),
            2 => self.act("a sleep of an hour", Action::Jump(Jump::Sleep)),
            _ => {
                let offset = self.dice.below(2 * SET).cast_signed() - SET.cast_signed();
                self.world().wall_offset = offset;
                self.world().note(|| format!("the wall clock is set {offset} ms off"));
                self.tally.trouble("the wall clock set anyhow");
                Ok(())
            }
        }
    }

    fn interrupt(&mut self) -> Checked {
        let runs = |process: &Process| !process.machine.has_ended();
        let runs = |world: &World, who: usize| world.clients[who].process.as_ref().is_some_and(runs);
        let Some((computer, who)) = self.anybody(runs) else { return Ok(()) };
        self.turn_to(computer);
        self.act("interrupted", Action::Interrupt(name(who)))
    }

    fn let_stranger_write(&mut self) -> Checked {
        let number = self.tally.steps;
        let world = self.world();
        let record = world.sign_in(&format!("login-of-a-stranger-{number}"));
        world.stranger = Some(Rc::new(record));
        self.act("another program's login", Action::Stranger)
    }

    /// All processes die, and the monotonic clock begins anew.
    fn restart(&mut self) -> Checked {
        let computer = self.pick(self.computers.len());
        self.turn_to(computer);
        let Computer { world, boots, .. } = &mut self.computers[computer];
        *boots += 1;
        (0..world.clients.len()).for_each(|who| world.kill(who));
        Arc::make_mut(&mut world.service).boot_id = format!("boot-of-{}-{boots}", computer + 1);
        world.mono_offset = -world.millis.cast_signed();
        world.ghost().minted = None;
        world.note(|| "the computer is started anew".to_owned());
        self.tally.trouble("a computer is started anew");
        Ok(())
    }

    /// The second computer's home becomes a copy of the first's once more.
    fn copy_home(&mut self) {
        let mut disk = self.computers[0].world.disk.clone();
        disk.change().lock = None;
        let Some(copy) = self.computers.get_mut(1) else { return };
        copy.world.disk = disk;
        copy.world.ghost = Part::default();
        copy.excused = None;
        copy.world.note(|| "the home is copied from the first computer".to_owned());
        self.tally.trouble("a home is copied");
    }

    fn act(&mut self, trouble: &'static str, action: Action) -> Checked {
        self.tally.trouble(trouble);
        self.perform(action)
    }

    fn perform(&mut self, action: Action) -> Checked {
        let troubles = self.plan.troubles();
        let world = self.world();
        world.left = troubles;
        let checked = world.perform_action(action);
        let now = world.millis;
        self.advance(now);
        checked
    }

    /// Ends are counted, and what is told is put in order.
    fn note_what_happened(&mut self) {
        let number = self.on + 1;
        let world = &mut self.computers[self.on].world;
        if let Some(end) = world.last_end.take() {
            self.tally.ended(&end);
        }
        if let (Some(story), Some(tape)) = (&mut self.story, &mut world.tape) {
            story.extend(tape.story.drain(..).map(|line| format!("{number} {line}")));
            let surplus = tape.traces.len().saturating_sub(KEPT);
            tape.traces.drain(..surplus);
        }
    }

    /// It is so late everywhere.
    fn advance(&mut self, at: u64) {
        for (computer, drift) in self.computers.iter_mut().zip(self.plan.drift) {
            let passed = at.saturating_sub(computer.world.millis).cast_signed();
            computer.world.millis = at;
            // The one that made time pass has not drifted yet; over days that is nothing.
            computer.drifted += passed * drift;
            computer.world.wall_offset += computer.drifted / 1_000_000;
            computer.drifted %= 1_000_000;
        }
    }

    /// What two computers share goes to the one that is going to make a step.
    fn turn_to(&mut self, computer: usize) {
        if computer == self.on {
            return;
        }
        self.note_what_happened();
        let [first, second] = self.computers.as_mut_slice() else { return };
        if self.plan.second == Some(Second::Shared) {
            swap(&mut first.excused, &mut second.excused);
        }
        let (first, second) = (&mut first.world, &mut second.world);
        swap(&mut first.issuer, &mut second.issuer);
        if self.plan.second == Some(Second::Shared) {
            swap(&mut first.excused, &mut second.excused);
            swap(&mut first.disk, &mut second.disk);
            swap(&mut first.ghost, &mut second.ghost);
            // Each has its own lock.
            if first.disk.lock != second.disk.lock {
                swap(&mut first.disk.change().lock, &mut second.disk.change().lock);
            }
        }
        self.on = computer;
    }

    fn world(&mut self) -> &mut World {
        &mut self.computers[self.on].world
    }

    fn millis(&self) -> u64 {
        self.computers[self.on].world.millis
    }

    /// Some process on some computer for which this holds.
    fn anybody(&mut self, which: impl Fn(&World, usize) -> bool) -> Option<(usize, usize)> {
        let (on, count) = (self.on, self.computers.len());
        let first = self.pick(count);
        for computer in (0..count).map(|index| (first + index) % count) {
            self.turn_to(computer);
            if let Some(who) = self.anybody_here(&which) {
                return Some((computer, who));
            }
        }
        self.turn_to(on);
        None
    }

    fn anybody_here(&mut self, which: impl Fn(&World, usize) -> bool) -> Option<usize> {
        let world = &self.computers[self.on].world;
        // One bit for each: they are asked in every step.
        let those =
            (0..world.clients.len()).filter(|who| which(world, *who)).fold(0, |set, who| set | 1_u64 << who);
        let count = those.count_ones() as usize;
        let chosen = if count > 1 { self.pick(count) } else { 0 };
        (0..64).filter(|who| those >> who & 1 == 1).nth(chosen)
    }

    fn pick(&mut self, of: usize) -> usize {
        usize::try_from(self.dice.below(of as u64)).unwrap_or_default()
    }
}

/// As actions name processes.
fn name(who: usize) -> u8 {
    u8::try_from(who).unwrap_or(u8::MAX)
}
