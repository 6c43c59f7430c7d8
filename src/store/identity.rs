//! What a store is created as and can never be opened otherwise: its mode and its reference
//! currency. The engine keeps these bytes for us.
//!
//! ```text
//! +---------+------+-------+--------------+-------+----+
//! | version | mode | scale | chain length | chain | id |
//! |  1 = 1  |  1   |   1   |      1       |  ...  | .. |
//! +---------+------+-------+--------------+-------+----+
//! ```

use std::fmt;

use crate::money::Asset;

/// Whether a store keeps play money or real money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Mode {
    /// Trades are simulated.
    Paper,
    /// Trades are real.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paper => "paper",
            Self::Live => "live",
        })
    }
}

/// What a store was created as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Play money or real money.
    pub mode: Mode,
    /// The asset that token prices are in.
    pub reference: Asset,
}

const VERSION: u8 = 1;

impl Identity {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mode = match self.mode {
            Mode::Paper => 0,
            Mode::Live => 1,
        };
        let chain = self.reference.chain().as_bytes();
        // A chain's name has at most 128 bytes.
        let mut bytes = vec![VERSION, mode, self.reference.scale(), chain.len() as u8];
        bytes.extend_from_slice(chain);
        bytes.extend_from_slice(self.reference.id().as_bytes());
        bytes
    }

    /// The identity, or `None` where the bytes are none that this release writes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version, mode, scale, chain_len], rest) = bytes.split_first_chunk()?;
        let mode = match (version, mode) {
            (VERSION, 0) => Mode::Paper,
            (VERSION, 1) => Mode::Live,
            _ => return None,
        };
        let (chain, id) = rest.split_at_checked(chain_len.into())?;
        let (chain, id) = (std::str::from_utf8(chain).ok()?, std::str::from_utf8(id).ok()?);
        Some(Self { mode, reference: Asset::new(chain, id, scale).ok()? })
    }
}

/// The identity read and written again, as the fuzzing looks at it.
#[cfg(feature = "simulation")]
pub(crate) fn recode(bytes: &[u8]) -> Option<Vec<u8>> {
    Identity::decode(bytes).map(|identity| identity.encode())
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, id) = (self.reference.chain(), self.reference.id());
        write!(f, "{} in {chain}/{id}:{}", self.mode, self.reference.scale())
    }
}
