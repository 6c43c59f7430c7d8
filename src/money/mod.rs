//! Exact numbers of the trade: prices, amounts, assets, and amounts of an asset.
//!
//! - Nothing here rounds unless the caller names a [`Rounding`], and then it says so ([`Rounded`]).
//! - Nothing here wraps, saturates or panics: what does not fit is an [`Error`].
//! - Binary floating point is never stored and never calculated with; [`Price::from_f64`] is the one
//!   door through which it comes in.
//!
//! This module knows no tables, no rows and no files.

mod amount;
mod asset;
mod decimal;
mod error;
mod key;
mod price;
mod ratio;
mod rounding;
#[cfg(feature = "serde")]
mod text;

pub use amount::Amount;
pub use asset::{Asset, Money};
pub use error::{Error, KeyFault, KeyPart};
pub use key::TokenKey;
pub use price::Price;
pub use ratio::Ratio;
pub(crate) use ratio::compare_fractions;
pub use rounding::{Rounded, Rounding};
