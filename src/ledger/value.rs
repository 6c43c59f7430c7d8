//! What things are worth: amounts at the latest prices, in the store's reference currency.
//!
//! A price that is missing or too old makes a value unknown; nothing is ever guessed.

use std::time::Duration;

use super::accounts::{AccountKey, AccountKind, add};
use super::assets;
use super::rows::Key;
use super::{ACCOUNTS, Error};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};
use crate::money::{Amount, Asset, Money, Price, Rounding};
use crate::tokens::Tokens;

/// The latest prices as of one state.
#[derive(Clone, Copy)]
pub(crate) struct Marks<'r> {
    reader: &'r dyn Reader,
    reference: &'r Asset,
    now: Timestamp,
    max_age: Option<Duration>,
}

/// What an account is worth, and which of its assets have no price.
#[derive(Clone, Debug)]
pub(crate) struct Equity {
    pub(crate) value: Money,
    pub(crate) unmarked: Vec<Asset>,
}

impl<'r> Marks<'r> {
    pub(crate) fn new(reader: &'r dyn Reader, reference: &'r Asset, now: Timestamp) -> Self {
        Self { reader, reference, now, max_age: None }
    }

    /// Believes only prices that are not older than this.
    pub(crate) fn young(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// The price of an asset in the reference currency, `None` where there is none to believe. Of
    /// the reference asset itself there is no need to ask.
    pub(crate) fn price(&self, asset: &Asset) -> Result<Option<Price>, Error> {
        let token = Tokens::new(self.reader).get(asset.key()).map_err(Error::token)?;
        let Some(tick) = token.and_then(|token| token.current) else { return Ok(None) };
        let age = self.now.as_micros().saturating_sub(tick.observed_at.as_micros());
        let limit = self
            .max_age
            .map_or(i64::MAX, |limit| i64::try_from(limit.as_micros()).unwrap_or(i64::MAX));
        Ok((age <= limit).then_some(tick.price))
    }

    /// What `money` is worth in the reference currency, half a unit rounded to the even one.
    pub(crate) fn value(&self, money: &Money) -> Result<Option<Money>, Error> {
        if money.asset() == self.reference {
            return Ok(Some(money.clone()));
        }
        if money.amount() == Amount::ZERO {
            return Ok(Some(Money::new(self.reference.clone(), Amount::ZERO)));
        }
        let Some(price) = self.price(money.asset())? else { return Ok(None) };
        let (from, to) = (money.asset().scale(), self.reference.scale());
        let value = price.times(money.amount(), from, to, Rounding::HalfEven)?;
        Ok(Some(Money::new(self.reference.clone(), value)))
    }

    /// What `money` is worth in `quote`, half a unit rounded to the even one.
    pub(crate) fn exchange(&self, money: &Money, quote: &Asset) -> Result<Option<Money>, Error> {
        if money.asset() == quote {
            return Ok(Some(money.clone()));
        }
        let one = |asset: &Asset| match asset == self.reference {
            true => Ok(Some(Price::from_units(10u128.pow(u32::from(Price::DECIMALS))))),
            false => self.price(asset),
        };
        let (Some(price), Some(other)) = (one(money.asset())?, one(quote)?) else {
            return Ok(None);
        };
        let (from, to) = (money.asset().scale(), quote.scale());
        let value = price.times_over(other, money.amount(), from, to);
        Ok(value.map(|value| Money::new(quote.clone(), value)))
    }

    /// What all cash and units of an account are worth.
    pub(crate) fn equity(&self, owner: &str) -> Result<Equity, Error> {
        let (mut sum, mut unmarked) = (0, Vec::new());
        for row in self.reader.scan(ACCOUNTS, KeyRange::prefix(Key::new().name(owner).bytes())) {
            let (key, _) = row?;
            let key = AccountKey::read(&key)?;
            if !matches!(key.kind, AccountKind::Cash | AccountKind::Units) {
                continue;
            }
            let balance = super::accounts::load(self.reader, &key)?.balance();
            let asset = assets::asset(self.reader, key.asset)?;
            let money = Money::new(asset.clone(), Amount::from_units(balance));
            match self.value(&money)? {
                Some(value) => sum = add(sum, value.amount().units())?,
                None => unmarked.push(asset),
            }
        }
        unmarked.dedup();
        let value = Money::new(self.reference.clone(), Amount::from_units(sum));
        Ok(Equity { value, unmarked })
    }
}
