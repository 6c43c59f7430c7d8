//! Locks between the handles of a disk that lives in memory, with the rules of a file lock: one
//! exclusive holder, or any number of shared ones.
//!
//! A lock is free again the moment its guard is dropped. Nothing waits here.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::DiskLock;

/// The locks of one disk; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    held: Arc<Mutex<BTreeMap<String, Held>>>,
}

#[derive(Debug)]
enum Held {
    Exclusive,
    Shared { holders: usize },
}

impl Locks {
    /// Takes the exclusive lock, or answers `WouldBlock`.
    pub(super) fn exclusive(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        let mut held = self.held();
        if held.contains_key(name) {
            return Err(taken(name));
        }
        held.insert(name.to_owned(), Held::Exclusive);
        Ok(self.guard(name))
    }

    /// Takes a shared lock, or answers `WouldBlock`.
    pub(super) fn shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        let mut held = self.held();
        match held.get_mut(name) {
            Some(Held::Exclusive) => return Err(taken(name)),
            Some(Held::Shared { holders }) => *holders += 1,
            None => {
                held.insert(name.to_owned(), Held::Shared { holders: 1 });
            }
        }
        Ok(self.guard(name))
    }

    fn guard(&self, name: &str) -> Box<dyn DiskLock> {
        Box::new(Guard { locks: self.clone(), name: name.to_owned() })
    }

    /// A panic while this is held cannot leave it half changed, so poisoning means nothing here.
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One holder's share of a lock.
#[derive(Debug)]
struct Guard {
    locks: Locks,
    name: String,
}

impl DiskLock for Guard {}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut held = self.locks.held();
        match held.get_mut(&self.name) {
            Some(Held::Shared { holders }) if *holders > 1 => *holders -= 1,
            _ => {
                held.remove(&self.name);
            }
        }
    }
}

fn taken(name: &str) -> io::Error {
    let message = format!("the lock {name:?} is held by somebody else");
    io::Error::new(io::ErrorKind::WouldBlock, message)
}
