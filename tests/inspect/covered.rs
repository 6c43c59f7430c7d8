//! Damage to what the base has: it is told, called harmless, and nobody is sent to mend anything.

use highwater::disk::{Disk, SimulatedDisk};
use highwater::inspect::BreakVerdict::{self, Covered, Damage};
use highwater::inspect::{self, LogFault, LogVerdict, Report, Severity};

use super::world::{closed, grown, live, log, open, read, wal};

fn verdicts(verdict: &LogVerdict) -> Vec<BreakVerdict> {
    verdict.breaks.iter().map(|found| found.verdict).collect()
}

/// What all three that judge a store say of it: no torn tail, no damage.
fn is_harmless(disk: &SimulatedDisk, what: &str) -> LogVerdict {
    let verdict = log(disk).verify().unwrap();
    assert!(!verdict.is_damaged() && !verdict.has_torn_tail(), "{what}: {verdict:?}");
    assert!(!Report::read_on(disk).unwrap().has_torn_tail(), "{what}");
    let verified = inspect::verify_on(disk).unwrap();
    assert!(verified.is_sound(), "{what}: {:?}", verified.flaws);
    verdict
}

/// A store was closed, and somebody cut the end of its log: up to its last commit the base has all of it.
/// A torn tail would send whoever reads this to look for a power cut that never was.
#[test]
fn a_cut_tail_of_a_closed_store_is_no_torn_tail() {
    let sound = closed(81);
    let (name, commits) = (wal(&sound), read(&sound).commits);
    let bytes = sound.read_file(&name).unwrap();
    for commit in commits.iter().rev().take(6) {
        let at = commit.offset as usize;
        for (cut, is_told) in [(at, false), (at + 40, true), (at + 50, true), (at + 60, true)] {
            let (disk, mut hurt) = (sound.fork(), bytes.clone());
            hurt[cut..].fill(0);
            disk.write_file(&name, &hurt);
            let what = format!("cut {} bytes into commit {}", cut - at, commit.lsn);
            let verdict = is_harmless(&disk, &what);
            assert_eq!(verdict.has_harmless_damage(), is_told, "{what}: {verdict:?}");
            assert!(verdicts(&verdict).iter().all(|found| *found == Covered), "{what}");
            let last = Report::read_on(&disk).unwrap().last_lsn;
            assert_eq!(last, commits.last().unwrap().lsn, "{what}");
            // Whoever opens it hears the same, and has everything.
            let store = open(&disk, 82);
            assert_eq!(store.opening().cut, None, "{what}");
            assert_eq!(store.snapshot().lsn(), last, "{what}");
        }
    }
}

/// Behind a break stand commits that an opening does not reach; those that the base has are not among
/// them.
#[test]
fn what_the_base_has_is_not_behind_damage() {
    let disk = grown(83);
    let checkpoint = Report::read_on(&disk).unwrap().checkpoint_lsn;
    let commits = read(&disk).commits;
    let above = commits.iter().position(|commit| commit.lsn > checkpoint + 1).unwrap();
    let hurt = |disk: &SimulatedDisk, index: usize| {
        assert!(disk.flip_bit(&commits[index].file, commits[index].offset + 60, 1));
    };
    hurt(&disk, above);
    hurt(&disk, above - 20);
    let marked = |disk: &SimulatedDisk| {
        let behind = read(disk).commits.into_iter().filter(|commit| commit.behind.is_some());
        behind.map(|commit| commit.lsn).collect::<Vec<_>>()
    };
    assert_eq!(marked(&disk).first(), Some(&(commits[above].lsn + 1)));
    // The header of the segment that the checkpoint fell into: both sides of it can be read all the same.
    let disk = grown(83);
    let file = &commits[above].file;
    assert!(commits.iter().any(|commit| commit.file == *file && commit.lsn <= checkpoint));
    assert!(disk.flip_bit(file, 20, 0));
    assert_eq!(log(&disk).verify().unwrap().breaks[0].verdict, Damage);
    assert_eq!(read(&disk).lsns(), commits.iter().map(|commit| commit.lsn).collect::<Vec<_>>());
    assert_eq!(marked(&disk).first(), Some(&(checkpoint + 1)));
}

/// A kept segment is gone: the base has its commits. It is named, as harmless, by both.
#[test]
fn a_missing_segment_that_the_base_covers_is_harmless() {
    let disk = SimulatedDisk::new(85);
    let store = open(&disk, 85);
    for from in 0..9 {
        live(&store, 80 * from + 1, 70);
        store.checkpoint().unwrap();
    }
    let disk = disk.process_killed_image();
    drop(store);
    let before = read(&disk);
    let names = Disk::list(&disk, "journal").unwrap();
    let mut kept = names.iter().filter(|name| name.ends_with(".old"));
    let gone = format!("journal/{}", kept.nth(1).expect("three are kept"));
    assert!(kept.next().is_some(), "{names:?}");
    let held = before.segments.iter().find(|segment| segment.file == gone).unwrap();
    assert!(disk.remove_file(&gone));
    let verdict = is_harmless(&disk, &gone);
    let [found] = &verdict.breaks[..] else { panic!("{:?}", verdict.breaks) };
    assert_eq!((found.fault, found.verdict), (LogFault::MissingSegment, Covered));
    assert_eq!((found.first_lost, found.lost), (held.first_lsn, Some(held.commits)));
    let name = gone.replace(".old", ".wal");
    assert_eq!(found.file, name);
    let [flaw] = &inspect::verify_on(&disk).unwrap().flaws[..] else { panic!("one flaw") };
    assert_eq!((flaw.severity, flaw.file.as_deref()), (Severity::Harmless, Some(&*name)));
    assert!(read(&disk).commits.iter().all(|commit| commit.behind.is_none()));
}
