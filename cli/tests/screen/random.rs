//! Ten thousand random sequences: nothing panics, nothing is drawn outside the terminal, one machine runs at a time, every
//! answer has its question, and there is always a way out.

use doorkey::screen::app::{App, Wish};
use doorkey::screen::job::Job;
use doorkey::screen::login::Effect;
use doorkey::screen::look::Look;
use doorkey::screen::terminal::{Frame, Size};
use doorkey_core::billing::Advice;
use doorkey_core::command::Question;
use doorkey_core::connection::ConnectionState;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::notice::Notice;
use doorkey_core::time::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::world::*;

const SEQUENCES: u64 = 10_000;
const STEPS: u32 = 60;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }

    fn key(&mut self) -> KeyEvent {
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        match self.roll(13) {
            12 => KeyEvent::new(KeyCode::Char(self.one_of(&['y', 'd', 'b', 'c'])), KeyModifiers::ALT),
            0..4 => KeyEvent::from(KeyCode::Enter),
            4 => KeyEvent::from(KeyCode::Esc),
            5 => KeyEvent::from(KeyCode::Char(
                self.one_of(&['c', 'o', 'l', 'D', 'd', 'b', 'y', 'n', 'x', '/', 'é']),
            )),
            6 => KeyEvent::from(self.one_of(&[KeyCode::Up, KeyCode::Down, KeyCode::PageDown, KeyCode::Home])),
            7 => KeyEvent::from(self.one_of(&[
                KeyCode::Tab,
                KeyCode::Backspace,
                KeyCode::Left,
                KeyCode::Delete,
            ])),
            8 => control(self.one_of(&['a', 'e', 'u', 'w', 'z', 'n', 'p', 'd', 'l'])),
            9 => KeyEvent::from(self.one_of(&[KeyCode::F(1), KeyCode::Null, KeyCode::BackTab, KeyCode::End])),
            10 => control('c'),
            _ => KeyEvent::from(KeyCode::Char(self.one_of(&['/', 'l', 'q', 'h', 'c', ' ', 'y']))),
        }
    }

    fn size(&mut self) -> Size {
        let columns = self.one_of(&[1, 2, 7, 20, 40, 80, 120, 300]);
        Size { columns, rows: self.one_of(&[1, 2, 5, 12, 24, 40, 80]) }
    }
}

/// The screen and the machines under it.
struct World {
    app: App,
    job: Option<Job>,
    choosing: bool,
    asking: bool,
    left: Option<u8>,
    /// Whether the machine was asked to end.
    cancelled: bool,
}

impl World {
    fn new() -> Self {
        let (app, first) = App::new(service());
        let mut world = Self { app, job: None, choosing: false, asking: false, left: None, cancelled: false };
        world.obey(Some(Wish::Run(first)));
        world
    }

    fn obey(&mut self, wish: Option<Wish>) {
        match wish {
            None => {}
            Some(Wish::Run(job)) => {
                assert_eq!(self.job, None, "one machine at a time");
                (self.job, self.cancelled) = (Some(job), false);
                (self.choosing, self.asking) = (false, false);
            }
            Some(Wish::Leave(code)) => {
                assert_eq!(self.job, None, "a machine still runs");
                self.left = Some(code);
            }
            Some(Wish::Effect(Effect::Choose(_))) => assert!(std::mem::take(&mut self.choosing)),
            Some(Wish::Effect(Effect::Answer(_))) => assert!(std::mem::take(&mut self.asking)),
            Some(Wish::Effect(Effect::Cancel)) => {
                assert!(self.job.is_some(), "nothing to cancel");
                self.cancelled = true;
            }
            Some(Wish::Effect(Effect::Copy(_) | Effect::Open(_) | Effect::Suspend)) => {}
        }
    }

    fn press(&mut self, key: KeyEvent) {
        let wish = self.app.press(key);
        self.obey(wish);
    }

    fn end_job(&mut self, dice: &mut Dice) {
        let Some(job) = self.job.take() else { return };
        let failure = match dice.roll(4) {
            // What was on its way may have come in before it was asked to end.
            0..3 if self.cancelled => Some(Failure::interrupted()),
            0 => Some(Failure::new(Exit::Network, "unreachable", "cannot reach it").next("try again")),
            _ => None,
        };
        let advice = if dice.roll(2) == 0 { Advice::None } else { top_up() };
        let done = match (job, failure) {
            (job, Some(failure)) => failed(job, failure),
            (Job::Look, None) => looked(dice.one_of(&[
                ConnectionState::None,
                ConnectionState::Connected,
                ConnectionState::Recovering,
                ConnectionState::Ending,
                ConnectionState::Expired,
            ])),
            (Job::Connect, None) => connected(advice),
            (Job::Disconnect, None) => disconnected(),
            (Job::Credits, None) => credits(advice),
        };
        let wish = self.app.done(done);
        self.obey(wish);
    }

