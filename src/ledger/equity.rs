//! The equity series: what an account was worth over time, and how far it fell.

use super::rows::{self, Key, KeyReader};
use super::view::Ledger;
use super::{EQUITY, Error};
use crate::clock::Timestamp;
use crate::engine::KeyRange;
use crate::money::{Amount, Money};

/// What an account was worth at one time, in the reference currency.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EquityPoint {
    /// When.
    pub at: Timestamp,
    /// Cash and units at the prices of that time.
    pub value: Money,
}

/// The greatest fall of an equity series from a high to a later low.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Drawdown {
    /// The high.
    pub from: EquityPoint,
    /// The low behind it.
    pub to: EquityPoint,
    /// How much lies between them.
    pub fall: Money,
}

impl<'a> Ledger<'a> {
    /// The equity series of an account, oldest point first.
    pub fn equity(
        &self,
        account: &str,
    ) -> impl DoubleEndedIterator<Item = Result<EquityPoint, Error>> + use<'a> {
        let reference = self.reference;
        let rows = self.reader.scan(EQUITY, KeyRange::prefix(Key::new().name(account).bytes()));
        rows.filter_map(move |row| {
            // Without a reference asset there is no store that could have recorded a point.
            let reference = reference?;
            let read = |row: Result<(Box<[u8]>, crate::engine::Row), crate::engine::Error>| {
                let (key, row) = row?;
                let mut parts = KeyReader(&key);
                let at = parts.name().and_then(|_| parts.time());
                let at = at.ok_or_else(|| rows::impossible(EQUITY, &key, "key"))?;
                let value = Amount::from_units(rows::decode(EQUITY, &key, &row)?);
                let value = Money::new(reference.clone(), value);
                Ok(EquityPoint { at: Timestamp::from_micros(at), value })
            };
            Some(read(row))
        })
    }

    /// The greatest fall of an account's equity series; none where it never fell.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`], [`Error::Money`].
    pub fn max_drawdown(&self, account: &str) -> Result<Option<Drawdown>, Error> {
        let (mut high, mut deepest): (Option<EquityPoint>, Option<Drawdown>) = (None, None);
        for point in self.equity(account) {
            let point = point?;
            let Some(from) = high.clone().filter(|high| high.value.amount() > point.value.amount())
            else {
                high = Some(point);
                continue;
            };
            let fall = from.value.checked_sub(&point.value)?;
            let deeper = |known: &Drawdown| fall.amount() > known.fall.amount();
            if deepest.as_ref().is_none_or(deeper) {
                deepest = Some(Drawdown { from, to: point, fall });
            }
        }
        Ok(deepest)
    }
}
