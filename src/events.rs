//! Events for the operator, told so that whoever listens can do no harm.
//!
//! A listener is code that is not ours: it may wait, call the store, or panic. So events are told
//! outside of all locks, what happens inside of one is kept as a notice until it was given back, and a
//! listener that panics concerns nobody else.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tells one event.
pub(crate) fn tell(event: impl FnOnce()) {
    // There is nobody left to be told of it.
    let _ = survive(event);
}

/// Runs code that is not ours, or calls some, where a panic must not end what goes on here. Answers
/// what it said in its panic.
///
/// Under the model checker nothing is caught: a panic is what it looks for, and how it ends a schedule.
pub(crate) fn survive<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    if cfg!(all(test, shuttle)) {
        return Ok(run());
    }
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        // Dropping it might panic again.
        std::mem::forget(payload);
        text.unwrap_or_else(|| "unknown".to_owned())
    })
}

/// An error with all that caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// Events that happened while a lock was held.
#[derive(Default)]
pub(crate) struct Notices(Vec<Box<dyn FnOnce() + Send>>);

impl Notices {
    /// Keeps an event until it can be told.
    pub(crate) fn later(&mut self, event: impl FnOnce() + Send + 'static) {
        self.0.push(Box::new(event));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all but the first `len`: what they tell of did not happen.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Tells all of them.
    pub(crate) fn tell(self) {
        self.0.into_iter().for_each(tell);
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notices").field(&self.0.len()).finish()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_panics_concerns_nobody_else() {
        let mut notices = Notices::default();
        let (told, heard) = std::sync::mpsc::channel();
        notices.later(|| panic!("a listener"));
        notices.later(move || told.send(1).expect("somebody hears"));
        notices.later(|| unreachable!("it did not happen"));
        notices.truncate(2);
        notices.tell();
        assert_eq!(heard.recv(), Ok(1));
        assert_eq!(survive(|| panic!("so {}", "it is")), Err::<(), _>("so it is".to_owned()));
    }
}
