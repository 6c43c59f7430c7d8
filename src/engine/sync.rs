//! Locks, atomics, threads and time as the engine uses them: std's own, and nothing around them.
//!
//! Everything in the engine by which one thread can wait for another, or see what it does, is named
//! from here. Built with `--cfg shuttle`, the library's own tests get the tools of a model checker
//! instead, which decides who runs after each step: see `model_checking`. The base is the exception:
//! it keeps std's, and redb its own, because a thread is never interrupted inside them.

#[cfg(all(test, shuttle))]
mod modelled;

#[cfg(not(all(test, shuttle)))]
pub(super) use std::{
    sync::{Condvar, Mutex, MutexGuard, RwLock},
    thread_local,
    time::Instant,
};

#[cfg(all(test, shuttle))]
pub(super) use {
    modelled::{Condvar, Instant, Mutex, MutexGuard, pause},
    shuttle::{sync::RwLock, thread_local},
};

/// A moment's rest between two looks at what another thread is about to change.
#[cfg(not(all(test, shuttle)))]
pub(super) fn pause() {
    for _ in 0..16 {
        std::hint::spin_loop();
    }
}

pub(super) mod atomic {
    //! Values that threads share without a lock.

    #[cfg(not(all(test, shuttle)))]
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

    #[cfg(all(test, shuttle))]
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
}

pub(super) mod thread {
    //! Threads, and their sleep.

    #[cfg(not(all(test, shuttle)))]
    pub(crate) use std::thread::{Builder, JoinHandle, Thread, current, park};

    #[cfg(all(test, shuttle))]
    pub(crate) use shuttle::thread::{Builder, JoinHandle, Thread, current, park};
}
