//! What is done to the files of a store: torn, flipped, misplaced, cut, missing, exchanged, and, so
//! that a fuzzer gets behind the checksums, forged.

use super::frames::{
    BATCH_HEADER, BATCH_MAGIC, Frame, SEGMENT_HEADER, frames, seal_batch, seal_header,
    seal_segment, segments, u64_at, wal_name,
};
use super::stores::Image;
use crate::disk::SimulatedDisk;
use crate::simulation::fuzzing::bytes::Bytes;

/// The most that is done to one store.
const STEPS: usize = 12;
const SECTOR: usize = 512;
const PAGE: usize = 4096;
const BASE: &str = "base.redb";

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// Whether a CRC was made to fit what was changed. No disk does that.
    pub(super) forged: bool,
}

/// Does to `disk` what the bytes say.
pub(super) fn damage(disk: &SimulatedDisk, image: &Image, bytes: &mut Bytes<'_>) -> Done {
    let mut done = Done::default();
    for _ in 0..STEPS {
        if bytes.is_empty() {
            break;
        }
        match bytes.u8() % 20 {
            0..12 => done.forged |= in_segment(disk, bytes),
            12 => cut(disk, bytes),
            13 => remove(disk, bytes),
            14 => done.forged |= copy(disk, bytes),
            15 => other_ending(disk, bytes),
            16 => disk.write_file(BASE, &image.old_base),
            17 => in_base(disk, bytes),
            18 => done.forged |= raw_segment(disk, image, bytes),
            _ => disk.write_file(&format!("journal/{:020}.tmp", bytes.u8()), bytes.take(64)),
        }
    }
    done
}

/// Changes bytes inside one segment; answers whether CRCs were made to fit.
fn in_segment(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) -> bool {
    let Some((name, mut segment)) = chosen(disk, bytes) else { return false };
    let found = frames(&segment);
    let used = found.last().map_or(SEGMENT_HEADER, |frame| frame.at + frame.len);
    // A little of the room behind the last batch belongs to what can be hit.
    let end = (used + 2 * SECTOR).min(segment.len());
    let forged = match bytes.u8() % 12 {
        0..2 => flip(&mut segment[..end], bytes),
        2 => overwrite(&mut segment[..end], bytes),
        3 => zeros(&mut segment[..end], bytes),
        4 => misplaced(&mut segment[..end], bytes),
        5 => forged_segment_field(&mut segment, bytes),
        6..8 => forged_batch_field(&mut segment, &found, bytes),
        8..10 => forged_payload(&mut segment, &found, bytes),
        10 => forged_batch(&mut segment, used, bytes),
        _ => {
            overwrite(&mut segment[..end], bytes);
            seal_segment(&mut segment);
            true
        }
    };
    disk.write_file(&name, &segment);
    forged
}

fn chosen(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) -> Option<(String, Vec<u8>)> {
    let names = segments(disk);
    // Counted from the last, for it is where most can go wrong.
    let name = names.iter().rev().nth(bytes.below(names.len()))?.clone();
    let segment = disk.read_file(&name)?;
    // A file too short for a header has no place that could be named.
    (segment.len() >= SEGMENT_HEADER).then_some((name, segment))
}

fn flip(segment: &mut [u8], bytes: &mut Bytes<'_>) -> bool {
    segment[bytes.below(segment.len())] ^= bytes.u8().max(1);
    false
}

fn overwrite(segment: &mut [u8], bytes: &mut Bytes<'_>) -> bool {
    let at = bytes.below(segment.len());
    let len = usize::from(bytes.u8()).min(segment.len() - at);
    let text = bytes.take(len);
    segment[at..at + text.len()].copy_from_slice(text);
    false
}

fn zeros(segment: &mut [u8], bytes: &mut Bytes<'_>) -> bool {
    let at = bytes.below(segment.len()) / SECTOR * SECTOR;
    let end = segment.len().min(at + SECTOR * (1 + bytes.below(4)));
    segment[at..end].fill(0);
    false
}

/// A write that went somewhere else: bytes of one place stand in another, at a multiple of eight.
fn misplaced(segment: &mut [u8], bytes: &mut Bytes<'_>) -> bool {
    let from = bytes.below(segment.len()) / 8 * 8;
    let to = bytes.below(segment.len()) / 8 * 8;
    let len = (8 * (1 + bytes.below(128))).min(segment.len() - from.max(to));
    segment.copy_within(from..from + len, to);
    false
}

/// A number that is worth a try somewhere.
fn number(near: u64, bytes: &mut Bytes<'_>) -> u64 {
    match bytes.u8() % 8 {
        0 => 0,
        1 => near.wrapping_add(1),
        2 => near.wrapping_sub(1),
        3 => u64::MAX,
        4 => 1 << (bytes.u8() % 64),
        5 => u64::from(bytes.u8()),
        6 => near.wrapping_add(u64::from(bytes.u16())),
        _ => bytes.u64(),
    }
}

/// Puts a number into the `width` bytes at `at`.
fn put(segment: &mut [u8], at: usize, width: usize, bytes: &mut Bytes<'_>) {
    let mut near = [0; 8];
    near[..width].copy_from_slice(&segment[at..at + width]);
    let number = number(u64::from_le_bytes(near), bytes).to_le_bytes();
    segment[at..at + width].copy_from_slice(&number[..width]);
}

