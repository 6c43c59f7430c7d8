//! Recovery of operations: every verdict in every state, handlers that fail, and what the report says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use highwater::{
    Attention, Case, Decided, Effect, Error, Failure, FailureClass, Intent, Operation, OperationId,
    RecoveryReport, RollBack, Status, Store, Verdict,
};

use crate::{World, assert_sound, begin, cash_is, dollars, fill, no_effect, position};

fn operation(store: &Store, id: OperationId) -> Operation {
    store.snapshot().operations().get(id).unwrap().unwrap()
}

fn adds_up(report: &RecoveryReport) {
    assert_eq!(report.found(), report.outcomes(), "{report:?}");
}

/// What an opening leaves behind: one pending, one in progress, one failed for certain, one not.
struct Left {
    world: World,
    pending: OperationId,
    running: OperationId,
    definite: OperationId,
    ambiguous: OperationId,
}

impl Left {
    fn new() -> (Self, Store) {
        let (world, store) = World::with("100");
        let intent = |key: &str| Intent::deduct(key, "main", dollars("10")).payload(key);
        let pending = begin(&store, &intent("pending")).id();
        let running = begin(&store, &intent("running")).start(&store).unwrap();
        running.checkpoint(&store, b"order 1").unwrap();
        let fail = |key: &str, failure: Failure| {
            let running = begin(&store, &intent(key)).start(&store).unwrap();
            running.fail(&store, failure).unwrap().id()
        };
        let definite = fail("definite", Failure::definite("refused"));
        let ambiguous = fail("ambiguous", Failure::ambiguous("no answer"));
        let running = running.id();
        drop(store);
        let store = world.open();
        (Self { world, pending, running, definite, ambiguous }, store)
    }
}

/// A bot that was restarted must know what was under way before it does anything new.
#[test]
fn nothing_new_begins_before_recovery_ran() {
    let (left, store) = Left::new();
    let new = |key: &str| Intent::deduct(key, "main", dollars("1"));
    let needed = |store: &Store| {
        let error = store.operations().begin(&new("refused")).unwrap_err();
        assert!(matches!(error, Error::RecoveryNeeded), "{error:?}");
    };
    needed(&store);
    // What is known is answered all the same.
    let known = Intent::deduct("pending", "main", dollars("10")).payload("pending");
    assert_eq!(
        store.operations().begin(&known).unwrap().into_existing().unwrap().id(),
        left.pending
    );
    let mut recovery = store.recovery().unwrap();
    assert!(matches!(store.recovery().unwrap_err(), Error::RecoveryRunning));
    assert!(matches!(store.skip_recovery().unwrap_err(), Error::RecoveryRunning));
    recovery.next().unwrap().unwrap();
    needed(&store);
    drop(recovery);
    needed(&store);
    let report = store.recover(|_: &Case| Ok::<_, Error>(Verdict::Leave)).unwrap();
    adds_up(&report);
    drop(begin(&store, &new("new")));
    // What this opening began is no orphan of it.
    let again = store.recover(|_: &Case| Ok::<_, Error>(Verdict::Leave)).unwrap();
    assert_eq!((again.found(), again.left), (3, 3));
    drop(store);

    let store = left.world.open();
    needed(&store);
    store.skip_recovery().unwrap();
    drop(begin(&store, &new("newer")));
    cash_is(&store, "100", "32", "68");
    assert_sound(&store);
}

