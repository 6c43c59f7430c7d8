//! What counts as an answer to recovery, and what a recovery that fails leaves behind.

use std::fmt;
use std::panic::panic_any;

use highwater::{
    Attention, Error, Intent, Operation, OperationId, RecoveryReport, Status, Store, Verdict,
};

use crate::{World, assert_sound, begin, cash_is, dollars};

fn pay(key: &str) -> Intent {
    Intent::deduct(key, "main", dollars("10"))
}

fn operation(store: &Store, id: OperationId) -> Operation {
    store.snapshot().operations().get(id).unwrap().unwrap()
}

/// A store that was left with these operations in progress, and opened again.
fn left_in_progress(keys: &[&str]) -> (World, Store, Vec<OperationId>) {
    let (world, store) = World::with("100");
    let start = |key: &&str| begin(&store, &pay(key)).start(&store).unwrap().id();
    let ids = keys.iter().map(start).collect();
    drop(store);
    let store = world.open();
    (world, store, ids)
}

/// The story: a bot drives the loop itself. The venue was down at three starts, so it decided nothing
/// and finished: the report said `left`. At the fourth start the order was quarantined, although every
/// presentation had come back.
#[test]
fn a_case_left_by_finish_was_answered() {
    let (world, mut store, ids) = left_in_progress(&["k"]);
    for start in 0..5 {
        let mut recovery = store.recovery().unwrap();
        assert!(recovery.next().unwrap().is_some(), "start {start}");
        let report = recovery.finish().unwrap();
        assert_eq!((report.found(), report.outcomes(), report.left), (1, 1, 1));
        assert_eq!(operation(&store, ids[0]).presentations, 0);
        assert_sound(&store);
        drop(store);
        store = world.open();
    }
}

/// Undecided cases that somebody else settled meanwhile stay as they were settled.
#[test]
fn finish_leaves_what_somebody_settled_as_it_is() {
    let (_world, store, ids) = left_in_progress(&["a", "b"]);
    let mut recovery = store.recovery().unwrap();
    while recovery.next().unwrap().is_some() {}
    let taken = store.operations().take_over(ids[0]).unwrap();
    let settled = operation(&store, ids[0]);
    let report = recovery.finish().unwrap();
    assert_eq!(operation(&store, ids[0]), settled);
    assert_eq!((report.found(), report.outcomes(), report.left), (2, 2, 2));
    taken.checkpoint(&store, b"order 1").unwrap();
    assert_sound(&store);
}

/// The story: at every start a bot asked its venue between `next` and `decide`, and a `?` of its own
/// dropped the loop. To the store that is a crash, and after three starts the order was quarantined.
/// Who says that asking failed is not taken for one.
#[test]
fn only_a_loop_that_is_dropped_is_a_presentation_in_vain() {
    let ask = |store: &Store, tells: bool| -> Result<RecoveryReport, Error> {
        let mut recovery = store.recovery()?;
        while let Some(case) = recovery.next()? {
            match tells {
                true => recovery.give_up(case, "the venue is down")?,
                false => return Err(Error::Closed),
            }
        }
        recovery.finish()
    };
    for (tells, quarantined) in [(true, false), (false, true)] {
        let (_world, store, ids) = left_in_progress(&["k"]);
        for _ in 0..4 {
            assert_eq!(ask(&store, tells).is_ok(), tells || quarantined_now(&store, ids[0]));
        }
        assert_eq!(quarantined_now(&store, ids[0]), quarantined);
        assert_sound(&store);
    }
}

fn quarantined_now(store: &Store, id: OperationId) -> bool {
    operation(store, id).needs_attention == Some(Attention::Quarantined)
}

