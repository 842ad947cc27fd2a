//! What survives a process, in memory: one session, in each kind of place.

use std::collections::BTreeMap;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

/// What survives a process.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// The session, by the kind of place.
    pub records: BTreeMap<Backend, Record>,
    /// What is remembered without secrets.
    pub ledger: Ledger,
    /// The emergency file.
    pub emergency: Option<Emergency>,
    /// What an older program left in the settings.
    pub plaintext: Option<Record>,
    /// Comes to light when `plaintext` is removed.
    pub behind_plaintext: Option<Record>,
    /// Another program writes `plaintext` anew whenever it is removed.
    pub plaintext_comes_back: bool,
    /// Who holds the lock.
    pub lock: Option<usize>,
    /// Every operation on a backend fails like this.
    pub broken: BTreeMap<Backend, StoreFailureKind>,
    /// Writes to a backend fail like this, from the given one on, counted from now.
    pub unwritable: BTreeMap<Backend, (usize, StoreFailureKind)>,
    /// No emergency file can be made.
    pub no_emergency: bool,
    /// The lock does not hold for others.
    pub shared: bool,
    /// A write that is reported as timed out, but happens all the same.
    pub late_write: bool,
    /// Writes are reported as done, and are not.
    pub forgets_writes: bool,
    /// Credentials are kept as text, as in any place that outlives a process.
    pub keeps_text: bool,
}

/// An emergency file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Emergency {
    /// The bytes that it was made with.
    pub room: usize,
    /// What was written into it.
    pub record: Option<Record>,
}

impl Disk {
    /// What a store answers to process `pid`.
    ///
    /// # Panics
    /// If something is changed without the lock, or a generation is used twice.
    pub fn perform(&mut self, pid: usize, op: StoreOp) -> StoreAnswer {
        let failed = |kind: StoreFailureKind| {
            StoreAnswer::Failed(StoreFailure { kind, detail: format!("it is {}", kind.as_str()) })
        };
        let under_lock = self.lock == Some(pid);
        let found = |record: Option<&Record>| {
            StoreAnswer::Records(record.map(|record| (Slot::Active, record.clone())).into_iter().collect())
        };
        match op {
            StoreOp::ReadLedger => StoreAnswer::Ledger(self.ledger.clone()),
            StoreOp::WriteLedger(ledger) => {
                assert!(under_lock, "the ledger is written under the lock");
                self.ledger = ledger;
                StoreAnswer::Done
            }
            StoreOp::Lock { .. } if self.lock.is_some() => failed(StoreFailureKind::Busy),
            StoreOp::Lock { .. } => {
                self.lock = Some(pid);
                StoreAnswer::Done
            }
            StoreOp::Unlock => {
                // Who ends without ever having had the lock gives it back all the same.
                self.lock = self.lock.filter(|holder| *holder != pid);
                StoreAnswer::Done
            }
            StoreOp::CheckLock if self.shared => failed(StoreFailureKind::Shared),
            StoreOp::CheckLock => StoreAnswer::Done,
            StoreOp::ReadEmergency => found(self.emergency.as_ref().and_then(|file| file.record.as_ref())),
            StoreOp::ReserveEmergency { .. } | StoreOp::WriteEmergency(_) if self.no_emergency => {
                failed(StoreFailureKind::Refused)
            }
            StoreOp::ReserveEmergency { bytes } => {
                assert!(under_lock, "the emergency file is made under the lock");
                // What is in there is not thrown away.
                if self.emergency.as_ref().is_some_and(|file| file.record.is_some()) {
                    return failed(StoreFailureKind::Refused);
                }
                self.emergency = Some(Emergency { room: bytes, record: None });
                StoreAnswer::Done
            }
            StoreOp::WriteEmergency(record) => {
                assert!(under_lock, "the emergency file is written under the lock");
                let room = self.emergency.as_ref().expect("it was made before").room;
                assert!(record.encode().expose_secret().len() < room, "there is room in it");
                self.emergency = Some(Emergency { room, record: Some(record) });
                StoreAnswer::Done
            }
            StoreOp::RemoveEmergency => {
                assert!(under_lock, "the emergency file is removed under the lock");
                self.emergency = None;
                StoreAnswer::Done
            }
            // No login here is another process's.
            StoreOp::WritePending(_) => failed(StoreFailureKind::Absent),
            StoreOp::ReadPlaintext => found(self.plaintext.as_ref()),
            StoreOp::RemovePlaintext { expected } => match self.plaintext.as_ref().map(Record::version) {
                Some(version) if version != expected => StoreAnswer::Conflict,
                _ if self.plaintext_comes_back => StoreAnswer::Done,
                _ => {
                    self.plaintext = self.behind_plaintext.take();
                    StoreAnswer::Done
                }
            },
            StoreOp::Load { backend, .. } | StoreOp::LoadAll(backend) => match self.broken.get(&backend) {
                Some(kind) => failed(*kind),
                None => found(self.records.get(&backend)),
            },
            StoreOp::Probe(backend) | StoreOp::Unseal { backend, .. } => match self.broken.get(&backend) {
                Some(kind) => failed(*kind),
                None => StoreAnswer::Done,
            },
            StoreOp::Write { backend, expected, record, .. } => {
                assert!(under_lock, "credentials are written under the lock");
                if let Some(kind) = self.broken.get(&backend) {
                    return failed(*kind);
                }
                if let Some((before, kind)) = self.unwritable.get_mut(&backend) {
                    if *before == 0 {
                        return failed(*kind);
                    }
                    *before -= 1;
                }
                let held = self.records.get(&backend);
                if held.map(Record::version) != expected {
                    return StoreAnswer::Conflict;
                }
                if self.forgets_writes {
                    return StoreAnswer::Done;
                }
                check_successor(held, &record);
                // It is written and read, if not kept as it is.
                let text = self.keeps_text.then(|| record.encode());
                let kept = text.map_or(record, |text| Record::decode(&text).expect("it can be read"));
                self.records.insert(backend, kept);
                if std::mem::take(&mut self.late_write) {
                    return failed(StoreFailureKind::TimedOut);
                }
                StoreAnswer::Done
            }
            StoreOp::Delete { backend, expected, .. } => {
                assert!(under_lock, "credentials are deleted under the lock");
                if let Some(kind) = self.broken.get(&backend) {
                    return failed(*kind);
                }
                match self.records.get(&backend).map(Record::version) {
                    Some(version) if version != expected => StoreAnswer::Conflict,
                    _ => {
                        self.records.remove(&backend);
                        StoreAnswer::Done
                    }
                }
            }
        }
    }
}

/// A generation is never used twice, and never goes back within a login (invariant 6).
fn check_successor(before: Option<&Record>, after: &Record) {
    let (Some(before), Some(now)) = (before.and_then(|r| r.generation.as_ref()), &after.generation) else {
        return;
    };
    assert!(before.login != now.login || before.counter < now.counter, "{before} then {now}");
}
