//! Killed, or met by a failing disk, at the n-th system call of a kind: strace does it.
//!
//! The n-th call is counted in each thread by itself, and the program's own start is among them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::child::{Expected, Said, drive, drive_behind, quick_directory};
use crate::{runs, skip};

/// Every call by which the store changes something, or makes it durable.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "openat", "unlink", "mkdir"];

/// Commits enough for rotations, checkpoints and a recycled segment.
const COMMITS: &str = "1500";

fn strace_is_missing() -> bool {
    let trial = runs(Command::new("strace").args(["-f", "-o", "/dev/null", "true"]));
    if let Err(why) = &trial {
        skip(&format!("strace does not run here: {why}"));
    }
    trial.is_err()
}

/// A drive process with something injected into one kind of its calls.
fn injected(call: &str, what: &str, arguments: &[&str]) -> Said {
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:{what}");
    let before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    Said::by(&drive_behind(&before, arguments).output().unwrap())
}

/// How often the thread that calls most often makes each call, where nothing is injected.
fn counted(arguments: &[&str]) -> BTreeMap<&'static str, u64> {
    let directory = quick_directory();
    let log = directory.path().join("calls");
    let trace = format!("trace={}", CALLS.join(","));
    let before = ["strace", "-f", "-qq", "-o", log.to_str().unwrap(), "-e", &trace];
    let said = Said::by(&drive_behind(&before, arguments).output().unwrap());
    assert_eq!(said.exit, Some(0), "{said:?}");
    let mut by_thread: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let log = std::fs::read_to_string(log).unwrap();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        // The second half of a call that another thread's interrupted starts with `<`.
        if let Some((call, _)) = rest.trim_start().split_once('(') {
            *by_thread.entry((thread, call)).or_default() += 1;
        }
    }
    let most =
        |call| by_thread.iter().filter(|((_, made), _)| *made == call).map(|(_, n)| *n).max();
    CALLS.iter().map(|call| (*call, most(*call).unwrap_or(0))).collect()
}

