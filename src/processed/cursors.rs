//! The table of cursors: small values under names, moved by compare-and-set.

use super::name::check_name;
use super::{CURSORS, Error, row};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Row, Scan, Tx};

/// The greatest length of a cursor's value, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// A cursor as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Cursor {
    /// Its name.
    pub name: Box<str>,
    /// What it was set to.
    pub value: Vec<u8>,
    /// When it was set to that.
    pub set_at: Timestamp,
}

/// What a cursor's row says, borrowed from the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CursorRef<'a> {
    pub(super) set_at: Timestamp,
    pub(super) value: &'a [u8],
}

/// The cursors of one consistent state.
#[derive(Clone, Copy)]
pub struct Cursors<'a> {
    reader: &'a dyn Reader,
}

impl<'a> Cursors<'a> {
    pub(crate) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader }
    }

    /// The value of the cursor `name`, or `None` where it was never set.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::CorruptRow`], [`Error::Engine`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let row = stored(self.reader, name)?;
        row.map(|row| Ok(decode(name, &row)?.value.to_vec())).transpose()
    }

    /// Every cursor, by name, from either end. One that cannot be read is an error in its place; the
    /// ones behind it still follow.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Result<Cursor, Error>> + use<'a> {
        let rows: Scan<'a> = self.reader.scan(CURSORS, KeyRange::all());
        rows.map(|row| {
            let (key, row) = row?;
            let name =
                std::str::from_utf8(&key).ok().filter(|name| check_name("cursor", name).is_ok());
            let Some(name) = name else {
                return Err(Error::CorruptKey { what: "cursor", key });
            };
            let CursorRef { set_at, value } = decode(name, &row)?;
            Ok(Cursor { name: name.into(), value: value.to_vec(), set_at })
        })
    }
}

/// The cursors of a commit in the making.
pub struct CursorsMut<'a> {
    tx: &'a mut Tx,
}

impl<'a> CursorsMut<'a> {
    pub(crate) fn new(tx: &'a mut Tx) -> Self {
        Self { tx }
    }

    /// The value of the cursor `name` as it would be after this commit, or `None` where it was never
    /// set.
    ///
    /// # Errors
    /// As [`Cursors::get`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Cursors::new(self.tx).get(name)
    }

    /// Sets the cursor `name` to `value`, if it is `expected` now; `None` expects that it was never
    /// set. So of two who both go on from the same place only one does.
    ///
    /// Setting it to what it is stages nothing.
    ///
    /// # Errors
    /// Refused, with nothing staged: [`Error::CursorMoved`] where it is something else,
    /// [`Error::InvalidName`], [`Error::ValueTooLong`]. Nothing is staged either with
    /// [`Error::CorruptRow`] and [`Error::Engine`].
    pub fn set(&mut self, name: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<(), Error> {
        let row = stored(self.tx, name)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(Error::ValueTooLong { name: name.into(), bytes: value.len() });
        }
        let found = row.as_ref().map(|row| Ok::<_, Error>(decode(name, row)?.value)).transpose()?;
        if found != expected {
            let found = found.map(<[u8]>::to_vec);
            return Err(Error::CursorMoved { name: name.into(), found });
        }
        if found != Some(value) {
            let set_at = Timestamp::from_micros(self.tx.micros());
            let row = row::encode_cursor(CursorRef { set_at, value });
            self.tx.put(CURSORS, name.as_bytes(), row);
            self.tx.note("cursor");
        }
        Ok(())
    }
}

fn stored(reader: &dyn Reader, name: &str) -> Result<Option<Row>, Error> {
    check_name("cursor", name)?;
    Ok(reader.get(CURSORS, name.as_bytes())?)
}

fn decode<'r>(name: &str, row: &'r Row) -> Result<CursorRef<'r>, Error> {
    row::decode_cursor(row).map_err(|source| Error::CorruptRow {
        what: "cursor",
        key: name.as_bytes().into(),
        source,
    })
}
