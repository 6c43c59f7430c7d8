//! Listeners that do what they should not: they call the store, and they panic.

use std::sync::{Arc, OnceLock};

use highwater::{Error, Store};

use crate::operator::listener::Listener;
use crate::{tick, usd};

/// The story: an alert was written into the store when trading was halted; the alert waited for the
/// writer's lock, which the halt held until the alert was written.
#[test]
fn a_listener_may_write_to_the_store() {
    let store = Arc::new(Store::memory(highwater::Mode::Paper, usd()).unwrap());
    let (theirs, done) = (store.clone(), Arc::<OnceLock<Result<(), String>>>::default());
    let written = done.clone();
    let listener = Listener::new(move |told| {
        if told.message == "trading is halted" || told.message == "a checkpoint is done" {
            let wrote = theirs.tokens().upsert(&tick("1")).and_then(|_| theirs.checkpoint());
            let _ = written.set(wrote.map(drop).map_err(|error| error.to_string()));
        }
    });
    tracing::subscriber::with_default(listener, || {
        store.write(|tx| Ok::<_, Error>(tx.ledger().halt("the venue is down")?)).unwrap();
    });
    assert_eq!(done.get(), Some(&Ok(())));
}

#[test]
fn a_listener_that_panics_fails_no_call() {
    let store = Arc::new(Store::memory(highwater::Mode::Paper, usd()).unwrap());
    tracing::subscriber::with_default(Listener::new(|_| panic!("a listener")), || {
        store.ledger().halt("the venue is down").unwrap();
        store.checkpoint().unwrap();
        store.maintain().unwrap();
        store.health();
    });
    store.tokens().upsert(&tick("1")).unwrap();
}

#[cfg(feature = "simulation")]
mod in_the_background {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::Thread;
    use std::time::{Duration, Instant};

    use highwater::disk::SimulatedDisk;
    use highwater::{Durability, Mode, Options};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    static PANICS: AtomicU64 = AtomicU64::new(0);

    struct Unparks(Thread);

    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// The story: the disk ran full, the subscriber panicked over the warning, the thread that syncs
    /// ended, and every task that awaited its commit waited for ever.
    #[test]
    fn a_listener_that_panics_does_not_end_the_thread_that_syncs() {
        // It alone is heard on threads of the store; other tests listen on their own threads.
        let listener = Listener::new(|_| {
            if std::thread::current().name() == Some("highwater-sync") {
                PANICS.fetch_add(1, Ordering::SeqCst);
                panic!("a listener");
            }
        });
        tracing::subscriber::set_global_default(listener).unwrap();
        let disk = SimulatedDisk::new(1);
        let options = Options::new(Mode::Paper, usd()).sync_interval(Duration::from_millis(1));
        let store = options.open_on(Arc::new(disk.clone())).unwrap();
        disk.set_capacity(Some(0));
        let write = |price: &str, durability| {
            let update = tick(price);
            let body = |tx: &mut highwater::Tx<'_>| Ok::<_, Error>(tx.tokens().upsert(&update)?);
            store.write_ticket(durability, body).unwrap().1
        };
        write("1", Durability::Written).wait().unwrap();
        let began = Instant::now();
        while PANICS.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < PATIENCE, "there is no room, and nobody says so");
            std::thread::yield_now();
        }
        disk.set_capacity(None);
        let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
        let mut ticket = pin!(write("2", Durability::Synced));
        loop {
            if let Poll::Ready(synced) = ticket.as_mut().poll(&mut Context::from_waker(&waker)) {
                return synced.unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "nobody syncs for a task any more");
            std::thread::park_timeout(PATIENCE);
        }
    }
}
