//! Rows to bytes and back: a version byte, then bincode 2's `standard` encoding of the row.
//!
//! ```text
//! +---------+------------------------------------------------+
//! | version | the row's fields in order, variable-length ints |
//! |   u8    |                                                |
//! +---------+------------------------------------------------+
//! ```
//!
//! - The bytes are the format (`docs/format.md`); bincode is one way to write them. No other module
//!   names bincode, and a test beside every row shows that another crate writes the same bytes.
//! - Rows are decoded in place: texts borrow from the bytes. So a length that lies cannot make the
//!   decoder allocate, and a row that is only compared is never copied.
//! - Every byte has to be used. Bytes left over are damage, not padding.
//!
//! This module knows no tables and no row types.

mod value;

pub(crate) use bincode::{BorrowDecode, Encode};
pub use value::Value;

/// What a key or a row says, or why that cannot be told.
pub(crate) type Told = Result<Value, Untold>;

/// Why it cannot be told what a key or a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) problem: String,
    /// The version of a row that a later release wrote, and the one that is known.
    pub(crate) later: Option<(u8, u8)>,
}

impl Untold {
    pub(crate) fn because(problem: &str) -> Self {
        Self { problem: problem.to_owned(), later: None }
    }

    /// That a table has rows which this release cannot read.
    pub(crate) fn unknown_table() -> Self {
        Self::because("this release does not know the table")
    }
}

impl<E: std::error::Error + 'static> From<E> for Untold {
    fn from(error: E) -> Self {
        let mut causes =
            std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| {
                error.source()
            });
        let later = causes.find_map(|error| match error.downcast_ref() {
            Some(&Error::UnknownVersion { found, known }) if found > known => Some((found, known)),
            _ => None,
        });
        Self { problem: error.to_string(), later }
    }
}

/// That a key is none which this table has.
pub(crate) fn no_key() -> Untold {
    Untold::because("the key is none that this table has")
}

/// The greatest size of a row in memory that is decoded. bincode counts a number at its full width
/// however short its encoding is, so this lies well above the length of any row.
const DECODE_LIMIT_BYTES: usize = 1 << 20;

/// Why bytes are not a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are no bytes, not even a version.
    #[error("the row is empty")]
    Empty,

    /// The row was written by a later version of this crate, or is no row of this table.
    #[error("the row has version {found}, of which this program knows {known} only")]
    UnknownVersion {
        /// The version found.
        found: u8,
        /// The version that can be read.
        known: u8,
    },

    /// The fields cannot be read.
    #[error("the row's fields are cut short or malformed")]
    Malformed {
        /// What the decoder says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The fields end before the bytes do.
    #[error("{bytes} bytes are left over behind the row's last field")]
    LeftOver {
        /// How many.
        bytes: usize,
    },

    /// The fields can be read, but no writer puts these values into them.
    #[error("the row's field {field} holds what it cannot hold")]
    Impossible {
        /// The field.
        field: &'static str,
    },
}

/// The bytes of `row` under `version`.
pub(crate) fn encode<T: Encode>(version: u8, row: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    encode_into(&mut bytes, version, row);
    bytes
}

/// Appends the bytes of `row` under `version`.
pub(crate) fn encode_into<T: Encode>(bytes: &mut Vec<u8>, version: u8, row: &T) {
    bytes.push(version);
    // Fails only for what rows never hold (locked cells, paths, sequences of unknown length): a
    // vector takes every byte.
    bincode::encode_into_writer(row, Appending(bytes), bincode::config::standard())
        .expect("a vector takes every byte");
}

struct Appending<'v>(&'v mut Vec<u8>);

