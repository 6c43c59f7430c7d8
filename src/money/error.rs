//! What can be wrong with a number, an asset or a key.

use super::TokenKey;

/// Why a number, an asset or a key was refused. Nothing was changed or rounded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text holds nothing at all.
    #[error("an empty text is not a number")]
    Empty,

    /// A character that no plain number holds: a sign where none may stand, a second point, a blank,
    /// an underscore, a digit that is not one of `0` to `9`.
    #[error("{character:?} at byte {at} does not belong into this number")]
    UnexpectedCharacter {
        /// The character found.
        character: char,
        /// Where it stands, in bytes from the start of the text.
        at: usize,
    },

    /// The text ends where a digit has to stand, as in `5.` or `1e`.
    #[error("the number ends at byte {at}, where a digit has to stand")]
    Incomplete {
        /// The length of the text in bytes.
        at: usize,
    },

    /// A digit other than zero stands behind the last decimal that can be kept.
    #[error("the digit at byte {at} lies behind the {decimals} decimals that can be kept")]
    Inexact {
        /// Where the first such digit stands, in bytes from the start of the text.
        at: usize,
        /// How many decimals can be kept.
        decimals: u8,
    },

    /// The number is greater (or, below zero, smaller) than the type can hold.
    #[error("the number is too large for {kind}")]
    TooLarge {
        /// What it was to become: "a price" or "an amount".
        kind: &'static str,
    },

    /// A floating-point number that is NaN, infinite or negative.
    #[error("{kind} is not a price")]
    NotAPrice {
        /// What it was: "NaN", "infinity" or "a negative number".
        kind: &'static str,
    },

    /// The result of a calculation is beyond what an amount can hold.
    #[error("{operation} gives more than an amount can hold")]
    Overflow {
        /// What was calculated, as in "adding two amounts".
        operation: &'static str,
    },

    /// An asset with more decimals than a price has.
    #[error(
        "a scale of {scale} is refused: at most {} decimals are possible",
        crate::money::Asset::MAX_SCALE
    )]
    ScaleOutOfRange {
        /// The scale given.
        scale: u8,
    },

    /// Two amounts of different assets cannot be added or compared.
    #[error("{left} and {right} are different assets")]
    DifferentAssets {
        /// The asset on the left.
        left: TokenKey,
        /// The asset on the right.
        right: TokenKey,
    },

    /// The same asset was given with two scales.
    #[error("the asset {key} has a scale of {left} here and of {right} there")]
    ScaleConflict {
        /// The asset.
        key: TokenKey,
        /// Its scale on the left.
        left: u8,
        /// Its scale on the right.
        right: u8,
    },

    /// A chain or an address that cannot be part of a key.
    #[error("the {part} {fault}")]
    InvalidKey {
        /// Which part is wrong.
        part: KeyPart,
        /// What is wrong with it.
        fault: KeyFault,
    },
}

/// A part of a [`TokenKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPart {
    /// The chain's name.
    Chain,
    /// The address on that chain.
    Address,
}

impl std::fmt::Display for KeyPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Chain => "chain name",
            Self::Address => "address",
        })
    }
}

/// What is wrong with a part of a key. Reads on from "the address ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// Nothing was given.
    #[error("is empty")]
    Empty,

    /// It has more bytes than [`TokenKey::MAX_PART_BYTES`].
    #[error("has {bytes} bytes, of which {} are possible", TokenKey::MAX_PART_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },

    /// It holds a control character, such as NUL or a line break.
    #[error("holds the control character {character:?} at byte {at}")]
    ControlCharacter {
        /// The character found.
        character: char,
        /// Where it stands, in bytes from the start of the part.
        at: usize,
    },
}
