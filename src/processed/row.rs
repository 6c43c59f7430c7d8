//! The bytes of the rows of claims, namespaces and cursors, version 1 each. `docs/format.md` has them
//! for other implementations.
//!
//! ```text
//! claim      version u8 = 1 | event_time time | claimed_at time | operation ?u64 | outcome ?u8
//! age        version u8 = 1
//! namespace  version u8 = 1 | settled u64 | in_flight u64 | pruned u64 | watermark ?time
//!            | oldest ?(event_time time, key bytes)
//! cursor     version u8 = 1 | set_at time | value bytes
//! ```
//!
//! A claim is in one of these states:
//!
//! ```text
//! operation  outcome
//! n          absent                 operation n is at it
//! absent     0                      recorded without an operation
//! n          1                      operation n completed
//! n          2                      operation n was rolled back
//! ```

use super::cursors::{CursorRef, MAX_VALUE_BYTES};
use super::namespace::{Age, Namespace};
use super::{ClaimOutcome, ClaimRecord, ClaimState, MAX_KEY_BYTES};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};

const CLAIM_VERSION: u8 = 1;
pub(super) const AGE_VERSION: u8 = 1;
const NAMESPACE_VERSION: u8 = 1;
const CURSOR_VERSION: u8 = 1;

const RECORDED: u8 = 0;
const COMPLETED: u8 = 1;
const ROLLED_BACK: u8 = 2;

#[derive(Encode, BorrowDecode)]
struct ClaimRow {
    event_time: i64,
    claimed_at: i64,
    operation: Option<u64>,
    outcome: Option<u8>,
}

#[derive(Encode, BorrowDecode)]
struct NamespaceRow<'b> {
    settled: u64,
    in_flight: u64,
    pruned: u64,
    watermark: Option<i64>,
    oldest: Option<(i64, &'b [u8])>,
}

#[derive(Encode, BorrowDecode)]
struct CursorRow<'b> {
    set_at: i64,
    value: &'b [u8],
}

pub(super) fn encode_claim(claim: &ClaimRecord) -> Vec<u8> {
    codec::encode(CLAIM_VERSION, &ClaimRow::of(claim))
}

pub(super) fn decode_claim(bytes: &[u8]) -> Result<ClaimRecord, codec::Error> {
    let row: ClaimRow = codec::decode(CLAIM_VERSION, bytes)?;
    Ok(ClaimRecord {
        event_time: Timestamp::from_micros(row.event_time),
        claimed_at: Timestamp::from_micros(row.claimed_at),
        operation: row.operation,
        state: row.state()?,
    })
}

/// The row of the list by age: the key says everything.
pub(super) fn encode_age() -> Vec<u8> {
    codec::encode(AGE_VERSION, &())
}

pub(super) fn encode_namespace(namespace: &Namespace) -> Vec<u8> {
    let Namespace { settled, in_flight, pruned, watermark, oldest } = namespace;
    let row = NamespaceRow {
        settled: *settled,
        in_flight: *in_flight,
        pruned: *pruned,
        watermark: watermark.map(Timestamp::as_micros),
        oldest: oldest.as_ref().map(|age| (age.event_time.as_micros(), &*age.key)),
    };
    codec::encode(NAMESPACE_VERSION, &row)
}

pub(super) fn decode_namespace(bytes: &[u8]) -> Result<Namespace, codec::Error> {
    let row: NamespaceRow<'_> = codec::decode(NAMESPACE_VERSION, bytes)?;
    let impossible = |field| Err(codec::Error::Impossible { field });
    if row.oldest.is_some() != (row.settled > 0) {
        return impossible("oldest");
    }
    if row.oldest.is_some_and(|(_, key)| !(1..=MAX_KEY_BYTES).contains(&key.len())) {
        return impossible("oldest");
    }
    if row.watermark.is_some() != (row.pruned > 0) {
        return impossible("watermark");
    }
    let age = |(micros, key): (i64, &[u8])| Age {
        event_time: Timestamp::from_micros(micros),
        key: key.into(),
    };
    Ok(Namespace {
        settled: row.settled,
        in_flight: row.in_flight,
        pruned: row.pruned,
        watermark: row.watermark.map(Timestamp::from_micros),
        oldest: row.oldest.map(age),
    })
}

pub(super) fn encode_cursor(cursor: CursorRef<'_>) -> Vec<u8> {
    let row = CursorRow { set_at: cursor.set_at.as_micros(), value: cursor.value };
    codec::encode(CURSOR_VERSION, &row)
}

/// What a row says. The value stays where it is.
pub(super) fn decode_cursor(bytes: &[u8]) -> Result<CursorRef<'_>, codec::Error> {
    let CursorRow { set_at, value } = codec::decode(CURSOR_VERSION, bytes)?;
    if value.len() > MAX_VALUE_BYTES {
        return Err(codec::Error::Impossible { field: "value" });
    }
    Ok(CursorRef { set_at: Timestamp::from_micros(set_at), value })
}

impl ClaimRow {
    fn of(claim: &ClaimRecord) -> Self {
        let outcome = match claim.state {
            ClaimState::InFlight(_) => None,
            ClaimState::Done(ClaimOutcome::Recorded) => Some(RECORDED),
            ClaimState::Done(ClaimOutcome::Completed) => Some(COMPLETED),
            ClaimState::Done(ClaimOutcome::RolledBack) => Some(ROLLED_BACK),
        };
        Self {
            event_time: claim.event_time.as_micros(),
            claimed_at: claim.claimed_at.as_micros(),
            operation: claim.operation,
            outcome,
        }
    }

    fn state(&self) -> Result<ClaimState, codec::Error> {
        let outcome = match (self.operation, self.outcome) {
            (Some(operation), None) => return Ok(ClaimState::InFlight(operation)),
            (None, Some(RECORDED)) => ClaimOutcome::Recorded,
            (Some(_), Some(COMPLETED)) => ClaimOutcome::Completed,
            (Some(_), Some(ROLLED_BACK)) => ClaimOutcome::RolledBack,
            (_, None | Some(RECORDED..=ROLLED_BACK)) => {
                return Err(codec::Error::Impossible { field: "operation" });
            }
            (_, Some(_)) => return Err(codec::Error::Impossible { field: "outcome" }),
        };
        Ok(ClaimState::Done(outcome))
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