/// The calls to look at of so many: the first ones all, and a few of the rest.
fn chosen(calls: u64, few: usize, random: &mut fastrand::Rng) -> BTreeSet<u64> {
    let all = 1..=calls;
    let first = all.clone().take(few);
    let rest = (0..few).filter(|_| calls > 0).map(|_| random.u64(1..=calls));
    // One more than there are: nothing happens, and the close is seen to be clean.
    first.chain(rest).chain([calls, calls + 1]).filter(|n| *n > 0).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

struct Campaign {
    directory: tempfile::TempDir,
    runs: u64,
}

impl Campaign {
    fn new() -> Self {
        Self { directory: quick_directory(), runs: 0 }
    }

    fn next_store(&mut self) -> PathBuf {
        self.runs += 1;
        self.directory.path().join(format!("store-{}", self.runs))
    }
}

/// A fresh store, killed at the n-th call while it is created, commits, rotates, checkpoints and
/// closes: whatever was acknowledged is there, and the next life goes on.
#[test]
fn killed_at_every_call() {
    if strace_is_missing() {
        return;
    }
    let mut campaign = Campaign::new();
    let mut random = fastrand::Rng::with_seed(1);
    let calls = counted(&[campaign.next_store().to_str().unwrap(), COMMITS]);
    for (call, count) in &calls {
        for n in chosen(*count, 16, &mut random) {
            let store = campaign.next_store();
            let what = format!("signal=SIGKILL:when={n}");
            let said = injected(call, &what, &[store.to_str().unwrap(), COMMITS]);
            println!("{call} {n}: {:?}, {} acknowledged", said.exit, said.acknowledged.len());
            let mut expected = Expected::default();
            expected.hold(&said, 1);
            expected.hold_undisturbed(&store);
            std::fs::remove_dir_all(store).unwrap();
        }
    }
    println!("{} kills; calls of one life: {calls:?}", campaign.runs - 1);
}

/// The life after a kill is killed as well, at every call of its recovery: nothing is lost by
/// recovering, however often.
#[test]
fn killed_while_recovering() {
    if strace_is_missing() {
        return;
    }
    let mut campaign = Campaign::new();
    let mut random = fastrand::Rng::with_seed(4);
    let crashed = campaign.next_store();
    // In the segment behind a rotation, after a checkpoint.
    let said = injected("write", "signal=SIGKILL:when=700", &[crashed.to_str().unwrap(), COMMITS]);
    assert!(said.exit.is_none() && said.acknowledged.len() > 600, "{said:?}");
    let image = || {
        let mut expected = Expected::default();
        expected.hold(&said, 1);
        expected
    };
    let trial = campaign.next_store();
    copy(&crashed, &trial);
    let calls = counted(&[trial.to_str().unwrap(), "2"]);
    for (call, count) in &calls {
        for n in chosen(*count, 12, &mut random) {
            let store = campaign.next_store();
            copy(&crashed, &store);
            let what = format!("signal=SIGKILL:when={n}");
            let mut expected = image();
            for _ in 0..2 {
                let said = injected(call, &what, &[store.to_str().unwrap(), "2"]);
                expected.hold(&said, 1);
            }
            expected.hold_undisturbed(&store);
            std::fs::remove_dir_all(store).unwrap();
        }
    }
    println!("{} images; calls of one life: {calls:?}", campaign.runs - 2);
}

/// The n-th sync fails. What was acknowledged is there at the next start, and after a failed sync
/// of the journal nothing more is acknowledged.
#[test]
fn a_failed_sync_is_final() {
    if strace_is_missing() {
        return;
    }
    let mut campaign = Campaign::new();
    let mut random = fastrand::Rng::with_seed(2);
    let calls = counted(&[campaign.next_store().to_str().unwrap(), COMMITS]);
    let mut poisoned = 0;
    for (call, few) in [("fdatasync", 20), ("fsync", 20)] {
        for n in chosen(calls[call], few, &mut random) {
            let store = campaign.next_store();
            let what = format!("error=EIO:when={n}");
            let said = injected(call, &what, &[store.to_str().unwrap(), COMMITS]);
            println!("{call} {n}: {:?} {:?}", said.exit, said.failed.first());
            if let Some((_, acknowledged_before)) = said.failed.first() {
                poisoned += 1;
                assert_eq!(said.exit, Some(2), "{said:?}");
                assert_eq!(*acknowledged_before, said.acknowledged.len(), "{said:?}");
            }
            let mut expected = Expected::default();
            expected.hold(&said, 1);
            expected.hold_undisturbed(&store);
            std::fs::remove_dir_all(store).unwrap();
        }
    }
    assert!(poisoned > 10, "only {poisoned} lives saw their sync fail");
    println!("{} lives, {poisoned} of them poisoned", campaign.runs - 1);
}

/// The n-th write meets a full disk, once or from then on. What was acknowledged is there at the
/// next start; a process that is refused says so.
#[test]
fn a_write_without_room() {
    if strace_is_missing() {
        return;
    }
    let mut campaign = Campaign::new();
    let mut random = fastrand::Rng::with_seed(3);
    let calls = counted(&[campaign.next_store().to_str().unwrap(), COMMITS]);
    let mut refused = 0;
    for (call, few) in [("pwrite64", 20), ("ftruncate", 4), ("openat", 20), ("rename", 10)] {
        let chosen = chosen(calls[call], few, &mut random);
        for (n, and_later) in chosen.iter().flat_map(|n| [(n, ""), (n, "+")]) {
            let store = campaign.next_store();
            let what = format!("error=ENOSPC:when={n}{and_later}");
            let said = injected(call, &what, &[store.to_str().unwrap(), COMMITS]);
            println!("{call} {n}: {:?} {:?}", said.exit, said.failed.first());
            refused += usize::from(!said.failed.is_empty());
            assert_eq!(said.exit == Some(2), !said.failed.is_empty(), "{said:?}");
            let mut expected = Expected::default();
            expected.hold(&said, 1);
            expected.hold_undisturbed(&store);
            std::fs::remove_dir_all(store).unwrap();
        }
    }
    assert!(refused > 10, "only {refused} lives met the full disk");
    println!("{} lives, {refused} of them refused a commit", campaign.runs - 1);
}

/// A sanity check of the tool: a process that strace leaves alone is the same as one without it.
#[test]
fn a_life_that_is_only_watched_ends_well() {
    if strace_is_missing() {
        return;
    }
    let directory = quick_directory();
    let store = directory.path().join("store");
    let said = injected("unlink", "signal=SIGKILL:when=60000", &[store.to_str().unwrap(), "5"]);
    assert_eq!((said.exit, said.acknowledged.len()), (Some(0), 5), "{said:?}");
    let said = Said::by(&drive(&[store.to_str().unwrap(), "0"]).output().unwrap());
    assert_eq!(said.recovered, Some(5), "{said:?}");
}
