//! What a new process would find: is the session still there, and if not, could anybody have kept it?

use doorkey_core::bearer::{Bearer, bearer_of};

use crate::bounds::Troubles;
use crate::client::{Client, End, Role};
use crate::ghost::Violation;
use crate::part::Part;
use crate::rules::told;
use crate::step::Checked;
use crate::world::World;

/// More steps than a process needs to its end.
const STEPS: usize = 2_000;

impl World {
    /// Whether a new process could begin, and what it would find does not depend on others.
    pub fn can_be_probed(&self) -> bool {
        self.disk.lock.is_none()
    }

    /// Everybody is killed, and one process is started: it comes to an end, with a token unless that could not be.
    /// Gives the world at its end.
    pub fn probe(&self) -> (Checked, Self) {
        let mut world = self.clone();
        world.left = Troubles::default();
        world.orphans.clear();
        world.last_end = None;
        world.clients = vec![Part::new(Client { role: Role::Session, runs: 1, process: None })];
        world.note(|| "everybody is killed, and 0 is started anew".to_owned());
        let checked = world.probe_here();
        (checked, world)
    }

    /// The first of the clients, while no other runs: its process comes to an end, with a token unless that could not be.
    ///
    /// # Errors
    /// An invariant does not hold.
    pub fn probe_here(&mut self) -> Checked {
        let excused = self.is_excused() || self.is_signed_out();
        self.run_alone()?;
        self.check_found(excused)
    }

    fn run_alone(&mut self) -> Checked {
        self.start(0)?;
        let mut steps = 0;
        while self.last_end.is_none() {
            steps += 1;
            Violation::unless(steps < STEPS, 0, || "a new process never ends".to_owned())?;
            if self.can_step(0) {
                self.step(0)?;
            } else {
                let before = self.millis;
                self.pass_time();
                let passes = self.millis > before;
                Violation::unless(passes, 0, || "a new process waits for nothing".to_owned())?;
            }
        }
        Ok(())
    }

    /// A new process came to its end.
    fn check_found(&self, excused: bool) -> Checked {
        let Some(end) = &self.last_end else { return Ok(()) };
        let found = match end {
            End::Bearer(Bearer::Good(kept)) => {
                let accepted = bearer_of(&kept.record).is_some_and(|token| self.accepts(token));
                accepted || self.cannot_know(&kept.record)
            }
            End::Failed(failure) => self.must_not_rotate(&failure.code),
            _ => false,
        };
        Violation::unless(excused || found, 8, || {
            format!("the session is lost, and need not be: a new process {}", told(end))
        })
    }
}
