//! Storage for trading bots that survives any crash: linked into the bot, durable when a call
//! returns, exact to the last digit.
//!
//! A [`Store`] is a directory. It keeps what a bot may never get wrong, whatever happens to its
//! process or its machine:
//!
//! - **tokens**: for each the first, latest, lowest and highest price ever seen, merged so that any
//!   number of writers in any order come to the same row, and so that the high-water mark never falls;
//! - a **ledger** of cash and positions, in double entry and to the last unit;
//! - **operations**, the bot's own write-ahead log: every deal with the outside world is written down
//!   before it is tried, while it runs and when it is decided, in one commit with what it does to the
//!   ledger, so that a restart knows what was under way and finishes it exactly once;
//! - **claims** on outside events, each granted once, and **cursors**.
//!
//! A journal makes a commit durable with one small write and one sync; behind it the state lives in a
//! [redb](https://docs.rs/redb) B-tree.
//!
//! ```
//! use highwater::{Asset, Effect, Fill, Intent, Mode, Money, NewPosition, Options, Timestamp};
//!
//! const BONK: &str = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263";
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let dir = tempfile::tempdir()?;
//!     let path = dir.path().join("bot");
//!     let (usd, bonk) = (Asset::new("fiat", "USD", 6)?, Asset::new("solana", BONK, 5)?);
//!     let (dollars, bonks) = (|text| Money::parse(&usd, text), |text| Money::parse(&bonk, text));
//!     let store = Options::new(Mode::Paper, usd.clone()).open(&path)?;
//!     store.ledger().deposit("main", &dollars("100")?)?;
//!
//!     // Before it is tried, the trade is written down: in one commit it is claimed, so that nobody
//!     // copies it twice, its money is set aside, and its position is taken.
//!     let seen = Timestamp::from_micros(1_723_161_255_342_000);
//!     let position = NewPosition::new("main", bonk.clone(), usd.clone()).tag("copy-trades");
//!     let intent = Intent::open("copy 5Gk3/2", position)
//!         .hold(dollars("50")?)
//!         .claim("copied", "5Gk3/2", seen);
//!     let pending = store.operations().begin(&intent)?.into_handle().expect("a new trade");
//!
//!     // From here on a restart knows that the venue has to be asked about this order.
//!     let order = pending.start(&store)?;
//!     let client_order_id = order.external_id().to_string();
//!     assert_eq!(client_order_id.len(), 32);
//!
//!     // What the venue says it did is posted, and the operation ends, in one commit. It cost more than
//!     // was set aside: the rest comes from what is available.
//!     let bought = Fill::new("raydium", "F1", bonks("1400000")?, dollars("52")?).fee(dollars("1")?);
//!     let position = order.position().expect("the one that it opens");
//!     order.complete(&store, &Effect::new().buy(position, bought))?;
//!
//!     let snapshot = store.snapshot();
//!     assert_eq!(snapshot.ledger().balance("main", &usd)?.available, dollars("47")?);
//!     assert_eq!(snapshot.ledger().position(position)?.cost, dollars("52")?);
//!     assert!(snapshot.verify()?.is_empty());
//!     assert!(store.operations().begin(&intent)?.into_handle().is_none()); // it was done
//!     Ok(())
//! }
//! ```
//!
//! # Where to go from here
//!
//! - [`Options`] has the table of all defaults and limits.
//! - [`Store::operations`] begins, runs and settles operations; [`Store::recover`] decides those that a
//!   crash left behind; [`Store::ledger`] books what is no operation; [`Snapshot::verify`] computes
//!   everything anew and compares.
//! - [`TokensMut::apply`] takes in a feed's updates, many in a commit, and [`StoreTokens::upsert`] one at a
//!   time; [`StoreTokens::sync`] takes in a source's list of tokens, of any length, and goes on where it was cut.
//! - [`Update::unavailable`] and [`StoreClaims::price_unavailable`] say that there is no price;
//!   [`Snapshot::due_price_updates`] lists what to ask for next.
//! - [`Options::history`] keeps ticks and candles, [`Options::claims`] bounds what is remembered of
//!   events; [`Store::health`] says how the store is, [`Store::maintain`] does what is due.
//! - [`Store::write`] is the one way in, [`Store::snapshot`] the one way to read several things as of
//!   one moment, [`ReadOnly`] the way to read a store that is not open.
//! - [`Ticket`] is a commit on its way: wait for it with a thread, or await it as a task.
//! - `cache` (feature `cache`) keeps copies of what can be read again, within bounds; a copy is never
//!   the truth.
//! - [`LockTable`] lets threads and tasks of the bot work on one thing one at a time.
//! - [`Error`] says of every failure what became of the call.
//! - [`inspect`] looks at the files of a store in any state; the program `highwater` (feature `cli`)
//!   prints it.
//! - [`disk`] is the seam to the outside. With the feature `simulation` it has a simulated disk that
//!   crashes and fails as you say, to test a bot on; `simulation` kills your bot at every call of it.
//! - [`design`] tells why everything is as it is.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `cache` | `cache`: a cache bounded by entries, bytes and age |
//! | `cli` | the program `highwater` |
//! | `metrics` | `Store::publish_metrics`: the store's figures for the recorder of the `metrics` facade |
//! | `serde` | `Serialize` and, where it makes sense, `Deserialize` for the value types |
//! | `simulation` | the simulated disk, and the simulation of the whole library on it |

