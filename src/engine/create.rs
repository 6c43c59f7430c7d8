//! The creation of a store: the first segment, then the base, whose name makes the store exist.
//!
//! Cut short anywhere before that name is durable, there is no store yet, and the next opening clears
//! away what is there.

use crate::disk::{Disk, Metered};

use super::Error;
use super::base::{self, Base, Integrity, Meta, SegmentMark};
use super::journal::{self, DIRECTORY, Ending, Listing};
use super::memtable::Memtable;
use super::open::{Opening, Parts, open_base, random, room};
use super::options::EngineOptions;

const BASE_BEING_MADE: &str = "base.tmp";

/// A new store: the first segment, then the base; the base's name makes it exist.
pub(super) fn create_store(
    disk: &Metered,
    options: &EngineOptions,
    listing: &Listing,
) -> Result<Parts, Error> {
    clear_creation_cut_short(disk, listing)?;
    disk.make_dir(DIRECTORY).map_err(Error::io("make", DIRECTORY))?;
    disk.sync_dir("").map_err(Error::io("sync", "the store's directory"))?;
    let mut random = random(options)?;
    let mut store_id = [0; 16];
    random.fill(&mut store_id);
    let mut room = room(disk, options, store_id, random, listing);
    room.refill_reserve()?;
    let segment = room.prepare(0)?;
    let mark = SegmentMark { number: segment.number, salt: segment.salt };
    let meta = Meta {
        store_id,
        checkpoint: 0,
        previous_checkpoint: 0,
        segment: mark,
        previous_segment: mark,
        last_micros: i64::MIN,
        identity: options.identity.clone(),
    };
    make_base(disk, &meta)?;
    let base = open_base(disk, options, &meta, Integrity::Check)?;
    let opening = Opening {
        created: true,
        clean: true,
        last: 0,
        replayed: 0,
        ending: Ending::Unclosed,
        stepped_over: Vec::new(),
    };
    let memtable = Memtable::new(options.memtable_bytes);
    Ok(Parts { base, meta, room, segment, memtable, last: 0, last_micros: i64::MIN, opening })
}

fn make_base(disk: &Metered, meta: &Meta) -> Result<(), Error> {
    let io = |action| Error::io(action, BASE_BEING_MADE);
    let file = disk.create(BASE_BEING_MADE).map_err(io("create"))?;
    Base::create(&*file, meta)?;
    file.sync().map_err(io("sync"))?;
    disk.rename(BASE_BEING_MADE, base::FILE_NAME).map_err(io("rename"))?;
    disk.sync_dir("").map_err(Error::io("sync", "the store's directory"))
}

fn clear_creation_cut_short(disk: &dyn Disk, listing: &Listing) -> Result<(), Error> {
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    if names.iter().any(|name| name == BASE_BEING_MADE) {
        disk.remove(BASE_BEING_MADE).map_err(Error::io("remove", BASE_BEING_MADE))?;
    }
    let segments = listing.segments.iter().map(|number| journal::wal_name(*number));
    for name in segments.chain(listing.temporary.iter().cloned()) {
        disk.remove(&name).map_err(Error::io("remove", DIRECTORY))?;
    }
    if !listing.segments.is_empty() {
        // So that they do not come back beside the new one.
        disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY))?;
    }
    Ok(())
}
