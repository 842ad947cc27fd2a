//! `doorkey sandbox --examine`: a client in every situation of an examination.

use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_sandbox::exam::{Played, Report, Run, Situation, Step};
use doorkey_sandbox::{Announcement, Grade, serve};

use super::client::{self, Home};
use crate::exec::not_started;
use crate::sandbox::{not_served, trouble};

/// Somebody's client, and how it is run.
pub struct Examinee<'a> {
    /// Logs in.
    pub login: &'a [OsString],
    /// Uses the session, as a line of shell.
    pub then: Option<&'a str>,
    /// How long one run may take.
    pub limit: Duration,
}

/// One situation after it was played.
struct End {
    played: Played,
    grade: Grade,
}

impl Examinee<'_> {
    /// Plays all these situations at the same time, each with a sandbox and a home folder of its own. Those that are about
    /// a session are left out if the client has none to use.
    ///
    /// # Errors
    /// If a sandbox or the client cannot be started, `stop` is set, or the client never came.
    pub fn examine(&self, situations: &[Situation], stop: &AtomicBool) -> Result<Report, Failure> {
        let wanted = situations.iter().filter(|situation| self.then.is_some() || !situation.needs_use());
        let ends: Vec<_> = thread::scope(|scope| {
            let started: Vec<_> =
                wanted.map(|situation| scope.spawn(|| self.play(*situation, stop))).collect();
            started.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
        });
        if stop.load(Ordering::SeqCst) {
            return Err(Failure::interrupted());
        }
        let ends: Vec<End> = ends.into_iter().collect::<Result<_, _>>()?;
        let report = Report::of(ends.into_iter().map(|end| (end.played, end.grade)).collect());
        if report.says_something() { Ok(report) } else { Err(absent(&report)) }
    }

    fn play(&self, situation: Situation, stop: &AtomicBool) -> Result<End, Failure> {
        let running = serve(situation.options()).map_err(|e| not_served(&e))?;
        let announced = running.announcement();
        let home = Home::new(situation.id()).map_err(failed)?;
        let (mut runs, mut said) = (Vec::new(), None);
        for step in situation.steps() {
            let ended = match (step, self.then) {
                (Step::Login, _) => self.run(&home, &announced, None, 1, stop)?,
                (Step::Use(copies), Some(then)) => self.run(&home, &announced, Some(then), *copies, stop)?,
                (Step::Use(_), None) => continue,
                (Step::Wait(time), _) => {
                    sleep(*time, stop);
                    continue;
                }
            };
            // What it says about the first thing that went wrong explains the most.
            if ended.iter().any(|run| *run != Run::Exited(0)) {
                said = said.or_else(|| home.last_words());
            }
            runs.extend(ended);
        }
        let grade = running.grade().map_err(failed)?;
        running.stop();
        let played = Played { situation, title: situation.title(), requests: grade.requests, runs, said };
        Ok(End { played, grade })
    }

    /// Runs so many copies of the client at once, until all have ended.
    fn run(
        &self,
        home: &Home,
        announced: &Announcement,
        then: Option<&str>,
        copies: usize,
        stop: &AtomicBool,
    ) -> Result<Vec<Run>, Failure> {
        let variables = announced.env.pairs();
        let mut children = Vec::new();
        for _ in 0..copies {
            let mut command = match then {
                Some(line) => client::shell(line, &variables),
                None => login(self.login, &variables)?,
            };
            home.settle(&mut command).map_err(failed)?;
            children.push(command.spawn().map_err(|e| not_started(command.get_program(), &e))?);
        }
        let until = Instant::now() + self.limit;
        let ended = children.iter_mut().map(|child| client::wait(child, Some(until), stop));
        ended.collect::<io::Result<_>>().map_err(failed)
    }
}

/// The client that logs in.
///
/// # Errors
/// If there is none.
pub fn login(words: &[OsString], variables: &[(&str, &str)]) -> Result<Command, Failure> {
    let Some((program, args)) = words.split_first() else {
        return Err(Failure::new(Exit::Usage, "usage", "there is no client to examine")
            .next("name the command that logs in after `--`"));
    };
    Ok(client::command(program, args, variables))
}

fn sleep(time: Duration, stop: &AtomicBool) {
    let until = Instant::now() + time;
    while Instant::now() < until && !stop.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(20));
    }
}

/// The client got nowhere: a report would only say that nothing is known.
fn absent(report: &Report) -> Failure {
    let said = report.situations.iter().find_map(|played| played.said.as_ref());
    let said = said.map(|said| format!("; it said: {}", harmless(said))).unwrap_or_default();
    Failure::new(Exit::Usage, "client_absent", format!("the client never logged in at the sandbox, nor tried to{said}")).next(
        "point it at $SANDBOX_ISSUER as client $SANDBOX_CLIENT_ID; its home folder is a new, empty one, so it has no settings",
    )
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(why: io::Error) -> Failure {
    trouble(&why.to_string())
}

fn panicked() -> Failure {
    trouble("a thread panicked")
}
