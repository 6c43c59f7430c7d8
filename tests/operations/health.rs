//! What health says of operations and books, and what maintenance does to them: reasons come with
//! their cause and go with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{
    ClaimBounds, Clock, Error, Failure, History, Intent, Level, Maintainer, ManualClock,
    NewPosition, Price, Reason, Retention, RollBack, Store, Timestamp, TokenKey, Update, Verdict,
};

use crate::{World, begin, bonk, dollars, no_effect, position, units, usd};

const MINUTE: Duration = Duration::from_secs(60);

/// The names of everything that health says, the worst first.
fn reasons(store: &Store) -> Vec<&'static str> {
    let health = store.health();
    let worst = health.reasons.iter().map(Reason::level).max().unwrap_or_default();
    assert_eq!(health.level, worst);
    assert!(health.reasons.is_sorted_by(|one, next| one.level() >= next.level()));
    assert_eq!(health.to_string().lines().count(), 1 + health.reasons.len());
    health.reasons.iter().map(Reason::name).collect()
}

fn deduct(key: &str) -> Intent {
    Intent::deduct(key, "main", dollars("10"))
}

/// Without an orphan there is nothing to recover; with one nothing begins, and that is critical.
/// Skipped, it is still undecided; decided, there is nothing left to say.
#[test]
fn orphans_are_told_until_they_are_decided() {
    let (world, store) = World::with("100");
    assert_eq!(reasons(&store), [""; 0]);
    let running = begin(&store, &deduct("one")).start(&store).unwrap().id();
    drop(store);
    let store = world.open();
    let health = store.health();
    assert_eq!(health.level, Level::Critical);
    let [Reason::Orphans { operations, refuses_beginnings: true }] = &health.reasons[..] else {
        panic!("{health}");
    };
    assert_eq!((operations.count, &operations.first[..]), (1, &[running][..]));
    store.skip_recovery().unwrap();
    assert_eq!((reasons(&store), store.health().level), (vec!["orphans"], Level::Warning));
    store.recover(|_| Ok::<_, Error>(Verdict::roll_back("the venue never saw it"))).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}

/// A retry too many stops an operation until somebody decides: that is critical, and says which.
#[test]
fn what_needs_attention_is_critical() {
    let (_world, store) = World::with("100");
    let pending = begin(&store, &deduct("one").max_attempts(1));
    let failed = pending.start(&store).unwrap().fail(&store, Failure::definite("refused")).unwrap();
    let id = failed.id();
    assert!(
        matches!(failed.retry(&store), Err(refused) if matches!(*refused.error, Error::AttemptsUsedUp { .. }))
    );
    assert_eq!((reasons(&store), store.health().level), (vec!["needs_attention"], Level::Critical));
    assert!(store.health().to_string().contains(&format!("({id})")), "{}", store.health());
    let evidence = RollBack::new("refused").evidence("the venue says so");
    store.operations().roll_back(id, evidence).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}

/// A task that was cancelled dropped its handle: the order may be live, and nobody waits for it.
#[test]
fn a_dropped_handle_is_seen_until_somebody_takes_over() {
    let (_world, store) = World::with("100");
    let running = begin(&store, &deduct("one")).start(&store).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
    let id = running.id();
    drop(running);
    assert_eq!((reasons(&store), store.health().level), (vec!["forgotten"], Level::Warning));
    let running = store.operations().take_over(id).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
    running.complete(&store, &no_effect()).unwrap();
}

/// An order that hangs is told of after ten minutes, by the wall clock, and from the first one's start.
#[test]
fn an_operation_in_progress_for_long_is_told() {
    let (world, store) = World::with("100");
    let since = world.now();
    let first = begin(&store, &deduct("one")).start(&store).unwrap();
    world.pass(5 * MINUTE);
    let second = begin(&store, &deduct("two")).start(&store).unwrap();
    world.pass(5 * MINUTE);
    assert_eq!(reasons(&store), [""; 0]);
    world.pass(Duration::from_micros(1));
    let [Reason::InProgressLong { operations, since: told }] = &store.health().reasons[..] else {
        panic!("{}", store.health());
    };
    assert_eq!((operations.count, &operations.first[..], *told), (1, &[first.id()][..], since));
    first.complete(&store, &no_effect()).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
    second.complete(&store, &no_effect()).unwrap();
}

