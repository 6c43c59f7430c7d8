//! What the base says about itself: whose it is, which checkpoint it holds, and where the journal
//! goes on. Written in the same transaction as the checkpoint's rows.
//!
//! One row in redb's table `meta` (`&str` to `&[u8]`) under the key `meta`, little-endian:
//!
//! ```text
//! +---------+----------+------------+---------------------+
//! | version | store id | checkpoint | previous checkpoint |
//! | u32 = 1 | 16 bytes | u64, LSN   | u64, LSN            |
//! +---------+----------+------------+---------------------+
//! +----------------+--------------+-------------------------+-----------------------+
//! | segment number | segment salt | previous segment number | previous segment salt |
//! | u64            | u64          | u64                     | u64                   |
//! +----------------+--------------+-------------------------+-----------------------+
//! +---------------------+-----------------+----------+-------+
//! | time of last commit | identity length | identity | CRC32 |
//! | i64, microseconds   | u32             | bytes    | u32   |
//! +---------------------+-----------------+----------+-------+
//! ```
//!
//! The CRC covers everything before it. In every version the row starts with the version and ends
//! with this CRC, so that a damaged row and one from a later release are told apart.

use super::error::{Damage, Error};
use crate::engine::row::Lsn;

/// The version of a base that this release reads and writes.
pub(crate) const VERSION: u32 = 1;
const MAX_CHECKPOINT: Lsn = 1 << 62;

/// What the base says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The store this base belongs to.
    pub(crate) store_id: [u8; 16],
    /// The last commit whose rows are in the base.
    pub(crate) checkpoint: Lsn,
    /// The same of the checkpoint before.
    pub(crate) previous_checkpoint: Lsn,
    /// The segment that was written to when this checkpoint's memtable was frozen.
    pub(crate) segment: SegmentMark,
    /// The same of the checkpoint before.
    pub(crate) previous_segment: SegmentMark,
    /// The time of the checkpoint's last commit, in microseconds since 1970 UTC.
    pub(crate) last_micros: i64,
    /// What the store was created as. The engine gives these bytes no meaning.
    pub(crate) identity: Vec<u8>,
}

/// Tells one journal segment from every other, recycled ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentMark {
    /// The segment's place in the journal.
    pub(crate) number: u64,
    /// The random number drawn when the segment was made.
    pub(crate) salt: u64,
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(88 + self.identity.len());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.store_id);
        for word in [
            self.checkpoint,
            self.previous_checkpoint,
            self.segment.number,
            self.segment.salt,
            self.previous_segment.number,
            self.previous_segment.salt,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.last_micros.to_le_bytes());
        // The engine takes no identity near 4 GiB.
        bytes.extend((self.identity.len() as u32).to_le_bytes());
        bytes.extend(&self.identity);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::corrupt(Damage::Meta);
        let (body, crc) = bytes.split_last_chunk().ok_or_else(damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(damaged());
        }
        let mut rest = body;
        let found = u32::from_le_bytes(take(&mut rest).ok_or_else(damaged)?);
        if found != VERSION {
            return Err(Error::Version { found, known: VERSION });
        }
        let meta = Self::decode_fields(rest).ok_or_else(damaged)?;
        // Far above any LSN that is ever reached: counting on from here must not overflow.
        if meta.checkpoint > MAX_CHECKPOINT || meta.previous_checkpoint > meta.checkpoint {
            return Err(damaged());
        }
        Ok(meta)
    }

    fn decode_fields(mut rest: &[u8]) -> Option<Self> {
        let rest = &mut rest;
        Some(Self {
            store_id: take(rest)?,
            checkpoint: take_u64(rest)?,
            previous_checkpoint: take_u64(rest)?,
            segment: take_mark(rest)?,
            previous_segment: take_mark(rest)?,
            last_micros: i64::from_le_bytes(take(rest)?),
            identity: {
                let length = u32::from_le_bytes(take(rest)?);
                (rest.len() as u64 == u64::from(length)).then(|| rest.to_vec())?
            },
        })
    }
}

#[cfg(feature = "simulation")]
impl Meta {
    /// The bytes of this description, as the fuzzing begins with them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.encode()
    }
}

/// The description read and written again, as the fuzzing looks at it.
#[cfg(feature = "simulation")]
pub(crate) fn recode(bytes: &[u8]) -> Option<Vec<u8>> {
    Meta::decode(bytes).ok().map(|meta| meta.encode())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

fn take_mark(rest: &mut &[u8]) -> Option<SegmentMark> {
    Some(SegmentMark { number: take_u64(rest)?, salt: take_u64(rest)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            store_id: [7; 16],
            checkpoint: 42,
            previous_checkpoint: 17,
            segment: SegmentMark { number: 3, salt: 9 },
            previous_segment: SegmentMark { number: 2, salt: 8 },
            last_micros: 1_700_000_000_000_000,
            identity: b"paper, usd".to_vec(),
        }
    }

    /// The bytes are the format. Another implementation reads them, so they may not move.
    #[test]
    fn the_bytes_are_those_in_the_picture() {
        let words: [u64; 6] = [42, 17, 3, 9, 2, 8];
        let mut expected = vec![1, 0, 0, 0];
        expected.extend([7; 16]);
        expected.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        expected.extend(1_700_000_000_000_000_i64.to_le_bytes());
        expected.extend([10, 0, 0, 0]);
        expected.extend(b"paper, usd");
        expected.extend(0x0ac0_312a_u32.to_le_bytes());
        let bytes = meta().encode();
        assert_eq!(bytes, expected);
        assert_eq!(Meta::decode(&bytes).unwrap(), meta());
    }

    /// Neither a cut nor a flipped bit may be taken for another checkpoint.
    #[test]
    fn cut_or_flipped_it_is_damaged() {
        let bytes = meta().encode();
        for length in 0..bytes.len() {
            assert_damaged(&bytes[..length]);
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_damaged(&flipped);
        }
    }

    fn assert_damaged(bytes: &[u8]) {
        assert!(matches!(Meta::decode(bytes), Err(Error::Corrupt { damage: Damage::Meta })));
    }

    /// A base from a later release is whole, and must not be called damaged.
    #[test]
    fn a_later_version_is_named() {
        let mut bytes = meta().encode();
        bytes.truncate(bytes.len() - 4);
        bytes[0] = 2;
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        assert!(matches!(Meta::decode(&bytes), Err(Error::Version { found: 2, known: 1 })));
    }
}
