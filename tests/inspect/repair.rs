//! Repair: what is cut, what is kept, and that it takes effect in one moment.

use std::sync::Arc;

use highwater::disk::{CrashStyle, Disk, Fault, FaultPlan, SimulatedDisk};
use highwater::inspect::Repair;
use highwater::{Error, Store};

use super::world::{at, closed, killed, live, log, open, options, read, wal};

/// A killed store with one damaged batch in the middle, and the commit that it costs.
fn damaged(seed: u64) -> (SimulatedDisk, u64) {
    let disk = killed(seed);
    let commits = read(&disk).commits;
    let hurt = &commits[commits.len() / 2];
    assert!(disk.flip_bit(&wal(&disk), hurt.offset + 60, 3));
    (disk, hurt.lsn)
}

fn run(disk: &SimulatedDisk) -> Result<Repair, Error> {
    Repair::run_on(Arc::new(disk.clone()), at(0))
}

fn opens(disk: &SimulatedDisk, seed: u64) -> Result<Store, Error> {
    options(seed).open_on(Arc::new(disk.clone()))
}

/// Before a repair the store refuses; a plan says what would be lost and writes nothing; after it the
/// store opens with all that stood before the damage, and what was cut lies beside it.
#[test]
fn a_damaged_log_is_cut_and_kept() {
    let (disk, lost) = damaged(61);
    let last = *read(&disk).lsns().last().unwrap();
    assert!(opens(&disk.fork(), 61).is_err());
    let (name, before) = (wal(&disk), disk.names());
    let bytes = disk.read_file(&name).unwrap();
    let plan = Repair::plan_on(&disk).unwrap();
    assert!(plan.is_needed && plan.kept_in.is_none());
    assert_eq!(
        (plan.last_lsn, plan.first_lost, plan.last_lost),
        (lost - 1, Some(lost), Some(last))
    );
    assert_eq!((disk.names(), disk.read_file(&name).unwrap()), (before, bytes.clone()));

    let repair = run(&disk).unwrap();
    let kept = repair.kept_in.clone().expect("a directory");
    let copy = name.replace("journal/", &format!("{kept}/"));
    assert_eq!(disk.read_file(&copy).unwrap(), bytes);
    let report = String::from_utf8(disk.read_file(&format!("{kept}/REPORT")).unwrap()).unwrap();
    assert!(report.contains(&format!("commits lost: {lost} to {last}")), "{report}");
    let store = opens(&disk, 62).unwrap();
    assert!(store.snapshot().verify().unwrap().is_empty());
    assert_eq!(store.snapshot().lsn(), lost - 1);
    live(&store, 200, 3);
    drop(store);
    let verdict = log(&disk).verify().unwrap();
    assert!(!verdict.is_damaged() && !verdict.has_torn_tail(), "{verdict:?}");
    assert!(!Repair::plan_on(&disk).unwrap().is_needed);
}

/// What an opening takes is not touched: closed, killed and torn stores have nothing to repair.
#[test]
fn what_opens_is_left_alone() {
    let torn = killed(63);
    let last = read(&torn).commits.last().unwrap().offset;
    torn.flip_bit(&wal(&torn), last + 60, 1);
    for disk in [killed(63), closed(63), torn] {
        let names = disk.names();
        assert!(!run(&disk).unwrap().is_needed);
        assert_eq!(disk.names(), names);
    }
}

/// The header of the segment is damaged and nothing else: every commit is still there.
#[test]
fn a_lost_header_loses_no_commit() {
    let disk = killed(64);
    let all = read(&disk).lsns();
    disk.flip_bit(&wal(&disk), 20, 0);
    assert!(opens(&disk.fork(), 64).is_err());
    let repair = run(&disk).unwrap();
    assert_eq!((Some(&repair.last_lsn), repair.first_lost), (all.last(), None));
    let store = opens(&disk, 65).unwrap();
    assert_eq!(Some(&store.snapshot().lsn()), all.last());
}

/// The segment is gone. What the base has is kept, and that commits behind it existed is said.
#[test]
fn a_missing_segment_leaves_the_base() {
    let disk = SimulatedDisk::new(66);
    let store = open(&disk, 66);
    live(&store, 1, 4);
    store.checkpoint().unwrap();
    let checkpoint = store.snapshot().lsn();
    live(&store, 20, 4);
    let disk = disk.process_killed_image();
    drop(store);
    assert!(disk.remove_file(&wal(&disk)));
    assert!(opens(&disk.fork(), 66).is_err());
    assert_eq!(run(&disk).unwrap().last_lsn, checkpoint);
    assert_eq!(opens(&disk, 67).unwrap().snapshot().lsn(), checkpoint);
}

/// Nothing is made up: without its base a store is not repaired, and with a damaged one neither.
#[test]
fn a_base_is_never_made_up() {
    let disk = killed(68);
    let names = disk.names();
    disk.write_file("base.redb", b"not a base at all");
    assert!(run(&disk).unwrap_err().is_corrupt());
    assert!(disk.remove_file("base.redb"));
    assert!(run(&disk).unwrap_err().is_corrupt());
    assert_eq!(disk.names().len(), names.len() - 1);
}

