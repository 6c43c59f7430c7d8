//! Prices that are missing: since when, how often they were asked for, and when to ask again.
//!
//! - What has no price is a token or a claimed event; each has one row, and one place in the list of
//!   what is due, by the time of its next attempt. Both change in the same commit.
//! - Pauses between attempts double up to a cap. What they are shortened by, so that not everything is
//!   asked for at once, follows from a seed, the key and the attempt; no chance is in it.
//! - Who knows prices says when one is missing and when it is there. This module fetches nothing.
//!
//! This module knows tokens and claims by their keys alone, and no files: it reads and stages rows.

mod backoff;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod error;
mod key;
mod row;
mod status;
#[cfg(test)]
mod tests;
pub(crate) mod told;
mod verify;
mod view;

pub use backoff::PriceBackoff;
pub use error::Error;
pub(crate) use key::Subject;
pub use status::{Missing, MissingPrice, PriceOf};
pub(crate) use status::{heard, stage};
pub(crate) use verify::{Contradiction, verify};
pub(crate) use view::{Overdue, all, claims, due, get, overdue, tokens};

use crate::engine::Table;

/// The engine's table of what has no price, by subject.
pub(crate) const MISSING: Table = Table(58);
/// The engine's table of when to ask again, by time and subject.
pub(crate) const DUE: Table = Table(59);

/// The names of the tables, for messages.
pub(crate) fn table_name(table: Table) -> &'static str {
    match table {
        MISSING => "missing prices",
        DUE => "due prices",
        _ => "",
    }
}
