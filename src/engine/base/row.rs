//! How a row stands in the base: its bytes and a CRC, checked whenever it is read.
//!
//! redb does not check what it reads, and a row that landed under another key would look fine by
//! itself, so the CRC covers where the row belongs as well:
//!
//! ```text
//! +-------+------------------------------------------------------+
//! | row   | CRC32, u32 little-endian, of                         |
//! | bytes | table (u8), key length (u32 little-endian), key, row |
//! +-------+------------------------------------------------------+
//! ```
//!
//! The rows of one engine table are one redb table (`&[u8]` to `&[u8]`), named after its number in
//! decimal: `rows-000` to `rows-255`.

use crc32fast::Hasher;
use redb::OwnedAccessGuard;

use super::error::{Damage, Error};
use crate::engine::row::Table;

const CRC_BYTES: usize = 4;

/// A row read from the base. It keeps alive the page it stands on and the read transaction.
pub(crate) struct BaseRow {
    /// The row and its CRC, which were checked.
    stored: OwnedAccessGuard<&'static [u8]>,
}

impl BaseRow {
    pub(super) fn checked(
        table: Table,
        key: &[u8],
        stored: OwnedAccessGuard<&'static [u8]>,
    ) -> Result<Self, Error> {
        match stored.value().split_last_chunk() {
            Some((row, stored_crc)) if crc(table, key, row).to_le_bytes() == *stored_crc => {
                Ok(Self { stored })
            }
            _ => Err(Error::corrupt(Damage::Row { table, key: key.into() })),
        }
    }

    /// The row as it was written.
    pub(crate) fn bytes(&self) -> &[u8] {
        let stored = self.stored.value();
        // Every checked row has a CRC.
        &stored[..stored.len() - CRC_BYTES]
    }
}

/// Makes of `stored` what is stored for a row.
pub(super) fn encode(table: Table, key: &[u8], row: &[u8], stored: &mut Vec<u8>) {
    stored.clear();
    stored.extend_from_slice(row);
    stored.extend_from_slice(&crc(table, key, row).to_le_bytes());
}

fn crc(table: Table, key: &[u8], row: &[u8]) -> u32 {
    // No key comes near 4 GiB: redb would refuse it.
    let [a, b, c, d] = (key.len() as u32).to_le_bytes();
    let mut hasher = Hasher::new();
    hasher.update(&[table.0, a, b, c, d]);
    hasher.update(key);
    hasher.update(row);
    hasher.finalize()
}

/// The name of the redb table that holds the rows of `table`.
pub(super) fn table_name(table: Table) -> String {
    format!("rows-{:03}", table.0)
}

/// The table whose rows the redb table `name` holds, if it holds rows.
pub(super) fn table_of(name: &str) -> Option<Table> {
    let table = Table(name.strip_prefix("rows-")?.parse().ok()?);
    (table_name(table) == name).then_some(table)
}
