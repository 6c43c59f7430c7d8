//! Runs many scripts on all processors, and brings the first that fails down to what it takes.
//!
//! `HIGHWATER_DOMAIN_CASES=n` runs n scripts of each kind, `HIGHWATER_DOMAIN_SEED=n` that one alone.

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

thread_local! {
    /// The last panic of this thread, with its place.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A script that failed, and how.
pub(crate) struct Failure<T> {
    pub(crate) script: Vec<T>,
    pub(crate) dispute: String,
}

/// Runs `body` for each seed. Where it answers a failure, its script is cut down with `replay`,
/// which says whether a script still fails and how.
pub(crate) fn each_seed<T: Clone + Debug + Send>(
    test: &str,
    count: u64,
    body: impl Fn(u64) -> Result<(), Failure<T>> + Sync,
    replay: impl Fn(u64, &[T]) -> Result<(), String> + Sync,
) {
    keep_panics_quiet();
    let seeds = match (number("HIGHWATER_DOMAIN_SEED"), number("HIGHWATER_DOMAIN_CASES")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..count,
    };
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(None));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failed.lock().expect("no panic in here").is_some() {
                return;
            }
            if let Err(failure) = body(seed) {
                let mut first = failed.lock().expect("no panic in here");
                *first = first.take().or(Some((seed, failure)));
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    if let Some((seed, failure)) = failed.into_inner().expect("no panic in here") {
        let least = cut_down(failure, |script| replay(seed, script));
        let steps: Vec<_> = least.script.iter().map(|step| format!("  {step:?}")).collect();
        panic!(
            "{test}: HIGHWATER_DOMAIN_SEED={seed}, {} steps:\n{}\n{}",
            steps.len(),
            steps.join("\n"),
            least.dispute
        );
    }
}

/// Runs `body` and answers a panic as an error.
pub(crate) fn caught(body: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    keep_panics_quiet();
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(LAST_PANIC.with_borrow(String::clone)))
}

/// Leaves out steps, many at a time first, as long as the script still fails.
fn cut_down<T: Clone>(
    mut failure: Failure<T>,
    replay: impl Fn(&[T]) -> Result<(), String>,
) -> Failure<T> {
    let mut size = failure.script.len() / 2;
    while size > 0 {
        let (mut start, mut cut) = (0, false);
        while start < failure.script.len() {
            let end = (start + size).min(failure.script.len());
            let mut script = failure.script.clone();
            script.drain(start..end);
            match replay(&script) {
                Err(dispute) => (failure, cut) = (Failure { script, dispute }, true),
                Ok(()) => start = end,
            }
        }
        if !cut || size > 1 {
            size /= 2;
        }
    }
    failure
}

/// Whether a single seed was asked for, which cannot show everything.
pub(crate) fn alone() -> bool {
    number("HIGHWATER_DOMAIN_SEED").is_some()
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
            if std::thread::current().name().is_some_and(|name| name != "main") {
                before(panic);
            }
        }));
    });
}
