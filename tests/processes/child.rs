//! A drive process: how it is started, what it said, and whether that is true.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The environment variable that makes this test binary the drive program: its arguments, one a line.
pub(crate) const ARGUMENTS: &str = "HIGHWATER_DRIVE_ARGUMENTS";

/// The drive program's memory, in the environment.
pub(crate) const MEMORY: &str = "HIGHWATER_DRIVE_MEMORY";

/// Memory so small that a few hundred commits see rotations and checkpoints.
const SMALL_MEMORY: &str = "262144";

/// The drive program with these arguments.
pub(crate) fn drive(arguments: &[&str]) -> Command {
    let exe = std::env::current_exe().unwrap();
    with_drive_arguments(Command::new(exe), arguments)
}

/// `before` (strace, a shell) and behind it the drive program.
pub(crate) fn drive_behind(before: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(std::env::current_exe().unwrap());
    with_drive_arguments(command, arguments)
}

fn with_drive_arguments(mut command: Command, arguments: &[&str]) -> Command {
    command
        .args(["--exact", "drive_process", "--nocapture", "--quiet", "--test-threads=1"])
        .env(ARGUMENTS, arguments.join("\n"))
        .env(MEMORY, SMALL_MEMORY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A directory for stores whose processes are only killed. A kill takes nothing from the system, so a
/// filesystem in memory, where there is one, shows the same and does not make thousands of syncs
/// wait for a disk.
pub(crate) fn quick_directory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// What a drive process said before it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// `None` where it ended before its store was open.
    pub(crate) recovered: Option<u64>,
    pub(crate) acknowledged: BTreeSet<u64>,
    /// What it said of failed commits, and how many were acknowledged before.
    pub(crate) failed: Vec<(String, usize)>,
    /// What it wrote to its standard error.
    pub(crate) complaint: String,
    /// `None` where it was killed.
    pub(crate) exit: Option<i32>,
}

impl Said {
    pub(crate) fn by(output: &Output) -> Self {
        let mut said = Self {
            recovered: None,
            acknowledged: BTreeSet::new(),
            failed: Vec::new(),
            complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
            exit: output.status.code(),
        };
        let lines = String::from_utf8(output.stdout.clone()).unwrap();
        for line in lines.lines() {
            match line.split_once(' ') {
                Some(("RECOVERED", number)) => said.recovered = Some(number.parse().unwrap()),
                Some(("ACK", number)) => {
                    let number = number.parse().unwrap();
                    assert!(said.acknowledged.insert(number), "{number} was acknowledged twice");
                }
                Some(("ERR", what)) => {
                    said.failed.push((what.to_owned(), said.acknowledged.len()));
                }
                // What the test harness says before it becomes the drive program.
                _ => assert!(line.is_empty() || line == "running 1 test", "{line:?}"),
            }
        }
        said
    }
}

/// What is known of a store from outside, and thus what its next process has to find.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Everything up to here was found, or was acknowledged since.
    at_least: u64,
    /// Nothing above this can have been committed.
    at_most: u64,
}

impl Expected {
    /// Holds what a process with so many threads said against what must be so, and learns from it.
    pub(crate) fn hold(&mut self, said: &Said, threads: u64) {
        let Some(recovered) = said.recovered else {
            assert!(said.acknowledged.is_empty() && said.failed.is_empty(), "{said:?}");
            return;
        };
        assert!(
            (self.at_least..=self.at_most).contains(&recovered),
            "recovered {recovered}, expected {self:?}; {said:?}"
        );
        let acknowledged = &said.acknowledged;
        if let Some(&least) = acknowledged.first() {
            assert!(least > recovered, "{least} was there already; {said:?}");
        }
        // Synced commits become durable in their order, so one that was acknowledged vouches for
        // all before it. Each thread has at most one more under way.
        self.at_least = acknowledged.last().copied().unwrap_or(recovered);
        self.at_most = recovered + acknowledged.len() as u64 + threads;
        assert!(self.at_least <= self.at_most, "a number was left out; {said:?}");
    }

    /// Runs a process that nothing happens to: it has to find everything, go on and end well.
    pub(crate) fn hold_undisturbed(&mut self, store: &Path) {
        let output = drive(&[store.to_str().unwrap(), "3"]).output().unwrap();
        let said = Said::by(&output);
        assert_eq!(said.exit, Some(0), "expected {self:?}; {said:?}");
        self.hold(&said, 1);
        let recovered = said.recovered.unwrap();
        let next: BTreeSet<u64> = (recovered + 1..=recovered + 3).collect();
        assert_eq!(said.acknowledged, next, "{said:?}");
        self.at_most = self.at_least;
    }
}
