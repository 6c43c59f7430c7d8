//! The operations of one consistent state, to read.

use super::error::Error;
use super::events::{self, Event};
use super::external_id::ExternalId;
use super::keys::{self, KeyState};
use super::kind::{Kind, Role};
use super::recovery::{self, RecoveryReport};
use super::row::{self, Attention, CheckpointRow, OperationRow};
use super::status::{FailureClass, Status};
use super::undo::{self, UndoStep};
use super::{CHECKPOINTS, OPERATIONS, OperationId, PositionId};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};
use crate::ledger::{Hold, holds_of};
use crate::money::Asset;

/// An operation as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Operation {
    /// Its number, never given twice.
    pub id: OperationId,
    /// What it is about.
    pub kind: Kind,
    /// Its idempotency key.
    pub key: Box<[u8]>,
    /// The account it was begun for.
    pub account: Box<str>,
    /// The caller's own bytes.
    pub payload: Box<[u8]>,
    /// How far it has come.
    pub status: Status,
    /// The opening of the store that it belongs to. Unfinished and of an earlier one than the
    /// store's, it has lost its owner.
    pub epoch: u64,
    /// Which attempt it is in: every start, retry and change of hands counts.
    pub attempt: u32,
    /// How often it was started or retried.
    pub tries: u32,
    /// How often it may be.
    pub max_attempts: u32,
    /// Whether doing it twice outside does no harm.
    pub idempotent: bool,
    /// Until when it may be started.
    pub deadline: Option<Timestamp>,
    /// From when on it may be retried.
    pub not_before: Option<Timestamp>,
    /// Under what the outside knows the present attempt.
    pub external_id: ExternalId,
    /// Under what the outside knew any attempt, the oldest first.
    pub external_ids: Vec<ExternalId>,
    /// The positions it may touch.
    pub positions: Vec<NamedPosition>,
    /// The accounts it may touch.
    pub accounts: Vec<Box<str>>,
    /// The assets it may touch.
    pub assets: Vec<Asset>,
    /// The namespace and key of what it claimed.
    pub claim: Option<(Box<str>, Box<[u8]>)>,
    /// The rolled back operation in whose place it was begun.
    pub retry_of: Option<OperationId>,
    /// Class and reason of the last failure.
    pub failure: Option<(FailureClass, Box<str>)>,
    /// Why somebody has to look at it.
    pub needs_attention: Option<Attention>,
    /// How often it was presented to recovery without an answer.
    pub presentations: u8,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it was first started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many events it has had. At most 64 are kept.
    pub events: u32,
}

/// A position that an operation may touch, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NamedPosition {
    /// The position.
    pub position: PositionId,
    /// What the operation may do to it.
    pub role: Role,
}

/// A reference to the outside that an operation noted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Checkpoint {
    /// When it was noted.
    pub at: Timestamp,
    /// The attempt that noted it.
    pub attempt: u32,
    /// What was noted.
    pub reference: Box<[u8]>,
}

impl Operation {
    /// The first position that it names or opens, if any.
    pub fn position(&self) -> Option<PositionId> {
        self.positions.first().map(|named| named.position)
    }

    pub(super) fn load(reader: &dyn Reader, id: OperationId) -> Result<Self, Error> {
        Self::shown(reader, id, row::operation(reader, id)?)
    }

    pub(super) fn shown(
        reader: &dyn Reader,
        id: OperationId,
        row: OperationRow,
    ) -> Result<Self, Error> {
        let assets = row.assets.iter().map(|named| {
            named.asset().ok_or_else(|| row::impossible(OPERATIONS, &row::id_key(id), "assets"))
        });
        let external_id = row.external_id();
        Ok(Self {
            id,
            assets: assets.collect::<Result<_, Error>>()?,
            kind: row.kind,
            key: row.key,
            account: row.account,
            payload: row::payload(reader, id)?,
            status: row.status,
            epoch: row.epoch,
            attempt: row.attempt,
            tries: row.tries,
            max_attempts: row.max_attempts,
            idempotent: row.idempotent,
            deadline: row.deadline.map(row::time),
            not_before: row.not_before.map(row::time),
            external_id,
            external_ids: row.external_ids.into_iter().map(ExternalId::from_bytes).collect(),
            positions: row.positions.iter().map(NamedPosition::of).collect(),
            accounts: row.accounts,
            claim: row.claim.map(|claim| (claim.namespace, claim.key)),
            retry_of: row.retry_of.map(OperationId::new),
            failure: row.error.map(|failure| (failure.class, failure.reason)),
            needs_attention: row.attention,
            presentations: row.presentations,
            begun_at: row::time(row.begun_at),
            started_at: row.started_at.map(row::time),
            finished_at: row.finished_at.map(row::time),
            events: row.events,
        })
    }
}

impl NamedPosition {
    fn of(named: &row::NamedPosition) -> Self {
        Self { position: PositionId::new(named.position), role: named.role }
    }
}

/// The operations of one consistent state.
#[derive(Clone, Copy)]
pub struct Operations<'a> {
    reader: &'a dyn Reader,
}

impl<'a> Operations<'a> {
    pub(crate) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader }
    }

    /// The operation with this number, unless it was never begun or its row was purged.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn get(&self, id: OperationId) -> Result<Option<Operation>, Error> {
        let row = row::find(self.reader, id)?;
        row.map(|row| Operation::shown(self.reader, id, row)).transpose()
    }

    /// What is known of an idempotency key; also after the operation's row was purged.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn by_key(&self, key: impl AsRef<[u8]>) -> Result<Option<KeyState>, Error> {
        keys::state(self.reader, key.as_ref())
    }

    /// Every operation that is pending, in progress or failed, in the order of their beginning.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn unfinished(&self) -> Result<Vec<Operation>, Error> {
        row::unfinished(self.reader).map(|id| Operation::load(self.reader, id?)).collect()
    }

    /// Every operation whose row is there, in the order of their beginning, from either end.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Result<Operation, Error>> + use<'a> {
        let reader = self.reader;
        reader.scan(OPERATIONS, KeyRange::all()).map(|found| {
            let (key, bytes) = found?;
            let id = row::id_of(OPERATIONS, &key)?;
            Operation::shown(reader, id, row::decode(OPERATIONS, &key, &bytes)?)
        })
    }

    /// What happened to an operation, oldest first.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn events(&self, id: OperationId) -> Result<Vec<Event>, Error> {
        events::of_operation(self.reader, id)
    }

    /// The references to the outside that an operation noted, oldest first.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn checkpoints(&self, id: OperationId) -> Result<Vec<Checkpoint>, Error> {
        let rows = self.reader.scan(CHECKPOINTS, KeyRange::prefix(&row::id_key(id)));
        let checkpoints = rows.map(|found| {
            let (key, bytes) = found?;
            let CheckpointRow { at, attempt, reference } = row::decode(CHECKPOINTS, &key, &bytes)?;
            Ok(Checkpoint { at: row::time(at), attempt, reference })
        });
        checkpoints.collect()
    }

    /// What an operation has set aside.
    ///
    /// # Errors
    /// [`Error::Ledger`].
    pub fn holds(&self, id: OperationId) -> Result<Vec<Hold>, Error> {
        Ok(holds_of(self.reader, id)?)
    }

    /// What a roll back of an operation would take away again, in its order: newest first.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn undo_plan(&self, id: OperationId) -> Result<Vec<UndoStep>, Error> {
        undo::of_operation(self.reader, id)
    }

    /// What the last recovery came to, if there ever was one.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn last_recovery(&self) -> Result<Option<RecoveryReport>, Error> {
        recovery::last_report(self.reader)
    }
}