    /// Something that the machine says on its way.
    fn hear(&mut self, dice: &mut Dice, time: u64) {
        let Some(job) = self.job else { return };
        match (job, dice.roll(8)) {
            (Job::Connect, 0 | 1) => self.app.hear(at(time), &device_code(time + 300_000)),
            (Job::Connect, 2) => {
                self.asking = self.app.ask(Question::Reconnect);
                self.choosing = false;
            }
            (Job::Connect, 3) => {
                let count = dice.one_of(&[1, 2, 9, 60]);
                (self.choosing, self.asking) = (self.app.choose(choices(count)), false);
            }
            (Job::Connect, 4) => self.app.hear(at(time), &waiting(time + 5_000, time + 200_000)),
            (Job::Connect, 5) => {
                let expires_at = Timestamp::from_millis(time + 300_000);
                let page = url("https://console.pensar.dev/create-workspace?redirect=/credits");
                (self.choosing, self.asking) = (false, false);
                self.app.hear(at(time), &Notice::CreateWorkspace { page, expires_at });
            }
            (_, 6) => {
                self.app.hear(at(time), &Notice::PageNotOpened { reason: "no display".to_owned() });
            }
            _ => {
                let wait = std::time::Duration::from_secs(dice.roll(9));
                self.app.hear(at(time), &Notice::Retrying { reason: "cannot reach it".to_owned(), wait });
            }
        }
    }

    fn draw(&self, dice: &mut Dice, time: u64) {
        let look = Look { colors: dice.roll(2) == 0, unicode: dice.roll(2) == 0 };
        let size = dice.size();
        let frame = self.app.frame(at(time), size, look);
        let text = text_of(&frame);
        let contradicts = text.contains("Connected to") && text.contains("not connected");
        assert!(!contradicts, "{text}");
        for row in &frame.rows {
            let text = row.line.to_string();
            assert!(!text.chars().any(char::is_control), "{text:?}");
            if size.columns >= 40 {
                assert!(row.line.width() <= usize::from(size.columns), "{size:?} {text:?}");
            }
            assert!(look.unicode || has_no_art(&text), "{text:?}");
        }
        if size.columns >= 40 && size.rows >= 24 {
            assert!(frame.rows.len() <= usize::from(size.rows), "{size:?} {}", text_of(&frame));
        }
    }

    /// Whatever goes on, who keeps pressing Ctrl-C and Ctrl-D gets out.
    fn leave(&mut self) {
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for _ in 0..8 {
            for key in ['c', 'd'] {
                if self.left.is_none() {
                    self.press(control(key));
                }
                if let Some(job) = self.job.take_if(|_| self.cancelled) {
                    let wish = self.app.done(failed(job, Failure::interrupted()));
                    self.obey(wish);
                }
                // A look at the start is over by itself.
                if let Some(Job::Look) = self.job
                    && self.left.is_none()
                {
                    self.job = None;
                    let wish = self.app.done(looked(ConnectionState::None));
                    self.obey(wish);
                }
            }
        }
        assert!(
            self.left.is_some(),
            "no way out of\n{}",
            text_of(&self.app.frame(at(0), Size { columns: 80, rows: 40 }, LOOK))
        );
    }
}

fn text_of(frame: &Frame) -> String {
    frame.rows.iter().map(|row| format!("{}\n", row.line)).collect()
}

fn has_no_art(text: &str) -> bool {
    !text.contains(['█', '▀', '▄', '━', '─', '❯', '✓', '✗', '●', '○', '·', '…', '→', '↑', '↓'])
}

#[test]
fn no_sequence_of_keys_and_answers_confuses_the_screen() {
    let mut views = std::collections::BTreeSet::new();
    for seed in 0..SEQUENCES {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let mut time = 1_000;
        let guard = Seed(seed);
        for step in 0..STEPS {
            if world.left.is_some() {
                break;
            }
            time += dice.roll(2_000);
            match dice.roll(12) {
                0 | 1 => world.end_job(&mut dice),
                2..5 => world.hear(&mut dice, time),
                // A word that means something is hardly ever typed by chance.
                5 => {
                    world.app.paste(dice.one_of(&["/login", "/credits", "/help", "/lo", "/login"]));
                    world.press(KeyEvent::from(KeyCode::Enter));
                }
                _ => {
                    let key = dice.key();
                    world.press(key);
                }
            }
            if step % 12 == 0 {
                world.draw(&mut dice, time);
                let rows = world.app.frame(at(time), Size { columns: 80, rows: 40 }, LOOK).rows;
                views.insert(rows.get(2).map(|row| row.line.to_string()).unwrap_or_default());
            }
        }
        if world.left.is_none() {
            world.leave();
        }
        drop(guard);
    }
    // The walk goes everywhere; a screen that is stuck at its prompt would pass everything above.
    for place in [
        "Connect this machine to Pensar Console",
        "Open this page in a browser",
        "Choose a workspace for this machine:",
        "You have no workspace yet.",
        "Already connected to Pensar Console.",
        "✓ Connected to Pensar Console",
        "Disconnect from Pensar Console?",
        "Workspace: Acme Corp (acme)",
        "✗ Not connected",
        "Disconnecting…",
        "Asking for the balance…",
    ] {
        assert!(views.iter().any(|view| view.trim_start().starts_with(place)), "never at {place:?}");
    }
}

const LOOK: Look = Look { colors: true, unicode: true };

/// Names the seed of a sequence that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the sequence with seed {} fails", self.0);
        }
    }
}