impl bincode::enc::write::Writer for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        // Most numbers take one byte, which is less than what a copy of any length costs.
        match bytes {
            [byte] => self.0.push(*byte),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// The row of which [`encode`] with the same version gave `bytes`.
pub(crate) fn decode<'b, T: BorrowDecode<'b, ()>>(
    version: u8,
    bytes: &'b [u8],
) -> Result<T, Error> {
    let (&found, fields) = bytes.split_first().ok_or(Error::Empty)?;
    if found != version {
        return Err(Error::UnknownVersion { found, known: version });
    }
    let config = bincode::config::standard().with_limit::<DECODE_LIMIT_BYTES>();
    let (row, used) = bincode::borrow_decode_from_slice(fields, config)
        .map_err(|error| Error::Malformed { source: in_words(&error).into() })?;
    match fields.len() - used {
        0 => Ok(row),
        bytes => Err(Error::LeftOver { bytes }),
    }
}

/// What the decoder says, whose own words are those of its source code.
fn in_words(error: &bincode::error::DecodeError) -> String {
    use bincode::error::DecodeError;
    match error {
        DecodeError::UnexpectedEnd { additional: 1 } => "a byte is missing".to_owned(),
        DecodeError::UnexpectedEnd { additional } => format!("{additional} bytes are missing"),
        DecodeError::UnexpectedVariant { found, .. } => {
            format!("{found} stands where one of a few has to be chosen")
        }
        DecodeError::Utf8 { .. } => "a text is not UTF-8".to_owned(),
        DecodeError::InvalidBooleanValue(found) => format!("{found} is neither yes nor no"),
        DecodeError::LimitExceeded => "a length in it is above every limit".to_owned(),
        DecodeError::OtherString(text) => text.clone(),
        DecodeError::Other(text) => (*text).to_owned(),
        _ => "a number in it stands for nothing".to_owned(),
    }
}

/// Bytes as hex digits.
pub(crate) struct Hex<'b>(pub(crate) &'b [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A codec as something that can be held against itself: its bytes are read and written again.
///
/// Every module that has rows or keys lists them so in its `codecs`; the fuzzing goes through all of
/// them, and `tests/fuzz_corpora.rs` counts the lists against the source.
#[cfg(feature = "simulation")]
pub(crate) struct Recoding {
    /// What is read, in a word.
    pub(crate) name: &'static str,
    /// The tables whose rows or keys it reads; none for what stands in no table.
    pub(crate) tables: &'static [u8],
    /// The bytes that are written for what these bytes say, or `None` where they say nothing.
    pub(crate) recode: fn(&[u8]) -> Option<Vec<u8>>,
    pub(crate) form: Form,
}

/// How far what is read can differ from what is written.
#[cfg(feature = "simulation")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Only in numbers, texts and marks that could have been written shorter. What is cut or longer
    /// says nothing.
    Canonical,
    /// As before, but the last field goes to the end of the bytes, so a cut can say less.
    OpenEnd,
    /// Something else is read as well and written otherwise; the list says what. What was written is
    /// read and written as it is.
    Lenient,
}

#[cfg(feature = "simulation")]
impl Recoding {
    /// A row that is all there is to read.
    pub(crate) const fn row(
        name: &'static str,
        tables: &'static [u8],
        recode: fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Self {
        Self { name, tables, recode, form: Form::Canonical }
    }

    /// The same codec of another form.
    pub(crate) const fn with(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

/// Reads and writes a row that borrows nothing.
#[cfg(feature = "simulation")]
pub(crate) fn recode<const VERSION: u8, T: Encode + for<'b> BorrowDecode<'b, ()>>(
    bytes: &[u8],
) -> Option<Vec<u8>> {
    decode::<T>(VERSION, bytes).ok().map(|row| encode(VERSION, &row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, BorrowDecode)]
    struct Sample<'t> {
        text: &'t str,
        number: Option<u64>,
    }

    const SAMPLE: Sample<'static> = Sample { text: "tick", number: Some(300) };

    #[test]
    fn a_row_is_its_version_and_its_fields() {
        assert_eq!(encode(7, &SAMPLE), b"\x07\x04tick\x01\xfb\x2c\x01");
        assert_eq!(decode::<Sample<'_>>(7, &encode(7, &SAMPLE)).expect("a row"), SAMPLE);
    }

    #[test]
    fn every_kind_of_damage_has_a_name() {
        // The story: a row of a later release was read as an older one, its new field as garbage.
        let bytes = encode(7, &SAMPLE);
        let error =
            |version, bytes: &[u8]| decode::<Sample<'_>>(version, bytes).expect_err("damage");
        assert!(matches!(error(7, b""), Error::Empty));
        assert!(matches!(error(6, &bytes), Error::UnknownVersion { found: 7, known: 6 }));
        let longer = [&bytes[..], b"\0\0"].concat();
        assert!(matches!(error(7, &longer), Error::LeftOver { bytes: 2 }));
        for end in 1..bytes.len() {
            let cut_short = error(7, &bytes[..end]);
            assert!(matches!(cut_short, Error::Malformed { .. }), "{end}: {cut_short}");
            assert!(std::error::Error::source(&cut_short).is_some());
        }
    }

    #[test]
    fn a_length_that_lies_is_refused_before_anything_is_made_of_it() {
        // The story: four bytes that claim a text of 2^64 - 1 bytes.
        for length in [&b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\xfc\0\0\0\x10", b"\x05"] {
            let bytes = [b"\x07", length, b"tick"].concat();
            assert!(matches!(decode::<Sample<'_>>(7, &bytes), Err(Error::Malformed { .. })));
        }
    }
}
