//! A namespace as a whole: how many claims it has, which is the oldest, and how far it was let go.

use super::name::{age_key, age_prefix, check_name};
use super::{CLAIM_AGES, Error, NAMESPACES, row};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};

/// Figures of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClaimStats {
    /// How many claims there are.
    pub size: u64,
    /// How many of them belong to unfinished operations: these are never let go.
    pub in_flight: u64,
    /// How many were ever let go.
    pub pruned: u64,
    /// The time of the oldest event among the claims that are not in flight.
    pub oldest: Option<Timestamp>,
    /// The latest time of an event whose claim was let go: what is not known and not later than this
    /// is [`Claim::TooOld`](crate::Claim::TooOld).
    pub watermark: Option<Timestamp>,
    /// By how much the watermark lies inside the acceptance window now: so late, or later, an event
    /// would have to be accepted and is not. Only the open store knows the window
    /// ([`StoreClaims::stats`](crate::StoreClaims::stats)); read otherwise this is `None`.
    pub inside_window: Option<std::time::Duration>,
}

/// A namespace with its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClaimNamespace {
    /// Its name.
    pub name: Box<str>,
    /// Its figures.
    pub stats: ClaimStats,
}

/// The place of a claim among those that can be let go: the oldest event first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    pub(super) event_time: Timestamp,
    pub(super) key: Box<[u8]>,
}

/// What is kept of a namespace beside its claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Namespace {
    /// How many claims are listed by their age: all that are not in flight.
    pub(super) settled: u64,
    pub(super) in_flight: u64,
    pub(super) pruned: u64,
    pub(super) watermark: Option<Timestamp>,
    /// The first of those that are listed. Looking for it from the beginning would pass over
    /// everything that was let go since the last checkpoint.
    pub(super) oldest: Option<Age>,
}

impl Namespace {
    /// The namespace as it is; nothing at all where nothing was ever claimed in it.
    pub(super) fn load(reader: &dyn Reader, name: &str) -> Result<Self, Error> {
        let row = reader.get(NAMESPACES, name.as_bytes())?;
        row.map_or(Ok(Self::default()), |row| Self::decode(name.as_bytes(), &row))
    }

    fn decode(key: &[u8], row: &[u8]) -> Result<Self, Error> {
        row::decode_namespace(row).map_err(|source| Error::CorruptRow {
            what: "namespace",
            key: key.into(),
            source,
        })
    }

    /// Whether an event of this time that is not known may have been known once.
    pub(super) fn is_too_old(&self, event_time: Timestamp) -> bool {
        self.watermark.is_some_and(|watermark| event_time <= watermark)
    }

    pub(super) fn stats(&self) -> ClaimStats {
        ClaimStats {
            size: self.settled.saturating_add(self.in_flight),
            in_flight: self.in_flight,
            pruned: self.pruned,
            oldest: self.oldest.as_ref().map(|oldest| oldest.event_time),
            watermark: self.watermark,
            inside_window: None,
        }
    }

    /// The oldest of the claims that are listed, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Miscounted`] where the list is not as the namespace says.
    pub(super) fn listed(
        &self,
        reader: &dyn Reader,
        name: &str,
        limit: usize,
    ) -> Result<Vec<Age>, Error> {
        let Some(oldest) = &self.oldest else { return Ok(Vec::new()) };
        let mut range = KeyRange::prefix(&age_prefix(name));
        range.start = std::ops::Bound::Included(age_key(name, oldest));
        let rows = reader.scan(CLAIM_AGES, range).take(limit);
        let listed = rows.map(|row| {
            let (stored, _) = row?;
            let age = super::name::age_from_stored(&stored).map(|(_, age)| age);
            age.ok_or(Error::CorruptKey { what: "claim by age", key: stored })
        });
        let listed: Vec<Age> = listed.collect::<Result<_, _>>()?;
        let expected = self.settled.min(limit as u64);
        if listed.len() as u64 != expected || (limit > 0 && listed.first() != Some(oldest)) {
            return Err(Error::Miscounted { namespace: name.into() });
        }
        Ok(listed)
    }
}

/// Every namespace in which something was ever claimed, by name. One that cannot be read is an error
/// in its place; the ones behind it still follow.
pub(super) fn all<'a>(
    reader: &'a dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<(Box<str>, Namespace), Error>> + use<'a> {
    reader.scan(NAMESPACES, KeyRange::all()).map(|row| {
        let (key, row) = row?;
        let name = std::str::from_utf8(&key).ok();
        let Some(name) = name.filter(|name| check_name("namespace", name).is_ok()) else {
            return Err(Error::CorruptKey { what: "namespace", key });
        };
        Ok((name.into(), Namespace::decode(&key, &row)?))
    })
}
