//! Commits that a task awaits: woken at durability, by the store's background, with no thread blocked.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use highwater::{Durability, Error, Merged, Store, Ticket};
use tempfile::TempDir;

use crate::{manual, options, update};

const AN_HOUR: Duration = Duration::from_secs(3600);

/// Wakes the thread that runs the task, and counts how often.
struct Counting {
    thread: Thread,
    wakes: AtomicU64,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn counting() -> Arc<Counting> {
    Arc::new(Counting { thread: std::thread::current(), wakes: AtomicU64::new(0) })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(counting());
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Stages a tick and does not wait.
fn stage(store: &Store, number: u64, durability: Durability) -> Ticket {
    let staged = store
        .write_ticket(durability, |tx| tx.tokens().upsert(&update(number, 1)).map_err(Error::from));
    let (_, ticket): (Merged, Ticket) = staged.unwrap();
    ticket
}

/// Nobody waits with a thread and the next background sync is an hour away: the task is woken all the
/// same, once its commit survives power loss.
#[test]
fn a_task_does_not_wait_for_the_next_background_sync() {
    let directory = TempDir::new().unwrap();
    let options = options().sync_interval(AN_HOUR);
    let store = options.open(directory.path().join("store")).unwrap();
    for number in 1..=20 {
        let ticket = stage(&store, number, Durability::Synced);
        let lsn = ticket.lsn();
        block_on(ticket).unwrap();
        assert!(store.stats().synced_lsn >= lsn);
        assert_eq!(store.snapshot().lsn(), lsn);
    }
}

/// Ticks are to be with the operating system and no more: awaiting them costs no sync.
#[test]
fn awaiting_what_is_written_costs_no_sync() {
    let directory = TempDir::new().unwrap();
    let options = options().sync_interval(AN_HOUR);
    let store = options.open(directory.path().join("store")).unwrap();
    for number in 1..=50 {
        let ticket = stage(&store, number, Durability::Written);
        let lsn = ticket.lsn();
        block_on(ticket).unwrap();
        assert!(store.snapshot().lsn() >= lsn);
    }
    assert_eq!(store.stats().synced_lsn, 0, "nobody asked for more");
}

/// A bot awaits one tick after the other, faster than the background syncs. What it awaits needs no sync,
/// and gets one all the same when it is due: power loss takes no more than that.
#[test]
fn awaited_ticks_do_not_put_off_the_background_sync() {
    let directory = TempDir::new().unwrap();
    // Room for all of it in one segment and in memory: the end of a segment is synced as well, and what a
    // checkpoint takes.
    let options = options().memory_bytes(1 << 30).segment_bytes(8 << 20, 8 << 20);
    let options = options.sync_interval(Duration::from_millis(100));
    let store = options.open(directory.path().join("store")).unwrap();
    let mut number = 0;
    while store.stats().synced_lsn == 0 {
        number += 1;
        block_on(stage(&store, number, Durability::Written)).unwrap();
        assert!(number < 30_000, "{number} ticks awaited, none synced");
    }
}

/// A hundred tasks on one thread share syncs, as a hundred threads would.
#[test]
fn tasks_share_syncs() {
    let directory = TempDir::new().unwrap();
    let store = options().open(directory.path().join("store")).unwrap();
    let before = store.stats().journal_syncs;
    let mut tickets: Vec<Ticket> =
        (1..=100).map(|number| stage(&store, number, Durability::Synced)).collect();
    block_on(std::future::poll_fn(|context| {
        let mut answered = true;
        for ticket in &mut tickets {
            answered &= Pin::new(ticket).poll(context).is_ready();
        }
        if answered { Poll::Ready(()) } else { Poll::Pending }
    }));
    let syncs = store.stats().journal_syncs - before;
    assert!((1..=50).contains(&syncs), "{syncs} syncs for 100 commits");
    for ticket in tickets {
        // It answers the same as often as it is asked.
        block_on(ticket.clone()).unwrap();
        ticket.wait().unwrap();
    }
}

/// A task is cancelled after it asked: its commit is as good as any, and nobody calls its waker when
/// it is gone.
#[test]
fn a_cancelled_task_takes_nothing_back() {
    let directory = TempDir::new().unwrap();
    let store = options().sync_interval(AN_HOUR).open(directory.path().join("store")).unwrap();
    let mut pending = 0;
    for number in 1..=50 {
        let counting = counting();
        let waker = Waker::from(counting.clone());
        let mut ticket = stage(&store, number, Durability::Synced);
        let asked = Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker));
        pending += u64::from(asked.is_pending());
        drop((ticket, waker));
        // Whoever holds the waker still is about to call it; nobody keeps it for later.
        store.sync().unwrap();
        while Arc::strong_count(&counting) > 1 {
            std::thread::yield_now();
        }
    }
    assert!(pending > 0, "the background was always faster");
    assert_eq!(store.snapshot().lsn(), 50);
    store.close().unwrap();
}

/// With nobody in the background, polling does the work itself.
#[test]
fn without_a_background_polling_does_the_work() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    let mut ticket = stage(&store, 1, Durability::Synced);
    let waker = Waker::noop();
    let answer = Pin::new(&mut ticket).poll(&mut Context::from_waker(waker));
    assert!(matches!(answer, Poll::Ready(Ok(()))), "{answer:?}");
    assert_eq!(store.stats().synced_lsn, 1);
}

/// The sync fails under a task: its commit is unknown, and it is told so.
#[cfg(feature = "simulation")]
#[test]
fn a_failed_sync_is_told_to_tasks() {
    use highwater::disk::{Call, Fault, FaultPlan, SimulatedDisk};

    let disk = SimulatedDisk::new(1);
    let store = options().sync_interval(AN_HOUR).open_on(Arc::new(disk.clone())).unwrap();
    block_on(stage(&store, 1, Durability::Synced)).unwrap();
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync).within("journal/").for_ever());
    let error = block_on(stage(&store, 2, Durability::Synced)).unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
}

/// A waker panics, as one of a broken runtime may: that is its own affair.
#[test]
fn a_waker_that_panics_harms_nobody_else() {
    struct Panicking;
    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("the runtime is gone");
        }
    }
    let directory = TempDir::new().unwrap();
    let store = options().sync_interval(AN_HOUR).open(directory.path().join("store")).unwrap();
    for number in 1..=20 {
        let waker = Waker::from(Arc::new(Panicking));
        let mut broken = stage(&store, number, Durability::Synced);
        let _asked = Pin::new(&mut broken).poll(&mut Context::from_waker(&waker));
        block_on(broken.clone()).unwrap();
    }
    store.close().unwrap();
}
