//! The kinds of operations, and the one table that says which parts an effect of each may hold.

use std::fmt;

use crate::codec::{BorrowDecode, Encode};
use crate::ledger::Part;

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Kind {
    /// Money leaves an account for outside.
    BalanceDeduct,
    /// Money comes into an account from outside.
    BalanceAdd,
    /// A position is opened.
    PositionOpen,
    /// A position is reduced or closed.
    PositionClose,
    /// Attributes of a position change.
    PositionUpdate,
    /// Positions are increased and reduced together.
    TradeExecute,
    /// Something of the bot's own, under this name.
    Custom(Box<str>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BalanceDeduct => "balance deduct",
            Self::BalanceAdd => "balance add",
            Self::PositionOpen => "position open",
            Self::PositionClose => "position close",
            Self::PositionUpdate => "position update",
            Self::TradeExecute => "trade execute",
            Self::Custom(name) => name,
        })
    }
}

/// What an operation may do to a position that it named when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// Takes units away. Reductions run side by side and beside anything.
    Reduces,
    /// Changes attributes.
    Updates,
    /// Adds units.
    Increases,
    /// Opens it, and adds the first units.
    Opens,
}

impl Role {
    /// Whether at most one unfinished operation of this role works on a position.
    pub(crate) fn is_exclusive(self) -> bool {
        self != Self::Reduces
    }

    /// Whether it raises risk: limits and the halt switch are for these.
    pub(crate) fn raises_risk(self) -> bool {
        matches!(self, Self::Increases | Self::Opens)
    }
}

/// The sorts of parts that an effect can have, as the table names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Buy,
    Sell,
    Redeem,
    Split,
    Merge,
    Deposit,
    Withdraw,
    Entry,
    Attribute,
}

impl Sort {
    pub(crate) fn of(part: &Part) -> Self {
        match part {
            Part::Buy { .. } => Self::Buy,
            Part::Sell { .. } => Self::Sell,
            Part::Redeem { .. } => Self::Redeem,
            Part::Split { .. } => Self::Split,
            Part::Merge { .. } => Self::Merge,
            Part::Deposit { .. } => Self::Deposit,
            Part::Withdraw { .. } => Self::Withdraw,
            Part::Entry { .. } => Self::Entry,
            Part::Attribute { .. } => Self::Attribute,
        }
    }

    /// Its name, to complete "cannot hold".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Buy => "a buy",
            Self::Sell => "a sale",
            Self::Redeem => "a payout",
            Self::Split => "a split",
            Self::Merge => "a merge",
            Self::Deposit => "a deposit",
            Self::Withdraw => "a withdrawal",
            Self::Entry => "an entry of the caller's own",
            Self::Attribute => "an attribute",
        }
    }

    /// The roles, one of which a position must have been named with to stand in such a part.
    pub(crate) fn roles(self) -> &'static [Role] {
        match self {
            Self::Buy | Self::Split => &[Role::Opens, Role::Increases],
            Self::Sell | Self::Redeem | Self::Merge => &[Role::Reduces],
            Self::Attribute => &[Role::Updates, Role::Opens, Role::Increases, Role::Reduces],
            Self::Deposit | Self::Withdraw | Self::Entry => &[],
        }
    }
}

impl Kind {
    /// **The table of kinds**: the parts that an effect of an operation of this kind may hold.
    pub(crate) fn parts(&self) -> &'static [Sort] {
        use Sort::{Attribute, Buy, Deposit, Entry, Merge, Redeem, Sell, Split, Withdraw};
        match self {
            Self::BalanceDeduct | Self::BalanceAdd => &[Deposit, Withdraw],
            Self::PositionOpen => &[Buy],
            Self::PositionClose => &[Sell, Redeem],
            Self::PositionUpdate => &[Attribute],
            Self::TradeExecute => &[Buy, Sell, Redeem, Split, Merge],
            Self::Custom(_) => {
                &[Buy, Sell, Redeem, Split, Merge, Deposit, Withdraw, Entry, Attribute]
            }
        }
    }
}
