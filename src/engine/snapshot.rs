//! Snapshots: reads of all tables as of one LSN, which block nobody.

use std::sync::Arc;

use super::read::{KeyRange, Reader, Scan};
use super::registry::Registration;
use super::row::{Lsn, Row, Table};
use super::view::View;
use super::{Engine, Error, base};

/// The state as of one LSN. It pins what it reads from: drop it when done.
///
/// Clones share one registration.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pinned: Arc<Pinned>,
    lsn: Lsn,
}

struct Pinned {
    registration: Registration,
    /// Keeps the store's lock until the last snapshot is gone.
    engine: Arc<Engine>,
}

impl Engine {
    /// The newest state that is as durable as its writers asked.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Snapshot {
        // The view first, the visible LSN after it, and the LSN together with its registration: a
        // later view could hold commits that the LSN does not cover, and an LSN that nobody knows
        // of could be pruned away.
        let view = self.view();
        let mut registry = self.registry.lock();
        let visible = self.journal.group.visible();
        // Commits behind the seal are in a memtable that this view does not have.
        let lsn = visible.min(view.active.sealed_at());
        let registration = registry.register(&self.registry, lsn, view);
        drop(registry);
        Snapshot { pinned: Arc::new(Pinned { registration, engine: self.clone() }), lsn }
    }
}

impl Snapshot {
    /// The last commit that this snapshot shows.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    fn view(&self) -> Result<Arc<View>, Error> {
        self.pinned.registration.pin().view().ok_or(Error::SnapshotLost)
    }
}

impl Pinned {
    /// What a failed read means: a base that was closed under a snapshot was closed with it.
    fn read_failed(&self, error: base::Error) -> Error {
        if error.is_closed() && self.registration.pin().is_ended() {
            return Error::SnapshotLost;
        }
        self.engine.read_failed(error)
    }
}

impl Reader for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error> {
        let row = self.view()?.get(table, key, self.lsn);
        row.map_err(|error| self.pinned.read_failed(error))
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = match self.view() {
            Ok(view) => view.scan(table, &range, self.lsn),
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        // The scan keeps the registration, and hears when the snapshot is ended.
        Box::new(Watched { rows: Some(rows), pinned: self.pinned.clone() })
    }
}

/// A scan that stops when its snapshot is ended.
struct Watched<I> {
    rows: Option<I>,
    pinned: Arc<Pinned>,
}

impl<I> Watched<I> {
    fn step<T>(
        &mut self,
        advance: impl FnOnce(&mut I) -> Option<Result<T, base::Error>>,
    ) -> Option<Result<T, Error>> {
        let rows = self.rows.as_mut()?;
        if self.pinned.registration.pin().is_ended() {
            self.rows = None;
            return Some(Err(Error::SnapshotLost));
        }
        let step = advance(rows).map(|row| row.map_err(|error| self.pinned.read_failed(error)));
        if !matches!(step, Some(Ok(_))) {
            self.rows = None;
        }
        step
    }
}

impl<T, I> Iterator for Watched<I>
where
    I: Iterator<Item = Result<T, base::Error>>,
{
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(I::next)
    }
}

impl<T, I> DoubleEndedIterator for Watched<I>
where
    I: DoubleEndedIterator<Item = Result<T, base::Error>>,
{
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(I::next_back)
    }
}
