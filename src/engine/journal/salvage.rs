//! What can still be taken from a journal that an opening refuses: the commits up to the first one
//! that is needed and cannot be read. Reading never writes.
//!
//! The rules are those of [`scan`](super::scan), and so is the code; only what is a refusal there is
//! an end here. A segment whose header is damaged is read all the same where its salt is known: from
//! the base, or from the whole batch at its beginning.

use crate::disk::Disk;

use super::super::row::Lsn;
use super::error::{Error, Problem};
use super::format::{
    BATCH_HEADER_LEN, SEGMENT_HEADER_LEN, SegmentHeader, VERSION, salt_of_whole_header,
};
use super::scan::{Anchor, Batch, Opened, Walk, leads_to, open_file, open_segment};
use super::segment::{Listing, wal_name};
use super::window::Window;

/// What a journal comes to that was cut where it is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Salvage {
    /// The last commit that is kept.
    pub(crate) last: Lsn,
    /// The highest commit that any whole header tells of; those above `last` are lost.
    pub(crate) highest: Lsn,
    /// D: everything up to here was acknowledged as durable.
    pub(crate) durable: Lsn,
    /// The segments that hold what is cut, ascending.
    pub(crate) cut: Vec<u64>,
}

/// Hands every batch up to the first commit that is needed and not there to `visit`.
pub(crate) fn salvage<E: From<Error>>(
    disk: &dyn Disk,
    listing: &Listing,
    anchor: &Anchor,
    visit: &mut dyn FnMut(Batch<'_>) -> Result<(), E>,
) -> Result<Salvage, E> {
    let mut segments = what_opens(disk, listing, anchor)?;
    let mut walk = Walk::new(&segments, anchor);
    for (index, segment) in segments.iter_mut().enumerate() {
        match walk.enter(index, segment) {
            Ok(true) => walk.read(index, segment, visit)?,
            Ok(false) => {}
            // What comes next is not what was announced: here it ends.
            Err(Error::Corrupt { .. }) => break,
            Err(error) => return Err(error.into()),
        }
        segment.window.release();
    }
    let (last, from) = (walk.needed() - 1, walk.ends_in());
    let (mut highest, mut durable) = (last, walk.durable());
    for segment in &mut segments {
        let (salt, mut offset) = (segment.header.salt, SEGMENT_HEADER_LEN);
        while let Some((at, header)) = segment.window.next_header(offset, salt)? {
            highest = highest.max(header.next_lsn() - 1);
            durable = durable.max(header.durable_lsn);
            offset = at + header.batch_len();
        }
        segment.window.release();
    }
    let is_read = |number| segments.iter().any(|segment| segment.header.number == number);
    let is_cut = |number: &u64| {
        let number = *number;
        number >= anchor.oldest_segment && (number >= from || !is_read(number))
    };
    let cut = listing.segments.iter().copied().filter(is_cut).collect();
    Ok(Salvage { last, highest, durable, cut })
}

/// The segments that can be read, from the last restart segment on.
fn what_opens(disk: &dyn Disk, listing: &Listing, anchor: &Anchor) -> Result<Vec<Opened>, Error> {
    let mut opened = Vec::new();
    for number in listing.segments.iter().rev().copied() {
        if number < anchor.oldest_segment {
            break;
        }
        let needed = number >= anchor.segment.0;
        let found = match open_segment(disk, number, anchor) {
            Ok(segment) => Some(segment),
            Err(Error::Corrupt { problem, .. }) if needed => match problem {
                Problem::SegmentHeader | Problem::Short => assumed(disk, number, anchor)?,
                _ => None,
            },
            Err(Error::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(mut segment) = found else { continue };
        let (base_number, base_salt) = anchor.segment;
        if number == base_number && segment.header.salt != base_salt {
            continue;
        }
        if !needed && !leads_to(&mut segment, opened.last())? {
            continue;
        }
        let restart = segment.header.restart_lsn != 0;
        opened.push(segment);
        if restart {
            break;
        }
    }
    opened.reverse();
    Ok(opened)
}

/// A segment whose header cannot be read, as it must have been; `None` where nothing tells its salt.
fn assumed(disk: &dyn Disk, number: u64, anchor: &Anchor) -> Result<Option<Opened>, Error> {
    let name = wal_name(number);
    let (file, len) = open_file(disk, &name)?;
    let mut window = Window::new(name, file, len);
    let known = window.bytes(0, SEGMENT_HEADER_LEN)?.and_then(SegmentHeader::decode);
    if let Some(header) = known {
        // The header is whole, and the file shorter than it says: what is there can be read.
        window.cut(header.file_len);
        return Ok(Some(Opened { header, window }));
    }
    let salt = match anchor.segment {
        (base, salt) if base == number => Some(salt),
        _ => window.bytes(SEGMENT_HEADER_LEN, BATCH_HEADER_LEN)?.and_then(salt_of_whole_header),
    };
    let header = salt.map(|salt| SegmentHeader {
        version: VERSION,
        store_id: anchor.store_id,
        number,
        salt,
        file_len: len,
        restart_lsn: 0,
    });
    Ok(header.map(|header| Opened { header, window }))
}
