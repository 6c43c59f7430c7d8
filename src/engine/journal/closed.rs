//! A journal that holds nothing but its end: what stands beside a base that was made whole.

use crate::disk::Disk;

use super::super::row::Lsn;
use super::error::Error;
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, END_PAYLOAD_LEN, Next, SEGMENT_HEADER_LEN,
    SegmentHeader, VERSION,
};
use super::segment::{Announcement, DIRECTORY, wal_name};

/// The file's length: room is made by whole pieces of this.
const FILE_LEN: u64 = 64 * 1024;

/// Writes the one segment of a closed store whose base holds everything up to `last`, and makes it
/// durable. The directory is made too; the caller makes that durable.
pub(crate) fn write_closed(
    disk: &dyn Disk,
    store_id: [u8; 16],
    (number, salt): (u64, u64),
    last: Lsn,
) -> Result<(), Error> {
    disk.make_dir(DIRECTORY).map_err(Error::io("make", DIRECTORY, 0))?;
    let what = Announcement { store_id, number, salt, restart_lsn: last + 1 };
    let name = wal_name(number);
    let file = disk.create(&name).map_err(Error::io("create", &name, 0))?;
    file.set_len(FILE_LEN).map_err(Error::io("lengthen", &name, 0))?;
    file.write_at(0, &bytes(&what)).map_err(Error::io("write", &name, 0))?;
    file.sync().map_err(Error::io("sync", &name, 0))?;
    disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY, 0))
}

/// The header of the segment and the end batch of a close.
fn bytes(what: &Announcement) -> Vec<u8> {
    let header = SegmentHeader {
        version: VERSION,
        store_id: what.store_id,
        number: what.number,
        salt: what.salt,
        file_len: FILE_LEN,
        restart_lsn: what.restart_lsn,
    };
    let payload = Next::Closed.encode();
    let end = BatchHeader {
        payload_len: END_PAYLOAD_LEN as u32,
        first_lsn: what.restart_lsn,
        durable_lsn: what.restart_lsn - 1,
        salt: what.salt,
        commits: 0,
        payload_crc: crc32fast::hash(&payload),
        kind: BatchKind::End,
    };
    let mut bytes = Vec::with_capacity((SEGMENT_HEADER_LEN + BATCH_HEADER_LEN) as usize);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(&end.encode());
    bytes.extend_from_slice(&payload);
    bytes
}
