//! What a process has used so far: CPU time, memory at its peak, bytes handed to the system, syncs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::ClockId;

use crate::{Outcome, syncs};

/// What a piece of work took.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub wall_micros: f64,
    /// User and system time of all threads.
    pub cpu_micros: f64,
    /// Bytes given to `write` calls of all kinds.
    pub written_bytes: f64,
    /// Bytes that the whole machine wrote to the disk of the store; none where it has none.
    pub disk_bytes: f64,
    pub syncs: f64,
    /// The peak of resident memory above what there was at the beginning.
    pub peak_kib: f64,
}

/// A measurement that has begun.
pub struct Meter {
    begun: Instant,
    cpu: Duration,
    written: u64,
    disk: Option<PathBuf>,
    to_disk: u64,
    syncs: u64,
    resident_kib: u64,
}

impl Meter {
    /// Of work on a store in `dir`.
    pub fn start(dir: &Path) -> Outcome<Self> {
        fs::write("/proc/self/clear_refs", "5")?; // the peak is what there is now
        let resident_kib = field("/proc/self/status", "VmRSS:")?;
        let disk = disk(dir)?;
        let to_disk = sectors(disk.as_deref())?;
        let (written, syncs, cpu) = (written()?, syncs::count(), cpu()?);
        Ok(Self { begun: Instant::now(), cpu, written, disk, to_disk, syncs, resident_kib })
    }

    pub fn stop(self) -> Outcome<Used> {
        let wall = self.begun.elapsed();
        let peak_kib = field("/proc/self/status", "VmHWM:")?;
        Ok(Used {
            wall_micros: micros(wall),
            cpu_micros: micros(cpu()? - self.cpu),
            written_bytes: (written()? - self.written) as f64,
            disk_bytes: (sectors(self.disk.as_deref())? - self.to_disk) as f64 * 512.0,
            syncs: (syncs::count() - self.syncs) as f64,
            peak_kib: peak_kib.saturating_sub(self.resident_kib) as f64,
        })
    }
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// CPU time of all threads of the process, to the nanosecond: `getrusage` is late by up to a tick.
fn cpu() -> Outcome<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// CPU time of the calling thread alone.
pub fn thread_cpu() -> Outcome<Duration> {
    Ok(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?.into())
}

fn written() -> Outcome<u64> {
    field("/proc/self/io", "wchar:")
}

/// What the system knows of the disk under `dir`.
fn disk(dir: &Path) -> Outcome<Option<PathBuf>> {
    let device = fs::metadata(dir)?.dev();
    let (major, minor) = (libc::major(device), libc::minor(device));
    let disk = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat"));
    Ok(disk.exists().then_some(disk))
}

/// How many sectors of 512 bytes were written to it. A process is only told how many pages it touched, and a
/// large page counts whole.
fn sectors(disk: Option<&Path>) -> Outcome<u64> {
    let Some(disk) = disk else { return Ok(0) };
    let text = fs::read_to_string(disk)?;
    Ok(text.split_whitespace().nth(6).ok_or("a disk that counts no sectors")?.parse()?)
}

/// Bytes of disk that the files under `path` take.
pub fn disk_bytes(path: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { disk_bytes(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(bytes)
}

/// The number behind `name` in a file of the proc file system.
fn field(file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("{file} has no {name}"))?.parse()?)
}
