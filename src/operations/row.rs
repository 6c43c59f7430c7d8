//! The rows of operations, version 1: what is kept of each, of its events, its references, its undo
//! plan, and of its key when it is gone.
//!
//! ```text
//! OPERATIONS     id                 one row per operation, below
//! UNFINISHED     id                 empty: the operation is pending, in progress or failed
//! KEYS           idempotency key    id, hash of the intent, what became of it once its row is gone
//! EVENTS         id, place          time, call, attempt, evidence, number of the event
//! CHECKPOINTS    id, number         time, attempt, reference to the outside
//! UNDO           id, number         entry, or attribute with what it was before
//! WORKING        position, id       roles: the durable lock of positions
//! FINISHED       time, id           empty: finished operations by the time of their end
//! PAYLOADS       id                 the payload, where there is one: it never changes
//! ```
//!
//! Numbers in keys are big-endian, times with the sign bit turned, so that all of them order.

use super::error::Error;
use super::external_id::ExternalId;
use super::kind::{Kind, Role};
use super::status::{Call, FailureClass, Status};
use super::{KEYS, OPERATIONS, OperationId, PAYLOADS, UNFINISHED};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader, Table, Tx};
use crate::money::Asset;
use crate::money::TokenKey;

/// The version of every row of operations.
pub(super) const VERSION: u8 = 1;

/// What is kept of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct OperationRow {
    pub(super) kind: Kind,
    pub(super) key: Box<[u8]>,
    pub(super) account: Box<str>,
    pub(super) status: Status,
    /// The opening of the store whose handles are good.
    pub(super) epoch: u64,
    /// Counts owners: raised by start, retry and every change of hands.
    pub(super) attempt: u32,
    /// Drawn by whoever made the present owner, and by nobody else in this opening.
    pub(super) owner: u64,
    /// Drawn by the last failure, likewise.
    pub(super) failure: u64,
    /// Counts starts and retries.
    pub(super) tries: u32,
    pub(super) max_attempts: u32,
    pub(super) idempotent: bool,
    pub(super) deadline: Option<i64>,
    pub(super) not_before: Option<i64>,
    /// The deadline by the monotonic clock of the opening that owns it, in microseconds.
    pub(super) expires: Option<u64>,
    /// All it ever had; the last is the one in use.
    pub(super) external_ids: Vec<[u8; 16]>,
    pub(super) positions: Vec<NamedPosition>,
    pub(super) accounts: Vec<Box<str>>,
    pub(super) assets: Vec<NamedAsset>,
    pub(super) claim: Option<NamedClaim>,
    pub(super) retry_of: Option<u64>,
    pub(super) error: Option<FailureRow>,
    pub(super) attention: Option<Attention>,
    pub(super) presentations: u8,
    pub(super) begun_at: i64,
    pub(super) started_at: Option<i64>,
    pub(super) finished_at: Option<i64>,
    pub(super) events: u32,
    pub(super) checkpoints: u32,
    pub(super) undo: u32,
    /// The hash of the effect that completed it.
    pub(super) effect: Option<u128>,
}

/// A position that the operation may touch, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct NamedPosition {
    pub(super) position: u64,
    pub(super) role: Role,
}

/// An asset that the operation may touch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct NamedAsset {
    key: Box<[u8]>,
    scale: u8,
}

/// The claim that ends with the operation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct NamedClaim {
    pub(super) namespace: Box<str>,
    pub(super) key: Box<[u8]>,
    /// When the event happened: known also once the claim itself was let go.
    pub(super) event_time: i64,
}

/// The failure of the last attempt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct FailureRow {
    pub(super) class: FailureClass,
    pub(super) reason: Box<str>,
}

/// Why somebody has to look at an operation that the store will not touch by itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Attention {
    /// No attempts are left. The failure counts as ambiguous since; this is what it was before.
    AttemptsUsedUp {
        /// The class of the last failure.
        was: FailureClass,
    },
    /// It was presented to recovery again and again, and no answer ever came back.
    Quarantined,
    /// What it had applied cannot be taken back.
    UndoBlocked {
        /// Why.
        reason: Box<str>,
    },
}

