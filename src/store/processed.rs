//! Claims and cursors of an open store, each call a commit or a snapshot of its own.

use crate::clock::Timestamp;
use crate::processed::{Claim, ClaimNamespace, ClaimRecord, ClaimStats};

use super::{Error, Store};

/// The claims of an open store, each call a commit or a snapshot of its own. Where something is to
/// be done about the event, claim it in the same [`Store::write`].
#[derive(Clone, Copy, Debug)]
pub struct StoreClaims<'a> {
    pub(super) store: &'a Store,
}

impl<'a> StoreClaims<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Claims an event, as one commit of the store's durability; see
    /// [`ClaimsMut::claim`](crate::ClaimsMut::claim). A duplicate commits nothing.
    ///
    /// # Errors
    ///
    /// [`Error::EventFromTheFuture`] and [`Error::Processed`] refuse it; otherwise as
    /// [`Store::write`].
    pub fn claim(
        &self,
        namespace: &str,
        key: &[u8],
        event_time: Timestamp,
    ) -> Result<Claim, Error> {
        self.store.write(|tx| Ok(tx.claims().claim(namespace, key, event_time)?))
    }

    /// What is known of the claim on `key`, or `None` where it was not claimed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Processed`] where it cannot be read, [`Error::SnapshotLost`]
    /// where the base was reopened under the read.
    pub fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<ClaimRecord>, Error> {
        Ok(self.store.snapshot().claims().get(namespace, key)?)
    }

    /// The figures of `namespace`; zeros where nothing was ever claimed in it.
    ///
    /// # Errors
    ///
    /// As [`StoreClaims::get`].
    pub fn stats(&self, namespace: &str) -> Result<ClaimStats, Error> {
        let stats = self.store.snapshot().claims().stats(namespace)?;
        Ok(self.judged(namespace, stats))
    }

    /// Every namespace in which something was ever claimed, with its figures, by name.
    ///
    /// # Errors
    ///
    /// As [`StoreClaims::get`].
    pub fn namespaces(&self) -> Result<Vec<ClaimNamespace>, Error> {
        let snapshot = self.store.snapshot();
        let namespaces = snapshot.claims().namespaces().map(|namespace| {
            let ClaimNamespace { name, stats } = namespace?;
            let stats = self.judged(&name, stats);
            Ok(ClaimNamespace { name, stats })
        });
        namespaces.collect()
    }

    /// The figures with what only the store's options tell.
    fn judged(&self, namespace: &str, stats: ClaimStats) -> ClaimStats {
        let now = self.store.clock.now();
        let inside_window = self.store.claim_rules.inside_window(namespace, &stats, now);
        ClaimStats { inside_window, ..stats }
    }

    /// Lets go what the bounds do not keep, at most `limit` claims and at most 4,096, in one commit of
    /// the store's durability; see [`ClaimsMut::prune`](crate::ClaimsMut::prune). Answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Processed`] where the claims cannot be read; otherwise as [`Store::write`].
    pub fn prune(&self, limit: usize) -> Result<usize, Error> {
        self.store.write(|tx| Ok(tx.claims().prune(limit)?))
    }
}

/// The cursors of an open store, each call a commit or a snapshot of its own. Where a cursor stands
/// for work done in this store, move it in the same [`Store::write`].
#[derive(Clone, Copy, Debug)]
pub struct StoreCursors<'a> {
    store: &'a Store,
}

impl<'a> StoreCursors<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Moves a cursor from where it is expected to be, as one commit of the store's durability; see
    /// [`CursorsMut::set`](crate::CursorsMut::set).
    ///
    /// # Errors
    ///
    /// [`Error::CursorMoved`] and [`Error::Processed`] refuse it; otherwise as [`Store::write`].
    pub fn set(&self, name: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<(), Error> {
        self.store.write(|tx| Ok(tx.cursors().set(name, expected, value)?))
    }

    /// The value of the cursor `name`, or `None` where it was never set.
    ///
    /// # Errors
    ///
    /// As [`StoreClaims::get`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.store.snapshot().cursors().get(name)?)
    }
}
