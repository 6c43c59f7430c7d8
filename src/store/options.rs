//! What a store is opened with. All defaults and limits stand in one table, on [`Options`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, RealDisk};
use crate::engine::journal::RoomOptions;
use crate::engine::{Background, Durability, EngineOptions, MAX_SEGMENT_BYTES};
use crate::ledger::{LedgerRules, Limits};
use crate::money::Asset;
use crate::price_status::PriceBackoff;
use crate::processed::{ClaimBounds, ClaimRules};
use crate::tokens::{DEFAULT_FUTURE_TOLERANCE_MICROS, History};

use super::identity::{Identity, Mode};
use super::{Error, HealthLimits, Store};

const MIB: u64 = 1024 * 1024;
const LEAST_MEMORY_BYTES: u64 = 256 * 1024;
const LEAST_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// How much of the journal's past is kept for inspection after nothing needs it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLog {
    /// At most this many bytes of retired segments.
    pub bytes: u64,
    /// None of them longer than this.
    pub age: Duration,
}

/// How to open a store.
///
#[doc = include_str!("../../docs/limits.md")]
///
/// ```
/// use highwater::{Asset, Durability, Mode, Options};
///
/// let dir = tempfile::tempdir()?;
/// let usd = Asset::new("fiat", "USD", 6)?;
/// let store = Options::new(Mode::Paper, usd)
///     .memory_bytes(16 * 1024 * 1024)
///     .durability(Durability::Written)
///     .open(dir.path().join("bot"))?;
/// store.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) identity: Identity,
    pub(super) durability: Durability,
    future_tolerance_micros: i64,
    pub(super) clock: Arc<dyn Clock>,
    memory_bytes: u64,
    snapshot_limit_bytes: Option<u64>,
    sync_interval: Duration,
    stall_limit: Duration,
    segment_bytes: (u64, u64),
    keep_log: KeepLog,
    background: Background,
    seed: Option<u64>,
    create: bool,
    limits: Limits,
    pub(super) operation_retention: Duration,
    pub(super) equity_every: Option<Duration>,
    pub(super) health_limits: HealthLimits,
    claims: BTreeMap<Box<str>, ClaimBounds>,
    other_claims: ClaimBounds,
    pub(super) history: Option<History>,
    pub(super) price_backoff: PriceBackoff,
}

impl Options {
    /// Defaults for a store of this mode, with token prices in this currency. A store that exists
    /// is opened only as what it was created as.
    pub fn new(mode: Mode, reference: Asset) -> Self {
        Self {
            identity: Identity { mode, reference },
            durability: Durability::Synced,
            future_tolerance_micros: DEFAULT_FUTURE_TOLERANCE_MICROS,
            clock: Arc::new(SystemClock),
            memory_bytes: 32 * MIB,
            snapshot_limit_bytes: None,
            sync_interval: Duration::from_millis(100),
            stall_limit: Duration::from_secs(10),
            segment_bytes: (128 * 1024, MAX_SEGMENT_BYTES),
            keep_log: KeepLog { bytes: 256 * MIB, age: Duration::from_secs(7 * 24 * 3600) },
            background: Background::Threads,
            seed: None,
            create: true,
            limits: Limits::new(),
            operation_retention: LEAST_RETENTION,
            equity_every: None,
            health_limits: HealthLimits::new(),
            claims: BTreeMap::new(),
            other_claims: ClaimBounds::new(),
            history: None,
            price_backoff: PriceBackoff::new(),
        }
    }

