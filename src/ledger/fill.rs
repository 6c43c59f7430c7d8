//! The fill: what the venue says it did, in the venue's own numbers.

use super::names::{MAX_FILL_BYTES, check_name, check_text};
use super::{EntryId, Error};
use crate::money::Money;

/// An execution at a venue: the exact quantity, the exact gross amount and the exact fees that the
/// venue reported. Nothing is ever calculated from a price.
///
/// ```
/// use highwater::{Asset, Fill, Money};
///
/// let (btc, usd) = (Asset::new("bitcoin", "BTC", 8)?, Asset::new("fiat", "USD", 2)?);
/// let fill = Fill::new("binance", "F1", Money::parse(&btc, "0.5")?, Money::parse(&usd, "30000")?)
///     .fee(Money::parse(&usd, "30")?);
/// # let _ = fill;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fill {
    pub(crate) venue: Box<str>,
    pub(crate) id: FillId,
    pub(crate) quantity: Money,
    pub(crate) gross: Money,
    pub(crate) fees: Vec<Money>,
    pub(crate) corrects: Option<EntryId>,
}

/// How a venue names what it reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FillId {
    /// One execution, under the venue's id for it: unique for this account and venue for ever.
    Execution(Box<str>),
    /// The totals of the order so far: what is new is the difference to what is recorded.
    Cumulative,
}

impl Fill {
    /// The venue's execution `id` of `quantity` of the position's asset for `gross` of its quote
    /// asset, fees not yet counted.
    pub fn new(
        venue: impl Into<Box<str>>,
        id: impl Into<Box<str>>,
        quantity: Money,
        gross: Money,
    ) -> Self {
        Self::with_id(venue.into(), FillId::Execution(id.into()), quantity, gross)
    }

    /// What the venue has executed in all for this operation and position so far; fees are totals
    /// too. The difference to what is recorded is posted; less than that is an error.
    pub fn cumulative(venue: impl Into<Box<str>>, quantity: Money, gross: Money) -> Self {
        Self::with_id(venue.into(), FillId::Cumulative, quantity, gross)
    }

    fn with_id(venue: Box<str>, id: FillId, quantity: Money, gross: Money) -> Self {
        Self { venue, id, quantity, gross, fees: Vec::new(), corrects: None }
    }

    /// A fee, in the quote asset (negative: a rebate), in the position's own asset, or in a third one.
    /// Fees of one asset add up.
    pub fn fee(mut self, fee: Money) -> Self {
        self.fees.push(fee);
        self
    }

    /// This fill stands in the place of one whose entry was reversed, and may carry its id.
    pub fn corrects(mut self, entry: EntryId) -> Self {
        self.corrects = Some(entry);
        self
    }

    /// The venue.
    pub fn venue(&self) -> &str {
        &self.venue
    }

    /// The venue's id for it.
    pub fn id(&self) -> &FillId {
        &self.id
    }

    /// How much of the position's asset changed hands.
    pub fn quantity(&self) -> &Money {
        &self.quantity
    }

    /// What that cost or brought, before fees.
    pub fn gross(&self) -> &Money {
        &self.gross
    }

    /// The fees.
    pub fn fees(&self) -> &[Money] {
        &self.fees
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("the venue's name", &self.venue)?;
        if let FillId::Execution(id) = &self.id {
            check_text("the fill's id", id, 1, MAX_FILL_BYTES)?;
        }
        Ok(())
    }
}
