//! The table of claims: typed reads over any consistent state, and the claims of a commit.

use super::bounds::ClaimRules;
use super::name::{ClaimKey, check_name, stored_prefix};
use super::namespace::{self, Age, ClaimNamespace, ClaimStats, Namespace};
use super::prune::{AT_ONCE, Staging};
use super::{CLAIMS, Claim, ClaimOutcome, ClaimRecord, ClaimState, Error, StoredClaim, row};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Scan, Tx};

/// The claims of one consistent state.
#[derive(Clone, Copy)]
pub struct Claims<'a> {
    pub(super) reader: &'a dyn Reader,
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

    /// The figures of `namespace`; zeros where nothing was ever claimed in it.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::CorruptRow`], [`Error::Engine`].
    pub fn stats(&self, namespace: &str) -> Result<ClaimStats, Error> {
        check_name("namespace", namespace)?;
        Ok(Namespace::load(self.reader, namespace)?.stats())
    }

    /// Every namespace in which something was ever claimed, by name, from either end. One that cannot
    /// be read is an error in its place; the ones behind it still follow.
    pub fn namespaces(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<ClaimNamespace, Error>> + use<'a> {
        namespace::all(self.reader).map(|namespace| {
            let (name, namespace) = namespace?;
            Ok(ClaimNamespace { name, stats: namespace.stats() })
        })
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
    pub(super) tx: &'a mut Tx,
    pub(super) rules: &'a ClaimRules,
    pub(super) now: Timestamp,
}

impl<'a> ClaimsMut<'a> {
    /// The claims that `tx` reads and makes, held to `rules`, when it is `now`.
    pub(crate) fn new(tx: &'a mut Tx, rules: &'a ClaimRules, now: Timestamp) -> Self {
        Self { tx, rules, now }
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
    /// nothing is staged. Only once its claim was let go by the namespace's
    /// [bounds](crate::ClaimBounds) does the time count: then it is [`Claim::TooOld`], as everything
    /// is that is not known and at or below the watermark. So one event needs one time.
    ///
    /// A claim that makes the namespace exceed its bounds lets the oldest go in the same commit. Where
    /// it is itself the oldest, or older than the horizon, it is new and not kept: asked for again it
    /// is too old.
    ///
    /// # Errors
    /// Refused, with nothing staged: [`Error::InvalidName`], [`Error::KeyLength`],
    /// [`Error::EventFromTheFuture`]. Nothing is staged either with [`Error::CorruptRow`],
    /// [`Error::CorruptKey`], [`Error::Miscounted`] and [`Error::Engine`].
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
        // First what is known: a duplicate stays one when the clock has gone back since, and when the
        // watermark has passed it.
        if let Some(known) = record(self.tx, claim)? {
            return Ok(Claim::Duplicate(known.state));
        }
        let mut staging = self.staging(claim.namespace)?;
        if staging.namespace.is_too_old(event_time) {
            return Ok(Claim::TooOld);
        }
        self.check_time(claim, event_time)?;
        self.make(&mut staging, claim, event_time, by)?;
        Ok(Claim::New)
    }

    /// Refuses a time that lies further ahead of the clock than is believed.
    pub(super) fn check_time(
        &self,
        claim: ClaimKey<'_>,
        event_time: Timestamp,
    ) -> Result<(), Error> {
        let latest = self.now.saturating_add_micros(self.rules.future_tolerance_micros);
        if event_time <= latest {
            return Ok(());
        }
        Err(Error::EventFromTheFuture {
            namespace: claim.namespace.into(),
            key: claim.key.into(),
            event_time,
            latest,
        })
    }

    /// Makes a claim that there is not.
    fn make(
        &mut self,
        staging: &mut Staging,
        claim: ClaimKey<'_>,
        event_time: Timestamp,
        by: Option<u64>,
    ) -> Result<(), Error> {
        let coming = by.is_none().then(|| Age { event_time, key: claim.key.into() });
        let going = self.going(staging, coming.as_ref(), AT_ONCE)?;
        let claimed_at = Timestamp::from_micros(self.tx.micros());
        self.put(claim, &ClaimRecord::new(event_time, claimed_at, by));
        let namespace = &mut staging.namespace;
        namespace.in_flight = namespace.in_flight.saturating_add(u64::from(by.is_some()));
        self.settle(staging, coming, going);
        Ok(())
    }

