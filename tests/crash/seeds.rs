//! Runs a test body for many seeds on all processors, and says which seed failed and how to run it
//! again: `HIGHWATER_CRASH_SEED=n` runs that one alone, `HIGHWATER_CRASH_SEEDS=n` runs n of them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

thread_local! {
    /// The last panic of this thread, with its place. Panics inside redb that the store answers
    /// with an error land here too, and are not printed.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body` for `count` seeds, or for those the environment asks for. Panics with the failures.
pub(crate) fn each_seed(test: &str, count: u64, body: impl Fn(u64) + Sync) {
    let seeds = match (number("HIGHWATER_CRASH_SEED"), number("HIGHWATER_CRASH_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..count,
    };
    each(test, seeds, body);
}

/// Runs `body` for every number in `range`. Panics with the first failures.
pub(crate) fn each(test: &str, range: std::ops::Range<u64>, body: impl Fn(u64) + Sync) {
    keep_panics_quiet();
    let next = AtomicU64::new(range.start);
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= range.end || failures.lock().expect("no panic in here").len() >= 3 {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| body(number))).is_err() {
                let message = LAST_PANIC.with_borrow(String::clone);
                let failure = format!("{test}: HIGHWATER_CRASH_SEED={number}: {message}");
                failures.lock().expect("no panic in here").push(failure);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no panic in here");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}

fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            LAST_PANIC.set(panic.to_string());
            // Test threads have names, the workers of a test have none.
            if std::thread::current().name().is_some() || number("HIGHWATER_CRASH_SEED").is_some() {
                before(panic);
            }
        }));
    });
}
