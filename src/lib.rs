//! highwater
mod clock;
mod codec;
pub mod disk;
mod engine;
pub mod inspect;
pub mod money;
mod store;
pub mod tokens;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use engine::{Background, Durability, Lsn};
pub use money::{Amount, Asset, Money, Price, Rounded, Rounding};
pub use store::{
    Cut, Error, Identity, KeepLog, Mode, Opening, Options, ReadOnly, Snapshot, Stats, Store,
    StoreTokens, Ticket, Tx,
};
pub use tokens::{Changes, Merged, Observed, Tick, Token, TokenKey, Tokens, TokensMut, Update};
