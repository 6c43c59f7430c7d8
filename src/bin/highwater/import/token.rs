//! A record made into what it says of a token.
//!
//! A record whose token cannot be told is malformed; one whose token is known and that says something no
//! token can be is refused, and the token counts as named; but for a market cap that nobody asked for, which is
//! left out and counted. Nothing is guessed and no number passes through a float.

use std::borrow::Cow;

use highwater::money::Price;
use highwater::tokens::{TokenKey, Update};
use highwater::{Malformed, Rounding, SyncRow, Timestamp};

use crate::time::{TimeError, TimeUnit};
use crate::trades::shortened;

use super::fields::{Fields, Role, Values, Wanted, unit_of};
use super::record::{Entry, Value};

/// How records are read.
pub(crate) struct Reading {
    pub(crate) fields: Fields,
    pub(crate) wanted: Wanted,
    /// The chain of the records that say none.
    pub(crate) chain: Option<String>,
    pub(crate) time_unit: Option<TimeUnit>,
    /// Who says so.
    pub(crate) source: String,
    /// When what has no time of its own was seen.
    pub(crate) seen_at: Timestamp,
    /// Whether a price with more decimals than can be kept is rounded, or its record refused.
    pub(crate) rounds: bool,
    /// How many numbers were rounded.
    pub(crate) rounded: u64,
    /// How many market caps were left out, since nobody asked for them and no token can have them.
    pub(crate) dropped_caps: u64,
}

/// A value that no token can have.
struct Refusal {
    kind: &'static str,
    reason: String,
}

