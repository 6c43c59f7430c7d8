//! The history of prices of an open store: taking back, letting through, purging.

use crate::clock::Timestamp;
use crate::engine::{Durability, Running};
use crate::money::TokenKey;
use crate::tokens::{DueForPurge, History, Merged, Purged, Retraction, Tick};

use super::{Error, StoreTokens, engine};

/// How many rows one commit of a purge takes away.
const PURGED_AT_ONCE: usize = 1000;
/// How many tokens one snapshot of a purge looks at.
const LOOKED_AT_AT_ONCE: usize = 1000;

/// What the store keeps of prices: what was stored, or what is asked for now, which is stored then.
pub(super) fn settle(running: &Running, asked: Option<&History>) -> Result<Option<History>, Error> {
    let engine = running.engine();
    let stored = History::stored(&engine.snapshot())?;
    let Some(asked) = asked.filter(|asked| stored.as_ref() != Some(*asked)) else {
        return Ok(stored);
    };
    let staged = engine.stage(Durability::Synced, engine::journal::Purpose::Ordinary, |tx| {
        asked.store(tx);
        Ok::<_, Error>(())
    })?;
    staged.ticket.wait()?;
    staged.outcome?;
    Ok(Some(asked.clone()))
}

impl StoreTokens<'_> {
    /// What the store keeps of prices beside the marks, if anything; see
    /// [`Options::history`](crate::Options::history).
    pub fn history(&self) -> Option<&History> {
        self.store.history.as_ref()
    }

    /// Takes back a tick, as one commit of the store's durability; see
    /// [`TokensMut::retract`](crate::TokensMut::retract). Nothing else lowers a mark.
    ///
    /// # Errors
    ///
    /// [`Error::HistoryIncomplete`] and [`Error::Token`] refuse it; otherwise as
    /// [`Store::write`](crate::Store::write).
    pub fn retract(&self, key: &TokenKey, tick: &Tick, reason: &str) -> Result<Retraction, Error> {
        self.store.write(|tx| Ok(tx.tokens().retract(key, tick, reason)?))
    }

    /// Takes in a tick that waits in quarantine, as one commit of the store's durability; see
    /// [`TokensMut::accept`](crate::TokensMut::accept).
    ///
    /// # Errors
    ///
    /// [`Error::Token`] refuses it; otherwise as [`Store::write`](crate::Store::write).
    pub fn accept(&self, key: &TokenKey, tick: &Tick) -> Result<Merged, Error> {
        self.store.write(|tx| Ok(tx.tokens().accept(key, tick)?))
    }

    /// Takes a tick out of quarantine and forgets it, as one commit of the store's durability.
    ///
    /// # Errors
    ///
    /// As [`StoreTokens::accept`].
    pub fn drop_quarantined(&self, key: &TokenKey, tick: &Tick) -> Result<(), Error> {
        self.store.write(|tx| Ok(tx.tokens().drop_quarantined(key, tick)?))
    }

    /// Takes away what the history has too much of, by the store's clock: bounded commits, one after
    /// the other, until nothing is due. No mark moves. An interrupted purge goes on with the next.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](crate::Store::write). What was purged until then is. A damaged row keeps no
    /// other token from its purge: it is told behind the last one.
    pub fn purge_history(&self) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        let Some(rules) = self.history() else { return Ok(purged) };
        let now = self.store.clock.now();
        let (mut after, mut damage): (Option<Box<[u8]>>, Option<Error>) = (None, None);
        loop {
            let snapshot = self.store.snapshot();
            let due =
                snapshot.tokens().due_for_purge(after.as_deref(), rules, now, LOOKED_AT_AT_ONCE)?;
            drop(snapshot);
            let DueForPurge { keys, looked_up_to, error } = due;
            damage = damage.or(error.map(Error::from));
            purged.add(self.purge_tokens(&keys, now)?);
            match looked_up_to {
                Some(key) => after = Some(key),
                None => return damage.map_or(Ok(purged), Err),
            }
        }
    }

    fn purge_tokens(&self, keys: &[TokenKey], now: Timestamp) -> Result<Purged, Error> {
        let (mut purged, mut rest) = (Purged::default(), keys);
        while !rest.is_empty() {
            let (done, step) = self.store.write(|tx| {
                Ok::<_, Error>(tx.tokens().purge_history(rest, now, PURGED_AT_ONCE)?)
            })?;
            purged.add(step);
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(purged)
    }
}