#[cfg(feature = "cache")]
pub mod cache;
mod clock;
mod codec;
pub mod copies;
pub mod disk;
mod engine;
mod events;
pub mod inspect;
pub mod ledger;
mod lock_table;
pub mod money;
pub mod operations;
pub mod price_status;
pub mod processed;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;
pub mod tokens;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use engine::journal::{Error as JournalError, Poison, Problem};
pub use engine::{Background, BaseError, Damage, Durability, Error as EngineError, Lsn};
pub use ledger::{
    AccountKind, Effect, EntryId, Fill, Finding, Ledger, LedgerMut, Leg, Limits, NewPosition,
    OperationId, Position, PositionId, ShareOfEquity,
};
pub use lock_table::{KeyGuard, LockTable, Locking};
pub use money::{Amount, Asset, Money, Price, Ratio, Rounded, Rounding};
pub use operations::{
    Attention, Begun, BegunStarted, Call, Case, Checkpoint, Completed, Event, ExternalId, Failed,
    Failure, FailureClass, InProgress, Intent, KeyState, Kind, Operation, Operations,
    OperationsMut, Pending, RecoveryReport, Retried, Role, RollBack, RolledBack, SomeOperations,
    Started, Status, Undone, Verdict,
};
pub use price_status::{Missing, MissingPrice, PriceBackoff, PriceOf};
pub use processed::{
    Claim, ClaimBounds, ClaimNamespace, ClaimOutcome, ClaimRecord, ClaimState, ClaimStats, Claims,
    ClaimsMut, Cursor, Cursors, CursorsMut, StoredClaim,
};
pub use store::{
    Boot, Cut, Decided, Error, Health, HealthLimits, Identity, KeepLog, Level, Maintained,
    Maintainer, Mode, Opening, Options, ReadOnly, Reason, Recovery, Refused, Snapshot, Stats,
    Store, StoreClaims, StoreCursors, StoreLedger, StoreOperations, StoreTokens, Ticket, Tx,
};
pub use store::{
    Filter, Malformed, RowSample, SyncEnding, SyncFailed, SyncProgress, SyncReport, SyncRow,
    SyncRun, TokenSync,
};
pub use tokens::{
    Applied, Candle, Changes, History, Merged, Move, Observed, Recorded, Resolution, Retention,
    Retraction, Tick, Token, TokenHistory, TokenKey, Tokens, TokensMut, Update,
};
pub use tokens::{StaleToken, SyncCounts, SyncEnd, SyncSession};

#[doc = include_str!("../docs/design.md")]
pub mod design {}

/// The examples of the README, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