/// What became of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct KeyRow {
    pub(super) operation: u64,
    pub(super) hash: u128,
    /// Short hashes of kind, account, positions, holds and payload, to say which one differs.
    pub(super) parts: [u16; 5],
    /// The operation's claim, for the one that is begun again in its place.
    pub(super) claim: Option<NamedClaim>,
    /// Set when the operation's row is purged.
    pub(super) outcome: Option<OutcomeRow>,
}

/// How an operation ended whose row is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct OutcomeRow {
    pub(super) completed: bool,
    pub(super) finished_at: i64,
}

/// One event of an operation's life.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct EventRow {
    pub(super) number: u32,
    pub(super) at: i64,
    pub(super) call: Call,
    pub(super) attempt: u32,
    pub(super) evidence: Option<Box<str>>,
}

/// One reference to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct CheckpointRow {
    pub(super) at: i64,
    pub(super) attempt: u32,
    pub(super) reference: Box<[u8]>,
}

impl NamedAsset {
    pub(super) fn of(asset: &Asset) -> Self {
        Self { key: asset.key().as_bytes().into(), scale: asset.scale() }
    }

    /// Whether it is this asset. Another scale is for the ledger to refuse, which knows better why.
    pub(super) fn is(&self, asset: &Asset) -> bool {
        *self.key == *asset.key().as_bytes()
    }

    pub(super) fn asset(&self) -> Option<Asset> {
        Asset::with_key(TokenKey::from_bytes(&self.key)?, self.scale).ok()
    }
}

impl OperationRow {
    /// The external id in use.
    pub(super) fn external_id(&self) -> ExternalId {
        ExternalId::from_bytes(self.external_ids.last().copied().unwrap_or_default())
    }

    /// The named positions, each once, in the order of their naming.
    pub(super) fn named_positions(&self) -> Vec<u64> {
        let mut named: Vec<u64> = Vec::new();
        for position in self.positions.iter().map(|named| named.position) {
            if !named.contains(&position) {
                named.push(position);
            }
        }
        named
    }

    pub(super) fn raises_risk(&self) -> bool {
        self.positions.iter().any(|named| named.role.raises_risk())
    }
}

/// Stages a row.
pub(super) fn put<T: Encode>(tx: &mut Tx, table: Table, key: &[u8], row: &T) {
    tx.put_with(table, key, |bytes| codec::encode_into(bytes, VERSION, row));
}

pub(super) fn encode<T: Encode>(row: &T) -> Vec<u8> {
    codec::encode(VERSION, row)
}

pub(super) fn decode<T: for<'b> BorrowDecode<'b, ()>>(
    table: Table,
    key: &[u8],
    bytes: &[u8],
) -> Result<T, Error> {
    codec::decode(VERSION, bytes).map_err(|source| Error::CorruptRow {
        table: table_name(table),
        key: key.into(),
        source,
    })
}

/// The row under `key`, if there is one.
pub(super) fn load<T: for<'b> BorrowDecode<'b, ()>>(
    reader: &dyn Reader,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, Error> {
    let row = reader.get(table, key)?;
    row.map(|row| decode(table, key, &row)).transpose()
}

pub(super) fn impossible(table: Table, key: &[u8], field: &'static str) -> Error {
    let (table, key) = (table_name(table), key.into());
    Error::CorruptRow { table, key, source: codec::Error::Impossible { field } }
}

/// The names of the tables, for messages.
pub(crate) fn table_name(table: Table) -> &'static str {
    match table.0 {
        32 => "operations",
        33 => "unfinished",
        34 => "keys",
        35 => "events",
        36 => "checkpoints",
        37 => "undo",
        38 => "working",
        39 => "finished",
        40 => "operation_state",
        41 => "payloads",
        _ => "another table",
    }
}

