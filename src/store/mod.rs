//! The thin front that a bot sees: [`Store`], its [`Options`], and the one [`Error`].
//!
//! Everything here passes on: rules are in the domain, durability is in the engine.

mod backup;
mod boots;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod error;
mod handles;
mod health;
mod history;
mod identity;
mod ledger;
mod maintenance;
#[cfg(feature = "metrics")]
mod metrics;
mod opening;
mod operation_error;
mod operations;
mod options;
mod price_status;
mod processed;
mod recovery;
mod snapshot;
mod stats;
mod sync;
mod ticket;
mod tx;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::Clock;
use crate::disk::{Disk, MemoryDisk};
use crate::engine::journal::Purpose;
use crate::engine::{self, Durability, Lsn, Running, Staged};
use crate::ledger::LedgerRules;
use crate::money::Asset;
use crate::operations::{InProgress, Life};
use crate::price_status::PriceBackoff;
use crate::processed::ClaimRules;
use crate::tokens::{History, Merged, Token, TokenKey, Update};

use boots::BootLog;
use maintenance::MaintenanceLog;

pub(crate) use backup::place_of;
pub use boots::Boot;
pub(crate) use boots::{STORE, told as boots_told, told_key as boots_key};
pub use error::Error;
pub use handles::Refused;
pub use health::{Health, HealthLimits, Level, Reason};
#[cfg(feature = "simulation")]
pub(crate) use identity::recode as recode_identity;
pub use identity::{Identity, Mode};
pub use ledger::StoreLedger;
pub use maintenance::{Maintained, Maintainer};
pub use opening::{Cut, Opening};
pub use operations::StoreOperations;
pub use options::{KeepLog, Options};
pub use processed::{StoreClaims, StoreCursors};
pub use recovery::{Decided, Recovery};
pub use snapshot::{ReadOnly, Snapshot};
pub use stats::Stats;
pub use sync::{
    Filter, Malformed, RowSample, SyncEnding, SyncFailed, SyncProgress, SyncReport, SyncRow,
    SyncRun, TokenSync,
};
pub use ticket::Ticket;
pub use tx::Tx;

/// An open store. Share it between threads by reference or in an [`Arc`].
///
/// Dropping it closes it as well as it can; [`Store::close`] tells what went wrong.
#[derive(Debug)]
pub struct Store {
    running: Running,
    identity: Identity,
    durability: Durability,
    rules: LedgerRules,
    claim_rules: ClaimRules,
    life: Life,
    /// Of operations that go on by a recovery which ended with an error.
    handles_to_hand_out: Mutex<Vec<InProgress>>,
    operation_retention: Duration,
    equity_every: Option<Duration>,
    boot_log: BootLog,
    maintenance: MaintenanceLog,
    health_limits: HealthLimits,
    /// The level of health that was told last.
    told_level: Mutex<Level>,
    /// What rows of one generation may take, and what all files of the journal should not exceed.
    memtable_bytes: u64,
    journal_bytes: u64,
    clock: Arc<dyn Clock>,
    history: Option<History>,
    price_backoff: PriceBackoff,
}

impl Store {
    fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, Error> {
        let price_backoff = options.price_backoff.check()?;
        let claim_rules = options.claim_rules()?.with_price_backoff(price_backoff);
        let engine = engine::open(disk, options.engine(), options.creates());
        let engine = engine.map_err(|error| identity_error(error, options))?;
        let running = Running::start(engine)?;
        let engine = running.engine();
        let clean = engine.opening().clean;
        let history = history::settle(&running, options.history.as_ref())?;
        let life = Life::new(&engine.snapshot(), engine.epoch(), options.seeds()?)?;
        Ok(Self {
            running,
            identity: options.identity.clone(),
            durability: options.durability,
            rules: options.ledger_rules(),
            life,
            handles_to_hand_out: Mutex::default(),
            operation_retention: options.operation_retention.max(claim_rules.longest_horizon()),
            claim_rules,
            equity_every: options.equity_every,
            boot_log: BootLog::new(clean),
            maintenance: MaintenanceLog::default(),
            health_limits: options.health_limits.clone(),
            told_level: Mutex::default(),
            memtable_bytes: options.memtable_bytes(),
            journal_bytes: options.expected_journal_bytes(),
            clock: options.clock.clone(),
            history,
            price_backoff,
        })
    }

    /// A store in memory, for tests and trials: all of the engine, gone with the process.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a thread cannot be started.
    pub fn memory(mode: Mode, reference: Asset) -> Result<Self, Error> {
        Options::new(mode, reference).open_on(Arc::new(MemoryDisk::new()))
    }

    /// What the store was created as.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How the store was found when it was opened.
    pub fn opening(&self) -> Opening {
        self.running.engine().opening().into()
    }

    /// Runs `body` as the only writer and commits what it changed, all of it or nothing. Returns once
    /// the commit is visible to everybody and as durable as [`Options::durability`] says.
    ///
    /// Where the body refuses with an error, nothing happened, and that error is returned; also then
    /// everything that the body could read is durable first.
    ///
    /// # Errors
    ///
    /// The body's own. Of the store: [`Error::Full`], [`Error::TooLarge`], [`Error::Nested`],
    /// [`Error::Stalled`], [`Error::Poisoned`], [`Error::Closed`] (it did not happen), and
    /// [`Error::Unknown`] (reopen and look).
    pub fn write<T, E: From<Error>>(
        &self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_with(self.durability, body)
    }

