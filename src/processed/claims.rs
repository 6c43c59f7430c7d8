//! The table of claims: typed reads over any consistent state, and the claims of a commit.

use super::name::{ClaimKey, stored_prefix};
use super::{CLAIMS, Claim, ClaimOutcome, ClaimRecord, ClaimState, Error, StoredClaim, row};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Scan, Tx};

/// The claims of one consistent state.
#[derive(Clone, Copy)]
pub struct Claims<'a> {
    reader: &'a dyn Reader,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader }
    }

    /// What is known of the claim on `key`, or `None` where it was not claimed.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::KeyLength`]; [`Error::CorruptRow`], [`Error::Engine`].
    pub fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<ClaimRecord>, Error> {
        record(self.reader, ClaimKey::new(namespace, key)?)
    }

    /// Every claim in `namespace`, in the order of the keys' bytes, from either end. A claim that
    /// cannot be read is an error in its place; the ones behind it still follow.
    pub fn iter(
        &self,
        namespace: &str,
    ) -> impl DoubleEndedIterator<Item = Result<StoredClaim, Error>> + use<'a> {
        self.scan(KeyRange::prefix(&stored_prefix(namespace)))
    }

    /// Every claim, by namespace and then by key; otherwise as [`Claims::iter`].
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Result<StoredClaim, Error>> + use<'a> {
        self.scan(KeyRange::all())
    }

    fn scan(
        &self,
        range: KeyRange,
    ) -> impl DoubleEndedIterator<Item = Result<StoredClaim, Error>> + use<'a> {
        let rows: Scan<'a> = self.reader.scan(CLAIMS, range);
        rows.map(|row| {
            let (stored, row) = row?;
            let Some(claim) = ClaimKey::from_stored(&stored) else {
                return Err(Error::CorruptKey { what: "claim", key: stored });
            };
            let record = decode(claim, &row)?;
            Ok(StoredClaim { namespace: claim.namespace.into(), key: claim.key.into(), record })
        })
    }
}

/// The claims of a commit in the making.
pub struct ClaimsMut<'a> {
    tx: &'a mut Tx,
    /// The latest time an event may have.
    latest: Timestamp,
}

impl<'a> ClaimsMut<'a> {
    /// The claims that `tx` reads and makes, when it is `now` and events up to
    /// `future_tolerance_micros` later are believed.
    pub(crate) fn new(tx: &'a mut Tx, now: Timestamp, future_tolerance_micros: i64) -> Self {
        Self { tx, latest: now.saturating_add_micros(future_tolerance_micros) }
    }

    /// What is known of the claim on `key` as it would be after this commit.
    ///
    /// # Errors
    /// As [`Claims::get`].
    pub fn get(&self, namespace: &str, key: &[u8]) -> Result<Option<ClaimRecord>, Error> {
        Claims::new(self.tx).get(namespace, key)
    }

    /// Claims the event `key` in `namespace`, which happened at `event_time`. Where it is
    /// [`Claim::New`], do what there is to do in the same commit: then claim and effect are there
    /// together, after any crash, or neither is.
    ///
    /// One event needs one key: where a transaction holds several, put the event's index into it.
    /// An event that was claimed before is a [`Claim::Duplicate`] whatever time is given now, and
    /// nothing is staged.
    ///
    /// # Errors
    /// Refused, with nothing staged: [`Error::InvalidName`], [`Error::KeyLength`],
    /// [`Error::EventFromTheFuture`]. Nothing is staged either with [`Error::CorruptRow`] and
    /// [`Error::Engine`].
    pub fn claim(
        &mut self,
        namespace: &str,
        key: &[u8],
        event_time: Timestamp,
    ) -> Result<Claim, Error> {
        let claim = self.take(None, ClaimKey::new(namespace, key)?, event_time)?;
        if claim == Claim::New {
            self.tx.note("claim");
        }
        Ok(claim)
    }

