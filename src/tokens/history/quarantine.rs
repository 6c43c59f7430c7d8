//! Prices that jump, kept aside until somebody has looked at them.
//!
//! ```text
//! row    version u8 = 1 | number u64 | kept_at time | jumps_from price
//! ```
//!
//! The key of a row is that of the tick. Numbers of one token rise; the row with the least is the oldest.

use super::admit::{Gate, admit, read};
use super::state::HistoryState;
use super::{HISTORY, History, QUARANTINE, keys, state};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::engine::Reader;
use crate::money::{Price, TokenKey};
use crate::tokens::merge::{Marks, TickRef};
use crate::tokens::{Changes, Error, Merged, TOKENS, Tick, Tokens, TokensMut, row};

/// How many ticks of one token are kept aside.
pub(super) const MOST: u64 = 100;

/// A tick that is kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct QuarantinedTick {
    /// The tick.
    pub tick: Tick,
    /// When it arrived.
    pub kept_at: Timestamp,
    /// The price that it jumps from: that of the tick before it, where one was known.
    pub jumps_from: Price,
}

/// What is stored of a tick that is kept aside, beside the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) number: u64,
    pub(super) kept_at: i64,
    pub(super) jumps_from: Price,
}

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct AsideRow {
    number: u64,
    kept_at: i64,
    jumps_from: u128,
}

pub(super) fn encode(aside: &Aside) -> Vec<u8> {
    let Aside { number, kept_at, jumps_from } = *aside;
    codec::encode(VERSION, &AsideRow { number, kept_at, jumps_from: jumps_from.units() })
}

pub(super) fn decode(bytes: &[u8]) -> Result<Aside, codec::Error> {
    let row: AsideRow = codec::decode(VERSION, bytes)?;
    let jumps_from = Price::from_units(row.jumps_from);
    Ok(Aside { number: row.number, kept_at: row.kept_at, jumps_from })
}

/// The key of the tick that was kept aside first. There are never more than [`MOST`].
pub(super) fn oldest(reader: &dyn Reader, key: &TokenKey) -> Result<Option<Vec<u8>>, Error> {
    let mut oldest = None;
    for row in reader.scan(QUARANTINE, keys::all_ticks(key)) {
        let (tick_key, row) = row?;
        let number = read(key, &row, decode)?.number;
        if oldest.as_ref().is_none_or(|(least, _)| number < *least) {
            oldest = Some((number, tick_key.into_vec()));
        }
    }
    Ok(oldest.map(|(_, tick_key)| tick_key))
}

impl Tokens<'_> {
    /// The ticks of a token that wait in quarantine, in the order of ticks; at most 100.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::CorruptKey`], [`Error::Engine`].
    pub fn quarantined(&self, key: &TokenKey) -> Result<Vec<QuarantinedTick>, Error> {
        let rows = self.reader.scan(QUARANTINE, keys::all_ticks(key));
        let ticks = rows.map(|stored| {
            let (tick_key, row) = stored?;
            let aside = read(key, &row, decode)?;
            let Some((_, tick)) = keys::tick_of(&tick_key) else {
                return Err(Error::CorruptKey { key: tick_key });
            };
            let kept_at = Timestamp::from_micros(aside.kept_at);
            Ok(QuarantinedTick { tick, kept_at, jumps_from: aside.jumps_from })
        });
        ticks.collect()
    }
}

impl<'a> TokensMut<'a> {
    /// What is kept, where `tick` waits in quarantine.
    fn history_with_quarantined(
        &self,
        key: &TokenKey,
        tick: TickRef<'_>,
    ) -> Result<&'a History, Error> {
        match (self.history, self.tx.get(QUARANTINE, &keys::of_tick(key, tick))?) {
            (Some(history), Some(_)) => Ok(history),
            _ => Err(Error::NotQuarantined { key: key.clone(), observed_at: tick.observed_at }),
        }
    }

    /// Takes in a tick that waits in quarantine, as if it did not jump.
    ///
    /// # Errors
    /// [`Error::NotQuarantined`] where it does not wait there; [`Error::CorruptRow`], [`Error::Engine`].
    pub fn accept(&mut self, key: &TokenKey, tick: &Tick) -> Result<Merged, Error> {
        let tick = TickRef::from(tick);
        let rules = self.history_with_quarantined(key, tick)?;
        let stored = self.tx.get(TOKENS, key.as_bytes())?;
        let before = stored.as_ref().map(|stored| read(key, stored, row::decode)).transpose()?;
        let before = before.unwrap_or_default();
        let admission = admit(self.tx, rules, key, before.marks, tick, Gate::Open)?;
        let recorded = admission.recorded;
        let mut after = before;
        if recorded.is_believed() {
            let only = Marks::of(tick);
            after.marks = Some(before.marks.map_or(only, |marks| marks.join(&only)));
            let seen = before.first_seen.map_or(tick.observed_at, |at| at.min(tick.observed_at));
            after.first_seen = Some(seen);
        }
        let known_at = after.marks.map(|marks| marks.current.observed_at);
        let status = self.status_change(key, None, known_at)?;
        let changes = after.changes_since(Some(&before));
        let token = after.token(key.clone());
        if !changes.is_empty() {
            self.tx.put(TOKENS, key.as_bytes(), row::encode(&after));
        }
        let changes = Changes { missing: !status.is_none(), ..changes };
        admission.stage(self.tx);
        self.stage_status(key, status);
        self.tx.note("token.accept");
        Ok(Merged { token, changes, recorded, missing: status.after })
    }

    /// Takes a tick out of quarantine and forgets it. Arriving again it is judged again.
    ///
    /// # Errors
    /// [`Error::NotQuarantined`] where it does not wait there; [`Error::CorruptRow`], [`Error::Engine`].
    pub fn drop_quarantined(&mut self, key: &TokenKey, tick: &Tick) -> Result<(), Error> {
        let tick = TickRef::from(tick);
        self.history_with_quarantined(key, tick)?;
        let Some(stored) = self.tx.get(HISTORY, key.as_bytes())? else {
            return Err(Error::NotQuarantined { key: key.clone(), observed_at: tick.observed_at });
        };
        let history = read(key, &stored, state::decode)?;
        let quarantined = history.quarantined.saturating_sub(1);
        let history = HistoryState { quarantined, ..history };
        self.tx.put(HISTORY, key.as_bytes(), state::encode(&history));
        self.tx.delete(QUARANTINE, &keys::of_tick(key, tick));
        self.tx.note("token.drop_quarantined");
        Ok(())
    }
}
