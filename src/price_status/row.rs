//! The bytes of the rows of missing prices, version 1. `docs/format.md` has them for other
//! implementations.
//!
//! ```text
//! missing  version u8 = 1 | since time | last_attempt_at time | attempts u64 | next_attempt_at time
//! due      version u8 = 1
//! ```

use super::Missing;
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};

const VERSION: u8 = 1;
pub(super) const DUE_VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct MissingRow {
    since: i64,
    last_attempt_at: i64,
    attempts: u64,
    next_attempt_at: i64,
}

pub(super) fn encode(missing: &Missing) -> Vec<u8> {
    let Missing { since, last_attempt_at, attempts, next_attempt_at } = *missing;
    let row = MissingRow {
        since: since.as_micros(),
        last_attempt_at: last_attempt_at.as_micros(),
        attempts,
        next_attempt_at: next_attempt_at.as_micros(),
    };
    codec::encode(VERSION, &row)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Missing, codec::Error> {
    let row: MissingRow = codec::decode(VERSION, bytes)?;
    if row.attempts == 0 {
        return Err(codec::Error::Impossible { field: "attempts" });
    }
    if row.last_attempt_at < row.since {
        return Err(codec::Error::Impossible { field: "last_attempt_at" });
    }
    Ok(Missing {
        since: Timestamp::from_micros(row.since),
        last_attempt_at: Timestamp::from_micros(row.last_attempt_at),
        attempts: row.attempts,
        next_attempt_at: Timestamp::from_micros(row.next_attempt_at),
    })
}

/// The row of the list of what is due: the key says everything.
pub(super) fn encode_due() -> Vec<u8> {
    codec::encode(DUE_VERSION, &())
}
