//! Storage for trading bots that survives any crash: linked into the bot, durable when a call
//! returns, exact to the last digit.
//!
//! A [`Store`] is a directory. It keeps the bot's **tokens**: for each the first, latest, lowest and
//! highest price ever seen, merged so that any number of writers in any order come to the same row,
//! and so that the high-water mark never falls. Beside them it keeps what was dealt with already:
//! **claims** on outside events, each granted once, and **cursors**. A journal of its own makes a
//! commit durable with one small write and one sync; behind it the state lives in a
//! [redb](https://docs.rs/redb) B-tree.
//!
//! ```
//! use highwater::{Asset, Error, Mode, Options, Timestamp, TokenKey, Update};
//!
//! const WETH: &str = "0x4200000000000000000000000000000000000006";
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let path = tempfile::tempdir()?.path().join("bot");
//!     let options = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?);
//!     let store = options.open(&path)?;
//!
//!     // Ticks may come late, twice, or from several threads. Each call is durable when it returns.
//!     let bonk = TokenKey::new("solana", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")?;
//!     let tick = |price: &str, second: i64| -> Result<Update, Box<dyn std::error::Error>> {
//!         let at = Timestamp::from_micros(second * 1_000_000);
//!         Ok(Update::new(bonk.clone()).price(price.parse()?, at).source("raydium"))
//!     };
//!     store.tokens().upsert(&tick("0.0000213", 10)?)?;
//!     store.tokens().upsert(&tick("0.0000178", 30)?)?;
//!     store.tokens().upsert(&tick("0.0000354", 20)?)?;
//!
//!     // Several changes in one commit: all of them or none.
//!     let (name, weth) = (Update::new(bonk.clone()).decimals(5), TokenKey::new("base", WETH)?);
//!     store.write(|tx| {
//!         tx.tokens().upsert(&name)?;
//!         tx.tokens().upsert(&Update::new(weth).decimals(18))?;
//!         Ok::<_, Error>(())
//!     })?;
//!     drop(store); // or a crash: what was acknowledged is there again
//!
//!     let token = options.open(&path)?.tokens().get(&bonk)?.expect("it was stored");
//!     assert_eq!(token.current.expect("ticks came").price.to_string(), "0.0000178");
//!     assert_eq!(token.max.expect("ticks came").price.to_string(), "0.0000354");
//!     Ok(())
//! }
//! ```
//!
//! # Where to go from here
//!
//! - [`Options`] has the table of all defaults and limits.
//! - [`Store::write`] is the one way in, [`Store::snapshot`] the one way to read several things as of
//!   one moment, [`ReadOnly`] the way to read a store that is not open.
//! - [`Error`] says of every failure what became of the call.
//! - [`inspect`] looks at the files of a store in any state; the program `highwater` (feature `cli`)
//!   prints it.
//! - [`disk`] is the seam to the outside. With the feature `simulation` it has a simulated disk that
//!   crashes and fails as you say, to test a bot on.
//! - [`design`] tells why everything is as it is.
//!
//! # Features
//!
//! None is on by default. `cli` builds the program, `serde` makes the value types serializable,
//! `simulation` adds the simulated disk.

mod clock;
mod codec;
pub mod disk;
mod engine;
pub mod inspect;
pub mod ledger;
pub mod money;
pub mod processed;
mod store;
pub mod tokens;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use engine::journal::{Error as JournalError, Poison, Problem};
pub use engine::{Background, BaseError, Damage, Durability, Error as EngineError, Lsn};
pub use ledger::{
    AccountKind, Effect, EntryId, Fill, Finding, Ledger, LedgerMut, Leg, Limits, NewPosition,
    OperationId, Position, PositionId,
};
pub use money::{Amount, Asset, Money, Price, Rounded, Rounding};
pub use processed::{
    Claim, ClaimOutcome, ClaimRecord, ClaimState, Claims, ClaimsMut, Cursor, Cursors, CursorsMut,
    StoredClaim,
};
pub use store::{
    Cut, Error, Identity, KeepLog, Mode, Opening, Options, ReadOnly, Snapshot, Stats, Store,
    StoreClaims, StoreCursors, StoreLedger, StoreTokens, Ticket, Tx,
};
pub use tokens::{Changes, Merged, Observed, Tick, Token, TokenKey, Tokens, TokensMut, Update};

#[doc = include_str!("../docs/design.md")]
pub mod design {}

/// The examples of the README, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
