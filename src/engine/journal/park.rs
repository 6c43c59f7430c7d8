//! A place where one thread sleeps until another wakes it, once per wait.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::sync::atomic::{AtomicBool, Ordering};
use super::super::sync::thread::{self, Thread};
use super::super::sync::thread_local;
use super::group::Goal;

/// Somebody who waits, and for what.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) goal: Goal,
    pub(crate) parker: Arc<Parker>,
}

/// One thread's place to sleep.
#[derive(Debug)]
pub(crate) struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

thread_local! {
    static PARKER: RefCell<Option<Arc<Parker>>> = const { RefCell::new(None) };
}

impl Parker {
    /// This thread's own, made at its first wait. A thread waits for one thing at a time.
    pub(crate) fn of_this_thread() -> Arc<Self> {
        PARKER.with(|parker| {
            let mut parker = parker.borrow_mut();
            let parker = parker.get_or_insert_with(|| {
                Arc::new(Self { thread: thread::current(), woken: AtomicBool::new(false) })
            });
            parker.clone()
        })
    }

    /// Sleeps until woken. A wake that came first is not lost, a spurious one changes nothing.
    pub(crate) fn park(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }

    /// Wakes the thread out of this wait, or out of its next one.
    pub(crate) fn unpark(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
