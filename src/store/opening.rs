//! What an opening found: the store's own report, for the operator.

use crate::engine::journal::Ending;
use crate::engine::{self, Lsn};

/// How a store was found when it was opened, and what became of its tail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Opening {
    /// Whether there was no store and this opening made one.
    pub created: bool,
    /// Whether the store had been closed, so that there was nothing to recover.
    pub clean: bool,
    /// The last commit that was found; 0 for none.
    pub last_lsn: Lsn,
    /// What was left out behind it.
    pub cut: Option<Cut>,
    /// Damaged places that did not matter, since the base has what stood there.
    pub stepped_over: u64,
}

/// The torn tail of a log: bytes that are not known to have been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Cut {
    /// The file that they were in.
    pub file: String,
    /// Where they began, in bytes.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
}

impl From<&engine::Opening> for Opening {
    fn from(opening: &engine::Opening) -> Self {
        let cut = match &opening.ending {
            Ending::TornTail { file, offset, bytes } => {
                Some(Cut { file: file.clone(), offset: *offset, bytes: *bytes })
            }
            Ending::Closed | Ending::Unclosed => None,
        };
        Self {
            created: opening.created,
            clean: opening.clean,
            last_lsn: opening.last,
            cut,
            stepped_over: opening.stepped_over.len() as u64,
        }
    }
}
