//! What an effect may touch: only what the operation named when it began, in parts that its kind may
//! hold.

use super::PositionId;
use super::error::Error;
use super::kind::Sort;
use super::row::OperationRow;
use crate::ledger::{Effect, Fill, Mismatch, Part};
use crate::money::{Asset, Money};

/// Which parts a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Fills, which carry an id and are posted once. A split or a merge has none: it comes with the
    /// end of its operation, which is there once.
    Fills,
    /// What can be taken back.
    Provisional,
    /// All that the kind may hold.
    All,
}

impl OperationRow {
    /// Refuses an effect that the operation cannot have.
    pub(super) fn expect_fits(&self, effect: &Effect, taken: Taken) -> Result<(), Error> {
        effect.check()?;
        for part in &effect.parts {
            let sort = Sort::of(part);
            let is_taken = match taken {
                Taken::Fills => part.is_fill(),
                Taken::Provisional => part.is_provisional(),
                Taken::All => true,
            };
            if !is_taken || !self.kind.parts().contains(&sort) {
                return Err(Mismatch::Part(sort.name()).into());
            }
            self.expect_in_scope(part, sort)?;
        }
        Ok(())
    }

    fn expect_in_scope(&self, part: &Part, sort: Sort) -> Result<(), Error> {
        match part {
            Part::Buy { position, fill }
            | Part::Sell { position, fill }
            | Part::Redeem { position, fill } => {
                self.expect_position(*position, sort)?;
                self.expect_fill(fill)
            }
            Part::Split { cash, outcomes } => {
                for (position, cost) in outcomes {
                    self.expect_position(*position, sort)?;
                    cost.iter().try_for_each(|cost| self.expect_money(cost))?;
                }
                self.expect_money(cash)
            }
            Part::Merge { cash, outcomes } => {
                for position in outcomes {
                    self.expect_position(*position, sort)?;
                }
                self.expect_money(cash)
            }
            Part::Deposit { account, money } | Part::Withdraw { account, money } => {
                self.expect_account(account)?;
                self.expect_money(money)
            }
            Part::Entry { legs } => legs.iter().try_for_each(|leg| {
                self.expect_account(&leg.account)?;
                self.expect_money(&leg.money)
            }),
            Part::Attribute { position, .. } => self.expect_position(*position, sort),
        }
    }

    fn expect_position(&self, position: PositionId, sort: Sort) -> Result<(), Error> {
        let roles = sort.roles();
        let named = self
            .positions
            .iter()
            .any(|named| named.position == position.get() && roles.contains(&named.role));
        if named { Ok(()) } else { Err(Mismatch::Position(position).into()) }
    }

    fn expect_fill(&self, fill: &Fill) -> Result<(), Error> {
        self.expect_money(&fill.quantity)?;
        self.expect_money(&fill.gross)?;
        fill.fees.iter().try_for_each(|fee| self.expect_money(fee))
    }

    fn expect_money(&self, money: &Money) -> Result<(), Error> {
        self.expect_asset(money.asset())
    }

    fn expect_asset(&self, asset: &Asset) -> Result<(), Error> {
        let named = self.assets.iter().any(|named| named.is(asset));
        if named { Ok(()) } else { Err(Mismatch::Asset(asset.clone()).into()) }
    }

    fn expect_account(&self, account: &str) -> Result<(), Error> {
        let named = self.accounts.iter().any(|named| **named == *account);
        if named { Ok(()) } else { Err(Mismatch::Account(account.into()).into()) }
    }
}