/// Every verdict on every state in which an operation can be found. Whatever comes of it, the report
/// adds up, nothing that ended holds anything, and what is decided is not presented again.
#[test]
fn every_verdict_on_every_state() {
    type Ask = fn(&World) -> Verdict;
    let verdicts: [(&str, Ask); 5] = [
        ("complete", |_| Verdict::Complete(Effect::new().withdraw("main", dollars("7")))),
        ("roll back", |_| Verdict::roll_back("the venue knows no such order")),
        ("continue", |_| Verdict::Continue),
        ("later", |world| Verdict::RetryLater {
            not_before: world.now().saturating_add_micros(1_000_000),
        }),
        ("leave", |_| Verdict::Leave),
    ];
    for (name, verdict) in verdicts {
        let (left, store) = Left::new();
        let mut recovery = store.recovery().unwrap();
        let mut presented = Vec::new();
        let mut handles = Vec::new();
        while let Some(case) = recovery.next().unwrap() {
            let id = case.id();
            presented.push(id);
            assert_eq!(operation(&store, id).presentations, 1, "noted before it is presented");
            assert_eq!(case.holds.len(), 1);
            let before = operation(&store, id);
            let decided = recovery.decide(case, verdict(&left.world)).unwrap();
            let after = operation(&store, id);
            assert_eq!(after.presentations, 0);
            let was_running = id == left.running;
            match (name, decided) {
                ("complete", Decided::Completed(posted)) => {
                    assert_eq!((after.status, posted.entries.len()), (Status::Completed, 1));
                }
                ("roll back", Decided::RolledBack) => assert_eq!(after.status, Status::RolledBack),
                ("continue", Decided::Continued(handle)) => {
                    assert!(was_running);
                    assert_eq!(after.status, Status::InProgress);
                    assert_eq!(handle.external_id(), before.external_id);
                    assert_eq!(handle.attempt(), before.attempt + 1);
                    handles.push(handle);
                }
                ("continue", Decided::Refused(error)) => {
                    assert!(!was_running);
                    assert!(matches!(error, Error::IllegalTransition { .. }), "{error:?}");
                    assert_eq!(after.status, Status::Failed);
                }
                ("later", Decided::RetryLater) => {
                    assert_eq!(after.status, Status::Failed);
                    let class = match id {
                        id if id == left.definite => FailureClass::Definite,
                        _ => FailureClass::Ambiguous,
                    };
                    assert_eq!(after.failure.unwrap().0, class);
                    assert!(after.not_before.unwrap() > left.world.now());
                }
                ("leave", Decided::Left) => assert_eq!(after.status, before.status),
                (_, decided) => panic!("{name} of {before:?}: {decided:?}"),
            }
        }
        assert_eq!(presented, [left.running, left.definite, left.ambiguous], "in order");
        left.world.pass(Duration::from_millis(3));
        let report = recovery.finish().unwrap();
        adds_up(&report);
        assert_eq!(
            (report.pending_found, report.in_progress_found, report.failed_found),
            (1, 1, 2),
            "{name}"
        );
        assert_eq!((report.auto_rolled_back, report.duration), (1, Duration::from_millis(3)));
        let counts = [
            report.completed,
            report.rolled_back,
            report.continued,
            report.retry_later,
            report.left,
            report.errors,
        ];
        let (expected, released, held) = match name {
            "complete" => ([3, 0, 0, 0, 0, 0], "19", 0),
            "roll back" => ([0, 3, 0, 0, 0, 0], "40", 0),
            "continue" => ([0, 0, 1, 0, 0, 2], "10", 3),
            "later" => ([0, 0, 0, 3, 0, 0], "10", 3),
            _ => ([0, 0, 0, 0, 3, 0], "10", 3),
        };
        assert_eq!(counts, expected, "{name}");
        assert_eq!(report.released, [dollars(released)], "{name}");
        assert_eq!(store.snapshot().ledger().holds().unwrap().len(), held, "{name}");
        assert_eq!(operation(&store, left.pending).status, Status::RolledBack);
        let kept = store.snapshot().operations().last_recovery().unwrap().unwrap();
        assert_eq!(format!("{kept:?}"), format!("{report:?}"));
        for handle in handles {
            handle.complete(&store, &no_effect()).unwrap();
        }
        assert_sound(&store);

        // Another time, in the same opening: only what is still undecided is found.
        let again = store.recover(|_: &Case| Ok::<_, Error>(Verdict::Leave)).unwrap();
        let undecided = match name {
            "complete" | "roll back" => 0,
            "continue" => 2,
            _ => 3,
        };
        assert_eq!((again.found(), again.left), (undecided, undecided), "{name}");
    }
}

/// A resting order survives the restart: its handle goes on where the old one was.
#[test]
fn what_continues_is_handed_out_by_the_handler_form_too() {
    let (left, store) = Left::new();
    let continues = |case: &Case| {
        assert_eq!(case.operation.payload, case.operation.key);
        match case.operation.status {
            Status::InProgress => {
                assert_eq!(&*case.checkpoints[0].reference, b"order 1");
                Ok::<_, Error>(Verdict::Continue)
            }
            _ => Ok(Verdict::roll_back("asked")),
        }
    };
    let mut report = store.recover(continues).unwrap();
    adds_up(&report);
    assert_eq!((report.continued, report.rolled_back, report.handles.len()), (1, 2, 1));
    let handle = report.handles.pop().unwrap();
    assert_eq!(handle.id(), left.running);
    cash_is(&store, "100", "10", "90");
    handle.complete(&store, &Effect::new().withdraw("main", dollars("10"))).unwrap();
    cash_is(&store, "90", "0", "90");
    assert_sound(&store);
}

