//! Who and what the scripts are about: few names, so that they collide often.

use serde::{Deserialize, Serialize};

/// An owner of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Owner {
    Main,
    Side,
}

/// An asset. All have the same scale, as outcomes must have that of their cash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Coin {
    /// What positions are quoted in, mostly.
    Usd,
    /// One outcome of a market.
    Yes,
    /// The other outcome.
    No,
    /// What a venue takes fees in.
    Bnb,
}

/// What an account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    Cash,
    Units,
    Cost,
    Fees,
    RealizedPnl,
    World,
    Adjustment,
}

/// A venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Venue {
    Binance,
    Kraken,
}

impl Owner {
    pub(crate) const ALL: [Self; 2] = [Self::Main, Self::Side];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Side => "side",
        }
    }
}

impl Coin {
    pub(crate) const ALL: [Self; 4] = [Self::Usd, Self::Yes, Self::No, Self::Bnb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Yes => "YES",
            Self::No => "NO",
            Self::Bnb => "BNB",
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Cash,
        Self::Units,
        Self::Cost,
        Self::Fees,
        Self::RealizedPnl,
        Self::World,
        Self::Adjustment,
    ];
}

impl Venue {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Kraken => "kraken",
        }
    }
}

/// The one among `all` that fits `what`.
pub(crate) fn pair<T>(
    all: impl IntoIterator<Item = T>,
    mut fits: impl FnMut(&T) -> bool,
    what: impl std::fmt::Debug,
) -> T {
    let found = all.into_iter().find(|one| fits(one));
    found.unwrap_or_else(|| panic!("{what:?} is none of those"))
}
