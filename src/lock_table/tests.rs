//! Tests of locks by key: one holder, in order, whoever leaves the line and whenever.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

type Polled<K> = Poll<KeyGuard<K>>;

/// A waker that counts how often it was called.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counting {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with<K: Eq + Hash + Clone>(locking: &mut Locking<K>, waker: &Waker) -> Polled<K> {
    Pin::new(locking).poll(&mut Context::from_waker(waker))
}

fn poll<K: Eq + Hash + Clone>(locking: &mut Locking<K>) -> Polled<K> {
    poll_with(locking, Waker::noop())
}

/// A future that stands in the line for `key`.
fn queued(table: &LockTable<u32>, key: u32) -> Locking<u32> {
    let mut locking = table.lock_async(key);
    assert!(poll(&mut locking).is_pending());
    locking
}

/// Lets other threads run until `count` of them wait for `key`.
fn until_waiting(table: &LockTable<u32>, key: u32, count: usize) {
    while table.lines.waiting(&key) < count {
        thread::yield_now();
    }
}

/// Panics if two are inside at once.
struct Room(AtomicBool);

impl Room {
    fn enter(&self) {
        assert!(!self.0.swap(true, Ordering::SeqCst), "somebody else is inside");
    }

    fn leave(&self) {
        assert!(self.0.swap(false, Ordering::SeqCst));
    }
}

fn rooms() -> Arc<[Room; 4]> {
    Arc::new(std::array::from_fn(|_| Room(AtomicBool::new(false))))
}

