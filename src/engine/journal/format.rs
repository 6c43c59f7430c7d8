//! The bytes of the journal: written once, here, and described for others in `docs/format.md`.
//!
//! All numbers are little-endian. A CRC is CRC-32 (IEEE), over everything that stands before it in
//! the same box.
//!
//! ```text
//! segment header, 80 bytes, at offset 0 of every segment
//! +-------+---------+----------+----------+--------+------+-------------+-------------+------+-----+
//! | magic | version | reserved | store id | number | salt | file length | restart lsn | zero | crc |
//! |   8   |    4    |    4     |    16    |   8    |  8   |      8      |      8      |  12  |  4  |
//! +-------+---------+----------+----------+--------+------+-------------+-------------+------+-----+
//!
//! batch, from offset 80 on, each at a multiple of 8, back to back
//! +-------+----------------+-----------+-------------+------+---------+-------------+------+-----+---------+
//! | magic | payload length | first lsn | durable lsn | salt | commits | payload crc | kind | crc | payload |
//! |   4   |       4        |     8     |      8      |  8   |    4    |      4      |  4   |  4  |   ...   |
//! +-------+----------------+-----------+-------------+------+---------+-------------+------+-----+---------+
//!
//! commit, inside the payload of a batch of kind COMMITS; the n-th has lsn first + n
//! +-------------+------+-------+-------------+------+------+------+
//! | body length | time | flags | note length | note | rows | row* |
//! |      4      |  8   |   1   |      1      | ...  |  4   | ...  |
//! +-------------+------+-------+-------------+------+------+------+
//!
//! row, inside a commit
//! +-------+-----+------------+------------+-----+-----+
//! | table | put | key length | row length | key | row |
//! |   1   |  1  |     2      |     4      | ... | ... |
//! +-------+-----+------------+------------+-----+-----+
//!
//! payload of a batch of kind END, 24 bytes: the segment is left for another one, or closed
//! +-------------+-----------+--------+
//! | next number | next salt | closed |
//! |      8      |     8     |   8    |
//! +-------------+-----------+--------+
//! ```
//!
//! The payload is padded with zeros to a multiple of 8; the padding counts in its length and CRC.

use super::super::row::{Lsn, RowRef, Table};

/// The version this code writes, and the only one it reads.
pub(crate) const VERSION: u32 = 1;

pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"HWJOURNL";
pub(crate) const SEGMENT_HEADER_LEN: u64 = 80;
pub(crate) const BATCH_MAGIC: u32 = u32::from_le_bytes(*b"HWB1");
pub(crate) const BATCH_HEADER_LEN: u64 = 48;
pub(crate) const END_PAYLOAD_LEN: u64 = 24;
/// What an end batch takes; every segment keeps this much room for it.
pub(crate) const END_LEN: u64 = BATCH_HEADER_LEN + END_PAYLOAD_LEN;
pub(crate) const ALIGNMENT: u64 = 8;

const _: () = assert!(SEGMENT_HEADER_LEN.is_multiple_of(ALIGNMENT));
const _: () = assert!(BATCH_HEADER_LEN.is_multiple_of(ALIGNMENT));
const _: () = assert!(END_PAYLOAD_LEN.is_multiple_of(ALIGNMENT));

/// The highest LSN that is believed: far above any that is ever reached, and far enough below the
/// end of the numbers that counting on from it cannot overflow.
pub(crate) const MAX_LSN: Lsn = 1 << 62;

/// Rounds up to where the next batch may begin.
pub(crate) const fn align(len: u64) -> u64 {
    len.next_multiple_of(ALIGNMENT)
}

