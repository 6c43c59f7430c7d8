//! Missing prices of a store: what to ask for next, and what a bot says of a claimed event's price.

use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::price_status::{self, Missing, MissingPrice};

use super::{Error, ReadOnly, Snapshot, StoreClaims};

impl Snapshot {
    /// What to ask for next when it is `now`: tokens and claimed events whose price is missing and whose
    /// next attempt has come, what has waited longest first, of one time tokens first; at most `limit`.
    ///
    /// Ask, and then say what came of it: a price or [`Update::unavailable`](crate::Update::unavailable)
    /// of a token, [`StoreClaims::price_found`](crate::StoreClaims::price_found) or
    /// [`StoreClaims::price_unavailable`](crate::StoreClaims::price_unavailable) of a claim. What nothing
    /// is said of stays due. How often to ask is [`Options::price_backoff`](crate::Options::price_backoff).
    ///
    /// No more rows are read than are answered, however many prices are missing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use highwater::disk::MemoryDisk;
    /// use highwater::{Asset, ManualClock, Mode, Options, PriceBackoff, PriceOf};
    /// use highwater::{Timestamp, TokenKey, Update};
    ///
    /// let now = Timestamp::from_micros(1_723_161_255_000_000);
    /// let clock = Arc::new(ManualClock::new(now));
    /// let store = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?)
    ///     .clock(clock.clone())
    ///     .price_backoff(PriceBackoff::new().base(Duration::from_secs(5)).jitter_percent(0))
    ///     .open_on(Arc::new(MemoryDisk::new()))?;
    ///
    /// let coin = TokenKey::new("solana", "coin")?;
    /// let nothing = Update::new(coin.clone()).unavailable("no pool", now);
    /// assert_eq!(store.tokens().upsert(&nothing)?.missing.map(|missing| missing.attempts), Some(1));
    /// assert!(store.snapshot().due_price_updates(now, 10)?.is_empty());
    ///
    /// clock.advance_micros(5_000_000);
    /// let later = now.saturating_add_micros(5_000_000);
    /// let due = store.snapshot().due_price_updates(later, 10)?;
    /// assert_eq!(due[0].of, PriceOf::Token(coin.clone()));
    ///
    /// let found = Update::new(coin.clone()).price("0.25".parse()?, later);
    /// assert_eq!(store.tokens().upsert(&found)?.missing, None);
    /// assert!(store.snapshot().due_price_updates(later, 10)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::PriceStatus`] where a row cannot be read, [`Error::SnapshotLost`].
    pub fn due_price_updates(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<MissingPrice>, Error> {
        Ok(price_status::due(self.reader(), now, limit)?)
    }

    /// Everything whose price is missing, due or not: tokens by chain and address, and then claimed events
    /// by namespace and key, from either end. One that cannot be read is an error in its place; the ones
    /// behind it still follow.
    pub fn missing_prices(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'_> {
        all(self.reader())
    }
}

impl ReadOnly {
    /// What to ask for next when it is `now`; see [`Snapshot::due_price_updates`].
    ///
    /// # Errors
    ///
    /// [`Error::PriceStatus`] where a row cannot be read.
    pub fn due_price_updates(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<MissingPrice>, Error> {
        Ok(price_status::due(self.reader(), now, limit)?)
    }

    /// Everything whose price is missing, due or not; see [`Snapshot::missing_prices`].
    pub fn missing_prices(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'_> {
        all(self.reader())
    }
}

fn all<'r>(
    reader: &'r dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'r> {
    price_status::all(reader).map(|price| Ok(price?))
}

impl StoreClaims<'_> {
    /// The price of a claimed event was asked for in vain, as one commit of the store's durability; see
    /// [`ClaimsMut::price_unavailable`](crate::ClaimsMut::price_unavailable).
    ///
    /// # Errors
    ///
    /// [`Error::EventFromTheFuture`] and [`Error::Processed`] refuse it; otherwise as
    /// [`Store::write`](crate::Store::write).
    pub fn price_unavailable(
        &self,
        namespace: &str,
        key: &[u8],
        at: Timestamp,
    ) -> Result<Option<Missing>, Error> {
        self.store.write(|tx| Ok(tx.claims().price_unavailable(namespace, key, at)?))
    }

    /// The price of a claimed event is known now, or of no interest any more, as one commit of the store's
    /// durability. Answers whether it was missing.
    ///
    /// # Errors
    ///
    /// [`Error::Processed`] refuses it; otherwise as [`Store::write`](crate::Store::write).
    pub fn price_found(&self, namespace: &str, key: &[u8]) -> Result<bool, Error> {
        self.store.write(|tx| Ok(tx.claims().price_found(namespace, key)?))
    }
}