/// Gives way to the other tasks of an executor once.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut given, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks on this one thread, polling only those that were woken. Panics where tasks are left
/// and none of them will ever be woken: then a wake-up was lost.
fn run_all(tasks: Vec<Task>) {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let start = |task| (Arc::new(Woken(AtomicBool::new(true))), task);
    let mut tasks: Vec<(Arc<Woken>, Task)> = tasks.into_iter().map(start).collect();
    while !tasks.is_empty() {
        let mut progress = false;
        tasks.retain_mut(|(woken, task)| {
            if !woken.0.swap(false, Ordering::SeqCst) {
                return true;
            }
            progress = true;
            let waker = Waker::from(woken.clone());
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        assert!(progress, "{} tasks wait and nobody will wake them", tasks.len());
    }
}

/// Guards go with tasks from thread to thread, and outlive the table they came from.
#[test]
fn guards_move_between_threads() {
    fn moves<T: Send + Sync + 'static>(_: &T) {}
    let table = LockTable::<u32>::new();
    let (guard, future) = (table.lock(1), table.lock_async(1));
    moves(&guard);
    moves(&future);
    let other = table.clone();
    drop((table, future));
    thread::spawn(move || assert_eq!(*guard.key(), 1)).join().unwrap();
    assert!(other.is_empty());
    assert!(other.try_lock(1).is_some());
}

/// Two threads sell the same position, because both looked before either of them sold.
#[test]
fn threads_exclude_each_other() {
    let (table, rooms) = (LockTable::new(), rooms());
    let threads: Vec<_> = (0..8)
        .map(|thread: usize| {
            let (table, rooms) = (table.clone(), rooms.clone());
            thread::spawn(move || {
                for turn in 0..3_000 {
                    let key = (thread + turn) % rooms.len();
                    let _guard = match turn % 3 {
                        0 => match table.try_lock(key) {
                            Some(guard) => guard,
                            None => continue,
                        },
                        _ => table.lock(key),
                    };
                    rooms[key].enter();
                    thread::yield_now();
                    rooms[key].leave();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(table.len(), 0);
}

/// A bot's order loop is a thread, its price feeds are tasks. Both lock the same positions, and some
/// of the tasks are cancelled while they wait, or just when their turn has come.
#[test]
fn threads_and_tasks_exclude_each_other() {
    let (table, rooms) = (LockTable::new(), rooms());
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let (table, rooms, barrier) = (table.clone(), rooms.clone(), barrier.clone());
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                barrier.wait();
                for _ in 0..5_000 {
                    let key = random.usize(..2);
                    let mut cancelled = table.lock_async(key);
                    if poll(&mut cancelled).is_pending() {
                        thread::yield_now();
                    }
                    drop(cancelled);
                    let guard = match random.bool() {
                        true => table.lock(key),
                        false => wait_for(table.lock_async(key)),
                    };
                    rooms[key].enter();
                    thread::yield_now();
                    rooms[key].leave();
                    drop(guard);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(table.len(), 0);
}

/// A bot runs a thousand tasks on one thread. A lock that blocked it would stop them all, the holder
/// included.
#[test]
fn no_task_blocks_its_thread() {
    let (table, rooms) = (LockTable::new(), rooms());
    let done = Arc::new(AtomicUsize::new(0));
    let task = |number: usize| -> Task {
        let (table, rooms, done) = (table.clone(), rooms.clone(), done.clone());
        Box::pin(async move {
            for turn in 0..5 {
                let key = (number + turn) % rooms.len();
                let _guard = table.lock_async(key).await;
                rooms[key].enter();
                give_way().await;
                rooms[key].leave();
            }
            done.fetch_add(1, Ordering::SeqCst);
        })
    };
    run_all((0..1_000).map(task).collect());
    assert_eq!((done.load(Ordering::SeqCst), table.len()), (1_000, 0));
}

/// Under load one task never got its turn, because whoever had just let go was faster. The line is
/// served in order, threads and tasks alike, and nobody gets in between.
#[test]
fn first_come_first_served() {
    let table = LockTable::<u32>::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut held = Some(table.lock(7));
    let mut tasks = VecDeque::new();
    let mut threads = Vec::new();
    for place in 0..10 {
        if place % 2 == 0 {
            tasks.push_back((place, queued(&table, 7)));
        } else {
            let (table, order) = (table.clone(), order.clone());
            threads.push(thread::spawn(move || {
                let _guard = table.lock(7);
                order.lock().unwrap().push(place);
            }));
        }
        until_waiting(&table, 7, place + 1);
    }
    for (place, task) in &mut tasks {
        // The first goes with this, the others after the thread before them.
        drop(held.take());
        assert!(table.try_lock(7).is_none(), "the key is handed over, it is not up for grabs");
        let guard = loop {
            match poll(task) {
                Poll::Ready(guard) => break guard,
                Poll::Pending => thread::yield_now(),
            }
        };
        order.lock().unwrap().push(*place);
        drop(guard);
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(table.len(), 0);
}

/// A task is cancelled: before it ever asked, in line, when its turn has just come, and when it has
/// its guard already. Nobody waits for it any more in any of these.
#[test]
fn a_task_can_be_cancelled_at_any_time() {
    let table = LockTable::<u32>::new();
    drop(table.lock_async(1));
    assert_eq!(table.len(), 0, "it never asked");

    let guard = table.lock(1);
    let mut line: Vec<_> = (0..4).map(|_| queued(&table, 1)).collect();
    drop(line.remove(1));
    assert_eq!(table.lines.waiting(&1), 3, "it was in the middle of the line");
    drop(line.pop());
    assert_eq!(table.lines.waiting(&1), 2, "it was the last");
    let [mut first, mut second] = [line.remove(0), line.remove(0)];
    assert!(poll(&mut second).is_pending());

    let woken = Arc::new(Counting::default());
    assert!(poll_with(&mut second, &Waker::from(woken.clone())).is_pending());
    drop(guard);
    assert_eq!(woken.count(), 0, "it is the first one's turn");
    drop(first);
    assert_eq!(woken.count(), 1, "which was handed on");
    let Poll::Ready(guard) = poll(&mut second) else { panic!("its turn had come") };

    assert!(poll(&mut second).is_pending(), "there is one guard to a future");
    drop(second);
    assert!(table.try_lock(1).is_none(), "the guard does not go with its future");
    first = queued(&table, 1);
    drop(guard);
    drop(first);
    assert_eq!((table.len(), table.lines.waiting(&1)), (0, 0), "nobody was left to hand it to");
}

/// A task moved to another executor and was woken through the old one, which was gone.
#[test]
fn the_last_waker_is_woken_and_no_other() {
    let table = LockTable::<u32>::new();
    let guard = table.lock(1);
    let wakers: [_; 3] = std::array::from_fn(|_| Arc::new(Counting::default()));
    let mut locking = table.lock_async(1);
    for waker in &wakers {
        assert!(poll_with(&mut locking, &Waker::from(waker.clone())).is_pending());
    }
    assert_eq!(wakers.each_ref().map(Arc::strong_count), [1, 1, 2], "the others are let go");
    drop(guard);
    assert_eq!(wakers.each_ref().map(|waker| waker.count()), [0, 0, 1]);
    assert!(poll(&mut locking).is_ready());
}

/// An executor that runs or drops tasks inside `wake`, and whose wakers use the table when they go.
/// It must not meet the table's own lock.
#[test]
fn wakers_may_use_the_table() {
    struct Meddling(LockTable<u32>);
    impl Wake for Meddling {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock(2));
        }
    }
    impl Drop for Meddling {
        fn drop(&mut self) {
            drop(self.0.lock(3));
        }
    }
    let table = LockTable::<u32>::new();
    let meddling = || Waker::from(Arc::new(Meddling(table.clone())));
    let guard = table.lock(1);
    let mut locking = table.lock_async(1);
    for _ in 0..2 {
        assert!(poll_with(&mut locking, &meddling()).is_pending(), "replaced");
    }
    let mut cancelled = table.lock_async(1);
    assert!(poll_with(&mut cancelled, &meddling()).is_pending());
    drop(cancelled);
    drop(guard);
    let Poll::Ready(guard) = poll_with(&mut locking, &meddling()) else { panic!("handed over") };
    drop(guard);
    assert!(table.is_empty());
}

/// A thread that drives tasks of its own locks a key and has to sleep. A wake-up that was meant for
/// its tasks must still be there afterwards.
#[test]
fn a_sleeping_thread_keeps_its_other_wake_ups() {
    let table = LockTable::<u32>::new();
    let guard = table.lock(1);
    let waits = thread::spawn({
        let table = table.clone();
        move || {
            thread::current().unpark();
            drop(table.lock(1));
            let asleep = Instant::now();
            thread::park_timeout(Duration::from_secs(20));
            asleep.elapsed() < Duration::from_secs(10)
        }
    });
    until_waiting(&table, 1, 1);
    drop(guard);
    assert!(waits.join().unwrap(), "the wake-up was swallowed");
}

/// The holder panics. What it did is its own business; the key is free again.
#[test]
fn a_panic_lets_go() {
    let table = LockTable::<u32>::new();
    let held = Arc::new(Barrier::new(2));
    let thread = thread::spawn({
        let (table, held) = (table.clone(), held.clone());
        move || {
            let _guard = table.lock(1);
            held.wait();
            until_waiting(&table, 1, 1);
            panic!("on purpose");
        }
    });
    held.wait();
    drop(table.lock(1));
    assert!(thread.join().is_err());
    assert!(table.is_empty());
}

/// A table that kept what it had once seen would grow with every token that is ever launched.
#[test]
fn a_million_keys_leave_nothing() {
    let table = LockTable::<u64>::new();
    for key in 0..500_000 {
        drop(table.lock(key));
    }
    assert!(table.lines.capacity() <= 2 * 64);
    let guards: Vec<_> = (0..500_000).map(|key| table.lock(key)).collect();
    assert_eq!(table.len(), 500_000, "none of them was pushed out");
    assert!((0..500_000).all(|key| table.try_lock(key).is_none()));
    drop(guards);
    assert_eq!(table.len(), 0);
    assert!(table.lines.capacity() <= 2 * 64, "{} places left", table.lines.capacity());
}

/// What a holder or a waiter has in hand, in the order in which it asked.
enum Hand {
    Guard(KeyGuard<u32>),
    Locking(Locking<u32>),
}

/// Any mix of asking, polling, cancelling and letting go, held against a plain queue per key.
#[test]
fn any_history_is_that_of_a_queue() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let table = LockTable::<u32>::new();
        let mut queues: [VecDeque<Hand>; 3] = std::array::from_fn(|_| VecDeque::new());
        for _ in 0..200 {
            let key = random.u32(..3);
            let queue = &mut queues[key as usize];
            match random.u8(..6) {
                0 => match table.try_lock(key) {
                    Some(guard) => {
                        assert!(queue.is_empty(), "seed {seed}");
                        queue.push_back(Hand::Guard(guard));
                    }
                    None => assert!(!queue.is_empty(), "seed {seed}"),
                },
                1 | 2 => {
                    let mut locking = table.lock_async(key);
                    match poll(&mut locking) {
                        Poll::Ready(guard) => {
                            assert!(queue.is_empty(), "seed {seed}");
                            queue.push_back(Hand::Guard(guard));
                        }
                        Poll::Pending => {
                            assert!(!queue.is_empty(), "seed {seed}");
                            queue.push_back(Hand::Locking(locking));
                        }
                    }
                }
                3 if !queue.is_empty() => {
                    let place = random.usize(..queue.len());
                    if let Hand::Locking(locking) = &mut queue[place]
                        && let Poll::Ready(guard) = poll(locking)
                    {
                        assert_eq!(place, 0, "seed {seed}: it was not the first");
                        queue[place] = Hand::Guard(guard);
                    } else {
                        let holds =
                            matches!(&queue[place], Hand::Guard(guard) if *guard.key() == key);
                        assert_eq!(holds, place == 0, "seed {seed}");
                    }
                }
                4 if !queue.is_empty() => drop(queue.remove(random.usize(..queue.len()))),
                _ => drop(queue.pop_front()),
            }
            let held = queues.iter().filter(|queue| !queue.is_empty()).count();
            assert_eq!(table.len(), held, "seed {seed}");
        }
        drop(queues);
        assert_eq!(table.len(), 0, "seed {seed}");
    }
}
