//! Opening: a store is created, taken up after a close, or recovered after anything else.
//!
//! The order of the steps is the promise. Nothing is touched before the examination has found
//! nothing to refuse; an unclean store is taken up only through a restart segment; a new store
//! exists from the moment its base has its name.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use crate::disk::{Disk, DiskLock, Metered};

use super::base::{self, Base, Integrity, Meta, SegmentMark};
use super::checkpoint::Checkpointer;
use super::journal::{
    self, Batch, DIRECTORY, Ending, Journal, Listing, Restart, Room, Segment, SteppedOver, scan,
};
use super::memtable::Memtable;
use super::options::EngineOptions;
use super::pressure::Pressure;
use super::recover::{Examination, Found, examine, replay};
use super::registry::Registry;
use super::row::Lsn;
use super::view::View;
use super::write::Writer;
use super::{Engine, Error};

/// The file whose lock says that the store is open.
pub(crate) const LOCK: &str = "LOCK";
const BASE_BEING_MADE: &str = "base.tmp";

/// What an opening found and did, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) created: bool,
    /// Whether the store had been closed.
    pub(crate) clean: bool,
    /// The last commit that was found.
    pub(crate) last: Lsn,
    pub(crate) ending: Ending,
    pub(crate) stepped_over: Vec<SteppedOver>,
}

/// Everything an engine is made of once base and journal are ready.
struct Parts {
    base: Base,
    meta: Meta,
    room: Room,
    segment: Segment,
    memtable: Memtable,
    last: Lsn,
    last_micros: i64,
    base_verified: bool,
    opening: Opening,
}

/// Opens the store on `disk`, creating it where there is none and `create` allows it.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    options: EngineOptions,
    create: bool,
) -> Result<Engine, Error> {
    if create {
        disk.make_root()
            .map_err(Error::io("make", "the store's directory"))?;
    }
    let lock = lock(&*disk)?;
    let disk = Metered::new(disk);
    let parts = match examine(&disk)? {
        Examination::Absent(_) if !create => {
            return Err(Error::Missing {
                store: disk.label(),
            });
        }
        Examination::Absent(listing) => create_store(&disk, &options, &listing)?,
        Examination::Store(found) => take_up(&disk, &options, *found)?,
    };
    tracing::info!(opening = ?parts.opening, store = disk.label(), "the store is open");
    assemble(disk, options, lock, parts)
}

fn lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, Error> {
    disk.lock(LOCK).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked {
            store: disk.label(),
        },
        std::io::ErrorKind::NotFound => Error::Missing {
            store: disk.label(),
        },
        _ => Error::io("lock", LOCK)(source),
    })
}

fn assemble(
    disk: Metered,
    options: EngineOptions,
    lock: Box<dyn DiskLock>,
    parts: Parts,
) -> Result<Engine, Error> {
    let base_written_bytes = disk.traffic_in("").bytes_written;
    let view = View {
        active: Arc::new(parts.memtable),
        frozen: None,
        base: Arc::new(parts.base.snapshot()?),
        base_written_bytes,
    };
    let journal = Journal::new(parts.room, parts.segment, parts.last);
    journal.refill_reserve()?;
    let writer = Writer {
        last_micros: parts.last_micros,
        ..Writer::default()
    };
    let checkpointer = Checkpointer {
        meta: parts.meta,
        base: Some(parts.base),
        frozen: None,
    };
    Ok(Engine {
        pressure: Pressure::new(&options),
        options,
        disk,
        journal,
        writer: Mutex::new(writer),
        view: RwLock::new(Arc::new(view)),
        registry: Arc::new(Registry::default()),
        checkpointer: Mutex::new(checkpointer),
        base_suspect: AtomicBool::new(false),
        base_verified: AtomicBool::new(parts.base_verified),
        commits: AtomicU64::new(0),
        opening: parts.opening,
        _lock: lock,
    })
}

/// A new store: the first segment, then the base; the base's name makes it exist.
fn create_store(
    disk: &Metered,
    options: &EngineOptions,
    listing: &Listing,
) -> Result<Parts, Error> {
    clear_creation_cut_short(disk, listing)?;
    disk.make_dir(DIRECTORY)
        .map_err(Error::io("make", DIRECTORY))?;
    disk.sync_dir("")
        .map_err(Error::io("sync", "the store's directory"))?;
    let mut random = random(options)?;
    let mut store_id = [0; 16];
    random.fill(&mut store_id);
    let mut room = room(disk, options, store_id, random, listing);
    let segment = room.prepare(0)?;
    let mark = SegmentMark {
        number: segment.number,
        salt: segment.salt,
    };
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
    let base = open_base(disk, options)?;
    let opening = Opening {
        created: true,
        clean: true,
        last: 0,
        ending: Ending::Unclosed,
        stepped_over: Vec::new(),
    };
    let memtable = Memtable::new();
    Ok(Parts {
        base,
        meta,
        room,
        segment,
        memtable,
        last: 0,
        base_verified: true,
        last_micros: i64::MIN,
        opening,
    })
}

