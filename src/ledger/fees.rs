//! The fees of a fill, sorted by the asset they are in.

use std::collections::BTreeMap;

use super::Error;
use super::accounts::{AccountKey, AccountKind, add, sub};
use super::assets::AssetId;
use super::entry::Change;
use super::position::PositionState;

/// Fees in the quote asset (negative: a rebate), in the position's own, and in others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) quote: i128,
    pub(super) token: i128,
    pub(super) others: BTreeMap<AssetId, i128>,
}

/// A fee that was paid and that a later total does not have any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct FallenFee {
    pub(super) asset: AssetId,
    pub(super) recorded: i128,
    pub(super) given: i128,
}

impl Fees {
    pub(super) fn is_empty(&self) -> bool {
        self.quote == 0 && self.token == 0 && self.others.values().all(|fee| *fee == 0)
    }

    /// Adds a fee in `asset` of a position in `state`.
    pub(super) fn add(
        &mut self,
        state: &PositionState,
        asset: AssetId,
        fee: i128,
    ) -> Result<(), Error> {
        let sum = self.in_asset(state, asset);
        *sum = add(*sum, fee)?;
        Ok(())
    }

    /// Adds what an entry recorded.
    pub(super) fn add_recorded(
        &mut self,
        state: &PositionState,
        change: &Change,
        legs: &[(AccountKey, i128)],
    ) -> Result<(), Error> {
        self.quote = add(self.quote, change.fee)?;
        self.token = add(self.token, change.token_fee)?;
        for (account, amount) in legs {
            let other = account.asset != state.quote && account.asset != state.asset;
            if other && account.kind == AccountKind::Fees {
                self.add(state, account.asset, *amount)?;
            }
        }
        Ok(())
    }

    /// What is left of these totals beside those recorded, or the asset in which a fee that was paid
    /// is not in the total any more. Only a rebate lowers a total, which then was none above zero.
    pub(super) fn take_off(
        &mut self,
        state: &PositionState,
        recorded: &Self,
    ) -> Result<Option<FallenFee>, Error> {
        let quote = [(state.quote, recorded.quote), (state.asset, recorded.token)];
        let others = recorded.others.iter().map(|(asset, fee)| (*asset, *fee));
        for (asset, recorded) in quote.into_iter().chain(others) {
            let total = self.in_asset(state, asset);
            if recorded > 0 && *total < recorded {
                return Ok(Some(FallenFee { asset, recorded, given: *total }));
            }
            *total = sub(*total, recorded)?;
        }
        Ok(None)
    }

    fn in_asset(&mut self, state: &PositionState, asset: AssetId) -> &mut i128 {
        if asset == state.quote {
            &mut self.quote
        } else if asset == state.asset {
            &mut self.token
        } else {
            self.others.entry(asset).or_default()
        }
    }
}
