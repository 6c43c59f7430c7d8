//! Segments: the files that the journal consists of, and how one comes to be and goes.
//!
//! - `journal/<20 digits>.wal` is part of the log. It got this name when it was whole and synced.
//! - `journal/<20 digits>.old` was part of it and is kept for inspection only.
//! - `journal/*.tmp` is being made, or is room that waits to become a segment (a *spare*).
//!
//! Numbers rise and are never used twice, kept segments included.

use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

use super::super::row::Lsn;
use super::error::Error;
use super::format::{END_LEN, SEGMENT_HEADER_LEN, SegmentHeader, VERSION};

/// The directory of all segments.
pub(crate) const DIRECTORY: &str = "journal";

/// Larger preallocating writes leave the kernel with large folios, and every small write into one
/// costs two to five times as much afterwards.
const PREALLOCATE_BYTES: usize = 64 * 1024;

/// The highest number that is believed of a segment: far above any that is ever reached, and counting
/// on from it cannot overflow.
const MAX_NUMBER: u64 = 1 << 62;
/// The same of one that is kept, for which its name alone speaks: no segment that is numbered behind it
/// ever gets to where its own is not believed.
const MAX_KEPT_NUMBER: u64 = 1 << 61;

/// A segment that is open for appending.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) salt: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) len: u64,
    /// Where the next batch goes.
    pub(crate) offset: u64,
}

impl Segment {
    /// Bytes left for batches; the room of the end batch is not among them.
    pub(crate) fn room(&self) -> u64 {
        (self.len - END_LEN).saturating_sub(self.offset)
    }
}

/// Preallocated room that can become a segment.
#[derive(Debug)]
pub(crate) struct Spare {
    name: String,
    file: Arc<dyn DiskFile>,
    pub(crate) len: u64,
}

/// What a new segment is to say of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    pub(crate) store_id: [u8; 16],
    pub(crate) number: u64,
    pub(crate) salt: u64,
    pub(crate) restart_lsn: Lsn,
}

pub(crate) fn wal_name(number: u64) -> String {
    format!("{DIRECTORY}/{number:020}.wal")
}

pub(crate) fn old_name(number: u64) -> String {
    format!("{DIRECTORY}/{number:020}.old")
}

fn temporary_name(serial: u64) -> String {
    format!("{DIRECTORY}/{serial:020}.tmp")
}

/// What lies in the journal's directory, by kind; numbers ascending.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<u64>,
    pub(crate) kept: Vec<u64>,
    pub(crate) temporary: Vec<String>,
}

impl Listing {
    pub(crate) fn read(disk: &dyn Disk) -> Result<Self, Error> {
        let mut listing = Self::default();
        for name in disk.list(DIRECTORY).map_err(Error::io("list", DIRECTORY, 0))? {
            if let Some(number) = number_of(&name, ".wal", MAX_NUMBER) {
                listing.segments.push(number);
            } else if let Some(number) = number_of(&name, ".old", MAX_KEPT_NUMBER) {
                listing.kept.push(number);
            } else if name.ends_with(".tmp") {
                listing.temporary.push(format!("{DIRECTORY}/{name}"));
            }
        }
        listing.segments.sort_unstable();
        listing.kept.sort_unstable();
        Ok(listing)
    }

    /// The highest number that was ever used and can still be seen.
    pub(crate) fn highest(&self) -> u64 {
        let last = |numbers: &[u64]| numbers.last().copied().unwrap_or(0);
        last(&self.segments).max(last(&self.kept))
    }
}

fn number_of(name: &str, extension: &str, highest: u64) -> Option<u64> {
    let digits = name.strip_suffix(extension)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Twenty nines are more than a u64 holds, and there must be a number behind the last one: a name
    // with a higher one is not ours.
    let number = if plain { digits.parse().ok() } else { None };
    number.filter(|number| *number <= highest)
}

/// Makes room of `len` bytes under a temporary name, every block behind `from` written and nothing
/// synced. What comes before `from` the caller writes itself.
pub(crate) fn preallocate(
    disk: &dyn Disk,
    serial: u64,
    from: u64,
    len: u64,
) -> Result<Spare, Error> {
    let name = temporary_name(serial);
    let file = disk.create(&name).map_err(Error::io("create", &name, 0))?;
    let spare = Spare { name, file, len };
    match fill_with_zeros(&spare, from) {
        Ok(()) => Ok(spare),
        Err(error) => {
            // Half-made room is of no use and may be what the full disk needs back.
            let _ = disk.remove(&spare.name);
            Err(error)
        }
    }
}

fn fill_with_zeros(spare: &Spare, from: u64) -> Result<(), Error> {
    let zeros = vec![0; PREALLOCATE_BYTES];
    let mut offset = from;
    while offset < spare.len {
        let len = (spare.len - offset).min(PREALLOCATE_BYTES as u64);
        let write = spare.file.write_at(offset, &zeros[..len as usize]);
        write.map_err(Error::io("preallocate", &spare.name, offset))?;
        offset += len;
    }
    Ok(())
}

/// Turns a retired segment file into room for a new one. The rename is durable before any byte is
/// overwritten, so that a file with a segment's name is always whole.
pub(crate) fn recycle(disk: &dyn Disk, from: &str, serial: u64) -> Result<Spare, Error> {
    let name = temporary_name(serial);
    disk.rename(from, &name).map_err(Error::io("rename", from, 0))?;
    disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY, 0))?;
    let file = disk.open(&name).map_err(Error::io("open", &name, 0))?;
    let len = file.len().map_err(Error::io("measure", &name, 0))?;
    Ok(Spare { name, file, len })
}

/// Gives room its header and its name; when this returns, the segment is durable and may be used.
/// After an error the room is given back, as far as the disk lets that happen; what it still shows
/// of it has a number that is not used again.
pub(crate) fn announce(
    disk: &dyn Disk,
    spare: Spare,
    what: &Announcement,
) -> Result<Segment, Error> {
    let name = wal_name(what.number);
    if let Err(error) = give_name(disk, &spare, what, &name) {
        // It has one of the two names. Room that nobody knows of would fill the disk.
        let _ = disk.remove(&spare.name);
        let _ = disk.remove(&name);
        return Err(error);
    }
    Ok(Segment {
        name,
        number: what.number,
        salt: what.salt,
        file: spare.file,
        len: spare.len,
        offset: SEGMENT_HEADER_LEN,
    })
}

fn give_name(disk: &dyn Disk, spare: &Spare, what: &Announcement, name: &str) -> Result<(), Error> {
    let Spare { name: temporary, file, len } = spare;
    let header = SegmentHeader {
        version: VERSION,
        store_id: what.store_id,
        number: what.number,
        salt: what.salt,
        file_len: *len,
        restart_lsn: what.restart_lsn,
    };
    file.write_at(0, &header.encode()).map_err(Error::io("write", temporary, 0))?;
    file.sync().map_err(Error::io("sync", temporary, 0))?;
    disk.rename(temporary, name).map_err(Error::io("rename", temporary, 0))?;
    disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY, 0))
}

impl Spare {
    /// Writes into room that has no name yet: how a restart segment gets its commits.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_at(offset, bytes).map_err(Error::io("write", &self.name, offset))
    }

    /// Gives the room back to the disk.
    pub(crate) fn remove(self, disk: &dyn Disk) -> Result<(), Error> {
        disk.remove(&self.name).map_err(Error::io("remove", &self.name, 0))
    }
}
