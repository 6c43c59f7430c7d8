//! What is known of a token, and how two such states become one.
//!
//! An update is a state too: what would be known if it were all that was ever said. To merge is to
//! [`join`](State::join), field by field, by an operation that knows no order and no repetition:
//!
//! ```text
//! symbol, name, market_cap    the greater, by (time, value)
//! decimals                    the one that is known; two that differ are a conflict
//! first_seen                  the earlier
//! current, mock               the greater tick         by (time, seq, source, price)
//! first                       the lesser tick          by the same
//! max                         the higher price; of equal ones, the lesser tick
//! min                         the lower price; of equal ones, the lesser tick
//! ```
//!
//! States borrow their texts, from the stored row or from the update: nothing is copied to compare.

use super::update::PriceField;
use super::{Changes, Observed, Tick, Token, Update};
use crate::clock::Timestamp;
use crate::money::{Price, TokenKey};

/// Everything that is known of a token but its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State<'a> {
    pub(super) symbol: Option<Observed<&'a str>>,
    pub(super) name: Option<Observed<&'a str>>,
    pub(super) decimals: Option<u8>,
    pub(super) market_cap: Option<Observed<Price>>,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) marks: Option<Marks<'a>>,
    pub(super) mock: Option<TickRef<'a>>,
}

/// The ticks that stand out among all real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks<'a> {
    pub(super) current: TickRef<'a>,
    pub(super) first: TickRef<'a>,
    pub(super) max: TickRef<'a>,
    pub(super) min: TickRef<'a>,
}

/// A [`Tick`] whose source is borrowed. The order of the fields is the order of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TickRef<'a> {
    pub(super) observed_at: Timestamp,
    pub(super) seq: Option<u64>,
    pub(super) source: &'a str,
    pub(super) price: Price,
}

/// Two sources disagree on a token's decimals.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DecimalsDiffer {
    pub(super) known: u8,
    pub(super) given: u8,
}

impl<'a> State<'a> {
    /// What would be known if `update` were all that was ever said.
    pub(super) fn of(update: &'a Update) -> Self {
        let symbol = update.symbol.as_ref().map(borrow);
        let name = update.name.as_ref().map(borrow);
        let synthetic = update.is_synthetic();
        let market_cap = update.market_cap.filter(|_| !synthetic);
        let (tick, asked_at) = match &update.price {
            PriceField::NotGiven => (None, None),
            PriceField::Given(price) => (Some(TickRef::of(update, price)), Some(price.observed_at)),
            PriceField::Unavailable(reason) => (None, Some(reason.observed_at)),
        };
        let (real, mock) = if synthetic { (None, tick) } else { (tick, None) };
        let times = [
            symbol.map(|symbol| symbol.observed_at),
            name.map(|name| name.observed_at),
            market_cap.map(|market_cap| market_cap.observed_at),
            asked_at.filter(|_| !synthetic),
        ];
        Self {
            symbol,
            name,
            decimals: update.decimals,
            market_cap,
            first_seen: times.into_iter().flatten().min(),
            marks: real.map(Marks::of),
            mock,
        }
    }

    /// What would be known if `update` said nothing of a price.
    pub(super) fn of_all_but_price(update: &'a Update) -> Self {
        let times = [
            update.symbol.as_ref().map(|symbol| symbol.observed_at),
            update.name.as_ref().map(|name| name.observed_at),
            update.market_cap.map(|market_cap| market_cap.observed_at),
        ];
        Self { marks: None, first_seen: times.into_iter().flatten().min(), ..Self::of(update) }
    }

    /// What is known if both this and `other` are.
    pub(super) fn join(&self, other: &Self) -> Result<Self, DecimalsDiffer> {
        let decimals = match (self.decimals, other.decimals) {
            (Some(known), Some(given)) if known != given => {
                return Err(DecimalsDiffer { known, given });
            }
            (known, given) => known.or(given),
        };
        Ok(Self {
            // None is less than anything that is known.
            symbol: self.symbol.max(other.symbol),
            name: self.name.max(other.name),
            decimals,
            market_cap: self.market_cap.max(other.market_cap),
            first_seen: [self.first_seen, other.first_seen].into_iter().flatten().min(),
            marks: match (&self.marks, &other.marks) {
                (Some(marks), Some(others)) => Some(marks.join(others)),
                (marks, None) => *marks,
                (None, others) => *others,
            },
            mock: self.mock.max(other.mock),
        })
    }

