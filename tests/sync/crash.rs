//! A power cut at every call of a short sync, and calls that fail: run again, it comes to the same.

use std::sync::Arc;

use highwater::disk::{CrashStyle, Fault, FaultPlan, SimulatedDisk};
use highwater::{Background, Error, KeepLog, Store, SyncCounts, SyncEnding, SyncFailed, SyncRow};

use super::lists::{SOURCE, all, options, priced, stale, with_decimals};

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn open(disk: &SimulatedDisk) -> Result<Store, Error> {
    let keep = KeepLog { bytes: 0, age: std::time::Duration::ZERO };
    options()
        .background(Background::Manual)
        .seed(1)
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 128 * 1024)
        .keep_log(keep)
        .open_on(Arc::new(disk.clone()))
}

/// The list of the first day; the second names half of it, twice in part, and one that is refused.
fn first() -> Vec<SyncRow> {
    (0..12).map(|n| priced(&format!("t{n:02}"), 1)).collect()
}

fn second() -> Vec<SyncRow> {
    let mut rows: Vec<_> = (0..12).step_by(2).map(|n| priced(&format!("t{n:02}"), 2)).collect();
    rows.extend([priced("t00", 3), with_decimals("junk", 148), priced("new", 1)]);
    rows
}

/// Both sessions, one after the other, with a checkpoint between.
fn work(store: &Store) -> Result<(), SyncFailed> {
    let ended = |session: &str| {
        let last = store.snapshot().tokens().source(SOURCE).expect("reads");
        last.is_some_and(|last| &*last.session == session && last.ended.is_some())
    };
    if !ended("2") {
        let last = store.snapshot().tokens().source(SOURCE).expect("reads");
        // Whoever began the second session had ended the first.
        if last.is_none_or(|last| &*last.session == "1") && !ended("1") {
            store.tokens().sync(all("1").batch_rows(5), first())?;
        }
        store.checkpoint()?;
        store.tokens().sync(all("2").batch_rows(3), second())?;
    }
    Ok(())
}

/// What has to be there in the end, however often the power went out.
fn is_done(store: &Store, label: &str) {
    let session = store.snapshot().tokens().source(SOURCE).expect("reads").expect("synced");
    let SyncCounts { rows, new, changed, further, refused, marked_stale, .. } = session.counts;
    let counts = (rows, new, changed, further, refused, marked_stale);
    assert_eq!(counts, (9, 1, 6, 1, 1, 6), "{label}");
    assert_eq!(stale(store), ["t01", "t03", "t05", "t07", "t09", "t11"], "{label}");
    assert_eq!(store.snapshot().tokens().iter().count(), 13, "{label}");
}

/// What is there at any moment: the counts are those of the rows that are there.
fn is_consistent(store: &Store, label: &str) {
    let Some(session) = store.snapshot().tokens().source(SOURCE).expect("reads") else {
        assert_eq!(store.snapshot().tokens().iter().count(), 0, "{label}");
        return;
    };
    let tokens = store.snapshot().tokens().iter().count() as u64;
    let before = if &*session.session == "1" { 0 } else { 12 };
    assert_eq!(tokens, before + session.counts.new, "{label}");
    assert_eq!(stale(store).len() as u64, session.counts.marked_stale, "{label}");
}

/// The power goes out at any call of a sync. The bot starts again and runs the same sync: its report and
/// its store are those of a sync that nothing disturbed.
#[test]
fn a_power_cut_at_every_call_is_as_if_it_had_not_been() {
    for call in 1.. {
        let disk = SimulatedDisk::new(call);
        disk.crash_at(call);
        let finished = open(&disk).is_ok_and(|store| work(&store).is_ok());
        if !disk.is_powered_off() {
            assert!(finished && call > 60, "{call} calls");
            return;
        }
        for style in STYLES {
            let label = format!("call {call}, {style:?}");
            let store = open(&disk.crash_image(call, style)).expect("opens");
            is_consistent(&store, &label);
            work(&store).unwrap_or_else(|failed| panic!("{label}: {failed}"));
            is_done(&store, &label);
        }
    }
}

/// A disk that fails or is full in the middle of a sync: the error is typed, what was done is told and is
/// true, and the sync goes on once the store can write again.
#[test]
fn a_failing_call_ends_the_sync_and_the_next_one_goes_on() {
    let (mut failures, mut kinds) = (0, [0; 3]);
    for call in 1.. {
        let disk = SimulatedDisk::new(call);
        let store = open(&disk).expect("nothing fails yet");
        let fault = if call % 2 == 0 { Fault::Io } else { Fault::Full };
        disk.inject(FaultPlan::new(fault).at(call));
        let Err(failed) = work(&store) else {
            is_done(&store, &format!("call {call}"));
            if disk.faults_hit() > 0 {
                continue; // It hit what a sync does not depend on.
            }
            // A checkpoint without room, a commit in flight, a checkpoint that failed otherwise.
            assert!(failures > 30 && kinds.iter().all(|count| *count > 2), "{failures}: {kinds:?}");
            return;
        };
        failures += 1;
        let label = format!("call {call}: {failed}");
        if let Some(report) = &failed.report {
            assert_eq!(report.ending, SyncEnding::Failed, "{label}");
        }
        match *failed.error {
            Error::Full { .. } => kinds[0] += 1,
            Error::Unknown { .. } => kinds[1] += 1,
            Error::Poisoned { .. } | Error::Io { .. } => kinds[2] += 1,
            ref other => panic!("{label}: {other:?}"),
        }
        disk.clear_faults();
        if matches!(*failed.error, Error::Full { .. }) {
            // There is room again, and nothing has to be opened anew.
            work(&store).unwrap_or_else(|failed| panic!("{label}: {failed:?}"));
            is_done(&store, &label);
            continue;
        }
        drop(store);
        let store = open(&disk).expect("opens");
        is_consistent(&store, &label);
        work(&store).unwrap_or_else(|failed| panic!("{label}: {failed:?}"));
        is_done(&store, &label);
    }
}
