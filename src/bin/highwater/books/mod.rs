//! What a store's ledger says, read without writing a byte: positions, accounts, entries, a summary.

pub(crate) mod accounts;
pub(crate) mod entries;
pub(crate) mod overview;
pub(crate) mod positions;

pub(crate) use entries::{EntryLine, legs};

use highwater::money::Asset;

/// Whether `asked` names the asset: as CHAIN/ID, or by its id alone.
pub(crate) fn is_asset(asset: &Asset, asked: &str) -> bool {
    asset.id() == asked || crate::sums::asset(asset) == asked
}
