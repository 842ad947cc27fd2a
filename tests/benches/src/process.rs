//! What the system knows of a process.

use std::fs;
use std::time::Duration;

/// The bytes that are its own and in memory. What it has mapped of files, its code above all, is not among them.
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// The processor time it has used, the system's on its behalf included.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<u64>().unwrap());
    // Linux tells it in hundredths of a second on all its machines.
    Duration::from_millis(10 * (ticks.next().unwrap() + ticks.next().unwrap()))
}
