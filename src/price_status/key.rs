//! The keys of what has no price, and of its place among what is due.
//!
//! ```text
//! subject  0 | chain, 0, address                a token
//!          1 | namespace, 0, key                a claimed event
//! due      time of the next attempt 8 | subject
//! ```
//!
//! The time is big-endian with the highest bit turned, so that the list is in the order of time; of one
//! time tokens come first.

use super::PriceOf;
use crate::clock::Timestamp;
use crate::engine::KeyRange;
use crate::money::TokenKey;

const TOKEN: u8 = 0;
const CLAIM: u8 = 1;
const SEPARATOR: u8 = 0;

/// What has or lacks a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    Token(&'a TokenKey),
    Claim { namespace: &'a str, key: &'a [u8] },
}

impl Subject<'_> {
    /// The key as the tables hold it.
    pub(super) fn stored(self) -> Vec<u8> {
        match self {
            Self::Token(key) => [&[TOKEN], key.as_bytes()].concat(),
            Self::Claim { namespace, key } => {
                [&[CLAIM], namespace.as_bytes(), &[SEPARATOR], key].concat()
            }
        }
    }
}

/// What is stored under `bytes`, or `None` where nothing is stored so.
pub(super) fn subject_of(bytes: &[u8]) -> Option<PriceOf> {
    match bytes.split_first()? {
        (&TOKEN, key) => TokenKey::from_bytes(key).map(PriceOf::Token),
        (&CLAIM, rest) => {
            let end = rest.iter().position(|byte| *byte == SEPARATOR)?;
            let (namespace, key) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
            let is_whole = !namespace.is_empty() && !key.is_empty();
            is_whole.then(|| PriceOf::Claim { namespace: namespace.into(), key: key.into() })
        }
        _ => None,
    }
}

/// The keys of all tokens.
pub(super) fn all_tokens() -> KeyRange {
    KeyRange::prefix(&[TOKEN])
}

/// The keys of all claims.
pub(super) fn all_claims() -> KeyRange {
    KeyRange::prefix(&[CLAIM])
}

/// The place in the list of what is due of the subject that is stored as `subject`.
pub(super) fn due_key(at: Timestamp, subject: &[u8]) -> Vec<u8> {
    [&ordered(at), subject].concat()
}

/// The time and the stored subject at this place, or `None` where it is no place.
pub(super) fn due_of(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, subject) = bytes.split_first_chunk()?;
    let micros = (u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed();
    Some((Timestamp::from_micros(micros), subject))
}

/// The places of all that is due at `latest`.
pub(super) fn due_until(latest: Timestamp) -> KeyRange {
    let mut range = KeyRange::all();
    if let Some(behind) = latest.as_micros().checked_add(1) {
        let end = ordered(Timestamp::from_micros(behind)).to_vec();
        range.end = std::ops::Bound::Excluded(end);
    }
    range
}

fn ordered(time: Timestamp) -> [u8; 8] {
    (time.as_micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}
