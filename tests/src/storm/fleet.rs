//! The clients of a storm: some live through it, others are killed and replaced all the time.

use std::time::Duration;

use crate::storm::client::Client;
use crate::storm::line::Told;
use crate::storm::site::Site;

/// Running clients. They end with this value, whatever becomes of the test.
pub struct Fleet<'a> {
    site: &'a Site,
    args: Vec<String>,
    clients: Vec<(u32, Client)>,
    last_name: u32,
    killed: usize,
    random: u64,
}

impl<'a> Fleet<'a> {
    /// So many clients that ask again and again, with these further arguments.
    pub fn start(site: &'a Site, clients: usize, args: Vec<String>) -> Self {
        let random = u64::from(std::process::id()) | 1;
        let mut fleet = Self { site, args, clients: Vec::new(), last_name: 0, killed: 0, random };
        (0..clients).for_each(|_| fleet.add());
        fleet
    }

    /// A name that no client has had.
    pub fn next_name(&mut self) -> u32 {
        self.last_name += 1;
        self.last_name
    }

    /// How many were killed.
    pub fn killed(&self) -> usize {
        self.killed
    }

    /// Kills one of the first `mortals` clients by SIGKILL, notes it once it is gone, and starts another one.
    pub fn kill_one_of(&mut self, mortals: usize) {
        let chosen = self.below(mortals);
        let (name, victim) = self.clients.remove(chosen);
        // Killed, and waited for.
        drop(victim);
        self.site.note(name, Told::Killed);
        self.killed += 1;
        self.add();
        // It takes the place of the one that is gone.
        self.clients.rotate_right(1);
    }

    /// A pause of up to so long.
    pub fn pause(&mut self, longest: Duration) {
        let millis = usize::try_from(longest.as_millis()).unwrap();
        let millis = u64::try_from(self.below(millis)).unwrap();
        std::thread::sleep(Duration::from_millis(millis));
    }

    /// Tells all clients to end, and waits until they have.
    ///
    /// # Panics
    /// If one of them does not, or ended otherwise before.
    pub fn end(mut self) {
        self.clients.iter_mut().for_each(|(_, client)| client.end_input());
        for (name, client) in self.clients {
            let status = client.end();
            assert!(status.success(), "client {name}: {status}: {}", self.site.errors());
        }
    }

    fn add(&mut self) {
        let name = self.next_name();
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.clients.push((name, self.site.start(name, &args)));
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}
