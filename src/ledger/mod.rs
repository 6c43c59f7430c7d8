//! The ledger: what the bot owns, in double entry, to the last unit.
//!
//! - An entry has several legs, sums to zero per asset, and is never changed; a correction is a new
//!   entry that reverses one. Every balance, position and counter is the sum of entries, and
//!   [`verify`](crate::Snapshot::verify) recomputes them all.
//! - Cash, units and cost are never negative; what is reserved for an operation is not available to
//!   anybody else.
//! - What a venue did is a fact: it may use more than was reserved, and is refused only where the
//!   books lack it altogether.
//!
//! This module knows no operation but its number, no files and no commits: it reads and stages rows.

mod accounts;
mod assets;
mod attributes;
mod book;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod cost;
mod effect;
mod entry;
mod equity;
mod error;
mod fees;
mod fill;
mod fills;
mod fold;
mod holds;
mod ids;
mod limits;
mod names;
mod outcomes;
mod position;
mod post;
mod posting;
mod reverse;
mod rows;
mod save;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod told;
mod transfer;
mod tx;
mod value;
mod verify;
mod view;

pub use accounts::{AccountBalance, AccountKind};
pub(crate) use assets::scale_of;
pub use attributes::{Attribute, AttributeBefore, Restored};
pub use book::{Difference, LedgerMut};
pub(crate) use effect::Part;
pub use effect::{Effect, Leg};
pub use entry::{Entry, EntryKind, PositionChange};
pub use equity::{Drawdown, EquityPoint};
pub use error::{Error, Mismatch};
pub use fill::{Fill, FillId};
pub(crate) use holds::holds_of;
pub use holds::{Hold, HoldKind, Released};
pub use ids::{EntryId, OperationId, PositionId};
pub(crate) use limits::Increase;
pub use limits::{Limits, ShareOfEquity};
pub use names::{MAX_ATTRIBUTE_BYTES, MAX_FILL_BYTES, MAX_NAME_BYTES, MAX_REASON_BYTES};
pub(crate) use names::{check_name, check_tag, check_text};
pub use position::{CostMethod, NewPosition, Outcome, Position};
pub use post::{Posted, SkippedFill};
pub(crate) use rows::table_name;
pub use summary::{CashLine, OpenLine, QuoteLine, Summary};
pub(crate) use tx::{LedgerRules, LedgerTx};
pub use verify::Finding;
pub(crate) use verify::verify;
pub use view::{Balance, Ledger};

use crate::engine::Table;

/// Assets by key: number and scale.
pub(crate) const ASSETS: Table = Table(2);
/// Assets by number: scale and key.
pub(crate) const ASSET_KEYS: Table = Table(3);
/// Accounts by owner, asset and kind.
pub(crate) const ACCOUNTS: Table = Table(4);
/// Entries by number.
pub(crate) const ENTRIES: Table = Table(5);
/// Numbers of entries by owner.
pub(crate) const ENTRIES_BY_ACCOUNT: Table = Table(6);
/// Numbers of entries by operation.
pub(crate) const ENTRIES_BY_OPERATION: Table = Table(7);
/// Numbers of entries by position.
pub(crate) const ENTRIES_BY_POSITION: Table = Table(8);
/// The entry that reversed another, by the number of the other.
pub(crate) const REVERSALS: Table = Table(9);
/// Positions by number.
pub(crate) const POSITIONS: Table = Table(10);
/// The open position of a key.
pub(crate) const SLOTS: Table = Table(11);
/// Lots by position and number.
pub(crate) const LOTS: Table = Table(12);
/// The entry of a fill, by owner, venue and the venue's id.
pub(crate) const FILLS: Table = Table(13);
/// Holds by operation.
pub(crate) const HOLDS: Table = Table(14);
/// Attributes by position and name.
pub(crate) const ATTRIBUTES: Table = Table(15);
/// The next numbers, and whether trading is halted.
pub(crate) const BOOK: Table = Table(16);
/// Counters by owner.
pub(crate) const OWNERS: Table = Table(17);
/// Points of the equity series by owner and time.
pub(crate) const EQUITY: Table = Table(18);
/// Closed positions by owner and time.
pub(crate) const CLOSED: Table = Table(19);
