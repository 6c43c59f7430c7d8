//! The life of one position: what it holds is worked out anew from all its moves, every time.

use super::words::{Amount, Method};

/// One thing that happened to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// So many units came for so much, less a fee in units. `missing` of those that had to go were
    /// not there and came from Adjustment, at no cost.
    In { quantity: Amount, gross: Amount, fee: Amount, unit_fee: Amount, missing: Amount },
    /// So many units went for so much, and a fee in units with them.
    Out { quantity: Amount, proceeds: Amount, fee: Amount, unit_fee: Amount, missing: Amount },
}

/// What a position holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Units and their cost, oldest first. With average cost there is one lot.
    pub(crate) lots: Vec<(Amount, Amount)>,
    pub(crate) realized: Amount,
    pub(crate) fees: Amount,
    pub(crate) bought: Amount,
    pub(crate) proceeds: Amount,
}

impl Standing {
    pub(crate) fn after<'m>(method: Method, moves: impl Iterator<Item = &'m Move>) -> Self {
        let mut standing = Self::default();
        for one in moves {
            standing.take(method, *one);
        }
        standing
    }

    pub(crate) fn quantity(&self) -> Amount {
        self.lots.iter().map(|lot| lot.0).sum()
    }

    pub(crate) fn cost(&self) -> Amount {
        self.lots.iter().map(|lot| lot.1).sum()
    }

    /// What the next move takes out of the cost.
    pub(crate) fn cost_out(&self, method: Method, next: Move) -> Amount {
        let mut after = self.clone();
        let came = match next {
            Move::In { gross, .. } => gross,
            Move::Out { .. } => 0,
        };
        after.take(method, next);
        self.cost() + came - after.cost()
    }

    fn take(&mut self, method: Method, next: Move) {
        let before = self.cost();
        match next {
            Move::In { quantity, gross, fee, unit_fee, missing } => {
                self.lots.push((missing, 0));
                self.tidy(method);
                self.lots.push(((quantity - unit_fee).max(0), gross));
                self.spend((unit_fee - quantity).max(0));
                self.fees += fee;
                self.bought += gross;
                self.tidy(method);
                let spilled = before + gross - self.cost();
                self.realized -= spilled;
            }
            Move::Out { quantity, proceeds, fee, unit_fee, missing } => {
                self.lots.push((missing, 0));
                self.tidy(method);
                self.sell(quantity);
                self.spend(unit_fee);
                self.tidy(method);
                self.fees += fee;
                self.proceeds += proceeds;
                self.realized += proceeds - (before - self.cost());
            }
        }
    }

    /// Units leave with their share of the cost, rounded down, the oldest first.
    fn sell(&mut self, mut quantity: Amount) {
        for (units, cost) in &mut self.lots {
            let sold = quantity.min(*units);
            if sold > 0 {
                *cost -= *cost * sold / *units;
                *units -= sold;
                quantity -= sold;
            }
        }
        assert_eq!(quantity, 0, "the model sells what it has");
        // What was sold in whole left its cost with it: cost * units / units is all of it.
    }

    /// Units leave, and their cost stays with those behind them.
    fn spend(&mut self, mut quantity: Amount) {
        let mut passed = 0;
        for (units, cost) in &mut self.lots {
            *cost += std::mem::take(&mut passed);
            let spent = quantity.min(*units);
            *units -= spent;
            quantity -= spent;
            if *units == 0 {
                passed = std::mem::take(cost);
            }
        }
        assert_eq!(quantity, 0, "the model spends what it has");
        // Behind the last lot it falls back to the youngest that has units; without any it goes out.
        if let Some(youngest) = self.lots.iter_mut().rev().find(|lot| lot.0 > 0) {
            youngest.1 += passed;
        }
    }

    /// Takes away lots without units, their cost going to the next or, behind the last, out; and
    /// makes one lot of all where cost is averaged.
    fn tidy(&mut self, method: Method) {
        self.spend(0);
        self.lots.retain(|lot| lot.0 > 0);
        if method == Method::Average && !self.lots.is_empty() {
            self.lots = vec![(self.quantity(), self.cost())];
        }
    }
}
