//! Where a run's decisions come from: a seed, or bytes that somebody else chose.
//!
//! The same seed, or the same bytes, make the same run. With bytes a fuzzer steers it: each decision
//! takes a few of them, and a run ends where they do.

use std::ops::{Bound, RangeBounds};

use arbitrary::Unstructured;
use fastrand::Rng;

/// A source of decisions.
pub(crate) enum Choices<'a> {
    Seed(Rng),
    Bytes(Unstructured<'a>),
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        /// A number within `range`, which must hold at least one.
        pub(crate) fn $number(&mut self, range: impl RangeBounds<$number>) -> $number {
            let first = match range.start_bound() {
                Bound::Included(first) => *first,
                Bound::Excluded(before) => *before + 1,
                Bound::Unbounded => $number::MIN,
            };
            let last = match range.end_bound() {
                Bound::Included(last) => *last,
                Bound::Excluded(behind) => *behind - 1,
                Bound::Unbounded => $number::MAX,
            };
            match self {
                Self::Seed(rng) => rng.$number(first..=last),
                Self::Bytes(bytes) => bytes.int_in_range(first..=last).unwrap_or(first),
            }
        }
    )*};
}

impl<'a> Choices<'a> {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self::Seed(Rng::with_seed(seed))
    }

    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Self {
        Self::Bytes(Unstructured::new(bytes))
    }

    /// Whether nothing is left to decide by. A seed never runs out.
    pub(crate) fn are_used_up(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    numbers!(u8 u32 u64 i64 i128 usize);

    pub(crate) fn bool(&mut self) -> bool {
        self.u8(..2) == 1
    }

    /// One of several, of which there is at least one.
    pub(crate) fn pick<'s, T>(&mut self, from: &'s [T]) -> &'s T {
        &from[self.usize(..from.len())]
    }
}
