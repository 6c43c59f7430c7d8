//! The bytes of the rows of sources and of what they named, version 1 each. `docs/format.md` has them
//! for other implementations.
//!
//! ```text
//! source  version u8 = 1 | session text | number u64 | run u64 | filter ?text | filter_since u64
//!         | filter_changed bool | started_at time | updated_at time | ended ?(time, u8)
//!         | rows u64 | new u64 | changed u64 | unchanged u64 | further u64 | refused u64
//!         | left_out u64 | malformed u64 | marked_stale u64
//! seen    version u8 = 1 | session u64 | refused bool | stale_since ?time
//! ```

use super::key::check_name;
use super::{SyncCounts, SyncEnd, SyncSession};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};

const SOURCE_VERSION: u8 = 1;
const SEEN_VERSION: u8 = 1;

const COMPLETE: u8 = 0;
const WITH_MALFORMED: u8 = 1;
const FILTER_CHANGED: u8 = 2;
const SHORTER: u8 = 3;

#[derive(Encode, BorrowDecode)]
struct SourceRow<'b> {
    session: &'b str,
    number: u64,
    run: u64,
    filter: Option<&'b str>,
    filter_since: u64,
    filter_changed: bool,
    started_at: i64,
    updated_at: i64,
    ended: Option<(i64, u8)>,
    counts: [u64; 9],
}

/// What is noted of a token that a source named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct SeenRow {
    /// The number of the session that saw it last.
    pub(super) session: u64,
    /// Whether all rows about it in that session were refused.
    pub(super) refused: bool,
    /// Since when it is stale, in microseconds.
    pub(super) stale_since: Option<i64>,
}

pub(crate) fn encode_source(session: &SyncSession) -> Vec<u8> {
    let ended = session.ended.map(|(at, end)| (at.as_micros(), number_of(end)));
    let row = SourceRow {
        session: &session.session,
        number: session.number,
        run: session.run,
        filter: session.filter.as_deref(),
        filter_since: session.filter_since,
        filter_changed: session.filter_changed,
        started_at: session.started_at.as_micros(),
        updated_at: session.updated_at.as_micros(),
        ended,
        counts: listed(session.counts),
    };
    codec::encode(SOURCE_VERSION, &row)
}

/// What the row of `source` says.
pub(crate) fn decode_source(source: &str, bytes: &[u8]) -> Result<SyncSession, codec::Error> {
    let row: SourceRow<'_> = codec::decode(SOURCE_VERSION, bytes)?;
    let impossible = |field| codec::Error::Impossible { field };
    check_name("session", row.session).map_err(|_| impossible("session"))?;
    if let Some(filter) = row.filter {
        check_name("filter", filter).map_err(|_| impossible("filter"))?;
    }
    if row.number == 0 || row.run == 0 {
        return Err(impossible("number"));
    }
    let ended = row.ended.map(|(at, end)| {
        let end = end_of(end).ok_or(impossible("ended"))?;
        Ok((Timestamp::from_micros(at), end))
    });
    Ok(SyncSession {
        source: source.into(),
        session: row.session.into(),
        filter: row.filter.map(Box::from),
        started_at: Timestamp::from_micros(row.started_at),
        updated_at: Timestamp::from_micros(row.updated_at),
        ended: ended.transpose()?,
        counts: counts_of(row.counts),
        number: row.number,
        run: row.run,
        filter_since: row.filter_since,
        filter_changed: row.filter_changed,
    })
}

pub(crate) fn encode_seen(seen: SeenRow) -> Vec<u8> {
    codec::encode(SEEN_VERSION, &seen)
}

/// Appends the same.
pub(super) fn encode_seen_into(bytes: &mut Vec<u8>, seen: SeenRow) {
    codec::encode_into(bytes, SEEN_VERSION, &seen);
}

pub(crate) fn decode_seen(bytes: &[u8]) -> Result<SeenRow, codec::Error> {
    codec::decode(SEEN_VERSION, bytes)
}

fn number_of(end: SyncEnd) -> u8 {
    match end {
        SyncEnd::Complete => COMPLETE,
        SyncEnd::WithMalformed => WITH_MALFORMED,
        SyncEnd::FilterChanged => FILTER_CHANGED,
        SyncEnd::Shorter => SHORTER,
    }
}

fn end_of(number: u8) -> Option<SyncEnd> {
    match number {
        COMPLETE => Some(SyncEnd::Complete),
        WITH_MALFORMED => Some(SyncEnd::WithMalformed),
        FILTER_CHANGED => Some(SyncEnd::FilterChanged),
        SHORTER => Some(SyncEnd::Shorter),
        _ => None,
    }
}

/// The counts in the order of the row.
fn listed(counts: SyncCounts) -> [u64; 9] {
    [
        counts.rows,
        counts.new,
        counts.changed,
        counts.unchanged,
        counts.further,
        counts.refused,
        counts.left_out,
        counts.malformed,
        counts.marked_stale,
    ]
}

fn counts_of(listed: [u64; 9]) -> SyncCounts {
    let [rows, new, changed, unchanged, further, refused, left_out, malformed, marked_stale] =
        listed;
    SyncCounts {
        rows,
        new,
        changed,
        unchanged,
        further,
        refused,
        left_out,
        malformed,
        marked_stale,
    }
}