    /// As [`ClaimsMut::claim`], for an operation that will [finish](ClaimsMut::finish) it.
    ///
    /// # Errors
    /// As [`ClaimsMut::claim`].
    pub(crate) fn claim_for(
        &mut self,
        operation: u64,
        namespace: &str,
        key: &[u8],
        event_time: Timestamp,
    ) -> Result<Claim, Error> {
        self.take(Some(operation), ClaimKey::new(namespace, key)?, event_time)
    }

    fn take(
        &mut self,
        by: Option<u64>,
        claim: ClaimKey<'_>,
        event_time: Timestamp,
    ) -> Result<Claim, Error> {
        // First what is known: a duplicate stays one when the clock has gone back since.
        if let Some(known) = record(self.tx, claim)? {
            return Ok(Claim::Duplicate(known.state));
        }
        if event_time > self.latest {
            return Err(Error::EventFromTheFuture {
                namespace: claim.namespace.into(),
                key: claim.key.into(),
                event_time,
                latest: self.latest,
            });
        }
        let claimed_at = Timestamp::from_micros(self.tx.micros());
        self.put(claim, &ClaimRecord::new(event_time, claimed_at, by));
        Ok(Claim::New)
    }

    /// The operation that is at it has come to an end.
    ///
    /// # Errors
    /// [`Error::ForeignState`] where no operation is at it; then nothing is staged.
    pub(crate) fn finish(
        &mut self,
        namespace: &str,
        key: &[u8],
        outcome: ClaimOutcome,
    ) -> Result<(), Error> {
        debug_assert_ne!(outcome, ClaimOutcome::Recorded, "an operation completes or rolls back");
        self.change(namespace, key, |known| match known.state {
            ClaimState::InFlight(_) => Some((known.operation, ClaimState::Done(outcome))),
            ClaimState::Done(_) => None,
        })
    }

    /// Another operation goes on with what was rolled back.
    ///
    /// # Errors
    /// [`Error::ForeignState`] where it was not rolled back; then nothing is staged.
    pub(crate) fn take_over(
        &mut self,
        namespace: &str,
        key: &[u8],
        operation: u64,
    ) -> Result<(), Error> {
        self.change(namespace, key, |known| match known.state {
            ClaimState::Done(ClaimOutcome::RolledBack) => {
                Some((Some(operation), ClaimState::InFlight(operation)))
            }
            ClaimState::InFlight(_) | ClaimState::Done(_) => None,
        })
    }

    /// Moves a claim to another operation and state, where `next` knows of one.
    fn change(
        &mut self,
        namespace: &str,
        key: &[u8],
        next: impl FnOnce(&ClaimRecord) -> Option<(Option<u64>, ClaimState)>,
    ) -> Result<(), Error> {
        let claim = ClaimKey::new(namespace, key)?;
        let known = record(self.tx, claim)?;
        let changed = known.and_then(|known| {
            let (operation, state) = next(&known)?;
            Some(ClaimRecord { operation, state, ..known })
        });
        match changed {
            Some(changed) => {
                self.put(claim, &changed);
                Ok(())
            }
            None => Err(Error::ForeignState {
                namespace: namespace.into(),
                key: key.into(),
                found: known.map(|known| known.state),
            }),
        }
    }

    fn put(&mut self, claim: ClaimKey<'_>, record: &ClaimRecord) {
        self.tx.put(CLAIMS, &claim.stored(), row::encode_claim(record));
    }
}

fn record(reader: &dyn Reader, claim: ClaimKey<'_>) -> Result<Option<ClaimRecord>, Error> {
    let row = reader.get(CLAIMS, &claim.stored())?;
    row.map(|row| decode(claim, &row)).transpose()
}

fn decode(claim: ClaimKey<'_>, row: &[u8]) -> Result<ClaimRecord, Error> {
    row::decode_claim(row).map_err(|source| Error::CorruptRow {
        what: "claim",
        key: claim.stored().into(),
        source,
    })
}
