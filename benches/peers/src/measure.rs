//! What a process has used so far: CPU time, memory at its peak, bytes handed to the system.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What a piece of work took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Used {
    pub wall_micros: u64,
    /// User and system time of all threads.
    pub cpu_micros: u64,
    /// Bytes given to `write` calls of all kinds.
    pub written_bytes: u64,
    /// The peak of the process's resident memory, since it was started.
    pub peak_kib: u64,
}

/// A measurement that has begun.
pub struct Meter {
    begun: Instant,
    cpu: Duration,
    written: u64,
}

impl Meter {
    pub fn start() -> Outcome<Self> {
        Ok(Self { begun: Instant::now(), cpu: cpu()?, written: written()? })
    }

    pub fn stop(self) -> Outcome<Used> {
        Ok(Used {
            wall_micros: u64::try_from(self.begun.elapsed().as_micros())?,
            cpu_micros: u64::try_from((cpu()? - self.cpu).as_micros())?,
            written_bytes: written()? - self.written,
            peak_kib: field("/proc/self/status", "VmHWM:")?,
        })
    }
}

fn cpu() -> Outcome<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let duration = |time: TimeVal| {
        Ok::<_, std::num::TryFromIntError>(Duration::new(
            u64::try_from(time.tv_sec())?,
            u32::try_from(time.tv_usec() * 1_000)?,
        ))
    };
    Ok(duration(usage.user_time())? + duration(usage.system_time())?)
}

fn written() -> Outcome<u64> {
    field("/proc/self/io", "wchar:")
}

/// The number behind `name` in a file of the proc file system.
fn field(file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("{file} has no {name}"))?.parse()?)
}