/// The operation with this number, if there is one.
pub(super) fn find(
    reader: &dyn Reader,
    operation: OperationId,
) -> Result<Option<OperationRow>, Error> {
    load(reader, OPERATIONS, &id_key(operation))
}

/// The operation with this number, which a caller names.
pub(super) fn operation(
    reader: &dyn Reader,
    operation: OperationId,
) -> Result<OperationRow, Error> {
    find(reader, operation)?.ok_or(Error::UnknownOperation { operation })
}

/// The payload of an operation; empty where it has none.
pub(super) fn payload(reader: &dyn Reader, operation: OperationId) -> Result<Box<[u8]>, Error> {
    let row = reader.get(PAYLOADS, &id_key(operation))?;
    let row = row.map(|bytes| decode(PAYLOADS, &id_key(operation), &bytes));
    Ok(row.transpose()?.unwrap_or_default())
}

pub(super) fn key_row(reader: &dyn Reader, key: &[u8]) -> Result<Option<KeyRow>, Error> {
    load(reader, KEYS, key)
}

/// The numbers of all unfinished operations, in order.
pub(super) fn unfinished(
    reader: &dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<OperationId, Error>> + use<'_> {
    reader.scan(UNFINISHED, KeyRange::all()).map(|row| {
        let (key, _) = row?;
        id_of(UNFINISHED, &key)
    })
}

pub(super) fn id_key(operation: OperationId) -> [u8; 8] {
    operation.get().to_be_bytes()
}

/// The number that a key begins with.
pub(super) fn id_of(table: Table, key: &[u8]) -> Result<OperationId, Error> {
    let (number, _) = split_number(table, key)?;
    Ok(OperationId::new(number))
}

fn split_number(table: Table, key: &[u8]) -> Result<(u64, &[u8]), Error> {
    let (number, rest) = key.split_first_chunk().ok_or_else(|| impossible(table, key, "key"))?;
    Ok((u64::from_be_bytes(*number), rest))
}

/// The two numbers that a key consists of.
pub(super) fn pair_of(table: Table, key: &[u8]) -> Result<(u64, u64), Error> {
    let (first, rest) = split_number(table, key)?;
    match split_number(table, rest)? {
        (second, []) => Ok((first, second)),
        _ => Err(impossible(table, key, "key")),
    }
}

/// The key of the `number`th row that belongs to an operation.
pub(super) fn nth_key(operation: OperationId, number: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&operation.get().to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The key of the lock that an operation has on a position.
pub(super) fn working_key(position: u64, operation: OperationId) -> [u8; 16] {
    pair(position, operation.get())
}

/// The key of an operation by the time of its end.
pub(super) fn finished_key(at: i64, operation: OperationId) -> [u8; 16] {
    pair(time_number(at), operation.get())
}

/// A number that orders as the times do, also before 1970.
pub(super) fn time_number(micros: i64) -> u64 {
    micros.cast_unsigned() ^ (1 << 63)
}

pub(super) fn time_of(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

fn pair(first: u64, second: u64) -> [u8; 16] {
    ((u128::from(first) << 64) | u128::from(second)).to_be_bytes()
}

/// Stages the operation's row.
pub(super) fn put_operation(tx: &mut Tx, operation: OperationId, row: &OperationRow) {
    put(tx, OPERATIONS, &id_key(operation), row);
}

/// Stages the deletion of all rows of `table` that belong to an operation, of which there are not
/// many.
pub(super) fn delete_all(tx: &mut Tx, table: Table, operation: OperationId) -> Result<(), Error> {
    let keys: Vec<Box<[u8]>> = tx
        .scan(table, KeyRange::prefix(&id_key(operation)))
        .map(|row| row.map(|(key, _)| key))
        .collect::<Result<_, _>>()?;
    for key in keys {
        tx.delete(table, &key);
    }
    Ok(())
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}
