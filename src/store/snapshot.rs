//! Reads of one consistent state: of an open store, or of one that nobody has open.

use std::path::Path;

use crate::clock::Timestamp;
use crate::disk::{Disk, RealDisk};
use crate::engine::{self, Lsn, Offline, Reader};
use crate::ledger::{self, Finding, Ledger};
use crate::money::Asset;
use crate::operations::{self, Operations};
use crate::price_status;
use crate::processed::{self, Claims, Cursors};
use crate::tokens::{self, Tokens};

use super::Error;
use super::boots::{self, Boot};
use super::identity::Identity;

/// The state as of one commit, across all tables. It blocks no writer and no writer blocks it.
///
/// It keeps what it shows from being given back, so drop it when done. One that pins more than the
/// store's `snapshot_limit_bytes` is ended: its next read answers [`Error::SnapshotLost`].
#[derive(Clone)]
pub struct Snapshot {
    inner: engine::Snapshot,
    reference: Asset,
    taken_at: Timestamp,
}

impl Snapshot {
    pub(super) fn new(inner: engine::Snapshot, reference: &Asset, taken_at: Timestamp) -> Self {
        Self { inner, reference: reference.clone(), taken_at }
    }

    /// The last commit that this snapshot shows; 0 in a store without any.
    pub fn lsn(&self) -> Lsn {
        self.inner.lsn()
    }

    /// The tokens.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(&self.inner)
    }

    /// The ledger. Prices are as old as they were when the snapshot was taken.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.inner, Some(&self.reference), self.taken_at)
    }

    /// The operations.
    pub fn operations(&self) -> Operations<'_> {
        Operations::new(&self.inner)
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        &self.inner
    }

    /// Computes everything that is derived anew and answers what differs: nothing in a sound store.
    /// Reads every row of the ledger, of the operations, of the claims, of missing prices and of the
    /// history of prices.
    ///
    /// # Errors
    ///
    /// [`Error::Ledger`], [`Error::Operation`], [`Error::Processed`], [`Error::PriceStatus`] and
    /// [`Error::Token`] where a row cannot be read, [`Error::SnapshotLost`].
    pub fn verify(&self) -> Result<Vec<Finding>, Error> {
        verify(&self.inner)
    }

    /// The openings that wrote something, the oldest first; the last 32 are remembered.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where the row cannot be read, [`Error::SnapshotLost`].
    pub fn boots(&self) -> Result<Vec<Boot>, Error> {
        boots::read(&self.inner)
    }

    /// The claims on events outside.
    pub fn claims(&self) -> Claims<'_> {
        Claims::new(&self.inner)
    }

    /// The cursors.
    pub fn cursors(&self) -> Cursors<'_> {
        Cursors::new(&self.inner)
    }
}

/// A store read without opening it: not a byte is written, whatever state its files are in.
///
/// What it shows is what the next opening would find: a torn tail is left out, damage to acknowledged
/// data is an error. An earlier state is had with [`inspect::state_at`](crate::inspect::state_at).
/// While it is held, nobody can open the store for writing.
pub struct ReadOnly {
    offline: Offline,
    identity: Option<Identity>,
}

impl ReadOnly {
    /// Reads the store in the directory `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Locked`] where a bot has it open, [`Error::Corrupt`],
    /// [`Error::Version`], [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_on(&RealDisk::new(path.as_ref()))
    }

    /// Reads the store on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`ReadOnly::open`].
    pub fn open_on(disk: &dyn Disk) -> Result<Self, Error> {
        Ok(Self::of(Offline::open(disk)?))
    }

    pub(crate) fn of(offline: Offline) -> Self {
        Self { identity: Identity::decode(&offline.meta.identity), offline }
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        &self.offline
    }

    pub(crate) fn contents(&self) -> engine::Contents {
        self.offline.contents()
    }

    /// The time of the last commit, in microseconds since 1970 UTC.
    pub(super) fn last_micros(&self) -> i64 {
        self.offline.last_micros
    }

    /// When the last commit that it shows was made; `None` where it shows none.
    pub fn last_commit_at(&self) -> Option<Timestamp> {
        (self.lsn() > 0).then(|| Timestamp::from_micros(self.last_micros()))
    }

    /// The last commit that it shows; 0 for none.
    pub fn lsn(&self) -> Lsn {
        self.offline.lsn()
    }

    /// What the store was created as, or `None` where a later release wrote it so that this one
    /// cannot tell.
    pub fn identity(&self) -> Option<Identity> {
        self.identity.clone()
    }

    /// The tokens.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(&self.offline)
    }

    /// The ledger. Prices are as old as they were at the last commit.
    pub fn ledger(&self) -> Ledger<'_> {
        let reference = self.identity.as_ref().map(|identity| &identity.reference);
        Ledger::new(&self.offline, reference, Timestamp::from_micros(self.last_micros()))
    }

    /// The operations.
    pub fn operations(&self) -> Operations<'_> {
        Operations::new(&self.offline)
    }

    /// Computes everything that is derived anew and answers what differs, as [`Snapshot::verify`].
    ///
    /// # Errors
    ///
    /// [`Error::Ledger`], [`Error::Operation`], [`Error::Processed`] and [`Error::Token`] where a row
    /// cannot be read.
    pub fn verify(&self) -> Result<Vec<Finding>, Error> {
        verify(&self.offline)
    }

    /// The openings that wrote something, the oldest first; the last 32 are remembered.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where the row cannot be read.
    pub fn boots(&self) -> Result<Vec<Boot>, Error> {
        boots::read(&self.offline)
    }

    /// The claims on events outside.
    pub fn claims(&self) -> Claims<'_> {
        Claims::new(&self.offline)
    }

    /// The cursors.
    pub fn cursors(&self) -> Cursors<'_> {
        Cursors::new(&self.offline)
    }
}

fn verify(reader: &dyn Reader) -> Result<Vec<Finding>, Error> {
    let mut findings = ledger::verify(reader)?;
    findings.extend(operations::verify(reader)?);
    let claims = processed::verify(reader)?.into_iter();
    findings.extend(claims.map(|found| Finding::new(found.table, found.row, found.problem)));
    let history = tokens::verify(reader)?.into_iter();
    findings.extend(history.map(|found| Finding::new(found.table, found.row, found.problem)));
    let mut missing = price_status::verify(reader)?;
    missing.extend(tokens::verify_missing(reader)?);
    missing.extend(processed::verify_missing(reader)?);
    let missing = missing.into_iter();
    findings.extend(missing.map(|found| Finding::new(found.table, found.row, found.problem)));
    Ok(findings)
}
