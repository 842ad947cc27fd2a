//! What is written down of a run that is told: what happened, and a trace of each process.

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::machine::Disposition;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::time::Now;
use doorkey_core::trace::Recorder;

/// The tape.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// What happened, in order.
    pub story: Vec<String>,
    /// A trace of every process that was started, as `doorkey replay` reads it.
    pub traces: Vec<Trace>,
}

/// What one process was told, and did.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Whose it is.
    pub client: usize,
    /// Its lines.
    pub lines: Vec<String>,
    recorder: Recorder,
}

impl Tape {
    /// Something happened.
    pub fn say(&mut self, millis: u64, line: String) {
        self.story.push(format!("{:>9.3} s  {line}", millis as f64 / 1000.0));
    }

    /// A process begins.
    pub fn begin(&mut self, client: usize, task: &Task, service: &Service) {
        let mut recorder = Recorder::default();
        let lines = vec![recorder.begin(task, service)];
        self.traces.push(Trace { client, lines, recorder });
    }

    /// A process was told something.
    pub fn told(&mut self, client: usize, now: Now, event: &Event, what: Disposition, then: &[Command]) {
        if let Some(trace) = self.latest(client) {
            let line = trace.recorder.line(now, event, what, then);
            trace.lines.push(line);
        }
    }

    /// A process came to its end.
    pub fn end(&mut self, client: usize, failure: Option<&Failure>) {
        if let Some(trace) = self.latest(client) {
            let line = trace.recorder.end(failure);
            trace.lines.push(line);
        }
    }

    fn latest(&mut self, client: usize) -> Option<&mut Trace> {
        self.traces.iter_mut().rev().find(|trace| trace.client == client)
    }
}