/// What stands at the beginning of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) version: u32,
    pub(crate) store_id: [u8; 16],
    pub(crate) number: u64,
    pub(crate) salt: u64,
    pub(crate) file_len: u64,
    /// 0, or in a restart segment the first LSN given out after the recovery that wrote it: all
    /// below are in the base or in this segment, and were synced before it got its name.
    pub(crate) restart_lsn: Lsn,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_LEN as usize] {
        let mut bytes = [0; SEGMENT_HEADER_LEN as usize];
        bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store_id);
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.salt.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.file_len.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.restart_lsn.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..76]);
        bytes[76..80].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header, or `None` where magic or CRC are not right. The version is the caller's to judge:
    /// every version keeps magic, version and CRC where they are.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SEGMENT_HEADER_LEN as usize)?;
        if bytes[0..8] != SEGMENT_MAGIC || crc32fast::hash(&bytes[..76]) != u32_at(bytes, 76) {
            return None;
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[16..32]);
        if u64_at(bytes, 56) > MAX_LSN {
            return None;
        }
        Some(Self {
            version: u32_at(bytes, 8),
            store_id,
            number: u64_at(bytes, 32),
            salt: u64_at(bytes, 40),
            file_len: u64_at(bytes, 48),
            restart_lsn: u64_at(bytes, 56),
        })
    }
}

/// What a batch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchKind {
    /// Commits, or none: then only its `durable_lsn` matters.
    Commits,
    /// The last batch of a segment.
    End,
}

/// What stands before the payload of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) payload_len: u32,
    pub(crate) first_lsn: Lsn,
    /// When this batch was written, everything up to here was known to be synced.
    pub(crate) durable_lsn: Lsn,
    pub(crate) salt: u64,
    pub(crate) commits: u32,
    pub(crate) payload_crc: u32,
    pub(crate) kind: BatchKind,
}

impl BatchHeader {
    pub(crate) fn encode(&self) -> [u8; BATCH_HEADER_LEN as usize] {
        let mut bytes = [0; BATCH_HEADER_LEN as usize];
        bytes[0..4].copy_from_slice(&BATCH_MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.durable_lsn.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.commits.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.payload_crc.to_le_bytes());
        let kind: u32 = match self.kind {
            BatchKind::Commits => 1,
            BatchKind::End => 2,
        };
        bytes[40..44].copy_from_slice(&kind.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        bytes[44..48].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header, or `None` where magic, salt, CRC or any field cannot be right.
    pub(crate) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let bytes = bytes.get(..BATCH_HEADER_LEN as usize)?;
        // The cheap tests first: a resync asks this of every eighth byte.
        if u32_at(bytes, 0) != BATCH_MAGIC || u64_at(bytes, 24) != salt {
            return None;
        }
        if crc32fast::hash(&bytes[..44]) != u32_at(bytes, 44) {
            return None;
        }
        let header = Self {
            payload_len: u32_at(bytes, 4),
            first_lsn: u64_at(bytes, 8),
            durable_lsn: u64_at(bytes, 16),
            salt,
            commits: u32_at(bytes, 32),
            payload_crc: u32_at(bytes, 36),
            kind: match u32_at(bytes, 40) {
                1 => BatchKind::Commits,
                2 => BatchKind::End,
                _ => return None,
            },
        };
        let sane = u64::from(header.payload_len).is_multiple_of(ALIGNMENT)
            && (1..=MAX_LSN).contains(&header.first_lsn)
            && header.durable_lsn < header.first_lsn
            && (header.kind == BatchKind::Commits || header.commits == 0);
        sane.then_some(header)
    }

    /// Header and payload together.
    pub(crate) const fn batch_len(&self) -> u64 {
        BATCH_HEADER_LEN + self.payload_len as u64
    }

    /// The LSN after the last commit of this batch.
    pub(crate) const fn next_lsn(&self) -> Lsn {
        self.first_lsn + self.commits as u64
    }
}

/// Whether the bytes look like a batch header of this segment that lost its integrity: the trace that
/// tells a torn tail from one that nothing was written behind. `expected` is the LSN that would come
/// next: what a recycled file still holds of its past is below it, or is whole, as marks and ends are
/// that state the next LSN.
pub(crate) fn looks_like_batch(bytes: &[u8], salt: u64, expected: Lsn) -> bool {
    if bytes.len() < 32 {
        return false;
    }
    let own_salt = u64_at(bytes, 24);
    own_salt == salt
        || u32_at(bytes, 0) == BATCH_MAGIC
            && u64_at(bytes, 8) >= expected
            && BatchHeader::decode(bytes, own_salt).is_none()
}

/// The highest commit that what is left of a batch header speaks of; 0 where it is none.
pub(crate) fn last_of_trace(bytes: &[u8], salt: u64, expected: Lsn) -> Lsn {
    if bytes.len() < 36 || !looks_like_batch(bytes, salt, expected) {
        return 0;
    }
    let (first, commits) = (u64_at(bytes, 8), u64::from(u32_at(bytes, 32)));
    first.saturating_add(commits.saturating_sub(1))
}

/// Where the journal goes on after an end batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// In the segment with this number and salt.
    Segment { number: u64, salt: u64 },
    /// Nowhere: the store was closed.
    Closed,
}

