//! The session of a source: what it was stated to be, how far it came, and what it counted.

use crate::clock::Timestamp;

/// How many rows of a list came to what.
///
/// Every row is counted once, in one of the fields behind `rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SyncCounts {
    /// Rows dealt with, from the first of the list.
    pub rows: u64,
    /// Rows about tokens that were not known.
    pub new: u64,
    /// Rows that changed a token.
    pub changed: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
    /// Rows about a token that an earlier row of the list was about already. They are merged all the
    /// same.
    pub further: u64,
    /// Rows that the store, or the reader of the list, refused for what they say of their token.
    pub refused: u64,
    /// Rows that did not pass the filter.
    pub left_out: u64,
    /// Rows that could not be read.
    pub malformed: u64,
    /// Tokens that the source named before and does not name any more; no rows of the list.
    pub marked_stale: u64,
}

impl SyncCounts {
    /// What was counted since `before`, of a run that read so many rows.
    pub(crate) fn since(self, before: Self, rows: u64) -> Self {
        Self {
            rows,
            new: self.new.saturating_sub(before.new),
            changed: self.changed.saturating_sub(before.changed),
            unchanged: self.unchanged.saturating_sub(before.unchanged),
            further: self.further.saturating_sub(before.further),
            refused: self.refused.saturating_sub(before.refused),
            left_out: self.left_out.saturating_sub(before.left_out),
            malformed: self.malformed.saturating_sub(before.malformed),
            marked_stale: self.marked_stale.saturating_sub(before.marked_stale),
        }
    }
}

/// How a session that saw its whole list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SyncEnd {
    /// All of it was read under one filter: what it did not name was marked as stale.
    Complete,
    /// Some rows could not be read, and one of them may be about any token: nothing was marked as stale.
    WithMalformed,
    /// The filter is not that of the session before, or changed on the way: nothing was marked as stale.
    FilterChanged,
    /// The list was shorter than what an earlier run of the session had read of it, so it is another list,
    /// or half of one: nothing was marked as stale.
    Shorter,
}

/// The last session of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SyncSession {
    /// The source.
    pub source: Box<str>,
    /// The session's name.
    pub session: Box<str>,
    /// What was asked for: all (`None`), or what passes the filter of this name.
    pub filter: Option<Box<str>>,
    /// When it began, by the clock as it stood.
    pub started_at: Timestamp,
    /// When it counted something last.
    pub updated_at: Timestamp,
    /// When it had seen its whole list, and how that ended; `None` where it can still go on.
    pub ended: Option<(Timestamp, SyncEnd)>,
    /// What its rows came to so far, those of all its runs together.
    pub counts: SyncCounts,
    /// Sessions of a source are numbered from 1, the runs of a session too.
    pub(crate) number: u64,
    pub(crate) run: u64,
    /// Since this session the filter has been what it is.
    pub(crate) filter_since: u64,
    /// Whether the session before had another filter, or an earlier run of this one.
    pub(crate) filter_changed: bool,
}

impl SyncSession {
    /// Whether it is one that goes on rather than one that begins.
    pub fn is_resumed(&self) -> bool {
        self.run > 1
    }

    /// How it ends if its list ends here.
    pub(crate) fn end(&self) -> SyncEnd {
        if self.counts.malformed > 0 {
            SyncEnd::WithMalformed
        } else if self.filter_changed {
            SyncEnd::FilterChanged
        } else {
            SyncEnd::Complete
        }
    }
}