    /// How long writes wait unless they say otherwise. Default: [`Durability::Synced`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The memory that the store may use, in bytes, for everything: half for rows that are not
    /// checkpointed yet, the rest for the base's cache and buffers. Default 32 MiB, least 256 KiB.
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes.max(LEAST_MEMORY_BYTES);
        self
    }

    /// A snapshot that makes the base grow by more than this is ended. Default: half of the memory.
    pub fn snapshot_limit_bytes(mut self, bytes: u64) -> Self {
        self.snapshot_limit_bytes = Some(bytes);
        self
    }

    /// A commit that nobody waits for is synced within this time. Default 100 ms.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// How long a write waits for memory before it answers [`Error::Stalled`]. Default 10 s.
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = limit;
        self
    }

    /// The length of the first segment of the journal, and of the largest; each is twice as long as
    /// the one before. Both are held between 64 KiB and 8 MiB. Default 128 KiB and 8 MiB.
    pub fn segment_bytes(mut self, first: u64, largest: u64) -> Self {
        let first = first.clamp(64 * 1024, MAX_SEGMENT_BYTES);
        self.segment_bytes = (first, largest.clamp(first, MAX_SEGMENT_BYTES));
        self
    }

    /// How much of the journal's past is kept for inspection. Default 256 MiB, at most 7 days.
    pub fn keep_log(mut self, keep: KeepLog) -> Self {
        self.keep_log = keep;
        self
    }

    /// How far ahead of the clock an observation may lie. Default 5 minutes.
    pub fn future_tolerance(mut self, tolerance: Duration) -> Self {
        self.future_tolerance_micros = i64::try_from(tolerance.as_micros()).unwrap_or(i64::MAX);
        self
    }

    /// What is kept of the claims in `namespace`. Default: as [`Options::other_claims`].
    pub fn claims(mut self, namespace: impl Into<Box<str>>, bounds: ClaimBounds) -> Self {
        self.claims.insert(namespace.into(), bounds);
        self
    }

    /// What is kept of the claims in every namespace that has no bounds of its own. Default: all of
    /// them, for ever, as only the bot knows how late it may hear of an event.
    pub fn other_claims(mut self, bounds: ClaimBounds) -> Self {
        self.other_claims = bounds;
        self
    }

    /// How long the rows of operations are kept after their end. What their keys answer stays for
    /// ever. Default and least: 24 hours, or the longest horizon of claims where that is longer.
    pub fn operation_retention(mut self, retention: Duration) -> Self {
        self.operation_retention = retention.max(LEAST_RETENTION);
        self
    }

    /// What the store keeps of prices beside the marks. Stored in the store: once it has a history it
    /// goes on having one, also where a later opening does not ask for it; where one does, what it says
    /// replaces what was stored. Default: as stored; of a new store, nothing.
    pub fn history(mut self, history: History) -> Self {
        self.history = Some(history);
        self
    }

    /// How long to wait before a missing price is asked for again. Default: [`PriceBackoff::new`].
    pub fn price_backoff(mut self, backoff: PriceBackoff) -> Self {
        self.price_backoff = backoff;
        self
    }

    /// Where the time of day comes from. Default: the operating system.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who checkpoints and syncs what nobody waits for. Default: two threads of the store's own.
    pub fn background(mut self, background: Background) -> Self {
        self.background = background;
        self
    }

    /// Makes identifiers and salts repeatable, for tests. Default: drawn from the system.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whether a store is created where there is none. Default: yes.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// What no operation may exceed. Default: no limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How often [`Store::maintain`] records what each account is worth. Default: never; then points
    /// are recorded by [`LedgerMut::record_equity`](crate::LedgerMut::record_equity) alone.
    pub fn record_equity(mut self, every: Duration) -> Self {
        self.equity_every = Some(every);
        self
    }

    /// From when on [`Store::health`] speaks of something.
    pub fn health_limits(mut self, limits: HealthLimits) -> Self {
        self.health_limits = limits;
        self
    }

    /// Opens the store in the directory `path`.
    ///
    /// An unclean store is recovered first; nothing is read or acknowledged before that is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::Missing`], [`Error::OtherIdentity`], [`Error::Corrupt`],
    /// [`Error::Version`], [`Error::Full`], [`Error::Io`], [`Error::ClaimHorizonTooShort`],
    /// [`Error::InvalidPriceBackoff`]: in each case the files are as they were.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store, Error> {
        self.open_on(Arc::new(RealDisk::new(path.as_ref())))
    }

    /// Opens the store on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_on(&self, disk: Arc<dyn Disk>) -> Result<Store, Error> {
        Store::open(disk, self)
    }

    pub(super) fn ledger_rules(&self) -> LedgerRules {
        LedgerRules {
            reference: self.identity.reference.clone(),
            limits: self.limits.clone(),
            future_tolerance_micros: self.future_tolerance_micros,
        }
    }

    pub(super) fn claim_rules(&self) -> Result<ClaimRules, Error> {
        let named = self.claims.clone();
        Ok(ClaimRules::new(named, self.other_claims, self.future_tolerance_micros)?)
    }

    pub(super) fn creates(&self) -> bool {
        self.create
    }

    /// Where external ids come from: the seed, or the system.
    pub(super) fn seeds(&self) -> Result<[u64; 2], Error> {
        let drawn = |_| match self.seed {
            Some(seed) => Ok(seed),
            None => getrandom::u64(),
        };
        let seeds = [drawn(0), drawn(1)];
        let [high, low] = seeds.map(|seed| {
            seed.map_err(|error| Error::Io {
                action: "draw a seed for",
                file: "external ids".to_owned(),
                offset: None,
                source: std::io::Error::other(error),
            })
        });
        Ok([high?, low?])
    }

    /// What the rows of one generation may take that are not checkpointed yet.
    pub(super) fn memtable_bytes(&self) -> u64 {
        self.memory_bytes / 4
    }

    /// What the files of the journal take at most in a store that can checkpoint: what is kept of the
    /// past, two checkpoints' worth of it with one under way, and room made ready.
    pub(super) fn expected_journal_bytes(&self) -> u64 {
        let between_checkpoints = self.memtable_bytes().saturating_mul(2);
        let largest_segment = self.segment_bytes.1.max(MAX_SEGMENT_BYTES);
        let both = between_checkpoints.saturating_add(largest_segment);
        self.keep_log.bytes.saturating_add(both.saturating_mul(4))
    }

    pub(super) fn engine(&self) -> EngineOptions {
        let memtable_bytes = self.memtable_bytes();
        let (segment_min_bytes, segment_max_bytes) = self.segment_bytes;
        EngineOptions {
            identity: self.identity.encode(),
            memtable_bytes: usize::try_from(memtable_bytes).unwrap_or(usize::MAX),
            cache_bytes: usize::try_from(self.memory_bytes / 4).unwrap_or(usize::MAX),
            journal_bytes: 2 * memtable_bytes,
            snapshot_limit_bytes: self.snapshot_limit_bytes.unwrap_or(2 * memtable_bytes),
            sync_interval: self.sync_interval,
            stall_limit: self.stall_limit,
            room: RoomOptions {
                segment_min_bytes,
                segment_max_bytes,
                keep_bytes: self.keep_log.bytes,
                keep_micros: i64::try_from(self.keep_log.age.as_micros()).unwrap_or(i64::MAX),
            },
            background: self.background,
            clock: self.clock.clone(),
            seed: self.seed,
        }
    }
}