fn forged_segment_field(segment: &mut [u8], bytes: &mut Bytes<'_>) -> bool {
    const FIELDS: [(usize, usize); 8] =
        [(0, 8), (8, 4), (12, 4), (16, 8), (32, 8), (40, 8), (48, 8), (56, 8)];
    let (at, width) = FIELDS[bytes.below(FIELDS.len())];
    put(segment, at, width, bytes);
    seal_header(segment);
    true
}

fn forged_batch_field(segment: &mut [u8], found: &[Frame], bytes: &mut Bytes<'_>) -> bool {
    const FIELDS: [(usize, usize); 7] =
        [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 4), (40, 4)];
    let Some(frame) = found.iter().rev().nth(bytes.below(found.len())) else { return false };
    let (at, width) = FIELDS[bytes.below(FIELDS.len())];
    put(segment, frame.at + at, width, bytes);
    seal_batch(segment, frame.at);
    true
}

fn forged_payload(segment: &mut [u8], found: &[Frame], bytes: &mut Bytes<'_>) -> bool {
    let Some(frame) = found.iter().rev().nth(bytes.below(found.len())) else { return false };
    let payload = &mut segment[frame.at + BATCH_HEADER..frame.at + frame.len];
    if payload.is_empty() {
        return false;
    }
    match bytes.u8() % 2 {
        0 => flip(payload, bytes),
        _ => overwrite(payload, bytes),
    };
    seal_batch(segment, frame.at);
    true
}

/// A batch of the fuzzer's own behind the last one.
fn forged_batch(segment: &mut [u8], at: usize, bytes: &mut Bytes<'_>) -> bool {
    let last = frames(segment).last().map_or(1, |frame| frame.next_lsn);
    let (first, durable) = match bytes.u8() % 4 {
        0 => (number(last, bytes), number(last, bytes)),
        _ => (last, last.wrapping_sub(1)),
    };
    let (commits, kind) = (u32::from(bytes.u8() % 4), 1 + u32::from(bytes.one_in(8)));
    let len = usize::from(bytes.u16() % 1024);
    let mut payload = bytes.take(len).to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    let end = at + BATCH_HEADER + payload.len();
    if end > segment.len() {
        return false;
    }
    let salt = u64_at(segment, 40);
    let batch = &mut segment[at..end];
    batch[..4].copy_from_slice(BATCH_MAGIC);
    batch[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    for (field, number) in [(8, first), (16, durable), (24, salt)] {
        batch[field..field + 8].copy_from_slice(&number.to_le_bytes());
    }
    batch[32..36].copy_from_slice(&commits.to_le_bytes());
    batch[40..44].copy_from_slice(&kind.to_le_bytes());
    batch[BATCH_HEADER..].copy_from_slice(&payload);
    seal_batch(segment, at);
    true
}

fn cut(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) {
    let Some((name, segment)) = chosen(disk, bytes) else { return };
    disk.write_file(&name, &segment[..bytes.below(segment.len() + 1)]);
}

fn remove(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) {
    if let Some((name, _)) = chosen(disk, bytes) {
        disk.remove_file(&name);
    }
}

/// Puts a segment under another number too, which its header may be made to say.
fn copy(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) -> bool {
    let Some((_, mut segment)) = chosen(disk, bytes) else { return false };
    let number = number(u64_at(&segment, 32), bytes);
    let forged = bytes.one_in(2);
    if forged {
        segment[32..40].copy_from_slice(&number.to_le_bytes());
        seal_header(&mut segment);
    }
    disk.write_file(&wal_name(number), &segment);
    forged
}

fn other_ending(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) {
    let Some((name, segment)) = chosen(disk, bytes) else { return };
    let ending = ["old", "tmp", "wal2"][bytes.below(3)];
    disk.remove_file(&name);
    disk.write_file(&name.replace("wal", ending), &segment);
}

fn in_base(disk: &SimulatedDisk, bytes: &mut Bytes<'_>) {
    let Some(mut base) = disk.read_file(BASE) else { return };
    match bytes.u8() % 8 {
        0 => {
            disk.remove_file(BASE);
            return;
        }
        1 => base.truncate(bytes.below(16) * PAGE + bytes.below(16)),
        place => {
            // Most of a base is empty: its beginning says the most.
            let page = if place < 5 { 0 } else { bytes.below(base.len() / PAGE) };
            let at = page * PAGE + bytes.below(if place < 5 { SECTOR } else { PAGE });
            let flips = bytes.u8().max(1);
            base.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= flips);
        }
    }
    disk.write_file(BASE, &base);
}

/// A file of the fuzzer's own in a segment's place, with or without the CRCs that would fit.
fn raw_segment(disk: &SimulatedDisk, image: &Image, bytes: &mut Bytes<'_>) -> bool {
    let (number, forged) = (u64::from(bytes.u8() % 8), !bytes.one_in(4));
    let mut segment = bytes.take(bytes.0.len()).to_vec();
    if forged {
        segment.resize(segment.len().max(SEGMENT_HEADER), 0);
        segment[..8].copy_from_slice(b"HWJOURNL");
        segment[8..12].copy_from_slice(&1u32.to_le_bytes());
        segment[16..32].copy_from_slice(&image.store_id);
        segment[32..40].copy_from_slice(&number.to_le_bytes());
        let len = segment.len() as u64;
        segment[48..56].copy_from_slice(&len.to_le_bytes());
        seal_segment(&mut segment);
    }
    disk.write_file(&wal_name(number), &segment);
    forged
}
