//! Panics of a run, told as how it failed instead of printed.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::life::Dispute;

thread_local! {
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    /// The last panic of this thread, with its place.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body` and answers a panic as a dispute. Panics on this thread are not printed meanwhile;
/// those of other threads are, as ever.
pub(super) fn caught<T>(body: impl FnOnce() -> Result<T, Dispute>) -> Result<T, Dispute> {
    listen();
    let before = IS_RUNNING.replace(true);
    let answer = catch_unwind(AssertUnwindSafe(body));
    IS_RUNNING.set(before);
    answer.unwrap_or_else(|_| Err(LAST_PANIC.with_borrow(String::clone)))
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_RUNNING.get() {
                LAST_PANIC.set(panic.to_string());
            } else {
                before(panic);
            }
        }));
    });
}