    /// As [`Store::write`], with a durability of its own.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub fn write_with<T, E: From<Error>>(
        &self,
        durability: Durability,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.commit(durability, Purpose::Ordinary, body)
    }

    /// As [`Store::write`], for a write that finishes something under way: on a full disk it may use
    /// the room set aside for that, and it does not wait for memory.
    ///
    /// # Errors
    ///
    /// As [`Store::write`]; [`Error::Full`] only once the room set aside is used up.
    pub fn write_finishing<T, E: From<Error>>(
        &self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.commit(self.durability, Purpose::Finishing, body)
    }

    fn commit<T, E: From<Error>>(
        &self,
        durability: Durability,
        purpose: Purpose,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let Staged { outcome, ticket } = self.stage(durability, purpose, body).map_err(E::from)?;
        ticket.wait().map_err(Error::from)?;
        outcome
    }

    /// As [`Store::write`], but returns as soon as the commit has its place in the order. Nobody else
    /// sees it before it is durable; wait for the ticket, or await it, before acting on it.
    ///
    /// # Errors
    ///
    /// As [`Store::write`], but for [`Error::Unknown`], which the ticket answers. Where the body
    /// refuses, its error is returned once everything it could read is durable.
    pub fn write_ticket<T, E: From<Error>>(
        &self,
        durability: Durability,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<(T, Ticket), E> {
        let staged = self.stage(durability, Purpose::Ordinary, body).map_err(E::from)?;
        match staged.outcome {
            Ok(value) => Ok((value, Ticket::new(staged.ticket))),
            Err(refusal) => {
                staged.ticket.wait().map_err(Error::from)?;
                Err(refusal)
            }
        }
    }

    fn stage<T, E>(
        &self,
        durability: Durability,
        purpose: Purpose,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<Staged<T, E>, Error> {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        let (rules, life, history) = (&self.rules, &self.life, self.history.as_ref());
        let (claim_rules, price_backoff) = (&self.claim_rules, &self.price_backoff);
        let mut logged = false;
        let staged = self.running.engine().stage(durability, purpose, |tx| {
            let mut tx =
                Tx { tx, now, monotonic, rules, life, claim_rules, history, price_backoff };
            let done = body(&mut tx)?;
            logged = self.boot_log.stage(tx.tx, now);
            Ok(done)
        });
        if logged && staged.is_err() {
            self.boot_log.take_back();
        }
        Ok(staged?)
    }

    /// The tokens, each call a commit or a snapshot of its own.
    pub fn tokens(&self) -> StoreTokens<'_> {
        StoreTokens { store: self }
    }

    /// The ledger, each call a commit of its own.
    pub fn ledger(&self) -> StoreLedger<'_> {
        StoreLedger { store: self }
    }

    /// The claims on events outside, each call a commit or a snapshot of its own.
    pub fn claims(&self) -> StoreClaims<'_> {
        StoreClaims::new(self)
    }

    /// The cursors, each call a commit or a snapshot of its own.
    pub fn cursors(&self) -> StoreCursors<'_> {
        StoreCursors::new(self)
    }

    /// The operations, each call a commit of its own.
    pub fn operations(&self) -> StoreOperations<'_> {
        StoreOperations::new(self)
    }

    /// The newest state that is as durable as its writers asked.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.running.engine().snapshot(), &self.identity.reference, self.clock.now())
    }

    /// Makes everything committed so far survive power loss.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] where the store failed, now or before.
    pub fn sync(&self) -> Result<(), Error> {
        Ok(self.running.engine().sync()?)
    }

    /// Moves everything committed so far out of memory into the base. Answers the last commit that
    /// the base then has. The store does this by itself; see [`Options::background`].
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::Io`]: nothing is lost, the store goes on and will try again.
    /// [`Error::Poisoned`] where the store failed, [`Error::Nested`] inside a write.
    pub fn checkpoint(&self) -> Result<Lsn, Error> {
        Ok(self.running.engine().checkpoint()?)
    }

    /// Figures since the opening.
    pub fn stats(&self) -> Stats {
        self.running.engine().stats().into()
    }

    /// Closes the store: makes everything durable, moves it into the base and seals the journal, so
    /// that the next opening has nothing to recover. Snapshots that are still held answer
    /// [`Error::SnapshotLost`]; until the last of them is gone nobody can open the store.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] where the store had failed, [`Error::Full`] or [`Error::Io`] where closing
    /// did. Nothing that was acknowledged is lost by any of them: the next opening recovers it.
    pub fn close(self) -> Result<(), Error> {
        Ok(self.running.close()?)
    }
}

fn identity_error(error: engine::Error, options: &Options) -> Error {
    if let engine::Error::Identity { found } = &error
        && let Some(found) = Identity::decode(found)
    {
        let stated = Box::new(options.identity.clone());
        return Error::OtherIdentity { found: Box::new(found), stated };
    }
    error.into()
}

/// The tokens of an open store, each call a commit or a snapshot of its own. For several calls on one
/// state use [`Store::write`] or [`Store::snapshot`].
#[derive(Clone, Copy, Debug)]
pub struct StoreTokens<'a> {
    store: &'a Store,
}

impl StoreTokens<'_> {
    /// Takes in what `update` says, as one commit of the store's durability, and answers the token as
    /// it is then and what changed. An update that changes nothing commits nothing.
    ///
    /// # Errors
    ///
    /// [`Error::FromTheFuture`], [`Error::DecimalsConflict`] and [`Error::Token`] refuse the update
    /// whole; otherwise as [`Store::write`].
    pub fn upsert(&self, update: &Update) -> Result<Merged, Error> {
        self.store.write(|tx| Ok(tx.tokens().upsert(update)?))
    }

    /// The token under `key`, if it is known.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Token`] where it cannot be read, [`Error::SnapshotLost`] where
    /// the base was reopened under the read.
    pub fn get(&self, key: &TokenKey) -> Result<Option<Token>, Error> {
        Ok(self.store.snapshot().tokens().get(key)?)
    }
}