    /// In which fields this differs from what was known `before`, if anything was.
    pub(super) fn changes_since(&self, before: Option<&Self>) -> Changes {
        let nothing = Self::default();
        let created = before.is_none();
        let before = before.unwrap_or(&nothing);
        let changed = |mark: for<'m> fn(&'m Marks<'a>) -> &'m TickRef<'a>| {
            self.marks.as_ref().map(mark) != before.marks.as_ref().map(mark)
        };
        Changes {
            created,
            symbol: self.symbol != before.symbol,
            name: self.name != before.name,
            decimals: self.decimals != before.decimals,
            market_cap: self.market_cap != before.market_cap,
            first_seen: self.first_seen != before.first_seen,
            current: changed(|marks| &marks.current),
            first: changed(|marks| &marks.first),
            max: changed(|marks| &marks.max),
            min: changed(|marks| &marks.min),
            mock: self.mock != before.mock,
            missing: false,
        }
    }

    /// The token under `key` of which this is known.
    pub(super) fn token(&self, key: TokenKey) -> Token {
        Token {
            key,
            symbol: self.symbol.map(own),
            name: self.name.map(own),
            decimals: self.decimals,
            market_cap: self.market_cap,
            first_seen: self.first_seen,
            current: self.marks.as_ref().map(|marks| marks.current.into()),
            first: self.marks.as_ref().map(|marks| marks.first.into()),
            max: self.marks.as_ref().map(|marks| marks.max.into()),
            min: self.marks.as_ref().map(|marks| marks.min.into()),
            mock: self.mock.map(Tick::from),
        }
    }
}

impl<'a> TickRef<'a> {
    pub(super) fn of(update: &'a Update, price: &Observed<Price>) -> Self {
        Self {
            observed_at: price.observed_at,
            seq: update.seq,
            source: &update.source,
            price: price.value,
        }
    }
}

impl<'a> Marks<'a> {
    /// The marks of a token with this one price.
    pub(super) fn of(tick: TickRef<'a>) -> Self {
        Self { current: tick, first: tick, max: tick, min: tick }
    }

    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            current: self.current.max(other.current),
            first: self.first.min(other.first),
            max: higher(self.max, other.max),
            min: lower(self.min, other.min),
        }
    }
}

/// Marks of ticks that come one after the other.
pub(super) struct OwnedMarks {
    current: Tick,
    first: Tick,
    max: Tick,
    min: Tick,
}

impl OwnedMarks {
    pub(super) fn of(marks: Marks<'_>) -> Self {
        let Marks { current, first, max, min } = marks;
        Self { current: current.into(), first: first.into(), max: max.into(), min: min.into() }
    }

    pub(super) fn borrowed(&self) -> Marks<'_> {
        let Self { current, first, max, min } = self;
        Marks { current: current.into(), first: first.into(), max: max.into(), min: min.into() }
    }

    pub(super) fn take(&mut self, tick: &Tick) {
        let joined = self.borrowed().join(&Marks::of(tick.into()));
        if joined != self.borrowed() {
            *self = Self::of(joined);
        }
    }
}

fn higher<'a>(left: TickRef<'a>, right: TickRef<'a>) -> TickRef<'a> {
    if left.price.cmp(&right.price).then(right.cmp(&left)).is_ge() { left } else { right }
}

fn lower<'a>(left: TickRef<'a>, right: TickRef<'a>) -> TickRef<'a> {
    if left.price.cmp(&right.price).then(left.cmp(&right)).is_le() { left } else { right }
}

fn borrow(text: &Observed<Box<str>>) -> Observed<&str> {
    Observed { observed_at: text.observed_at, value: &text.value }
}

fn own(text: Observed<&str>) -> Observed<Box<str>> {
    Observed { observed_at: text.observed_at, value: text.value.into() }
}

impl<'a> From<&'a Tick> for TickRef<'a> {
    fn from(tick: &'a Tick) -> Self {
        let Tick { observed_at, seq, source, price } = tick;
        Self { observed_at: *observed_at, seq: *seq, source, price: *price }
    }
}

impl From<TickRef<'_>> for Tick {
    fn from(tick: TickRef<'_>) -> Self {
        let TickRef { observed_at, seq, source, price } = tick;
        Self { observed_at, seq, source: source.into(), price }
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
