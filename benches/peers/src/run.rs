//! One run: a job that is done in a process of its own, and the figures that come out of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::engines::{Name, Purpose};
use crate::measure::{Used, disk_bytes};
use crate::scenarios::{checkpoint, read, reopen, sync, transfer, upsert};
use crate::syncs::Length;
use crate::{Outcome, prepare, syncs};

/// Figures by name. The name ends with the unit.
pub type Figures = BTreeMap<String, f64>;

/// An engine's own figures.
pub type Own = Vec<(&'static str, f64)>;

/// What one process has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub engine: Name,
    pub purpose: Purpose,
    pub dir: PathBuf,
    pub sync: Length,
    pub tokens: usize,
    pub work: Work,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    Prepare(prepare::Contents),
    Upsert(upsert::Size),
    Sync {
        list: PathBuf,
        session: u64,
    },
    Read(read::Size),
    Transfer(transfer::Size),
    /// Upserts one by one, and says how many, until it is killed.
    Write(u64),
    Reopen(reopen::Size),
    Checkpoint(checkpoint::Size),
}

/// One line of the results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub case: String,
    pub engine: Name,
    pub round: usize,
    pub sync: Length,
    pub figures: Figures,
    /// Why it has no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// All runs of a file of results.
pub fn read_results(results: &Path) -> Outcome<Vec<Run>> {
    let lines = BufReader::new(File::open(results)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

impl Job {
    /// Does it here.
    pub fn run(&self) -> Outcome<Figures> {
        syncs::set(self.sync);
        match &self.work {
            Work::Prepare(contents) => prepare::run(self, contents),
            Work::Upsert(size) => upsert::run(self, *size),
            Work::Sync { list, session } => sync::run(self, list, *session),
            Work::Read(size) => read::run(self, *size),
            Work::Transfer(size) => transfer::run(self, *size),
            Work::Write(most) => reopen::write(self, *most),
            Work::Reopen(size) => reopen::run(self, *size),
            Work::Checkpoint(size) => checkpoint::run(self, *size),
        }
    }

    /// Does it in a process of its own.
    pub fn run_apart(&self) -> Outcome<Figures> {
        let ran = self.command()?.stderr(Stdio::inherit()).output()?;
        if !ran.status.success() {
            return Err(format!("{} failed at {:?}: {}", self.engine, self.work, ran.status).into());
        }
        Ok(serde_json::from_slice(&ran.stdout)?)
    }

    /// The process that does it.
    pub fn command(&self) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("once").arg(serde_json::to_string(self)?);
        Ok(command)
    }
}

/// The figures that all work has: so many operations in so many commits.
pub fn figures(used: Used, operations: u64, commits: u64, dir: &Path) -> Outcome<Figures> {
    let (each, commits) = (operations as f64, commits as f64);
    Ok([
        ("per_s", each / used.wall_micros * 1e6),
        ("cpu_us", used.cpu_micros / each),
        ("bytes", used.written_bytes / each),
        ("bytes_per_commit", used.written_bytes / commits),
        ("disk_bytes", used.disk_bytes / commits),
        ("syncs_per_commit", used.syncs / commits),
        ("peak_mib", used.peak_kib / 1024.0),
        ("disk_mib", disk_bytes(dir)? as f64 / f64::from(1 << 20)),
        ("wall_s", used.wall_micros / 1e6),
    ]
    .map(|(name, figure)| (name.to_owned(), figure))
    .into())
}

/// An engine's own figures: what they grew by, but for the longest waits, which are no sums and are those since it
/// was opened.
pub fn own(figures: &mut Figures, before: &Own, after: &Own) {
    for ((name, before), (_, after)) in before.iter().zip(after) {
        let grew = if name.ends_with("_wait_us") { *after } else { after - before };
        figures.insert(format!("own_{name}"), grew);
    }
}

/// Median, 99th and 99.9th of a hundred, and the longest, of times in nanoseconds.
pub fn latencies(figures: &mut Figures, mut nanos: Vec<u32>) {
    nanos.sort_unstable();
    let Some(last) = nanos.len().checked_sub(1) else { return };
    let places = [("p50_us", 500), ("p99_us", 990), ("p999_us", 999), ("max_us", 1_000)];
    for (name, thousandths) in places {
        let nth = (nanos.len() * thousandths / 1_000).min(last);
        figures.insert(name.to_owned(), f64::from(nanos[nth]) / 1e3);
    }
}