/// A verdict that contradicts the books is an error of that case and stops nothing: fills cannot be
/// rolled back, an effect has to fit.
#[test]
fn a_verdict_that_does_not_fit_is_an_error_of_its_case() {
    let (world, store) = World::with("100");
    let pending = begin(&store, &Intent::open("fills", position()).hold(dollars("10")));
    let bought = pending.position().unwrap();
    let fills = pending.start(&store).unwrap();
    fills.record(&store, &Effect::new().buy(bought, fill("F", "1", "2", "0"))).unwrap();
    let other =
        begin(&store, &Intent::deduct("other", "main", dollars("1"))).start(&store).unwrap();
    let (fills, other) = (fills.id(), other.id());
    drop(store);
    let store = world.open();
    let wrong = |case: &Case| {
        Ok::<_, Error>(match case.id() {
            id if id == fills => Verdict::roll_back("no"),
            _ => Verdict::Complete(Effect::new().buy(bought, fill("G", "1", "2", "0"))),
        })
    };
    let report = store.recover(wrong).unwrap();
    adds_up(&report);
    assert_eq!((report.in_progress_found, report.errors), (2, 2));
    for id in [fills, other] {
        let shown = operation(&store, id);
        assert_eq!((shown.status, shown.presentations), (Status::InProgress, 0));
        let events = store.snapshot().operations().events(id).unwrap();
        assert!(events.last().unwrap().evidence.is_some(), "it is told why");
    }
    assert_sound(&store);
}

/// What was applied before the restart and cannot be undone any more: the verdict is refused, and
/// somebody has to look.
#[test]
fn an_undo_that_is_blocked_is_an_error_of_its_case() {
    let (world, store) = World::with("100");
    let intent = Intent::custom("k", "credit", "main").hold(dollars("10"));
    let running = begin(&store, &intent).start(&store).unwrap();
    running.apply(&store, &Effect::new().deposit("main", dollars("50"))).unwrap();
    let id = running.id();
    store.ledger().withdraw("main", &dollars("140")).unwrap();
    drop(store);
    let store = world.open();
    let mut recovery = store.recovery().unwrap();
    let case = recovery.next().unwrap().unwrap();
    match recovery.decide(case, Verdict::roll_back("no")).unwrap() {
        Decided::Refused(Error::UndoBlocked { operation, .. }) => assert_eq!(operation, id),
        other => panic!("{other:?}"),
    }
    let report = recovery.finish().unwrap();
    adds_up(&report);
    assert_eq!(report.errors, 1);
    let shown = operation(&store, id);
    assert_eq!(shown.status, Status::Failed);
    assert!(matches!(shown.needs_attention, Some(Attention::UndoBlocked { .. })));
    assert_sound(&store);
}

/// The story: one poisoned operation crashed the bot at every start. The third time that no answer
/// came back it is set aside, its money still held, and the bot runs again.
#[test]
fn a_case_that_brings_the_handler_down_is_quarantined() {
    let (left, mut store) = Left::new();
    for attempt in 1..=3 {
        let handler = |case: &Case| {
            assert_ne!(case.id(), left.running, "the handler cannot take this one");
            Ok::<_, Error>(Verdict::Leave)
        };
        let report = store.recover(handler).unwrap();
        adds_up(&report);
        let (panicked, status) = match attempt {
            3 => (0, Status::Failed),
            _ => (1, Status::InProgress),
        };
        let counted = (report.panicked, report.left, report.quarantined);
        assert_eq!(counted, (panicked, 2, 1 - panicked));
        let shown = operation(&store, left.running);
        assert_eq!((shown.presentations, shown.status), (attempt, status));
        drop(store);
        store = left.world.open();
    }
    for _ in 0..2 {
        let report = store
            .recover(|case: &Case| {
                assert_ne!(case.id(), left.running);
                Ok::<_, Error>(Verdict::Leave)
            })
            .unwrap();
        adds_up(&report);
        assert_eq!((report.panicked, report.left, report.quarantined), (0, 2, 1));
        let shown = operation(&store, left.running);
        assert_eq!(shown.status, Status::Failed);
        assert_eq!(shown.failure.unwrap().0, FailureClass::Ambiguous);
        assert_eq!(shown.needs_attention, Some(Attention::Quarantined));
        assert_sound(&store);
        drop(store);
        store = left.world.open();
    }
    cash_is(&store, "100", "30", "70");
    store.skip_recovery().unwrap();
    let asked = RollBack::new("asked").evidence("the venue lists no such order");
    store.operations().roll_back(left.running, asked).unwrap();
    assert_eq!(operation(&store, left.running).needs_attention, None);
    cash_is(&store, "100", "20", "80");
    assert_sound(&store);
}

