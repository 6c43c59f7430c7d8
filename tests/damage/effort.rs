//! How much is tried, on all processors, and the count of what came of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Instant;

/// How often each word was answered, by the class of the case.
type Counts = BTreeMap<(String, &'static str), u64>;

/// Failures beyond so many say nothing new.
const FAILURES_TOLD: usize = 12;

thread_local! {
    /// Whether a panic is an answer here, and not the end of the test.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    /// What half a minute allows.
    Part,
    /// Every bit, but for one bit of each byte where the bytes are many and alike: room that nothing
    /// was written to, and long rows.
    All,
    /// Every bit of every byte.
    EveryBit,
}

/// What `HIGHWATER_DAMAGE` asks for.
pub(crate) fn effort() -> Effort {
    match std::env::var("HIGHWATER_DAMAGE").as_deref() {
        Err(_) => Effort::Part,
        Ok("all") => Effort::All,
        Ok("every-bit") => Effort::EveryBit,
        Ok(value) => panic!("HIGHWATER_DAMAGE={value} is neither `all` nor `every-bit`"),
    }
}

/// What a part of everything is drawn from.
pub(crate) fn seed() -> u64 {
    let value = std::env::var("HIGHWATER_DAMAGE_SEED").ok();
    value.map_or(1, |value| value.parse().unwrap_or_else(|_| panic!("{value} is no number")))
}

/// Tries all cases, each of which answers a word for what came of it or panics. Prints how often each
/// word was answered, and panics with the first failures if there are any. Answers the words.
pub(crate) fn try_all<C: Debug + Sync>(
    what: &str,
    cases: &[C],
    class: impl Fn(&C) -> String + Sync,
    body: impl Fn(&C) -> &'static str + Sync,
) -> BTreeSet<&'static str> {
    keep_panics_quiet();
    let begin = Instant::now();
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(Counts::new()));
    let failures = Mutex::new(Vec::new());
    let work = || {
        let mut mine = Counts::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { break };
            EXPECTED.set(true);
            let ended = catch_unwind(AssertUnwindSafe(|| body(case)));
            EXPECTED.set(false);
            match ended {
                Ok(word) => *mine.entry((class(case), word)).or_default() += 1,
                Err(_) => {
                    let said = LAST_PANIC.with_borrow(String::clone);
                    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.push(format!("{case:?}: {said}"));
                }
            }
        }
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (outcome, count) in mine {
            *counts.entry(outcome).or_default() += count;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{what}: {} cases in {:.1} s", cases.len(), begin.elapsed().as_secs_f64());
    for ((class, word), count) in &counts {
        println!("{count:9} {word}: {class}");
    }
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told: Vec<_> = failures.iter().take(FAILURES_TOLD).cloned().collect();
    assert!(failures.is_empty(), "{what}: {} failed:\n{}", failures.len(), told.join("\n"));
    counts.into_keys().map(|(_, word)| word).collect()
}

fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            LAST_PANIC.set(panic.to_string());
            if !EXPECTED.get() {
                before(panic);
            }
        }));
    });
}