/// What the books lack against a venue, and a halt, are there until somebody settles them.
#[test]
fn shortfalls_and_halts_are_told() {
    let (_world, store) = World::with("100");
    store
        .write(|tx| Ok::<_, Error>(tx.ledger().adjust("main", &[dollars("97")], "counted")?))
        .unwrap();
    store.write(|tx| Ok::<_, Error>(tx.ledger().halt("the venue is down")?)).unwrap();
    let mut told = reasons(&store);
    told.sort_unstable();
    assert_eq!(told, ["halted", "shortfall"]);
    assert!(store.health().to_string().contains("main is out by"), "{}", store.health());
    store.write(|tx| Ok::<_, Error>(tx.ledger().resume()?)).unwrap();
    assert_eq!(reasons(&store), ["shortfall"]);
}

/// A bot dies at every start, right after its first write. The fifth time within five minutes it is
/// told; five minutes later it is not.
#[test]
fn a_bot_that_dies_at_every_start_is_seen() {
    let world = World::new();
    for boot in 1..=5 {
        let store = world.open();
        assert_eq!(reasons(&store), [""; 0], "before the write of boot {boot}");
        store.ledger().deposit("main", &dollars("1")).unwrap();
        let expected: &[&str] = if boot < 5 { &[] } else { &["many_boots"] };
        assert_eq!(reasons(&store), expected, "boot {boot}");
        world.pass(MINUTE);
    }
    let store = world.open();
    assert_eq!(reasons(&store), [""; 0], "the first of five is five minutes old");
    world.pass(5 * MINUTE);
    assert_eq!(reasons(&store), [""; 0]);
}

/// The log of openings has each opening once, whatever it wrote, and forgets the oldest.
#[test]
fn an_opening_is_in_the_log_once() {
    let world = World::new();
    let mut expected = Vec::new();
    for boot in 0..40 {
        let store = world.open();
        let refused: Result<(), Error> = store.write(|tx| {
            tx.ledger().deposit("main", &dollars("1"))?;
            Err(Error::Closed)
        });
        refused.unwrap_err();
        assert_eq!(boots(&store), expected, "a refused write is no commit");
        // Every third opening writes nothing.
        if boot % 3 > 0 {
            store.ledger().deposit("main", &dollars("1")).unwrap();
            store.ledger().deposit("main", &dollars("1")).unwrap();
            expected.push((world.now(), store.opening().clean));
            expected.drain(..expected.len().saturating_sub(32));
        }
        assert_eq!(boots(&store), expected);
        world.pass(MINUTE);
        store.close().unwrap();
    }
}

fn boots(store: &Store) -> Vec<(Timestamp, bool)> {
    let boots = store.snapshot().boots().unwrap();
    boots.into_iter().map(|boot| (boot.at, boot.clean)).collect()
}