impl Next {
    pub(crate) fn encode(self) -> [u8; END_PAYLOAD_LEN as usize] {
        let (number, salt, closed) = match self {
            Self::Segment { number, salt } => (number, salt, 0u64),
            Self::Closed => (0, 0, 1u64),
        };
        let mut bytes = [0; END_PAYLOAD_LEN as usize];
        bytes[0..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..16].copy_from_slice(&salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&closed.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() as u64 != END_PAYLOAD_LEN {
            return None;
        }
        match u64_at(bytes, 16) {
            0 => Some(Self::Segment { number: u64_at(bytes, 0), salt: u64_at(bytes, 8) }),
            1 => Some(Self::Closed),
            _ => None,
        }
    }
}

const COMMIT_SYNCED: u8 = 1;
const COMMIT_FINISHING: u8 = 2;

/// What a commit says of itself beside its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitHeader<'a> {
    /// Microseconds since 1970 UTC.
    pub(crate) time_micros: i64,
    /// Whether the caller waited for the sync.
    pub(crate) synced: bool,
    /// Whether it was allowed to use the reserved segment.
    pub(crate) finishing: bool,
    /// A word for the reader of the log: `token.upsert`, `operation.complete #42`.
    pub(crate) note: &'a str,
}

/// The longest note that is kept; the rest is cut.
pub(crate) const MAX_NOTE_BYTES: usize = u8::MAX as usize;

/// Appends the bytes of one commit. Keys and rows must be inside the limits of the engine.
pub(crate) fn encode_commit<'r>(
    out: &mut Vec<u8>,
    header: &CommitHeader<'_>,
    rows: impl IntoIterator<Item = RowRef<'r>>,
) {
    let start = out.len();
    let note = header.note.floor_char_boundary(MAX_NOTE_BYTES);
    let note = &header.note.as_bytes()[..note];
    let flags = if header.synced { COMMIT_SYNCED } else { 0 }
        | if header.finishing { COMMIT_FINISHING } else { 0 };
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&header.time_micros.to_le_bytes());
    out.push(flags);
    out.push(note.len() as u8);
    out.extend_from_slice(note);
    let count_at = out.len();
    let mut count = 0_u32;
    out.extend_from_slice(&[0; 4]);
    for RowRef { table, key, row } in rows {
        count += 1;
        out.push(table.0);
        out.push(u8::from(row.is_some()));
        out.extend_from_slice(&(key.len() as u16).to_le_bytes());
        out.extend_from_slice(&(row.map_or(0, <[u8]>::len) as u32).to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(row.unwrap_or_default());
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    let body_len = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&body_len.to_le_bytes());
}

/// A commit read back: its header and where its rows are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitRef<'a> {
    pub(crate) header: CommitHeader<'a>,
    /// All its bytes, the length field included.
    pub(crate) bytes: &'a [u8],
    pub(crate) row_count: u32,
    rows: &'a [u8],
}

