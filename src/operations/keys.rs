//! Idempotency keys: what makes two intents the same, and what is known of a key.

use xxhash_rust::xxh3::xxh3_128;

use super::OperationId;
use super::error::Error;
use super::intent::Intent;
use super::kind::Kind;
use super::row::{self, KeyRow, OutcomeRow};
use super::status::Status;
use super::view::Operation;
use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::ledger::{CostMethod, Effect, NewPosition};
use crate::money::{Asset, Money};

/// What is compared of two intents under one key, and in this order told apart.
const PARTS: [&str; 5] = ["kind", "account", "positions", "holds", "payload"];

/// The hash of an intent: of everything together, and a short one of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntentHash {
    pub(super) whole: u128,
    pub(super) parts: [u16; 5],
}

/// What is known of an idempotency key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyState {
    /// The operation is there.
    Known(Box<Operation>),
    /// The operation's row was purged; this is how it ended.
    Purged {
        /// The operation's number.
        operation: OperationId,
        /// [`Status::Completed`] or [`Status::RolledBack`].
        status: Status,
        /// When it ended.
        finished_at: Timestamp,
    },
}

impl KeyState {
    /// The operation's number.
    pub fn id(&self) -> OperationId {
        match self {
            Self::Known(operation) => operation.id,
            Self::Purged { operation, .. } => *operation,
        }
    }

    /// The operation's state.
    pub fn status(&self) -> Status {
        match self {
            Self::Known(operation) => operation.status,
            Self::Purged { status, .. } => *status,
        }
    }

    /// The operation, where its row is still there.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Known(operation) => Some(operation),
            Self::Purged { .. } => None,
        }
    }
}

/// Bytes that are the same for the same content, and for no other: every text and list is preceded
/// by its length.
#[derive(Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn asset(&mut self, asset: &Asset) {
        self.bytes(asset.key().as_bytes());
        self.number(asset.scale().into());
    }

    fn money(&mut self, money: &Money) {
        self.asset(money.asset());
        self.0.extend_from_slice(&money.amount().units().to_le_bytes());
    }

    fn new_position(&mut self, position: &NewPosition) {
        self.bytes(position.account.as_bytes());
        self.asset(&position.asset);
        self.asset(&position.quote);
        self.bytes(position.tag.as_bytes());
        self.number(u64::from(position.method == CostMethod::Fifo));
    }
}

impl IntentHash {
    pub(super) fn of(intent: &Intent) -> Self {
        let parts = [kind, account, positions, holds, payload].map(|write| {
            let mut bytes = Canonical::default();
            write(intent, &mut bytes);
            bytes.0
        });
        let mut whole = Canonical::default();
        for part in &parts {
            whole.bytes(part);
        }
        Self { whole: xxh3_128(&whole.0), parts: parts.map(|part| xxh3_128(&part) as u16) }
    }

    /// Refuses where the key was used for something else.
    pub(super) fn expect_same(&self, known: &KeyRow) -> Result<(), Error> {
        if self.whole == known.hash {
            return Ok(());
        }
        let differs = (0..PARTS.len()).find(|&part| self.parts[part] != known.parts[part]);
        let which = differs.map_or("hash", |part| PARTS[part]);
        Err(Error::Conflict { operation: OperationId::new(known.operation), which })
    }

    pub(super) fn row(&self, operation: OperationId) -> KeyRow {
        KeyRow { operation: operation.get(), hash: self.whole, parts: self.parts, outcome: None }
    }
}

fn kind(intent: &Intent, bytes: &mut Canonical) {
    let (number, name) = match &intent.kind {
        Kind::BalanceDeduct => (0, ""),
        Kind::BalanceAdd => (1, ""),
        Kind::PositionOpen => (2, ""),
        Kind::PositionClose => (3, ""),
        Kind::PositionUpdate => (4, ""),
        Kind::TradeExecute => (5, ""),
        Kind::Custom(name) => (6, &**name),
    };
    bytes.number(number);
    bytes.bytes(name.as_bytes());
}

fn account(intent: &Intent, bytes: &mut Canonical) {
    bytes.bytes(intent.account.as_deref().unwrap_or_default().as_bytes());
    bytes.number(intent.accounts.len() as u64);
    for account in &intent.accounts {
        bytes.bytes(account.as_bytes());
    }
}

fn positions(intent: &Intent, bytes: &mut Canonical) {
    bytes.number(intent.named.len() as u64);
    for named in &intent.named {
        bytes.number(named.position.get());
        bytes.number(named.role as u64);
    }
    bytes.number(intent.opens.len() as u64);
    for position in &intent.opens {
        bytes.new_position(position);
    }
}

fn holds(intent: &Intent, bytes: &mut Canonical) {
    let units = intent.named.iter().filter_map(|named| named.quantity.as_ref());
    let money: Vec<&Money> = intent.money.iter().chain(&intent.holds).chain(units).collect();
    bytes.number(money.len() as u64);
    for money in money {
        bytes.money(money);
    }
    bytes.number(intent.touches.len() as u64);
    for asset in &intent.touches {
        bytes.asset(asset);
    }
}

fn payload(intent: &Intent, bytes: &mut Canonical) {
    bytes.bytes(&intent.payload);
}

/// The hash by which a repeated ending is recognised.
pub(super) fn effect_hash(effect: &Effect) -> u128 {
    // The derived form names every field in order and escapes texts, so two effects that differ have
    // two forms. It is compared within one release and, across releases, at worst not recognised.
    xxh3_128(format!("{effect:?}").as_bytes())
}

/// What is known of `key`.
pub(super) fn state(reader: &dyn Reader, key: &[u8]) -> Result<Option<KeyState>, Error> {
    row::key_row(reader, key)?.map(|row| known(reader, &row)).transpose()
}

/// The operation that a key's row names, or how it ended.
pub(super) fn known(reader: &dyn Reader, row: &KeyRow) -> Result<KeyState, Error> {
    let operation = OperationId::new(row.operation);
    match row.outcome {
        Some(OutcomeRow { completed, finished_at }) => {
            let status = if completed { Status::Completed } else { Status::RolledBack };
            Ok(KeyState::Purged { operation, status, finished_at: row::time(finished_at) })
        }
        None => Ok(KeyState::Known(Box::new(Operation::load(reader, operation)?))),
    }
}
