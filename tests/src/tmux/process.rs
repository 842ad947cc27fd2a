//! What the system tells of processes (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// The unit of times in `/proc/PID/stat`, on every architecture that these tests run on.
const TICK: Duration = Duration::from_millis(10);

/// How long a process and its threads have kept a processor busy, in steps of 10 ms.
///
/// # Panics
/// If it is gone.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = stat(&pid.to_string()).unwrap_or_else(|| panic!("process {pid} is gone"));
    let ticks = |at: usize| stat[at].parse::<u32>().unwrap();
    TICK * (ticks(11) + ticks(12))
}

/// How often each thread of a process has gone to sleep so far, and so at most how often it was woken: by its id and
/// name.
///
/// # Panics
/// If the process is gone.
pub fn sleeps(pid: u32) -> BTreeMap<String, u64> {
    let threads =
        fs::read_dir(format!("/proc/{pid}/task")).unwrap_or_else(|_| panic!("process {pid} is gone"));
    let of_thread = |thread: fs::DirEntry| {
        // It may have ended meanwhile.
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        let name = format!("{} {}", thread.file_name().display(), field("Name:"));
        Some((name, field("voluntary_ctxt_switches:").parse().unwrap()))
    };
    threads.flatten().filter_map(of_thread).collect()
}

/// The process group that has the terminal of this process.
pub(super) fn foreground(pid: u32) -> u32 {
    stat(&pid.to_string()).unwrap_or_else(|| panic!("process {pid} is gone"))[5].parse().unwrap()
}

/// Whether it is there and not just waiting to be asked how it ended.
pub(super) fn is_alive(pid: u32) -> bool {
    stat(&pid.to_string()).is_some_and(|stat| stat[0] != "Z")
}

/// Whether it has ended and nobody has asked how.
pub(super) fn is_zombie(pid: u32) -> bool {
    stat(&pid.to_string()).is_some_and(|stat| stat[0] == "Z")
}

/// All processes of the session that this process leads.
pub(super) fn of_session(leader: u32) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let names = all.map(|process| process.file_name().to_string_lossy().into_owned());
    let leader = leader.to_string();
    names.filter(|pid| stat(pid).is_some_and(|stat| stat[3] == leader)).collect()
}

/// The fields after the name, which is the second one and may have blanks in it.
fn stat(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}
