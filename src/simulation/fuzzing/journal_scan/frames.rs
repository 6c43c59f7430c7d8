//! The journal's frames as `docs/format.md` draws them, read and sealed without the code that the
//! store reads and writes them with.

use crate::disk::SimulatedDisk;

pub(super) const SEGMENT_HEADER: usize = 80;
pub(super) const BATCH_HEADER: usize = 48;
pub(super) const BATCH_MAGIC: &[u8; 4] = b"HWB1";

/// A batch whose header is intact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) at: usize,
    /// Header and payload.
    pub(super) len: usize,
    pub(super) durable_lsn: u64,
    pub(super) next_lsn: u64,
}

pub(super) fn wal_name(number: u64) -> String {
    format!("journal/{number:020}.wal")
}

/// The names of the segments, by number.
pub(super) fn segments(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.names().into_iter();
    names.filter(|name| name.starts_with("journal/") && name.ends_with(".wal")).collect()
}

/// The batches of a segment, by their headers alone: a break is passed over in steps of eight.
pub(super) fn frames(segment: &[u8]) -> Vec<Frame> {
    let salt = segment.get(40..48).unwrap_or_default();
    let mut frames = Vec::new();
    let mut at = SEGMENT_HEADER;
    while let Some(header) = segment.get(at..at + BATCH_HEADER) {
        let len = BATCH_HEADER + u32_at(header, 4) as usize;
        let intact = header[..4] == *BATCH_MAGIC
            && &header[24..32] == salt
            && crc32fast::hash(&header[..44]) == u32_at(header, 44)
            && at + len <= segment.len();
        if !intact {
            at += 8;
            continue;
        }
        let next_lsn = u64_at(header, 8).saturating_add(u64::from(u32_at(header, 32)));
        frames.push(Frame { at, len, durable_lsn: u64_at(header, 16), next_lsn });
        at += len;
    }
    frames
}

/// The frames of a segment each by itself; a payload stands behind its number of commits.
pub(super) fn parts(segment: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![segment[..SEGMENT_HEADER.min(segment.len())].to_vec()];
    for frame in frames(segment) {
        let (header, payload) = segment[frame.at..frame.at + frame.len].split_at(BATCH_HEADER);
        parts.push(header.to_vec());
        parts.push([&header[32..36], payload].concat());
        parts.push(payload.to_vec());
    }
    parts
}

/// Whether the header of a segment is intact and of this number.
pub(super) fn is_segment(segment: &[u8], number: u64) -> bool {
    segment.len() >= SEGMENT_HEADER
        && segment[..8] == *b"HWJOURNL"
        && u64_at(segment, 32) == number
        && crc32fast::hash(&segment[..76]) == u32_at(segment, 76)
}

/// What the segments on `disk` say was known to be synced: the greatest answer of any intact header.
pub(super) fn durable(disk: &SimulatedDisk) -> u64 {
    let mut durable = 0;
    for name in segments(disk) {
        let number = name[8..28].parse().unwrap_or(0);
        let segment = disk.read_file(&name).unwrap_or_default();
        if is_segment(&segment, number) {
            let named = frames(&segment).iter().map(|frame| frame.durable_lsn).max();
            durable = durable.max(named.unwrap_or(0)).max(u64_at(&segment, 56).saturating_sub(1));
        }
    }
    durable
}

/// Puts the right CRCs into a segment's header, and into every frame that follows from it by its
/// length.
pub(super) fn seal_segment(segment: &mut [u8]) {
    seal_header(segment);
    let mut at = SEGMENT_HEADER;
    while at + BATCH_HEADER <= segment.len() && segment[at..at + 4] == *BATCH_MAGIC {
        at += seal_batch(segment, at);
    }
}

/// Puts the right CRC into a segment's header.
pub(super) fn seal_header(segment: &mut [u8]) {
    if let Some(header) = segment.get_mut(..SEGMENT_HEADER) {
        let crc = crc32fast::hash(&header[..76]);
        header[76..].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Puts the right CRCs into the batch at `at`, as far as it goes, and answers its length.
pub(super) fn seal_batch(segment: &mut [u8], at: usize) -> usize {
    let len = BATCH_HEADER + u32_at(segment, at + 4) as usize;
    if let Some(payload) = segment.get(at + BATCH_HEADER..at + len) {
        let crc = crc32fast::hash(payload);
        segment[at + 36..at + 40].copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32fast::hash(&segment[at..at + 44]);
    segment[at + 44..at + 48].copy_from_slice(&crc.to_le_bytes());
    len
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