/// The machine's clock was a year ahead once. Commits never go back behind that; openings are counted by
/// the clock as it stands.
#[test]
fn a_clock_that_was_ahead_hides_no_openings() {
    let world = World::new();
    let now = world.now();
    let write = || world.open().ledger().deposit("main", &dollars("1")).unwrap();
    world.pass(365 * 24 * 60 * MINUTE);
    write();
    world.clock.set(now);
    for _ in 0..5 {
        write();
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(reasons(&world.open()), ["many_boots"]);
}

/// Maintenance does what is due and nothing else: dropped and late operations go, old rows are purged,
/// accounts get their equity points when they are due and have prices.
#[test]
fn maintenance_does_what_is_due() {
    let world = World::new();
    let store = world.open_with(|options| options.record_equity(60 * MINUTE));
    store.ledger().deposit("main", &dollars("100")).unwrap();
    store.ledger().deposit("side", &dollars("1")).unwrap();
    drop(begin(&store, &deduct("dropped")));
    let late = begin(&store, &deduct("late").deadline(world.now()));
    begin(&store, &deduct("done")).start(&store).unwrap().complete(&store, &no_effect()).unwrap();
    world.pass(MINUTE);
    let done = store.maintain().unwrap();
    assert_eq!((done.rolled_back, done.purged, done.equity_points), (2, 0, 2), "{done:?}");
    late.start(&store).unwrap_err();
    world.pass(59 * MINUTE);
    assert_eq!(store.maintain().unwrap().equity_points, 0);
    world.pass(MINUTE);
    assert_eq!(store.maintain().unwrap().equity_points, 2);
    world.pass(24 * 60 * MINUTE);
    let done = store.maintain().unwrap();
    assert_eq!((done.rolled_back, done.purged, done.equity_points), (0, 3, 2), "{done:?}");
    assert_eq!(store.maintain().unwrap(), highwater::Maintained::default());
    assert_eq!(store.snapshot().ledger().equity("main").count(), 3);
}

/// What the bounds of claims and of the history do not keep goes with maintenance as well; before that
/// the bound on the number of claims, being narrower than the acceptance window, is told.
#[test]
fn maintenance_lets_go_what_bounds_do_not_keep() {
    let world = World::new();
    let bounds = ClaimBounds::new().horizon(10 * MINUTE).acceptance_window(5 * MINUTE).count(2);
    let keep_two = Retention::EVERYTHING.count(2);
    let history = History::new().ticks(keep_two);
    let store = world.open_with(|options| options.claims("copied", bounds).history(history));
    let key = TokenKey::new("solana", "BONK").unwrap();
    for tick in 1..=5_u64 {
        let price: Price = tick.to_string().parse().unwrap();
        store.tokens().upsert(&Update::new(key.clone()).price(price, world.now())).unwrap();
        store.claims().claim("copied", &tick.to_be_bytes(), world.now()).unwrap();
        world.pass(MINUTE);
    }
    assert_eq!(reasons(&store), ["claim_window_short"]);
    let done = store.maintain().unwrap();
    assert_eq!((done.history_purged, done.claims_pruned), (3, 0), "{done:?}");
    assert_eq!(store.tokens().get(&key).unwrap().unwrap().min.unwrap().price, "1".parse().unwrap());
    world.pass(10 * MINUTE);
    let done = store.maintain().unwrap();
    assert_eq!((done.history_purged, done.claims_pruned), (0, 2), "{done:?}");
    assert_eq!(reasons(&store), [""; 0]);
}

/// An account holds something that nobody has seen a price of: its worth is unknown, the others' is not.
#[test]
fn an_account_without_prices_has_no_equity_point() {
    let world = World::new();
    let store = world.open_with(|options| options.record_equity(MINUTE));
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let key = position();
    let import = |tx: &mut highwater::Tx<'_>| {
        tx.ledger().import_position(&key, &units("5"), &dollars("1"), world.now())
    };
    store.write(|tx| Ok::<_, Error>(import(tx)?)).unwrap();
    store.ledger().deposit("side", &dollars("1")).unwrap();
    let done = store.maintain().unwrap();
    assert_eq!((done.equity_points, done.unmarked_accounts), (1, 1), "{done:?}");
    let bonk = TokenKey::new("solana", "BONK").unwrap();
    let seen = Update::new(bonk).price("2".parse::<Price>().unwrap(), world.now());
    store.tokens().upsert(&seen).unwrap();
    let done = store.maintain().unwrap();
    assert_eq!((done.equity_points, done.unmarked_accounts), (1, 0), "{done:?}");
    assert_eq!(usd(), *store.snapshot().ledger().reference().unwrap());
}

