//! The store in processes that are killed, starved and refused, with the real kernel around them.
//!
//! The story: a bot is killed at any moment, its disk fails or fills up, somebody starts it twice or
//! in a directory that is not its own. What was acknowledged is there again at the next start, the
//! numbers go on without a hole, and every refusal says what is wrong.
//!
//! The processes are `examples/drive.rs`, compiled into this binary, which starts itself again, and a
//! bot with books, `processes::books`. What
//! the machine does not allow (strace, mounts, permissions as root) is skipped and said so.
//!
//! `HIGHWATER_PROCESSES_SEED=7` repeats a run's random choices, `HIGHWATER_PROCESSES_KILLS=10000`
//! sets how often the random test kills, `HIGHWATER_PROCESSES_EVERY=1` kills a bot with books at each
//! call of its life.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "its main is the example's own")]
#[path = "../examples/drive.rs"]
mod drive;

#[allow(dead_code, reason = "only how a store is shown is of use here")]
#[path = "damage/history.rs"]
mod history;

mod processes {
    pub(crate) mod access;
    pub(crate) mod books;
    pub(crate) mod books_without_room;
    pub(crate) mod child;
    pub(crate) mod killed;
    pub(crate) mod tiny_disk;
    pub(crate) mod traced;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use processes::child::ARGUMENTS;

/// Started with arguments in the environment this is the drive program; without them, it holds that
/// program to its words about usage.
#[test]
fn drive_process() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        let arguments = arguments.lines().map(str::to_owned);
        std::process::exit(drive::run(arguments).into());
    }
    for (arguments, problem) in [
        (&[][..], "DIR is missing"),
        (&["/nowhere"], "N is missing"),
        (&["/nowhere", "many"], "N is \"many\""),
        (&["/nowhere", "1", "-1"], "THREADS is \"-1\""),
        (&["/nowhere", "1", "0"], "THREADS is 0"),
        (&["/nowhere", "1", "1", "x"], "\"x\" is one argument too many"),
    ] {
        let output = processes::child::drive(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("drive: ") && said.contains(problem), "{said}");
    }
}

/// Says aloud that a test could not do its work here, and why.
fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// Whether this machine has a program and lets it run.
fn runs(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// Files with their bytes, and directories with `None`.
type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Every file and directory under `root`.
fn bytes_under(root: &Path) -> Files {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path.clone());
                found.insert(path, None);
            } else {
                found.insert(path.clone(), Some(std::fs::read(path).unwrap()));
            }
        }
    }
    found
}
