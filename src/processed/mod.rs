//! What was dealt with already: claims on outside events, and marks of how far a bot has come.
//!
//! - A **claim** says that an event (a transaction, a message, a signal) is dealt with, by whom and
//!   with which outcome. The first to claim an event gets it; everybody later hears what became of
//!   it. Made in the commit that also holds the effect, it makes the effect happen once.
//!   [Bounds](ClaimBounds) let the oldest events go; a watermark stands for them, at or below which
//!   nothing is ever new again. A claimed event whose price could not be found says so until it is.
//! - A **cursor** is a small value under a name (a block height, a nonce, a page token) that moves
//!   only from what its mover believed it to be.
//!
//! ```
//! use highwater::{Asset, Claim, Error, Mode, Store, Timestamp};
//!
//! let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
//! let swap = |block: u64| {
//!     store.write(|tx| {
//!         let key = format!("0xab:{block}:0"); // the event's index is part of its key
//!         let at = Timestamp::from_micros(1_700_000_000_000_000);
//!         if tx.claims().claim("swaps", key.as_bytes(), at)? != Claim::New {
//!             return Ok::<_, Error>(false); // it was dealt with before
//!         }
//!         // What there is to do about it goes here.
//!         let seen = tx.cursors().get("block")?;
//!         tx.cursors().set("block", seen.as_deref(), &block.to_be_bytes())?;
//!         Ok(true)
//!     })
//! };
//! assert!(swap(19_443_211)?);
//! assert!(!swap(19_443_211)?, "told twice, done once");
//! assert_eq!(store.cursors().get("block")?, Some(19_443_211u64.to_be_bytes().to_vec()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This module knows no files, no journal and no commits, and operations only by their numbers: it
//! reads and stages rows.

mod bounds;
mod claim;
mod claims;
#[cfg(test)]
mod claims_tests;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod cursors;
mod error;
mod missing;
mod name;
mod namespace;
mod prune;
#[cfg(test)]
mod prune_tests;
mod row;
pub(crate) mod told;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use bounds::ClaimBounds;
pub(crate) use bounds::ClaimRules;
pub use claim::{Claim, ClaimOutcome, ClaimRecord, ClaimState, StoredClaim};
pub use claims::{Claims, ClaimsMut};
pub use cursors::{Cursor, Cursors, CursorsMut, MAX_VALUE_BYTES};
pub use error::Error;
pub(crate) use missing::verify_missing;
pub use name::{MAX_KEY_BYTES, MAX_NAME_BYTES};
pub use namespace::{ClaimNamespace, ClaimStats};
pub(crate) use verify::verify;

use crate::engine::Table;

/// The engine's table of claims, by namespace and key.
pub(crate) const CLAIMS: Table = Table(24);
/// The engine's table of cursors, by name.
pub(crate) const CURSORS: Table = Table(25);
/// The engine's table of claims that can be let go, by namespace, time of the event and key.
pub(crate) const CLAIM_AGES: Table = Table(26);
/// The engine's table of namespaces, by name: their counts and their watermark.
pub(crate) const NAMESPACES: Table = Table(27);

/// The names of the tables, for messages.
pub(crate) fn table_name(table: Table) -> &'static str {
    match table {
        CLAIMS => "claims",
        CURSORS => "cursors",
        CLAIM_AGES => "claims_by_age",
        NAMESPACES => "claim_namespaces",
        _ => "",
    }
}
