//! A token as it is handed out: owned values, one record.

use super::Recorded;
use crate::clock::Timestamp;
use crate::money::{Price, TokenKey};
use crate::price_status::Missing;

/// A value, and when it was seen. Orders by time, then by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Observed<T> {
    /// When it was seen.
    pub observed_at: Timestamp,
    /// What was seen.
    pub value: T,
}

/// One price of a token, as one source reported it once.
///
/// Two ticks with all fields equal are the same tick. They order by time, then by number (none comes
/// before any), then by source, then by price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tick {
    /// When the price was seen, as its source says.
    pub observed_at: Timestamp,
    /// The source's number for it, where it has one: venues print several trades in one millisecond.
    pub seq: Option<u64>,
    /// Who reported it; empty where that was not given.
    pub source: Box<str>,
    /// The price, in the store's reference currency.
    pub price: Price,
}

/// All that is known of a token. A field that nothing was ever said about is `None`.
///
/// `current`, `first`, `max` and `min` are known together, as soon as one price is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Token {
    /// Its chain and canonical address.
    pub key: TokenKey,
    /// Its ticker symbol, as last seen.
    pub symbol: Option<Observed<Box<str>>>,
    /// Its name, as last seen.
    pub name: Option<Observed<Box<str>>>,
    /// How many decimals its smallest unit has. Once known it never changes.
    pub decimals: Option<u8>,
    /// Its market capitalisation in the reference currency, as last seen.
    pub market_cap: Option<Observed<Price>>,
    /// The earliest time at which anything about it was observed.
    pub first_seen: Option<Timestamp>,
    /// The latest price.
    pub current: Option<Tick>,
    /// The earliest price.
    pub first: Option<Tick>,
    /// The highest price ever: the high-water mark. Of equal ones, the earliest.
    pub max: Option<Tick>,
    /// The lowest price ever. Of equal ones, the earliest.
    pub min: Option<Tick>,
    /// The latest synthetic price ([`SYNTHETIC_SOURCE`](super::SYNTHETIC_SOURCE)). It counts for
    /// nothing else in this record.
    pub mock: Option<Tick>,
}

/// What an upsert came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Merged {
    /// The token as it is now.
    pub token: Token,
    /// What the update changed in it.
    pub changes: Changes,
    /// What became of its price, where the store keeps a history.
    pub recorded: Recorded,
    /// Since when the token's price is missing now, if it is, and when to ask for it again.
    pub missing: Option<Missing>,
}

/// What an update came to, without the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Applied {
    /// As [`Merged::changes`].
    pub changes: Changes,
    /// As [`Merged::recorded`].
    pub recorded: Recorded,
    /// As [`Merged::missing`].
    pub missing: Option<Missing>,
}

/// Which fields of a token an update changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Changes {
    /// The token was not known before.
    pub created: bool,
    /// [`Token::symbol`] changed.
    pub symbol: bool,
    /// [`Token::name`] changed.
    pub name: bool,
    /// [`Token::decimals`] became known.
    pub decimals: bool,
    /// [`Token::market_cap`] changed.
    pub market_cap: bool,
    /// [`Token::first_seen`] became known or earlier; by a retraction later, or unknown.
    pub first_seen: bool,
    /// [`Token::current`] changed: the update's price is the latest.
    pub current: bool,
    /// [`Token::first`] changed: the update's price is the earliest.
    pub first: bool,
    /// [`Token::max`] changed: the update's price is the highest, or an earlier tick of the highest.
    pub max: bool,
    /// [`Token::min`] changed: the update's price is the lowest, or an earlier tick of the lowest.
    pub min: bool,
    /// [`Token::mock`] changed.
    pub mock: bool,
    /// [`Merged::missing`] changed: the price is missing, was asked for again, or is there.
    pub missing: bool,
}

impl Changes {
    /// Whether nothing changed. Then nothing was written either, unless the store keeps a history: a
    /// price can be new and stand out in nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
