//! Recovery driven by a task: it waits for the venue between two steps, and may move between threads.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use highwater::{Case, Effect, Error, Intent, RecoveryReport, Store, Verdict};

use crate::{World, assert_sound, begin, cash_is, dollars};

/// Wakes the thread that runs the task.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T> + Send) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A venue that answers late: only after another thread, which it starts, has let it.
#[derive(Default)]
struct Late {
    asked: bool,
}

impl Future for Late {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.asked {
            return Poll::Ready(());
        }
        self.asked = true;
        let waker = context.waker().clone();
        std::thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

async fn ask(store: &Store, case: &Case) -> Verdict {
    Late::default().await;
    // The bot does other things meanwhile, and nobody is in its way.
    store.ledger().deposit("main", &dollars("1")).unwrap();
    match case.operation.key.ends_with(b"1") {
        true => Verdict::Complete(Effect::new().withdraw("main", dollars("10"))),
        false => Verdict::RollBack { reason: "the venue never saw it".into() },
    }
}

async fn recover(store: &Store) -> Result<RecoveryReport, Error> {
    let mut recovery = store.recovery()?;
    while let Some(case) = recovery.next()? {
        let verdict = ask(store, &case).await;
        recovery.decide(case, verdict)?;
    }
    recovery.finish()
}

/// The story: a bot in an async runtime had to block a worker for as long as its venue took to answer.
#[test]
fn a_task_recovers_and_waits_between_two_steps() {
    let (world, store) = World::with("100");
    for key in ["k0", "k1", "k2"] {
        let intent = Intent::deduct(key, "main", dollars("10"));
        drop(begin(&store, &intent).start(&store).unwrap());
    }
    drop(store);
    let store = world.open();
    let report = block_on(recover(&store)).unwrap();
    assert_eq!((report.completed, report.rolled_back, report.found()), (1, 2, 3));
    assert_eq!(report.found(), report.outcomes());
    cash_is(&store, "93", "0", "93");
    assert_sound(&store);
}