/// Whoever has the store open keeps it.
#[test]
fn an_open_store_is_not_repaired() {
    let disk = SimulatedDisk::new(69);
    let store = open(&disk, 69);
    assert!(matches!(run(&disk), Err(Error::Locked { .. })));
    assert!(matches!(Repair::plan_on(&disk), Err(Error::Locked { .. })));
    drop(store);
}

/// The power goes at every call of a repair, in every way that a disk can come back: the store is as it
/// was, or repaired. Then the same repair, run again, does the rest.
#[test]
fn a_repair_is_all_or_nothing_at_every_power_cut() {
    let (sound, lost) = damaged(70);
    let name = wal(&sound);
    let bytes = sound.read_file(&name);
    let kept = name.replace("journal", &format!("repair-{}", at(0).as_micros()));
    let (mut refused, mut opened) = (0, 0);
    for nth in 0.. {
        let disk = sound.fork();
        disk.crash_at(nth);
        let outcome = run(&disk);
        if outcome.is_ok() {
            assert!(nth > 10, "only {nth} calls were made");
            break;
        }
        for style in [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random] {
            let image = disk.crash_image(nth, style);
            match opens(&image.fork(), 71) {
                Ok(store) => {
                    opened += 1;
                    assert_eq!(store.snapshot().lsn(), lost - 1, "call {nth}, {style:?}");
                    assert!(image.read_file(&kept) == bytes, "call {nth}, {style:?}: no copy");
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.is_corrupt(), "call {nth}, {style:?}: {error}");
                }
            }
            let again = Repair::run_on(Arc::new(image.clone()), at(1)).unwrap();
            assert!(!again.is_needed || again.last_lsn == lost - 1);
            assert_eq!(opens(&image, 72).unwrap().snapshot().lsn(), lost - 1);
        }
    }
    assert!(refused > 0 && opened > 0, "{refused} refused, {opened} opened");
}

/// Every call fails once, or the disk is full from there on: the repair says so, and the store is as
/// it was or repaired.
#[test]
fn a_repair_that_fails_loses_nothing() {
    let (sound, lost) = damaged(73);
    for fault in [Fault::Io, Fault::Full] {
        for nth in 0.. {
            let disk = sound.fork();
            disk.inject(FaultPlan::new(fault).at(nth));
            let outcome = run(&disk);
            let hit = disk.faults_hit() > 0;
            disk.clear_faults();
            if !hit {
                outcome.expect("nothing failed");
                break;
            }
            let again = Repair::run_on(Arc::new(disk.clone()), at(1)).unwrap();
            assert!(!again.is_needed || again.last_lsn == lost - 1, "call {nth}");
            let store = opens(&disk, 74).unwrap();
            assert_eq!(store.snapshot().lsn(), lost - 1, "{fault:?} at call {nth}");
        }
    }
    assert!(Disk::list(&sound, "").unwrap().contains(&"base.redb".to_owned()));
}

/// The process that repairs is killed in front of each of its calls, and what it leaves is repaired again.
/// Several segments are cut here. At every moment each of them is whole somewhere, in the log or in a
/// directory of a repair, and the second repair comes to where the first was going.
#[test]
fn a_killed_repair_is_finished_by_the_next() {
    let sound = SimulatedDisk::new(75);
    let store = open(&sound, 75);
    for from in 0..4 {
        live(&store, 80 * from + 1, 70);
    }
    let sound = sound.process_killed_image();
    drop(store);
    let hurt = read(&sound).commits[40].clone();
    assert!(sound.flip_bit(&hurt.file, hurt.offset + 60, 3));
    let cut = Repair::plan_on(&sound).unwrap().cut;
    assert!(cut.len() >= 3, "{cut:?}");
    let bytes: Vec<_> =
        cut.iter().map(|name| sound.read_file(&format!("journal/{name}")).unwrap()).collect();
    let all_kept = |disk: &SimulatedDisk, when: &str| {
        for (name, bytes) in cut.iter().zip(&bytes) {
            let places = ["journal".to_owned(), kept_at(0), kept_at(1)];
            let is_whole =
                |place: &String| disk.read_file(&format!("{place}/{name}")).as_ref() == Some(bytes);
            assert!(places.iter().any(is_whole), "{when}: {name} is nowhere");
        }
    };
    let (mut begun_anew, mut was_done) = (0, 0);
    for nth in 0.. {
        let disk = sound.fork();
        disk.crash_at(nth);
        if run(&disk).is_ok() {
            break;
        }
        let image = disk.crash_image(nth, CrashStyle::KeepAll);
        all_kept(&image, &format!("killed at call {nth}"));
        let again = Repair::run_on(Arc::new(image.clone()), at(1)).unwrap();
        match again.is_needed {
            true => begun_anew += 1,
            false => was_done += 1,
        }
        all_kept(&image, &format!("repaired after call {nth}"));
        assert!(!Repair::plan_on(&image).unwrap().is_needed, "call {nth}");
        let store = opens(&image, 76).unwrap();
        assert_eq!(store.snapshot().lsn(), hurt.lsn - 1, "call {nth}");
        assert!(store.snapshot().verify().unwrap().is_empty());
        all_kept(&image, &format!("opened after call {nth}"));
    }
    assert!(begun_anew > 20 && was_done > cut.len(), "{begun_anew} anew, {was_done} done");
}

fn kept_at(second: i64) -> String {
    format!("repair-{}", at(second).as_micros())
}
