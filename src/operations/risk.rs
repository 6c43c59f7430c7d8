//! Risk: what opens or raises a position is held against the limits before it is begun.

use super::OperationsMut;
use super::error::Error;
use super::intent::Intent;
use crate::ledger::{self, Increase, Position};
use crate::money::{Amount, Asset, Money};

impl OperationsMut<'_> {
    /// Holds what raises risk against the limits, account by account. `positions` are those that the
    /// intent names.
    pub(super) fn check_limits(
        &self,
        intent: &Intent,
        positions: &[Position],
    ) -> Result<(), Error> {
        if !intent.raises_risk() {
            return Ok(());
        }
        let mut increases: Vec<(&str, Increase)> = Vec::new();
        for (named, position) in intent.named.iter().zip(positions) {
            if named.role.raises_risk() {
                let spend = self.spend(intent, &position.quote)?;
                let increase = Increase { position: Some(position.id), spend };
                increases.push((&position.account, increase));
            }
        }
        for new in &intent.opens {
            let spend = self.spend(intent, &new.quote)?;
            increases.push((&new.account, Increase { position: None, spend }));
        }
        let mut accounts: Vec<&str> = increases.iter().map(|(account, _)| *account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for account in accounts {
            let here = increases.iter().filter(|(of, _)| *of == account);
            let here: Vec<Increase> = here.map(|(_, increase)| increase.clone()).collect();
            self.ledger.check_limits(account, &here)?;
        }
        Ok(())
    }

    /// What the operation may spend of a quote asset: all that is held of it. Where the cost of a
    /// position is limited there has to be a hold, or nothing could be held against the limit.
    fn spend(&self, intent: &Intent, quote: &Asset) -> Result<Money, Error> {
        let mut spend = Money::new(quote.clone(), Amount::ZERO);
        for hold in intent.holds.iter().filter(|hold| hold.asset().key() == quote.key()) {
            spend = spend.checked_add(hold).map_err(ledger::Error::from)?;
        }
        if spend.amount().is_zero() && self.limits_cost_in(quote) {
            let what = "an opening or increase where the cost of a position is limited";
            return Err(Error::InvalidIntent { what, fault: "needs a hold in the quote asset" });
        }
        Ok(spend)
    }

    /// Whether what a position in this quote asset costs is limited.
    fn limits_cost_in(&self, quote: &Asset) -> bool {
        let limits = &self.ledger.rules().limits;
        let mut costs = limits.position_cost.iter();
        limits.share_of_equity.is_some() || costs.any(|most| most.asset().key() == quote.key())
    }
}