/// The story: one account's units were worth more than can be counted, and the equity of every account
/// behind it in the alphabet ended that day.
#[test]
fn an_account_worth_too_much_ends_no_other_series() {
    let world = World::new();
    let store = world.open_with(|options| options.record_equity(MINUTE));
    for account in ["alice", "zoe"] {
        store.ledger().deposit(account, &dollars("1")).unwrap();
    }
    let key = NewPosition::new("bob", bonk(), usd());
    let much = units(&format!("1{:027}", 0));
    let import = |tx: &mut highwater::Tx<'_>| {
        tx.ledger().import_position(&key, &much, &dollars("1"), world.now())
    };
    store.write(|tx| Ok::<_, Error>(import(tx)?)).unwrap();
    let bonk = TokenKey::new("solana", "BONK").unwrap();
    let seen = Update::new(bonk).price("300000000000000".parse::<Price>().unwrap(), world.now());
    store.tokens().upsert(&seen).unwrap();
    let done = store.maintain().unwrap();
    assert_eq!((done.equity_points, done.unmarked_accounts), (2, 1), "{done:?}");
    assert_eq!(reasons(&store), [""; 0]);
}

/// The thread maintains at once, is gone when it is stopped, and does not keep the store open.
#[test]
fn a_maintainer_maintains_and_goes() {
    let (world, store) = World::with("100");
    drop(begin(&store, &deduct("dropped")));
    let store = Arc::new(store);
    let maintainer = Maintainer::start(&store, 60 * MINUTE).unwrap();
    maintainer.stop();
    assert_eq!(store.snapshot().operations().unfinished().unwrap(), []);
    let maintainer = Maintainer::start(&store, 60 * MINUTE).unwrap();
    drop(maintainer);
    Arc::into_inner(store).expect("nobody else has it").close().unwrap();
    assert!(world.open().opening().clean);
}

/// The bot's own clock panics. The thread goes on, and health says so once it has happened three times.
#[test]
fn a_panic_in_maintenance_is_told() {
    #[derive(Debug)]
    struct Broken(ManualClock, AtomicBool);
    impl Clock for Broken {
        fn now(&self) -> Timestamp {
            let is_ours = std::thread::current().name() == Some("highwater-maintain");
            assert!(!(is_ours && self.1.load(Ordering::SeqCst)), "the clock is broken");
            self.0.now()
        }
    }
    let world = World::new();
    let clock = Arc::new(Broken(world.clock.clone(), AtomicBool::new(true)));
    let options = world.options().clock(clock.clone()).record_equity(MINUTE);
    let store = Arc::new(options.open_on(Arc::new(world.disk.clone())).unwrap());
    let maintainer = Maintainer::start(&store, Duration::from_millis(1)).unwrap();
    while reasons(&store) != ["maintenance_failing"] {
        std::thread::yield_now();
    }
    clock.1.store(false, Ordering::SeqCst);
    while !reasons(&store).is_empty() {
        std::thread::yield_now();
    }
    maintainer.stop();
}

/// Maintenance finds no room: health says so the third time, and no more once there is room.
#[cfg(feature = "simulation")]
#[test]
fn failing_maintenance_is_told_the_third_time() {
    use highwater::disk::{Call, Disk, Fault, FaultPlan, SimulatedDisk};

    let (disk, world) = (SimulatedDisk::new(1), World::new());
    let options = world.options().record_equity(MINUTE).segment_bytes(64 * 1024, 64 * 1024);
    let store = options.open_on(Arc::new(disk.clone()) as Arc<dyn Disk>).unwrap();
    disk.inject(FaultPlan::new(Fault::Full).on(Call::Create).within("journal/").for_ever());
    let full = loop {
        if let Err(error) = store.ledger().deposit("main", &dollars("1")) {
            break error;
        }
    };
    assert!(matches!(full, Error::Full { .. }), "{full:?}");
    // An equity point may still fit where a deposit does not.
    while store.maintain().is_ok() {
        world.pass(MINUTE);
    }
    for failed in 2..=4 {
        let error = store.maintain().unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error:?}");
        assert_eq!(reasons(&store).contains(&"maintenance_failing"), failed >= 3, "{failed}");
    }
    disk.clear_faults();
    assert_eq!(store.maintain().unwrap().equity_points, 1);
    assert_eq!(reasons(&store), [""; 0]);
}
