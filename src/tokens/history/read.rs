//! Reading the history of a token: its ticks, its candles, and how far they reach.

use std::ops::RangeBounds;

use super::admit::read;
use super::state::HistoryState;
use super::{
    CANDLES, Candle, HISTORY, History, Resolution, TICKS, TokenHistory, candle, keys, state,
};
use crate::clock::Timestamp;
use crate::engine::Row;
use crate::money::TokenKey;
use crate::tokens::{Error, Tick, Tokens};

/// What the history has of something, in its order, from either end.
///
/// What cannot be read is an error in its place.
pub struct HistoryIter<'a, T>(Box<dyn DoubleEndedIterator<Item = Result<T, Error>> + 'a>);

impl<'a, T: 'a> HistoryIter<'a, T> {
    pub(super) fn new(items: impl DoubleEndedIterator<Item = Result<T, Error>> + 'a) -> Self {
        Self(Box::new(items))
    }

    fn nothing() -> Self {
        Self::new(std::iter::empty())
    }

    fn failed(error: Error) -> Self {
        Self::new(std::iter::once(Err(error)))
    }
}

impl<T> Iterator for HistoryIter<'_, T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl<T> DoubleEndedIterator for HistoryIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl<'a> Tokens<'a> {
    /// What the store keeps of prices beside the marks; `None` where it was never asked for a history.
    ///
    /// # Errors
    /// [`Error::CorruptHistorySettings`], [`Error::Engine`].
    pub fn history_settings(&self) -> Result<Option<History>, Error> {
        History::stored(self.reader)
    }

    /// How far the history of a token reaches and how much of it there is; `None` where nothing of it
    /// was ever kept.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn history(&self, key: &TokenKey) -> Result<Option<TokenHistory>, Error> {
        self.with_history(key, |history| history.history())
    }

    /// The ticks of a token that are kept, in the order of ticks.
    ///
    /// They are all that were accepted and are later than the watermark, but for those retracted.
    pub fn ticks(
        &self,
        key: &TokenKey,
        times: impl RangeBounds<Timestamp>,
    ) -> HistoryIter<'a, Tick> {
        let Some((first, last)) = keys::ends(&times) else { return HistoryIter::nothing() };
        let first = match self.with_history(key, |history| behind(history.watermark(), first)) {
            Ok(Some(Some(first))) if first <= last => first,
            Ok(_) => return HistoryIter::nothing(),
            Err(error) => return HistoryIter::failed(error),
        };
        let key = key.clone();
        let rows = self.reader.scan(TICKS, keys::ticks(&key, first, last));
        HistoryIter::new(rows.map(move |stored| {
            let (tick_key, row) = stored?;
            read(&key, &row, keys::check_tick_row)?;
            match keys::tick_of(&tick_key) {
                Some((_, tick)) => Ok(tick),
                None => Err(Error::CorruptKey { key: tick_key }),
            }
        }))
    }

    /// The candles of a token that are kept and start in `starts`, by their start. A time without a tick
    /// has none.
    pub fn candles(
        &self,
        key: &TokenKey,
        resolution: Resolution,
        starts: impl RangeBounds<Timestamp>,
    ) -> HistoryIter<'a, Candle> {
        let Some((first, last)) = keys::ends(&starts) else { return HistoryIter::nothing() };
        let watermark = match self.with_history(key, |history| history.watermark()) {
            Ok(Some(watermark)) => watermark,
            Ok(None) => return HistoryIter::nothing(),
            Err(error) => return HistoryIter::failed(error),
        };
        let key = key.clone();
        let rows = self.reader.scan(CANDLES, keys::candles(&key, resolution, first, last));
        HistoryIter::new(rows.map(move |stored| {
            let (candle_key, row) = stored?;
            let state = read(&key, &row, candle::decode)?;
            match keys::candle_of(&candle_key) {
                Some((_, _, start)) => Ok(state.candle(resolution, start, watermark)),
                None => Err(Error::CorruptKey { key: candle_key }),
            }
        }))
    }

    pub(super) fn with_history<T>(
        &self,
        key: &TokenKey,
        look: impl FnOnce(&HistoryState<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let stored: Option<Row> = self.reader.get(HISTORY, key.as_bytes())?;
        let Some(stored) = stored else { return Ok(None) };
        Ok(Some(look(&read(key, &stored, state::decode)?)))
    }
}

/// The first time of a range that is later than the watermark, if any can be.
fn behind(watermark: Option<Timestamp>, first: Timestamp) -> Option<Timestamp> {
    match watermark {
        None => Some(first),
        Some(watermark) => {
            let next = watermark.as_micros().checked_add(1).map(Timestamp::from_micros);
            next.map(|next| next.max(first))
        }
    }
}
