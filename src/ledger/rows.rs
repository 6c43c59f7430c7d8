//! The bytes of keys and rows: numbers big-endian so that they order, names ended by NUL.

use super::Error;
use crate::codec::{self, BorrowDecode, Encode};
use crate::engine::{Reader, Row, Table, Tx};

/// The version of every row of the ledger.
pub(crate) const VERSION: u8 = 1;

/// A key in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(32))
    }

    /// A name. NUL, which no name holds, keeps one name from being the beginning of another.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        self
    }

    pub(crate) fn u8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }

    pub(crate) fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A time, so that earlier ones come first, also before 1970.
    pub(crate) fn time(self, micros: i64) -> Self {
        self.u64(micros as u64 ^ (1 << 63))
    }

    /// Bytes that end the key.
    pub(crate) fn rest(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A key being taken apart. Every step answers `None` where the key is none that was ever written.
pub(crate) struct KeyReader<'k>(pub(crate) &'k [u8]);

impl<'k> KeyReader<'k> {
    pub(crate) fn name(&mut self) -> Option<&'k str> {
        let end = self.0.iter().position(|&byte| byte == 0)?;
        let name = std::str::from_utf8(&self.0[..end]).ok()?;
        self.0 = &self.0[end + 1..];
        Some(name)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*first))
    }

    pub(crate) fn time(&mut self) -> Option<i64> {
        Some((self.u64()? ^ (1 << 63)) as i64)
    }

    pub(crate) fn text(self) -> Option<&'k str> {
        std::str::from_utf8(self.0).ok()
    }

    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The names of the ledger's tables, for messages.
pub(crate) fn table_name(table: Table) -> &'static str {
    match table.0 {
        2 => "assets",
        3 => "asset_keys",
        4 => "accounts",
        5 => "entries",
        6 => "entries_by_account",
        7 => "entries_by_operation",
        8 => "entries_by_position",
        9 => "reversals",
        10 => "positions",
        11 => "slots",
        12 => "lots",
        13 => "fills",
        14 => "holds",
        15 => "attributes",
        16 => "book",
        17 => "owners",
        18 => "equity",
        19 => "closed",
        _ => "another table",
    }
}

/// Stages a row.
pub(super) fn put<T: Encode>(tx: &mut Tx, table: Table, key: &[u8], row: &T) {
    tx.put_with(table, key, |bytes| codec::encode_into(bytes, VERSION, row));
}

/// The row's bytes.
pub(crate) fn encode<T: Encode>(row: &T) -> Vec<u8> {
    codec::encode(VERSION, row)
}

/// The row of which `bytes` are under `key` in `table`.
pub(crate) fn decode<'b, T: BorrowDecode<'b, ()>>(
    table: Table,
    key: &[u8],
    bytes: &'b [u8],
) -> Result<T, Error> {
    codec::decode(VERSION, bytes).map_err(|source| Error::CorruptRow {
        table: table_name(table),
        key: key.into(),
        source,
    })
}

/// That a stored field holds what no writer puts there.
pub(crate) fn impossible(table: Table, key: &[u8], field: &'static str) -> Error {
    Error::CorruptRow {
        table: table_name(table),
        key: key.into(),
        source: codec::Error::Impossible { field },
    }
}

/// The row under `key`, where another row says that there is one.
pub(crate) fn named(reader: &dyn Reader, table: Table, key: &[u8]) -> Result<Row, Error> {
    let row = reader.get(table, key)?;
    row.ok_or_else(|| Error::MissingRow { table: table_name(table), key: key.into() })
}

/// The row of numbers only under `key`, if there is one.
pub(crate) fn load<T: for<'b> BorrowDecode<'b, ()>>(
    reader: &dyn Reader,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, Error> {
    match reader.get(table, key)? {
        Some(row) => decode(table, key, &row).map(Some),
        None => Ok(None),
    }
}
