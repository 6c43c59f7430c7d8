//! The update: what one source says about one token. What it leaves out it says nothing about.

use super::{Error, Observed};
use crate::clock::Timestamp;
use crate::money::{Asset, Price, TokenKey};

/// The source whose prices are synthetic: they are kept apart from real ones
/// ([`Token::mock`](super::Token::mock)).
pub const SYNTHETIC_SOURCE: &str = "mock";

/// What is said about a token: some fields of it, each with the time at which it was seen.
///
/// What is not given clears nothing. Given twice, a field holds what was given last.
///
/// ```
/// use highwater::{Timestamp, TokenKey, Update};
///
/// let now = Timestamp::from_micros(1_723_161_255_342_000);
/// let update = Update::new(TokenKey::new("bitcoin", "BTC")?)
///     .price("61837.63".parse()?, now)
///     .source("binance-spot")
///     .seq(3_735_683_259)
///     .symbol("BTC", now)
///     .decimals(8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    key: TokenKey,
    pub(super) price: PriceField,
    pub(super) source: Box<str>,
    pub(super) seq: Option<u64>,
    pub(super) symbol: Option<Observed<Box<str>>>,
    pub(super) name: Option<Observed<Box<str>>>,
    pub(super) decimals: Option<u8>,
    pub(super) market_cap: Option<Observed<Price>>,
}

/// What an update says about the price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PriceField {
    NotGiven,
    Given(Observed<Price>),
    Unavailable(Observed<Box<str>>),
}

impl Update {
    /// The greatest length of a symbol, in bytes.
    pub const MAX_SYMBOL_BYTES: usize = 128;
    /// The greatest length of a name, in bytes.
    pub const MAX_NAME_BYTES: usize = 256;
    /// The greatest length of a source, in bytes.
    pub const MAX_SOURCE_BYTES: usize = 64;
    /// The greatest length of the reason why there is no price, in bytes.
    pub const MAX_REASON_BYTES: usize = 256;

    /// An update that says no more than that the token exists.
    pub fn new(key: TokenKey) -> Self {
        Self {
            key,
            price: PriceField::NotGiven,
            source: Box::default(),
            seq: None,
            symbol: None,
            name: None,
            decimals: None,
            market_cap: None,
        }
    }

    /// The token had this price, in the store's reference currency. Zero is a price.
    pub fn price(mut self, price: Price, observed_at: Timestamp) -> Self {
        self.price = PriceField::Given(Observed { observed_at, value: price });
        self
    }

    /// The token was asked for its price, and there was none. This touches no price that is known.
    ///
    /// Unless a price of that time or later is known, the token's price is
    /// [missing](super::Merged::missing) from then on, and listed by
    /// [`Snapshot::due_price_updates`](crate::Snapshot::due_price_updates) whenever it is time to ask
    /// again. A real price observed at or after the first time at which it was missing ends that; a
    /// synthetic one does not, and what is not there of [`SYNTHETIC_SOURCE`] is not missing.
    ///
    /// What is said of a time that is not later than the last one counts as another attempt only where
    /// one is due: said twice it counts once.
    pub fn unavailable(mut self, reason: impl Into<Box<str>>, observed_at: Timestamp) -> Self {
        self.price = PriceField::Unavailable(Observed { observed_at, value: reason.into() });
        self
    }

    /// Who says so. Of [`SYNTHETIC_SOURCE`], price and market capitalisation are not real: the price
    /// is kept apart, the market capitalisation is not kept.
    pub fn source(mut self, source: impl Into<Box<str>>) -> Self {
        self.source = source.into();
        self
    }

    /// The source's own number for this price, such as the venue's trade number. Without it, two
    /// trades at one time and price are one tick.
    pub fn seq(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }

    /// The token's ticker symbol.
    pub fn symbol(mut self, symbol: impl Into<Box<str>>, observed_at: Timestamp) -> Self {
        self.symbol = Some(Observed { observed_at, value: symbol.into() });
        self
    }

    /// The token's name.
    pub fn name(mut self, name: impl Into<Box<str>>, observed_at: Timestamp) -> Self {
        self.name = Some(Observed { observed_at, value: name.into() });
        self
    }

    /// How many decimals the token's smallest unit has, at most 24. Zero is a value.
    pub fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// The token's market capitalisation, in the store's reference currency.
    pub fn market_cap(mut self, market_cap: Price, observed_at: Timestamp) -> Self {
        self.market_cap = Some(Observed { observed_at, value: market_cap });
        self
    }

    /// The token spoken of.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// Whether its price is a synthetic one.
    pub fn is_synthetic(&self) -> bool {
        &*self.source == SYNTHETIC_SOURCE
    }

    /// When the real price was asked for in vain, if that is what the update says.
    pub(super) fn asked_in_vain(&self) -> Option<Timestamp> {
        match &self.price {
            PriceField::Unavailable(reason) if !self.is_synthetic() => Some(reason.observed_at),
            _ => None,
        }
    }

    /// Refuses what no token may be told, whatever is known of it. `latest` is the latest time that
    /// is believed.
    pub(super) fn check(&self, latest: Timestamp) -> Result<(), Error> {
        self.check_lengths()?;
        if let Some(decimals) = self.decimals.filter(|decimals| *decimals > Asset::MAX_SCALE) {
            return Err(Error::DecimalsOutOfRange { key: self.key.clone(), decimals });
        }
        match self.times().into_iter().flatten().find(|time| *time > latest) {
            Some(observed_at) => {
                Err(Error::FromTheFuture { key: self.key.clone(), observed_at, latest })
            }
            None => Ok(()),
        }
    }

    fn check_lengths(&self) -> Result<(), Error> {
        let length = |text: &Option<Observed<Box<str>>>| {
            text.as_ref().map_or(0, |observed| observed.value.len())
        };
        let reason = match &self.price {
            PriceField::Unavailable(reason) => reason.value.len(),
            PriceField::Given(_) | PriceField::NotGiven => 0,
        };
        for (field, bytes, limit) in [
            ("symbol", length(&self.symbol), Self::MAX_SYMBOL_BYTES),
            ("name", length(&self.name), Self::MAX_NAME_BYTES),
            ("source", self.source.len(), Self::MAX_SOURCE_BYTES),
            ("reason", reason, Self::MAX_REASON_BYTES),
        ] {
            if bytes > limit {
                return Err(Error::TooLong { key: self.key.clone(), field, bytes, limit });
            }
        }
        Ok(())
    }

    /// Every time the update names.
    fn times(&self) -> [Option<Timestamp>; 4] {
        let price = match &self.price {
            PriceField::NotGiven => None,
            PriceField::Given(price) => Some(price.observed_at),
            PriceField::Unavailable(reason) => Some(reason.observed_at),
        };
        [
            price,
            self.symbol.as_ref().map(|symbol| symbol.observed_at),
            self.name.as_ref().map(|name| name.observed_at),
            self.market_cap.map(|market_cap| market_cap.observed_at),
        ]
    }
}
