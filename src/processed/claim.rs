//! What a claim is: the answer to one, and what is kept of it.

use crate::clock::Timestamp;

/// The answer to a claim. More answers may come with later releases; treat one that is not known as
/// "do not process this".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Claim {
    /// Nobody had claimed it. It is the caller's, if the commit comes about.
    New,
    /// It was claimed before, and this became of it. Nothing was changed.
    Duplicate(ClaimState),
    /// It is not known, and as old as one whose claim was let go, or older: nobody can tell whether it
    /// was dealt with. Nothing was changed, and the answer will never be another.
    TooOld,
}

/// How far what was claimed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClaimState {
    /// The operation with this number is at it.
    InFlight(u64),
    /// It is over.
    Done(ClaimOutcome),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ClaimOutcome {
    /// It was claimed without an operation: what there was to do is in the commit of the claim.
    Recorded,
    /// Its operation completed.
    Completed,
    /// Its operation was rolled back. The event had no effect; beginning again takes the claim over.
    RolledBack,
}

/// What is kept of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClaimRecord {
    /// When the event happened, as the one who claimed it first said.
    pub event_time: Timestamp,
    /// When it was first claimed.
    pub claimed_at: Timestamp,
    /// The number of the operation that claimed it, the last one where it was taken over; `None`
    /// where it was claimed without one.
    pub operation: Option<u64>,
    /// What became of it.
    pub state: ClaimState,
}

/// A claim with what it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StoredClaim {
    /// The namespace of the event's key.
    pub namespace: Box<str>,
    /// The event's key.
    pub key: Box<[u8]>,
    /// What is kept of the claim.
    pub record: ClaimRecord,
}

impl ClaimRecord {
    /// An event claimed by this operation, or without one.
    pub(super) fn new(event_time: Timestamp, claimed_at: Timestamp, by: Option<u64>) -> Self {
        let state = match by {
            Some(operation) => ClaimState::InFlight(operation),
            None => ClaimState::Done(ClaimOutcome::Recorded),
        };
        Self { event_time, claimed_at, operation: by, state }
    }
}
