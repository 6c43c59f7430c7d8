//! Repair: the one act that gives up acknowledged commits, and only when it is asked to.
//!
//! What an opening refuses is cut at the first commit that is needed and cannot be read. The commits
//! before it go into a restart segment, as an opening would write it: its rename and the sync of the
//! directory are the one moment at which the repair takes effect. Everything that is cut lies copied
//! and synced in a directory of its own before that, and its originals go only after it.

use std::sync::Arc;

use crate::disk::{Disk, DiskLock};

use super::Error;
use super::base::Meta;
use super::journal::{
    self, DIRECTORY, Listing, Measure, Restart, Room, RoomOptions, Salvage, salvage, wal_name,
};
use super::open::LOCK;
use super::options::MAX_SEGMENT_BYTES;
use super::recover::{Examination, anchor, examine, open_over_overlay};
use super::row::Lsn;

/// How much of a file is copied at once.
const COPY_BYTES: u64 = 64 * 1024;
/// Room behind the commits in the restart segment.
const ROOM_BYTES: u64 = 128 * 1024;

/// What a repair would do.
#[derive(Debug)]
pub(crate) enum Repairable {
    /// Nothing: the store opens.
    Sound,
    /// The journal can be cut.
    Journal {
        /// What the opening says.
        refusal: journal::Error,
        salvage: Salvage,
        meta: Box<Meta>,
    },
}

/// What a repair of the store on `disk` would do. Damage that no cut can mend is the error that an
/// opening answers.
pub(crate) fn repairable(disk: &dyn Disk) -> Result<Repairable, Error> {
    let refusal = match examine(disk) {
        Ok(Examination::Absent(_)) => return Err(Error::Missing { store: disk.label() }),
        Ok(Examination::Store(_)) => return Ok(Repairable::Sound),
        Err(Error::Journal(error @ journal::Error::Corrupt { .. })) => error,
        Err(error) => return Err(error),
    };
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    if !names.iter().any(|name| name == super::base::FILE_NAME) {
        return Err(refusal.into());
    }
    let (base, _, _) = open_over_overlay(disk)?;
    let meta = base.meta()?;
    let listing = Listing::read(disk)?;
    let found = salvage(disk, &listing, &anchor(&meta), &mut |_| Ok::<(), journal::Error>(()))?;
    Ok(Repairable::Journal { refusal, salvage: found, meta: Box::new(meta) })
}

/// The same, without disturbing whoever has the store open: while it looks, nobody opens it.
pub(crate) fn repairable_locked(disk: &dyn Disk) -> Result<Repairable, Error> {
    let _lock = super::offline::lock_shared(disk)?;
    repairable(disk)
}

/// Cuts the journal of the store on `disk`. What is cut is kept in the directory `kept`, with `told`
/// beside it. Nothing is changed where it answers [`Repairable::Sound`].
pub(crate) fn repair(
    disk: &Arc<dyn Disk>,
    kept: &str,
    told: &dyn Fn(&Repairable) -> String,
) -> Result<Repairable, Error> {
    let _lock = lock(&**disk)?;
    let found = repairable(&**disk)?;
    if let Repairable::Journal { salvage, meta, .. } = &found {
        keep(&**disk, kept, &salvage.cut, &told(&found))?;
        cut(disk, salvage, meta)?;
    }
    Ok(found)
}

fn lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, Error> {
    disk.lock(LOCK).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked { store: disk.label() },
        _ => Error::io("lock", LOCK)(source),
    })
}

/// Copies what is to be cut, durably.
fn keep(disk: &dyn Disk, kept: &str, cut: &[u64], told: &str) -> Result<(), Error> {
    let io = |action| Error::io(action, "what is cut");
    disk.make_dir(kept).map_err(io("make a directory for"))?;
    for number in cut {
        copy(disk, &wal_name(*number), &format!("{kept}/{number:020}.wal")).map_err(io("copy"))?;
    }
    let report = disk.create(&format!("{kept}/REPORT")).map_err(io("report"))?;
    report.write_at(0, told.as_bytes()).map_err(io("report"))?;
    report.sync().map_err(io("report"))?;
    disk.sync_dir(kept).map_err(io("sync the directory of"))?;
    disk.sync_dir("").map_err(Error::io("sync", "the store's directory"))
}

fn copy(disk: &dyn Disk, from: &str, to: &str) -> std::io::Result<()> {
    let (from, to) = (disk.open_read_only(from)?, disk.create(to)?);
    let (len, mut offset) = (from.len()?, 0);
    let mut buffer = vec![0; COPY_BYTES as usize];
    while offset < len {
        let piece = &mut buffer[..COPY_BYTES.min(len - offset) as usize];
        from.read_at(offset, piece)?;
        to.write_at(offset, piece)?;
        offset += piece.len() as u64;
    }
    to.sync()
}

/// Writes the commits that are kept into a restart segment, and removes what is cut.
fn cut(disk: &Arc<dyn Disk>, found: &Salvage, meta: &Meta) -> Result<(), Error> {
    let mut listing = Listing::read(&**disk)?;
    for name in listing.temporary.drain(..) {
        disk.remove(&name).map_err(Error::io("remove", DIRECTORY))?;
    }
    let (above, anchor) = (meta.previous_checkpoint, anchor(meta));
    let mut measure = Measure::default();
    salvage(&**disk, &listing, &anchor, &mut |batch| {
        measure.add(&batch, above);
        Ok::<(), journal::Error>(())
    })?;
    let mut room = room(disk, meta, &listing)?;
    let restart_lsn: Lsn = found.last + 1;
    let mut restart = Restart::begin(&mut room, measure, ROOM_BYTES, above, restart_lsn)?;
    let copied = salvage(&**disk, &listing, &anchor, &mut |batch| restart.add(&batch));
    match copied {
        Ok(_) => restart.finish(&mut room)?,
        Err(error) => {
            restart.abandon(&room);
            return Err(error.into());
        }
    };
    // From here on the store opens; what is left of what was cut is ignored.
    for number in &found.cut {
        disk.remove(&wal_name(*number)).map_err(Error::io("remove", DIRECTORY))?;
    }
    disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY))
}

fn room(disk: &Arc<dyn Disk>, meta: &Meta, listing: &Listing) -> Result<Room, Error> {
    let options = RoomOptions {
        segment_min_bytes: ROOM_BYTES,
        segment_max_bytes: MAX_SEGMENT_BYTES,
        keep_bytes: u64::MAX,
        keep_micros: i64::MAX,
    };
    let seed = getrandom::u64().map_err(|error| Error::Io {
        action: "draw",
        file: "random numbers",
        source: std::io::Error::other(error.to_string()),
    })?;
    let random = fastrand::Rng::with_seed(seed);
    let mut room = Room::new(disk.clone(), meta.store_id, options, random, listing);
    // The base's segment may be gone; under its number another one would be taken for it.
    room.number_above(meta.segment.number);
    Ok(room)
}
