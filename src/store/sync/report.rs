//! What a sync came to: how it ended, what its rows were, and what was wrong with those that were not taken.

use std::collections::BTreeMap;

use crate::money::TokenKey;
use crate::store::Error;
use crate::tokens::{SyncCounts, SyncEnd, SyncSession};

/// How many rows of a kind are kept to be shown.
pub(super) const SAMPLES: usize = 10;
/// How much of a reason is kept, in bytes.
const SAMPLE_BYTES: usize = 300;

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SyncEnding {
    /// The whole list was read, and what it does not name any more was marked as stale.
    Complete,
    /// The whole list was read, but some rows of it could not be: nothing was marked as stale.
    WithMalformed,
    /// The whole list was read under another filter than the session before, or than an earlier run:
    /// nothing was marked as stale.
    FilterChanged,
    /// The list was shorter than what an earlier run of the session had read of it: nothing was marked as
    /// stale.
    Shorter,
    /// The list has more rows than [`TokenSync::max_rows`](super::TokenSync::max_rows). The rest was not
    /// read; with a higher limit the session goes on.
    Truncated,
    /// The progress callback asked for it. The session can go on.
    Stopped,
    /// A row could not be read and [`TokenSync::stop_at_malformed`](super::TokenSync::stop_at_malformed)
    /// was asked for. The session can go on with the list mended.
    StoppedAtMalformed,
    /// The list broke off. The session can go on with a list that does not.
    BrokenOff,
    /// A commit failed. The session can go on.
    Failed,
}

impl From<SyncEnd> for SyncEnding {
    fn from(end: SyncEnd) -> Self {
        match end {
            SyncEnd::Complete => Self::Complete,
            SyncEnd::WithMalformed => Self::WithMalformed,
            SyncEnd::FilterChanged => Self::FilterChanged,
            SyncEnd::Shorter => Self::Shorter,
        }
    }
}

/// How far a sync has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncProgress {
    /// Rows of the list read by this run, those that an earlier run had counted included.
    pub rows: u64,
    /// What the session's rows came to so far.
    pub counts: SyncCounts,
    /// Whether the list was read and what it does not name any more is being marked as stale.
    pub marking: bool,
}

/// What a sync came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SyncReport {
    /// How it ended.
    pub ending: SyncEnding,
    /// The session as it is now, with the counts of all its runs together. They are those of one run
    /// over the same list.
    pub session: SyncSession,
    /// What this run counted; its `rows` are all that it read, the repeated ones included.
    pub this_run: SyncCounts,
    /// Rows that an earlier run of the session had counted.
    pub repeated: u64,
    /// How many rows this run counted as refused, by what was wrong with them.
    pub refusals: BTreeMap<Box<str>, u64>,
    /// The first rows of this run that were refused.
    pub refused_rows: Vec<RowSample>,
    /// The first rows of this run that could not be read, and where the list broke off.
    pub malformed_rows: Vec<RowSample>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RowSample {
    /// Its number in the list, from 1.
    pub row: u64,
    /// Where it stands, where its reader said so.
    pub place: Option<Box<str>>,
    /// The token that it is about, where that is known.
    pub key: Option<TokenKey>,
    /// What is wrong with it.
    pub reason: Box<str>,
}

impl RowSample {
    pub(super) fn new(
        row: u64,
        place: Option<Box<str>>,
        key: Option<&TokenKey>,
        reason: &str,
    ) -> Self {
        Self { row, place: place.map(|place| cut(&place)), key: key.cloned(), reason: cut(reason) }
    }
}

/// The beginning of a text that may be of any length.
fn cut(text: &str) -> Box<str> {
    let end = (0..=SAMPLE_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].into()
}

/// A sync that a commit ended which failed. What was committed before stays; run again, it goes on.
#[derive(Debug, thiserror::Error)]
#[error("the sync was ended by an error after {} rows; run again, it goes on", report_rows(.report.as_deref()))]
pub struct SyncFailed {
    /// The error.
    #[source]
    pub error: Box<Error>,
    /// What was done before; `None` where the session could not be begun.
    pub report: Option<Box<SyncReport>>,
}

fn report_rows(report: Option<&SyncReport>) -> u64 {
    report.map_or(0, |report| report.session.counts.rows)
}

impl From<Error> for SyncFailed {
    fn from(error: Error) -> Self {
        Self { error: Box::new(error), report: None }
    }
}

impl From<SyncFailed> for Error {
    fn from(failed: SyncFailed) -> Self {
        *failed.error
    }
}
