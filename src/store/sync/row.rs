//! One row of a list, as whoever reads the list hands it on.

use crate::money::TokenKey;
use crate::tokens::Update;

/// A row of a source's list.
///
/// An iterator of [`Update`]s is a list, and so is one of `Result<Update, Malformed>`; a reader that knows
/// more about its rows says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncRow {
    /// What the row says of its token.
    Update(Update),
    /// The row is about this token and says something that no token can be, such as a negative price.
    /// The source named the token all the same.
    Refused {
        /// The token.
        key: TokenKey,
        /// What is wrong, in a word, by which refusals are counted: `price`, `decimals`.
        kind: &'static str,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The row did not pass the filter. Its source named its token all the same, where the reader can
    /// tell which.
    LeftOut {
        /// The token.
        key: Option<TokenKey>,
    },
    /// Nobody can tell what the row says, or of which token.
    Malformed(Malformed),
    /// The list breaks off here: it is no row, and nothing follows.
    BrokenOff(Malformed),
}

/// What cannot be read, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub(super) place: Option<Box<str>>,
    pub(super) reason: Box<str>,
}

impl Malformed {
    /// What is wrong with the row.
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self { place: None, reason: reason.into() }
    }

    /// Where it stands, for people: a file and a line.
    pub fn at(mut self, place: impl Into<Box<str>>) -> Self {
        self.place = Some(place.into());
        self
    }
}

impl From<Update> for SyncRow {
    fn from(update: Update) -> Self {
        Self::Update(update)
    }
}

impl From<Result<Update, Malformed>> for SyncRow {
    fn from(row: Result<Update, Malformed>) -> Self {
        match row {
            Ok(update) => Self::Update(update),
            Err(malformed) => Self::Malformed(malformed),
        }
    }
}
