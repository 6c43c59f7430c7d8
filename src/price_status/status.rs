//! What is known of a missing price, and what another word about it makes of that.

use std::fmt;

use super::key::{Subject, due_key};
use super::{DUE, MISSING, PriceBackoff, row};
use crate::clock::Timestamp;
use crate::engine::Tx;
use crate::money::TokenKey;

/// That a price is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Missing {
    /// Since when: the earliest time at which it was asked for in vain.
    pub since: Timestamp,
    /// The latest time at which it was.
    pub last_attempt_at: Timestamp,
    /// How often it was asked for, at least once.
    pub attempts: u64,
    /// When to ask again, by the store's clock.
    pub next_attempt_at: Timestamp,
}

/// What has or lacks a price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum PriceOf {
    /// A token.
    Token(TokenKey),
    /// An event that was claimed.
    Claim {
        /// The namespace of the claim.
        namespace: Box<str>,
        /// The key of the claim.
        key: Box<[u8]>,
    },
}

/// A price that is missing, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MissingPrice {
    /// Whose price it is.
    pub of: PriceOf,
    /// Since when it is missing, and when to ask again.
    pub missing: Missing,
}

impl PriceOf {
    /// The same, borrowed.
    pub(super) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Token(key) => Subject::Token(key),
            Self::Claim { namespace, key } => Subject::Claim { namespace, key },
        }
    }
}

impl fmt::Display for PriceOf {
    /// A token as `chain:address`, a claim as its key and its namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(key) => key.fmt(f),
            Self::Claim { namespace, key } => {
                write!(f, "{} in {namespace}", key.escape_ascii())
            }
        }
    }
}

/// What is known once it is heard that the price of `subject` was asked for at `at` in vain, when it is
/// `now`.
///
/// It counts as an attempt where it is later than all others, or where an attempt is due; else it is old
/// or repeated news, and at most moves back since when the price is missing.
pub(crate) fn heard(
    before: Option<Missing>,
    subject: Subject<'_>,
    at: Timestamp,
    now: Timestamp,
    backoff: &PriceBackoff,
) -> Missing {
    let counts =
        before.is_none_or(|before| at > before.last_attempt_at || now >= before.next_attempt_at);
    let mut after = before.unwrap_or(Missing {
        since: at,
        last_attempt_at: at,
        attempts: 0,
        next_attempt_at: now,
    });
    after.since = after.since.min(at);
    after.last_attempt_at = after.last_attempt_at.max(at);
    if counts {
        after.attempts = after.attempts.saturating_add(1);
        let pause = backoff.pause_micros(&subject.stored(), after.attempts);
        after.next_attempt_at = now.saturating_add_micros(pause);
    }
    after
}

/// Stages what is known of the price of `subject` where another thing was known before.
pub(crate) fn stage(
    tx: &mut Tx,
    subject: Subject<'_>,
    before: Option<Missing>,
    after: Option<Missing>,
) {
    if before == after {
        return;
    }
    let key = subject.stored();
    let place = |missing: Missing| due_key(missing.next_attempt_at, &key);
    let (old_place, new_place) = (before.map(place), after.map(place));
    if let Some(old) = old_place.as_ref().filter(|_| old_place != new_place) {
        tx.delete(DUE, old);
    }
    if let Some(new) = new_place.as_ref().filter(|_| old_place != new_place) {
        tx.put(DUE, new, row::encode_due());
    }
    match after {
        Some(missing) => tx.put(MISSING, &key, row::encode(&missing)),
        None => tx.delete(MISSING, &key),
    }
}