/// The process was killed while a case was with the handler, twice. Any answer, also that asking
/// failed, starts the count anew.
#[test]
fn an_answer_starts_the_count_of_presentations_anew() {
    let (left, mut store) = Left::new();
    let presentations = |store: &Store| operation(store, left.running).presentations;
    for expected in [1, 2] {
        let mut recovery = store.recovery().unwrap();
        recovery.next().unwrap().unwrap();
        assert_eq!(presentations(&store), expected);
        drop(recovery);
        drop(store);
        store = left.world.open();
    }
    let calls = AtomicU64::new(0);
    let failing = |_: &Case| {
        calls.fetch_add(1, Ordering::Relaxed);
        Err::<Verdict, _>("the venue is down")
    };
    let report = store.recover(failing).unwrap();
    adds_up(&report);
    assert_eq!((report.errors, calls.load(Ordering::Relaxed)), (3, 3));
    assert_eq!(presentations(&store), 0);
    let events = store.snapshot().operations().events(left.running).unwrap();
    assert_eq!(events.last().unwrap().evidence.as_deref(), Some("the venue is down"));
    assert_sound(&store);
}

/// While a case was with the venue, a human settled it by number. What the venue says then changes
/// nothing.
#[test]
fn what_somebody_else_settled_meanwhile_is_left_as_they_left_it() {
    let (left, store) = Left::new();
    let mut recovery = store.recovery().unwrap();
    let running = recovery.next().unwrap().unwrap();
    let taken = store.operations().take_over(left.running).unwrap();
    let decided = recovery.decide(running, Verdict::roll_back("no")).unwrap();
    assert!(matches!(decided, Decided::Raced), "{decided:?}");
    let definite = recovery.next().unwrap().unwrap();
    store.operations().roll_back(left.ambiguous, RollBack::new("a").evidence("b")).unwrap();
    assert!(recovery.next().unwrap().is_none(), "the last was settled before it was presented");
    // Cases are decided in any order, each once.
    let copy = definite.clone();
    recovery.decide(definite, Verdict::Leave).unwrap();
    let error = recovery.decide(copy, Verdict::Leave).unwrap_err();
    assert!(matches!(error, Error::StaleOwner { .. }), "{error:?}");
    drop(recovery);

    // Still failed, but not as it was presented.
    let mut recovery = store.recovery().unwrap();
    let definite = recovery.next().unwrap().unwrap();
    store.operations().record(left.definite, &no_effect()).unwrap();
    let decided = recovery.decide(definite, Verdict::roll_back("no")).unwrap();
    assert!(matches!(decided, Decided::Raced), "{decided:?}");
    assert_eq!(operation(&store, left.definite).status, Status::Failed);
    let report = recovery.finish().unwrap();
    adds_up(&report);
    assert_eq!((report.failed_found, report.raced), (1, 1));
    taken.complete(&store, &no_effect()).unwrap();
    assert_sound(&store);
}

/// A recovery that was given up in the middle counts what it did not decide as left.
#[test]
fn what_is_not_decided_is_left() {
    let (_left, store) = Left::new();
    let mut recovery = store.recovery().unwrap();
    recovery.next().unwrap().unwrap();
    let report = recovery.finish().unwrap();
    adds_up(&report);
    assert_eq!((report.left, report.auto_rolled_back), (3, 1));
    assert_sound(&store);
}

/// Money that was only expected is not free again when its operation is rolled back: it never came.
#[test]
fn what_was_expected_is_not_released() {
    let (world, store) = World::with("100");
    drop(begin(&store, &Intent::add("k", "main", dollars("10"))).start(&store).unwrap());
    drop(store);
    let store = world.open();
    let report = store.recover(|_: &Case| Ok::<_, Error>(Verdict::roll_back("no"))).unwrap();
    assert_eq!((report.rolled_back, report.released), (1, vec![]));
    assert_sound(&store);
}

/// Without anything left behind there is nothing to do, and nothing is written.
#[test]
fn without_orphans_nothing_happens() {
    let (world, store) = World::with("100");
    begin(&store, &Intent::deduct("k", "main", dollars("1"))).cancel(&store).unwrap();
    drop(store);
    let store = world.open();
    let lsn = store.stats().visible_lsn;
    drop(begin_nothing(&store));
    assert_eq!(store.stats().visible_lsn, lsn);
    drop(begin(&store, &Intent::deduct("l", "main", dollars("1"))));
}

fn begin_nothing(store: &Store) -> RecoveryReport {
    let report = store.recover(|_: &Case| -> Result<Verdict, Error> { unreachable!() }).unwrap();
    assert_eq!((report.found(), report.outcomes()), (0, 0));
    report
}
