//! Who reads at which LSN: the snapshots that pruning has to spare and that limits may end.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::row::Lsn;
use super::sync::atomic::{AtomicBool, Ordering};
use super::sync::{Instant, Mutex, MutexGuard};
use super::view::View;

/// What the registry knows of one snapshot.
#[derive(Debug)]
struct Entry {
    lsn: Lsn,
    /// What the base file had been written when its view was made; see [`Registry::end_above`].
    base_written_bytes: u64,
    taken: Instant,
    pin: Arc<Pin>,
}

/// What keeps a snapshot's view from being given back. Whoever ends the snapshot takes the view away
/// at once, whether the snapshot is ever read again or not.
#[derive(Default)]
pub(crate) struct Pin {
    ended: AtomicBool,
    view: Mutex<Option<Arc<View>>>,
}

impl Pin {
    /// The view, or `None` where the snapshot was ended.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        // Nothing can panic between taking this lock and giving it back.
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the snapshot was ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Answers whether it had not ended before.
    fn end(&self) -> bool {
        let was_ended = self.ended.swap(true, Ordering::AcqRel);
        // As above; what the view pins is given back outside the lock.
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(view);
        !was_ended
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pin").field("ended", &self.is_ended()).finish_non_exhaustive()
    }
}

/// All snapshots that are held.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

/// The registry, locked: reading the visible LSN and registering it is one step as far as anybody
/// who prunes under the same lock can tell.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    next_id: u64,
    entries: BTreeMap<u64, Entry>,
    /// The LSNs of all entries, sorted.
    lsns: Vec<Lsn>,
}

/// What is held of snapshots.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) snapshots: usize,
    pub(crate) oldest_lsn: Option<Lsn>,
    /// For how long the one that was taken first has been held.
    pub(crate) longest: Option<Duration>,
}

/// A place in the registry; it is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    id: u64,
    pin: Arc<Pin>,
}

impl Registry {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change of Inner is complete before anything that can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the snapshots that have made the base file keep more than `limit_bytes` of pages: what
    /// was written to it since their view was made, as the file had to grow by instead of reusing.
    /// Answers how many.
    pub(crate) fn end_above(&self, base_written_bytes: u64, limit_bytes: u64) -> usize {
        let inner = self.lock();
        let pins_too_much = |entry: &&Entry| {
            base_written_bytes.saturating_sub(entry.base_written_bytes) > limit_bytes
        };
        inner.entries.values().filter(pins_too_much).filter(|entry| entry.pin.end()).count()
    }

    /// Ends all snapshots: their base is about to be closed. Answers how many.
    pub(crate) fn end_all(&self) -> usize {
        self.lock().entries.values().filter(|entry| entry.pin.end()).count()
    }

    /// What is held of snapshots now. What was ended counts as well, as long as somebody has it.
    pub(crate) fn held(&self) -> Held {
        let inner = self.lock();
        Held {
            snapshots: inner.entries.len(),
            oldest_lsn: inner.lsns.first().copied(),
            // They are numbered in the order of their taking.
            longest: inner.entries.values().next().map(|entry| entry.taken.elapsed()),
        }
    }
}

impl Inner {
    /// The LSNs that somebody reads at, sorted.
    pub(crate) fn lsns(&self) -> &[Lsn] {
        &self.lsns
    }

    /// Registers a snapshot at `lsn`.
    pub(crate) fn register(
        &mut self,
        registry: &Arc<Registry>,
        lsn: Lsn,
        view: Arc<View>,
    ) -> Registration {
        let id = self.next_id;
        self.next_id += 1;
        let base_written_bytes = view.base_written_bytes;
        let pin = Arc::new(Pin { view: Mutex::new(Some(view)), ..Pin::default() });
        let taken = Instant::now();
        self.entries.insert(id, Entry { lsn, base_written_bytes, taken, pin: pin.clone() });
        let at = self.lsns.partition_point(|held| *held <= lsn);
        self.lsns.insert(at, lsn);
        Registration { registry: registry.clone(), id, pin }
    }
}

impl Registration {
    /// What the snapshot reads from.
    pub(crate) fn pin(&self) -> &Pin {
        &self.pin
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        if let Some(entry) = inner.entries.remove(&self.id)
            && let Ok(at) = inner.lsns.binary_search(&entry.lsn)
        {
            inner.lsns.remove(at);
        }
    }
}