impl<'a> CommitRef<'a> {
    /// The row writes in the order they were made. The bytes were checked when this was decoded.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowRef<'a>> + use<'a> {
        let mut rest = self.rows;
        std::iter::from_fn(move || {
            let (row, behind) = split_row(rest)?;
            rest = behind;
            Some(row)
        })
    }
}

/// Splits a payload into its commits, or `None` where it is not `count` whole commits and padding.
pub(crate) fn decode_commits(mut payload: &[u8], count: u32) -> Option<Vec<CommitRef<'_>>> {
    // The smallest commit takes 18 bytes, so a wrong count cannot ask for more than the payload.
    if u64::from(count) * 18 > payload.len() as u64 {
        return None;
    }
    let mut commits = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let body_len = u32_at(payload.get(..4)?, 0) as usize;
        let bytes = payload.get(..4usize.checked_add(body_len)?)?;
        commits.push(decode_commit(bytes)?);
        payload = &payload[bytes.len()..];
    }
    (payload.len() < ALIGNMENT as usize && payload.iter().all(|byte| *byte == 0)).then_some(commits)
}

/// The commit whose bytes, the length field included, these are, or `None` where they are none.
pub(crate) fn decode_commit(bytes: &[u8]) -> Option<CommitRef<'_>> {
    let body = bytes.get(4..)?;
    let fixed = body.get(..10)?;
    let note_end = 10 + usize::from(fixed[9]);
    let note = std::str::from_utf8(body.get(10..note_end)?).ok()?;
    let row_count = u32_at(body.get(note_end..note_end + 4)?, 0);
    let rows = &body[note_end + 4..];
    if fixed[8] & !(COMMIT_SYNCED | COMMIT_FINISHING) != 0 {
        return None;
    }
    let mut rest = rows;
    for _ in 0..row_count {
        rest = split_row(rest)?.1;
    }
    let header = CommitHeader {
        time_micros: u64_at(fixed, 0) as i64,
        synced: fixed[8] & COMMIT_SYNCED != 0,
        finishing: fixed[8] & COMMIT_FINISHING != 0,
        note,
    };
    rest.is_empty().then_some(CommitRef { header, bytes, row_count, rows })
}

fn split_row(bytes: &[u8]) -> Option<(RowRef<'_>, &[u8])> {
    let fixed = bytes.get(..8)?;
    let key_end = 8 + usize::from(u16::from_le_bytes([fixed[2], fixed[3]]));
    let row_end = key_end.checked_add(u32_at(fixed, 4) as usize)?;
    let key = bytes.get(8..key_end)?;
    let row = bytes.get(key_end..row_end)?;
    let row = match fixed[1] {
        0 if row.is_empty() => None,
        1 => Some(row),
        _ => return None,
    };
    Some((RowRef { table: Table(fixed[0]), key, row }, &bytes[row_end..]))
}

/// The checksum that a batch header states of itself, and the one that its bytes have.
pub(crate) fn batch_header_checksums(bytes: &[u8]) -> Option<(u32, u32)> {
    let bytes = bytes.get(..BATCH_HEADER_LEN as usize)?;
    Some((u32_at(bytes, 44), crc32fast::hash(&bytes[..44])))
}

/// The same of a segment header.
pub(crate) fn segment_header_checksums(bytes: &[u8]) -> Option<(u32, u32)> {
    let bytes = bytes.get(..SEGMENT_HEADER_LEN as usize)?;
    Some((u32_at(bytes, 76), crc32fast::hash(&bytes[..76])))
}

/// The salt that the bytes of a whole batch header name, whatever segment that is of.
pub(crate) fn salt_of_whole_header(bytes: &[u8]) -> Option<u64> {
    let salt = u64_at(bytes.get(..BATCH_HEADER_LEN as usize)?, 24);
    BatchHeader::decode(bytes, salt).map(|_| salt)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}