/// The story: a handler that panics was run at three starts. That was the third presentation that
/// brought no answer, and the store said nothing; only a fourth start would have told.
#[test]
fn the_third_presentation_in_vain_quarantines() {
    let (_world, store, ids) = left_in_progress(&["k"]);
    for time in 1..=4 {
        let report = store.recover(|_| -> Result<Verdict, Error> { panic!("a bug") }).unwrap();
        let in_vain = u64::from(time < 3);
        assert_eq!((report.found(), report.outcomes()), (1, 1));
        assert_eq!((report.panicked, report.quarantined), (in_vain, 1 - in_vain), "time {time}");
        assert_eq!(quarantined_now(&store, ids[0]), time >= 3, "time {time}");
        if time == 3 {
            // It is this opening's to recover no more often than any other orphan.
            assert_eq!(operation(&store, ids[0]).status, Status::Failed);
        }
    }
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);
}

/// The text of this error panics when it is asked for, and so does its end.
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no text")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("no end")
    }
}

/// The story: recovery was asked to write down what the handler's error said, and the error's own text
/// panicked. What a handler makes never makes the library panic, and it was an answer.
#[test]
fn an_error_that_cannot_be_shown_is_an_answer() {
    let (_world, store, ids) = left_in_progress(&["a", "b"]);
    let report = store.recover(|_| Err::<Verdict, _>(Bomb)).unwrap();
    assert_eq!((report.found(), report.outcomes(), report.errors), (2, 2, 2));
    for id in ids {
        assert_eq!(operation(&store, id).presentations, 0);
        let events = store.snapshot().operations().events(id).unwrap();
        let told = events.last().unwrap().evidence.as_deref();
        assert_eq!(told, Some("the handler's error cannot be shown"));
    }
    assert_sound(&store);
}

/// A handler that panics with something whose end panics again.
#[test]
fn a_panic_that_panics_when_it_is_dropped_is_counted_as_one() {
    let (_world, store, ids) = left_in_progress(&["a", "b"]);
    let report = store.recover(|_| -> Result<Verdict, Error> { panic_any(Bomb) }).unwrap();
    assert_eq!((report.found(), report.outcomes(), report.panicked), (2, 2, 2));
    ids.iter().for_each(|id| assert_eq!(operation(&store, *id).presentations, 1));
    assert_sound(&store);
}

/// The story: the disk was full in the middle of a recovery. The orders that were to go on before that
/// had been taken over, and their handles went with the error; the next recovery did not present them
/// and did not hand them out. Nobody owned them.
#[cfg(feature = "simulation")]
#[test]
fn a_recovery_that_fails_half_way_loses_no_handle() {
    use std::sync::Arc;

    const ORDERS: usize = 1_500;
    let world = World::new();
    let disk = highwater::disk::SimulatedDisk::new(1);
    let options = world.options().segment_bytes(64 * 1024, 64 * 1024);
    let store = options.open_on(Arc::new(disk.clone())).unwrap();
    store.ledger().deposit("main", &dollars("15000")).unwrap();
    for n in 0..ORDERS {
        drop(store.operations().begin_and_start(&pay(&format!("order {n}"))).unwrap());
    }
    drop(store);
    let store = options.open_on(Arc::new(disk.clone())).unwrap();
    disk.set_capacity(Some(0));
    let go_on = |_: &highwater::Case| Ok::<_, Error>(Verdict::Continue);
    let failed = store.recover(go_on);
    assert!(matches!(failed, Err(Error::Full { .. })), "{failed:?}");
    let unfinished = store.snapshot().operations().unfinished().unwrap();
    let before = unfinished.iter().filter(|operation| operation.attempt == 2).count();
    assert!(0 < before && before < ORDERS, "{before}");
    disk.set_capacity(None);
    let report = store.recover(go_on).unwrap();
    assert_eq!((report.found(), report.handles.len()), ((ORDERS - before) as u64, ORDERS));
    for handle in &report.handles {
        handle.checkpoint(&store, b"still ours").unwrap();
    }
    assert!(store.recover(go_on).unwrap().handles.is_empty(), "each is handed out once");
    assert_sound(&store);
}
