//! Attributes: small named values of a position, such as its stop loss, each with a version.

use super::names::check_name;
use super::rows::{self, Key, KeyReader};
use super::tx::LedgerTx;
use super::{ATTRIBUTES, Error, PositionId};
use crate::clock::Timestamp;
use crate::codec::{BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader};

/// An attribute of a position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Attribute {
    /// Its name.
    pub name: Box<str>,
    /// Its value.
    pub value: Box<[u8]>,
    /// How often it was written, clearing included.
    pub version: u64,
    /// When it was written last.
    pub at: Timestamp,
}

/// What an attribute was before it was written, and the version that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AttributeBefore {
    /// The position.
    pub position: PositionId,
    /// The attribute's name.
    pub name: Box<str>,
    /// What it held; none where it was not there.
    pub value: Option<Box<[u8]>>,
    /// The version that it has since.
    pub written: u64,
}

/// What became of an attribute that was to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Restored {
    /// It holds again what it held before.
    Restored,
    /// Somebody wrote it since: the later value stays.
    Superseded,
}

/// What an attribute holds; nothing where it was cleared or never written.
type Value = Option<Box<[u8]>>;

#[derive(Encode, BorrowDecode)]
pub(super) struct AttributeRow<'b> {
    pub(super) version: u64,
    pub(super) at: i64,
    pub(super) value: Option<&'b [u8]>,
}

fn key(position: PositionId, name: &str) -> Vec<u8> {
    Key::new().u64(position.get()).rest(name.as_bytes()).into_bytes()
}

/// The attributes of a position, by name.
pub(crate) fn of_position(
    reader: &dyn Reader,
    position: PositionId,
) -> Result<Vec<Attribute>, Error> {
    let mut attributes = Vec::new();
    for row in reader.scan(ATTRIBUTES, KeyRange::prefix(&position.get().to_be_bytes())) {
        let (key, row) = row?;
        let mut parts = KeyReader(&key);
        let name = parts.u64().and_then(|_| parts.text());
        let name = name.ok_or_else(|| rows::impossible(ATTRIBUTES, &key, "key"))?;
        let row: AttributeRow<'_> = rows::decode(ATTRIBUTES, &key, &row)?;
        attributes.extend(row.value.map(|value| Attribute {
            name: name.into(),
            value: value.into(),
            version: row.version,
            at: Timestamp::from_micros(row.at),
        }));
    }
    Ok(attributes)
}

impl LedgerTx<'_> {
    /// Writes or, with `None`, clears an attribute; only if it has version `expected`, where that is
    /// given. One that was never there has version 0.
    pub(crate) fn write_attribute(
        &mut self,
        position: PositionId,
        name: &str,
        value: Option<&[u8]>,
        expected: Option<u64>,
    ) -> Result<AttributeBefore, Error> {
        check_name("the attribute's name", name)?;
        if value.is_some_and(|value| value.len() > super::names::MAX_ATTRIBUTE_BYTES) {
            let (what, fault) = ("the attribute's value", "is too long");
            return Err(Error::InvalidName { what, name: name.into(), fault });
        }
        self.load_position(position)?;
        let (found, before) = self.attribute(position, name)?;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(Error::AttributeMoved { name: name.into(), found, expected });
        }
        let written = self.put_attribute(position, name, found, value);
        Ok(AttributeBefore { position, name: name.into(), value: before, written })
    }

    /// Gives an attribute back what it held, unless somebody wrote it since.
    pub(crate) fn restore_attribute(
        &mut self,
        before: &AttributeBefore,
    ) -> Result<Restored, Error> {
        let (found, _) = self.attribute(before.position, &before.name)?;
        if found != before.written {
            return Ok(Restored::Superseded);
        }
        self.put_attribute(before.position, &before.name, found, before.value.as_deref());
        Ok(Restored::Restored)
    }

    /// Version and value.
    fn attribute(&self, position: PositionId, name: &str) -> Result<(u64, Value), Error> {
        let key = key(position, name);
        let Some(row) = self.reader().get(ATTRIBUTES, &key)? else {
            return Ok((0, None));
        };
        let row: AttributeRow<'_> = rows::decode(ATTRIBUTES, &key, &row)?;
        Ok((row.version, row.value.map(Box::from)))
    }

    fn put_attribute(
        &mut self,
        position: PositionId,
        name: &str,
        found: u64,
        value: Option<&[u8]>,
    ) -> u64 {
        let version = found.saturating_add(1);
        let row = AttributeRow { version, at: self.stored_now(), value };
        rows::put(self.tx(), ATTRIBUTES, &key(position, name), &row);
        version
    }
}