fn make_base(disk: &Metered, meta: &Meta) -> Result<(), Error> {
    let io = |action| Error::io(action, BASE_BEING_MADE);
    let file = disk.create(BASE_BEING_MADE).map_err(io("create"))?;
    Base::create(&*file, meta)?;
    file.sync().map_err(io("sync"))?;
    disk.rename(BASE_BEING_MADE, base::FILE_NAME)
        .map_err(io("rename"))?;
    disk.sync_dir("")
        .map_err(Error::io("sync", "the store's directory"))
}

fn open_base(disk: &Metered, options: &EngineOptions) -> Result<Base, Error> {
    let file = disk
        .open(base::FILE_NAME)
        .map_err(Error::io("open", base::FILE_NAME))?;
    // What can be checked was checked over the overlay.
    Ok(Base::open(file, options.cache_bytes, Integrity::Trust)?)
}

fn clear_creation_cut_short(disk: &dyn Disk, listing: &Listing) -> Result<(), Error> {
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    if names.iter().any(|name| name == BASE_BEING_MADE) {
        disk.remove(BASE_BEING_MADE)
            .map_err(Error::io("remove", BASE_BEING_MADE))?;
    }
    let segments = listing
        .segments
        .iter()
        .map(|number| journal::wal_name(*number));
    for name in segments.chain(listing.temporary.iter().cloned()) {
        disk.remove(&name).map_err(Error::io("remove", DIRECTORY))?;
    }
    if !listing.segments.is_empty() {
        // Two segments without a base would look like a store that lost it.
        disk.sync_dir(DIRECTORY)
            .map_err(Error::io("sync", DIRECTORY))?;
    }
    Ok(())
}

/// Takes up a store that the examination found sound.
fn take_up(disk: &Metered, options: &EngineOptions, found: Found) -> Result<Parts, Error> {
    if found.meta.identity != options.identity {
        return Err(Error::Identity {
            found: found.meta.identity,
        });
    }
    let opening = Opening {
        created: false,
        clean: found.is_clean(),
        last: found.findings.last,
        ending: found.findings.ending.clone(),
        stepped_over: found.findings.stepped_over.clone(),
    };
    for name in &found.listing.temporary {
        disk.remove(name).map_err(Error::io("remove", DIRECTORY))?;
    }
    let mut room = room(
        disk,
        options,
        found.meta.store_id,
        random(options)?,
        &found.listing,
    );
    adopt(&mut room, disk, options, &found)?;
    let memtable = Memtable::new();
    let segment = if found.is_clean() {
        room.prepare(0)?
    } else {
        restart(disk, options, &found, &mut room, &memtable)?
    };
    let oldest = if opening.clean {
        found.meta.previous_segment.number
    } else {
        segment.number
    };
    let (last, last_micros, meta) = (found.findings.last, found.last_micros, found.meta);
    let base_verified = found.integrity == Integrity::Check;
    // The overlay's handle goes before the real one comes.
    drop(found.base);
    let base = open_base(disk, options)?;
    if let Err(error) = room.retire_below(oldest, options.clock.now()) {
        tracing::warn!(error = %error, "a segment that is not needed any more could not be retired");
    }
    Ok(Parts {
        base,
        meta,
        room,
        segment,
        memtable,
        last,
        last_micros,
        base_verified,
        opening,
    })
}

fn adopt(
    room: &mut Room,
    disk: &Metered,
    options: &EngineOptions,
    found: &Found,
) -> Result<(), Error> {
    let now = options.clock.now();
    let len = |name: String| -> Result<u64, Error> {
        let file = disk
            .open_read_only(&name)
            .map_err(Error::io("open", DIRECTORY))?;
        file.len().map_err(Error::io("measure", DIRECTORY))
    };
    for number in &found.listing.kept {
        room.adopt_kept(*number, len(journal::old_name(*number))?, now);
    }
    for number in &found.listing.segments {
        room.adopt(*number, len(journal::wal_name(*number))?);
    }
    Ok(())
}

/// Writes every recovered commit above the previous checkpoint into a restart segment, and those
/// above the checkpoint into the memtable.
fn restart(
    disk: &Metered,
    options: &EngineOptions,
    found: &Found,
    room: &mut Room,
    memtable: &Memtable,
) -> Result<Segment, Error> {
    let meta = &found.meta;
    let mut restart = Restart::begin(
        room,
        found.measure,
        options.room.segment_min_bytes,
        meta.previous_checkpoint,
        found.findings.last + 1,
    )?;
    let copied = scan(
        disk,
        &found.listing,
        &found.anchor(),
        &mut |batch: Batch<'_>| {
            replay(memtable, &batch, meta.checkpoint);
            restart.add(&batch)
        },
    );
    match copied {
        Ok(_) => Ok(restart.finish(room)?),
        Err(error) => {
            restart.abandon(room);
            Err(error.into())
        }
    }
}

fn room(
    disk: &Metered,
    options: &EngineOptions,
    store_id: [u8; 16],
    random: fastrand::Rng,
    listing: &Listing,
) -> Room {
    Room::new(
        Arc::new(disk.clone()),
        store_id,
        options.room,
        random,
        listing,
    )
}

fn random(options: &EngineOptions) -> Result<fastrand::Rng, Error> {
    let seed = match options.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|error| Error::Io {
            action: "draw",
            file: "random numbers",
            source: std::io::Error::other(error.to_string()),
        })?,
    };
    Ok(fastrand::Rng::with_seed(seed))
}