impl Reading {
    /// The token of a record, where it says so.
    fn key(&mut self, entries: &[Entry<'_>]) -> Option<TokenKey> {
        let values = self.fields.find(entries).ok()?;
        key(&values, self.chain.as_deref()).ok()
    }

    /// What a record says.
    pub(crate) fn row(&mut self, entries: &[Entry<'_>]) -> SyncRow {
        match self.wanted.wants(entries) {
            Ok(true) => {}
            Ok(false) => return SyncRow::LeftOut { key: self.key(entries) },
            Err(reason) => return SyncRow::Malformed(Malformed::new(reason)),
        }
        let drops_caps = !self.fields.is_named(Role::MarketCap);
        let values = match self.fields.find(entries) {
            Ok(values) => values,
            Err(reason) => return SyncRow::Malformed(Malformed::new(reason)),
        };
        let key = match key(&values, self.chain.as_deref()) {
            Ok(key) => key,
            Err(reason) => return SyncRow::Malformed(Malformed::new(reason)),
        };
        let numbers = Numbers { rounds: self.rounds, rounded: 0, drops_caps, dropped_caps: 0 };
        match update(&key, &values, self.time_unit, self.seen_at, numbers) {
            Ok((update, numbers)) => {
                self.rounded += numbers.rounded;
                self.dropped_caps += numbers.dropped_caps;
                SyncRow::Update(update.source(self.source.as_str()))
            }
            Err(Refusal { kind, reason }) => SyncRow::Refused { key, kind, reason: reason.into() },
        }
    }
}

fn key(values: &Values<'_, '_>, chain_of_all: Option<&str>) -> Result<TokenKey, String> {
    let stated = |role, what: &str| match values.get(role) {
        Some((name, value)) => {
            value.text().map_err(|problem| format!("`{name}` is no {what}: {problem}"))
        }
        None => Ok(None),
    };
    let chain = stated(Role::Chain, "chain")?.or(chain_of_all.map(Cow::Borrowed));
    let chain = chain.ok_or("it says no chain: name the field with --field chain=PATH, or the chain of all with --chain")?;
    let address = stated(Role::Address, "address")?;
    let address = address.ok_or("it says no address: name the field with --field address=PATH")?;
    TokenKey::new(&chain, &address).map_err(|error| error.to_string())
}

fn update(
    key: &TokenKey,
    values: &Values<'_, '_>,
    time_unit: Option<TimeUnit>,
    seen_at: Timestamp,
    mut numbers: Numbers,
) -> Result<(Update, Numbers), Refusal> {
    let at = match values.get(Role::Time) {
        Some((name, value)) => time(name, value, time_unit)?.unwrap_or(seen_at),
        None => seen_at,
    };
    let text = |role, kind: &'static str| match values.get(role) {
        Some((_, value)) => said(value, kind),
        None => Ok(None),
    };
    let mut update = Update::new(key.clone());
    if let Some(symbol) = text(Role::Symbol, "symbol")? {
        update = update.symbol(symbol, at);
    }
    if let Some(name) = text(Role::Name, "name")? {
        update = update.name(name, at);
    }
    if let Some(digits) = text(Role::Decimals, "decimals")? {
        update = update.decimals(decimals(&digits)?);
    }
    if let Some(digits) = text(Role::Price, "price")? {
        update = update.price(numbers.price(&digits, "price")?, at);
    }
    let market_cap = text(Role::MarketCap, "market cap")
        .and_then(|digits| digits.map(|digits| numbers.price(&digits, "market cap")).transpose());
    match market_cap {
        Ok(Some(market_cap)) => update = update.market_cap(market_cap, at),
        Ok(None) => {}
        Err(_) if numbers.drops_caps => numbers.dropped_caps += 1,
        Err(refusal) => return Err(refusal),
    }
    Ok((update, numbers))
}

/// What a value says; one that is neither a text nor a number is refused.
fn said<'a>(value: Value<'a>, kind: &'static str) -> Result<Option<Cow<'a, str>>, Refusal> {
    value.text().map_err(|problem| Refusal { kind, reason: format!("the {kind}: {problem}") })
}

fn refusal(kind: &'static str, text: &str, reason: impl std::fmt::Display) -> Refusal {
    Refusal { kind, reason: format!("the {kind} \"{}\": {reason}", shortened(text)) }
}

/// A whole number, however it is written. Whether a token can have so many is for the store to say, as far
/// as it can be asked.
fn decimals(digits: &str) -> Result<u8, Refusal> {
    if let Ok(decimals) = digits.parse() {
        return Ok(decimals);
    }
    let number: Price = digits.parse().map_err(|error| refusal("decimals", digits, error))?;
    let one = 10_u128.pow(u32::from(Price::DECIMALS));
    let whole = number.units().is_multiple_of(one).then_some(number.units() / one);
    let whole = whole.ok_or_else(|| refusal("decimals", digits, "it is no whole number"))?;
    u8::try_from(whole).map_err(|_| refusal("decimals", digits, "no token has so many"))
}

/// How numbers are read, and how many were rounded.
struct Numbers {
    rounds: bool,
    rounded: u64,
    /// Whether a market cap that cannot be kept is left out, or its record refused.
    drops_caps: bool,
    dropped_caps: u64,
}

impl Numbers {
    fn price(&mut self, digits: &str, kind: &'static str) -> Result<Price, Refusal> {
        if !self.rounds {
            return digits.parse().map_err(|error| refusal(kind, digits, error));
        }
        let rounded = Price::parse_rounded(digits, Rounding::HalfEven);
        let rounded = rounded.map_err(|error| refusal(kind, digits, error))?;
        if rounded.rounded && rounded.value == Price::ZERO {
            // Zero is a price, that of a dead token.
            return Err(refusal(kind, digits, "it is smaller than any number that can be kept"));
        }
        self.rounded += u64::from(rounded.rounded);
        Ok(rounded.value)
    }
}

/// A time as a text with its offset, or as a number whose unit is stated: by the command line or at the end
/// of the field's name. A unit is never guessed from the number.
fn time(
    name: &str,
    value: Value<'_>,
    unit: Option<TimeUnit>,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = said(value, "time")? else { return Ok(None) };
    let is_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'))
        && text.bytes().filter(|byte| *byte == b'-').count() < 2;
    let unit = match unit.or_else(|| unit_of(name)) {
        Some(unit) => unit,
        None if is_number => {
            let reason = "no unit is stated: add --time-unit";
            return Err(refusal("time", &text, reason));
        }
        None => TimeUnit::Rfc3339,
    };
    // What a list writes as a text has its unit in it.
    let unit = if is_number { unit } else { TimeUnit::Rfc3339 };
    let parsed: Result<Timestamp, TimeError> = unit.parse(&text);
    parsed.map(Some).map_err(|error| refusal("time", &text, format!("it {error}")))
}
