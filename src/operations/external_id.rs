//! The number under which an operation is known outside, such as a client order id: 128 random bits.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// 128 random bits that name one operation to the outside.
///
/// Drawn when the operation begins and written down before anything is sent, so that after a crash a
/// venue can be asked what became of it. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId([u8; 16]);

impl ExternalId {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// In the form of a UUID: groups of 8, 4, 4, 4 and 12 digits.
    pub fn to_uuid(self) -> String {
        let digits = self.to_string();
        let groups =
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        groups.join("-")
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalId({self})")
    }
}

/// A text that is no external id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an external id has 32 hexadecimal digits, with or without hyphens")]
pub struct NotAnExternalId;

impl FromStr for ExternalId {
    type Err = NotAnExternalId;

    fn from_str(text: &str) -> Result<Self, NotAnExternalId> {
        let digits: String = text.chars().filter(|one| *one != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|one| one.is_ascii_hexdigit()) {
            return Err(NotAnExternalId);
        }
        let number = u128::from_str_radix(&digits, 16).map_err(|_| NotAnExternalId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ExternalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ExternalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Draws external ids. Two generators of 64 bits of state each, because one could not reach all ids.
#[derive(Debug)]
pub(crate) struct ExternalIds(Mutex<(fastrand::Rng, fastrand::Rng)>);

impl ExternalIds {
    /// A generator for one opening of a store. The same seed and epoch give the same ids; another
    /// epoch others, or a restart would name new operations as it named old ones.
    pub(crate) fn new(seed: [u64; 2], epoch: u64) -> Self {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = |seed: u64| fastrand::Rng::with_seed(seed ^ epoch.wrapping_mul(ODD));
        Self(Mutex::new((mixed(seed[0]), mixed(seed[1] ^ ODD))))
    }

    pub(crate) fn draw(&self) -> ExternalId {
        let mut generators = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (high, low) = (generators.0.u64(..), generators.1.u64(..));
        ExternalId(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_in_every_form() {
        let id = ExternalId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(id.to_uuid(), "00010203-0405-0607-0809-0a0b0c0d0eff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_uuid().parse(), Ok(id));
        for text in
            ["", "0", "zz0102030405060708090a0b0c0d0eff", "+00102030405060708090a0b0c0d0eff"]
        {
            assert_eq!(text.parse::<ExternalId>(), Err(NotAnExternalId), "{text}");
        }
    }

    /// The story: a store with a fixed seed was reopened and gave its first operation the id that
    /// the venue knew from the run before.
    #[test]
    fn another_opening_draws_other_ids_from_the_same_seed() {
        let draws = |epoch| {
            let ids = ExternalIds::new([7, 7], epoch);
            [ids.draw(), ids.draw()]
        };
        assert_eq!(draws(1), draws(1));
        let all = [draws(1), draws(2), draws(3)].concat();
        let mut different = all.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), all.len());
    }
}