    /// The operation that is at it has come to an end.
    ///
    /// # Errors
    /// [`Error::ForeignState`] where no operation is at it; then nothing is staged. Otherwise as
    /// [`ClaimsMut::claim`].
    pub(crate) fn finish(
        &mut self,
        namespace: &str,
        key: &[u8],
        outcome: ClaimOutcome,
    ) -> Result<(), Error> {
        debug_assert_ne!(outcome, ClaimOutcome::Recorded, "an operation completes or rolls back");
        let claim = ClaimKey::new(namespace, key)?;
        let known = record(self.tx, claim)?;
        let Some(known) = known.filter(|known| matches!(known.state, ClaimState::InFlight(_)))
        else {
            return Err(foreign(claim, known));
        };
        // From here on it can be let go, at once if it is the oldest.
        let mut staging = self.staging(namespace)?;
        let coming = Some(Age { event_time: known.event_time, key: key.into() });
        let going = self.going(&staging, coming.as_ref(), AT_ONCE)?;
        self.put(claim, &ClaimRecord { state: ClaimState::Done(outcome), ..known });
        let counts = &mut staging.namespace;
        counts.in_flight = counts.in_flight.saturating_sub(1);
        self.settle(&mut staging, coming, going);
        Ok(())
    }

    /// Operation `to` goes on with what was rolled back with operation `from`, where the event was of
    /// `event_time`.
    ///
    /// That it was rolled back is known for ever, from the key of the operation. So where the claim
    /// was let go since, it is made again: nobody else can have been given the event, as it is too old
    /// for everybody. Only where somebody claimed it under a later time is it theirs, and this answers
    /// [`Claim::Duplicate`].
    ///
    /// # Errors
    /// [`Error::ForeignState`] where it is not as operation `from` left it and was never let go; then
    /// nothing is staged. Otherwise as [`ClaimsMut::claim`].
    pub(crate) fn take_over(
        &mut self,
        claim: (&str, &[u8]),
        event_time: Timestamp,
        from: u64,
        to: u64,
    ) -> Result<Claim, Error> {
        let (namespace, key) = claim;
        let claim = ClaimKey::new(namespace, key)?;
        let mut staging = self.staging(namespace)?;
        let known = record(self.tx, claim)?;
        let was_let_go = staging.namespace.is_too_old(event_time);
        match known {
            Some(known) if known.operation == Some(from) => {
                if known.state != ClaimState::Done(ClaimOutcome::RolledBack) {
                    return Err(foreign(claim, Some(known)));
                }
                let leaving = Age { event_time: known.event_time, key: key.into() };
                self.unsettle(&mut staging, &leaving)?;
                let state = ClaimState::InFlight(to);
                self.put(claim, &ClaimRecord { operation: Some(to), state, ..known });
                Ok(Claim::New)
            }
            None if was_let_go => {
                self.make(&mut staging, claim, event_time, Some(to))?;
                Ok(Claim::New)
            }
            Some(known) if was_let_go => Ok(Claim::Duplicate(known.state)),
            known => Err(foreign(claim, known)),
        }
    }

    fn put(&mut self, claim: ClaimKey<'_>, record: &ClaimRecord) {
        self.tx.put(CLAIMS, &claim.stored(), row::encode_claim(record));
    }
}

fn foreign(claim: ClaimKey<'_>, known: Option<ClaimRecord>) -> Error {
    Error::ForeignState {
        namespace: claim.namespace.into(),
        key: claim.key.into(),
        found: known.map(|known| known.state),
    }
}

pub(super) fn record(
    reader: &dyn Reader,
    claim: ClaimKey<'_>,
) -> Result<Option<ClaimRecord>, Error> {
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
