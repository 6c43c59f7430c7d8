//! One segment by itself: every header and every payload against its checksum, nothing left out and
//! nothing ended by the first break.
//!
//! What a break means for the log is the scan's to say; here only its place is found.

use crate::disk::Disk;

use super::error::{Error, Problem};
use super::format::{
    BatchHeader, BatchKind, Next, SEGMENT_HEADER_LEN, SegmentHeader, VERSION, decode_commits,
};
use super::scan::open_file;
use super::window::Window;

/// What is whole in a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checked {
    /// How many batches.
    pub(crate) batches: u64,
    /// The segment that its end names, where it ends so.
    pub(crate) next: Option<u64>,
}

/// Reads the segment in the file `name`, which is to have this number, and tells `found` of every
/// offset where something does not match its checksum, with the problem.
pub(crate) fn check_segment(
    disk: &dyn Disk,
    name: &str,
    number: u64,
    found: &mut dyn FnMut(u64, Problem),
) -> Result<Checked, Error> {
    let (file, len) = open_file(disk, name)?;
    let mut window = Window::new(name.to_owned(), file, len);
    let header = window.bytes(0, SEGMENT_HEADER_LEN)?.and_then(SegmentHeader::decode);
    let Some(header) = header else {
        found(0, Problem::SegmentHeader);
        return Ok(Checked::default());
    };
    if header.version != VERSION {
        let (file, found) = (name.to_owned(), header.version);
        return Err(Error::Version { file, found, supported: VERSION });
    }
    if header.number != number {
        found(0, Problem::SegmentNumber);
    }
    if header.file_len > len {
        found(len, Problem::Short);
    }
    window.cut(header.file_len);
    check_batches(&mut window, header.salt, found)
}

fn check_batches(
    window: &mut Window,
    salt: u64,
    found: &mut dyn FnMut(u64, Problem),
) -> Result<Checked, Error> {
    let (mut offset, mut expected, mut checked) = (SEGMENT_HEADER_LEN, 1, Checked::default());
    while let Some((at, header)) = window.next_header(offset, salt)? {
        if at > offset {
            found(offset, Problem::Batch);
        }
        match window.payload(at, &header)? {
            Some(payload) if is_readable(payload, &header) => {
                checked.batches += 1;
                checked.next = match (header.kind, Next::decode(payload)) {
                    (BatchKind::End, Some(Next::Segment { number, .. })) => Some(number),
                    _ => None,
                };
            }
            _ => found(at, Problem::Batch),
        }
        (offset, expected) = (at + header.batch_len(), header.next_lsn());
    }
    if window.traces_end(offset, salt, expected)? > offset {
        found(offset, Problem::Batch);
    }
    Ok(checked)
}

fn is_readable(payload: &[u8], header: &BatchHeader) -> bool {
    match header.kind {
        BatchKind::Commits => decode_commits(payload, header.commits).is_some(),
        BatchKind::End => Next::decode(payload).is_some(),
    }
}
