//! Opening: a store is created, taken up after a close, or recovered after anything else.
//!
//! The order of the steps is the promise. Nothing is touched before the examination has found
//! nothing to refuse; a store is taken up only through a restart segment; a new store
//! exists from the moment its base has its name.

use std::sync::Arc;

use crate::disk::{Disk, DiskLock, Metered};

use super::base::{self, Base, Integrity, Meta};
use super::checkpoint::Checkpointer;
use super::create::create_store;
use super::journal::{
    self, Batch, DIRECTORY, Ending, Journal, Listing, Restart, Room, Segment, SteppedOver, scan,
};
use super::memtable::Memtable;
use super::options::EngineOptions;
use super::pressure::Pressure;
use super::recover::{Examination, Found, examine, replay};
use super::registry::Registry;
use super::row::Lsn;
use super::sync::atomic::{AtomicBool, AtomicU64};
use super::sync::{Instant, Mutex, RwLock};
use super::view::View;
use super::write::Writer;
use super::{Engine, Error};
use crate::events::tell;

/// The file whose lock says that the store is open.
pub(crate) const LOCK: &str = "LOCK";

/// What an opening found and did, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) created: bool,
    /// Whether the store had been closed.
    pub(crate) clean: bool,
    /// The last commit that was found.
    pub(crate) last: Lsn,
    /// How many of them were in the journal only.
    pub(crate) replayed: u64,
    pub(crate) ending: Ending,
    pub(crate) stepped_over: Vec<SteppedOver>,
}

/// Everything an engine is made of once base and journal are ready.
pub(super) struct Parts {
    pub(super) base: Base,
    pub(super) meta: Meta,
    pub(super) room: Room,
    pub(super) segment: Segment,
    pub(super) memtable: Memtable,
    pub(super) last: Lsn,
    pub(super) last_micros: i64,
    pub(super) opening: Opening,
}

/// Opens the store on `disk`, creating it where there is none and `create` allows it.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    options: EngineOptions,
    create: bool,
) -> Result<Engine, Error> {
    if create {
        disk.make_root().map_err(Error::io("make", "the store's directory"))?;
    } else if is_bare(&*disk)? {
        // Taking the lock would leave its file behind.
        return Err(Error::Missing { store: disk.label() });
    }
    let began = Instant::now();
    let lock = lock(&*disk)?;
    let disk = Metered::new(disk);
    let parts = match examine(&disk)? {
        Examination::Absent(_) if !create => {
            return Err(Error::Missing { store: disk.label() });
        }
        Examination::Absent(listing) => create_store(&disk, &options, &listing)?,
        Examination::Store(found) => take_up(&disk, &options, *found)?,
    };
    let engine = assemble(disk, options, lock, parts)?;
    engine.opening.tell(&engine.disk.label(), began);
    Ok(engine)
}

impl Opening {
    fn tell(&self, store: &str, began: Instant) {
        let took = began.elapsed();
        if let Ending::TornTail { file, offset, bytes } = &self.ending {
            tell(|| tracing::warn!(store, file, offset, bytes, "a torn tail was cut"));
        }
        let places = self.stepped_over.len();
        if places > 0 {
            let first = self.stepped_over.first();
            tell(|| {
                tracing::warn!(store, places, ?first, "damage that the base covers was passed over")
            });
        }
        let Self { created, clean, last, replayed, .. } = self;
        tell(|| {
            tracing::info!(store, created, clean, last, replayed, ?took, "the store is open");
        });
    }
}

/// Whether nothing at all of a store lies here.
fn is_bare(disk: &dyn Disk) -> Result<bool, Error> {
    let in_root = disk.list("").map_err(Error::io("list", "the store"))?;
    let in_journal = disk.list(DIRECTORY).map_err(Error::io("list", DIRECTORY))?;
    Ok(in_root.is_empty() && in_journal.is_empty())
}

fn lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, Error> {
    disk.lock(LOCK).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked { store: disk.label() },
        std::io::ErrorKind::NotFound => Error::Missing { store: disk.label() },
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
    let base_checked = parts.base.is_checked();
    let epoch = parts.segment.number;
    let journal = Journal::new(parts.room, parts.segment, parts.last);
    journal.refill_reserve()?;
    let writer = Writer { last_micros: parts.last_micros, ..Writer::default() };
    let store_id = parts.meta.store_id;
    let checkpointer = Checkpointer::new(parts.meta, parts.base);
    let pressure = Pressure::new(&options);
    pressure.note_memtable(view.active.bytes());
    Ok(Engine {
        pressure,
        options,
        disk,
        journal,
        writer: Mutex::new(writer),
        view: RwLock::new(Arc::new(view)),
        registry: Arc::new(Registry::default()),
        checkpointer: Mutex::new(checkpointer),
        base_suspect: AtomicBool::new(false),
        base_checked: AtomicBool::new(base_checked),
        base_damaged: AtomicBool::new(false),
        longest_lock_wait: AtomicU64::new(0),
        commits: AtomicU64::new(0),
        rows: AtomicU64::new(0),
        opening: parts.opening,
        store_id,
        epoch,
        _lock: lock,
    })
}

/// Opens the base for good. What can be checked was checked over the overlay; should redb now find
/// another state in the file than it found there, it has to look as closely as it did then.
pub(super) fn open_base(
    disk: &Metered,
    options: &EngineOptions,
    expected: &Meta,
    examined: Integrity,
) -> Result<Base, Error> {
    let open = |integrity| -> Result<Base, Error> {
        let file = disk.open(base::FILE_NAME).map_err(Error::io("open", base::FILE_NAME))?;
        Ok(Base::open(file, options.cache_bytes, integrity)?)
    };
    let base = open(match examined {
        Integrity::Check | Integrity::Checked => Integrity::Checked,
        Integrity::Trust => Integrity::Trust,
    })?;
    if base.meta()? == *expected {
        return Ok(base);
    }
    base.close()?;
    let base = open(Integrity::Check)?;
    if base.meta()? == *expected {
        return Ok(base);
    }
    Err(base::Error::Corrupt { damage: base::Damage::Meta }.into())
}

/// Takes up a store that the examination found sound.
fn take_up(disk: &Metered, options: &EngineOptions, found: Found) -> Result<Parts, Error> {
    if found.meta.identity != options.identity {
        return Err(Error::Identity { found: found.meta.identity });
    }
    let opening = Opening {
        created: false,
        clean: found.is_clean(),
        last: found.findings.last,
        replayed: found.findings.last.saturating_sub(found.meta.checkpoint),
        ending: found.findings.ending.clone(),
        stepped_over: found.findings.stepped_over.clone(),
    };
    // Whoever created the store may have been killed before its base's name was durable.
    disk.sync_dir("").map_err(Error::io("sync", "the store's directory"))?;
    for name in &found.listing.temporary {
        disk.remove(name).map_err(Error::io("remove", DIRECTORY))?;
    }
    let mut room = room(disk, options, found.meta.store_id, random(options)?, &found.listing);
    adopt(&mut room, disk, options, &found)?;
    let memtable = Memtable::new(options.memtable_bytes);
    let segment = match restart_in_ready_room(disk, options, &found, &mut room, &memtable) {
        Ok(segment) => segment,
        Err(error) => {
            // What cannot be given back now is cleared away by the next opening.
            let _ = room.release();
            return Err(error);
        }
    };
    let (last, last_micros, meta) = (found.findings.last, found.last_micros, found.meta);
    let integrity = found.integrity;
    // The overlay's handle goes before the real one comes.
    drop(found.base);
    let base = open_base(disk, options, &meta, integrity)?;
    // Where this fails the restart segment stays, and the next opening goes on from it.
    retire_what_was_before(disk, options, &mut room, &segment)?;
    Ok(Parts { base, meta, room, segment, memtable, last, last_micros, opening })
}

fn adopt(
    room: &mut Room,
    disk: &Metered,
    options: &EngineOptions,
    found: &Found,
) -> Result<(), Error> {
    let now = options.clock.now();
    let len = |name: String| -> Result<u64, Error> {
        let file = disk.open_read_only(&name).map_err(Error::io("open", DIRECTORY))?;
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

/// The segment that the store goes on in, always a restart segment. After a close it is one too: the
/// end batch of the close may be in memory only; and the base names a segment that is gone once the
/// restart segment took its place, so that the deletion of the latter is seen. Room for the reserve
/// comes first, so that an opening which finds no room has changed nothing.
fn restart_in_ready_room(
    disk: &Metered,
    options: &EngineOptions,
    found: &Found,
    room: &mut Room,
    memtable: &Memtable,
) -> Result<Segment, Error> {
    room.refill_reserve()?;
    restart(disk, options, found, room, memtable)
}

/// Retires all segments before the one that the store goes on in, durably: while they are there, the
/// deletion of that one would look like a store that was never taken up.
fn retire_what_was_before(
    disk: &Metered,
    options: &EngineOptions,
    room: &mut Room,
    segment: &Segment,
) -> Result<(), Error> {
    room.retire_below(segment.number, options.clock.now())?;
    disk.sync_dir(DIRECTORY).map_err(Error::io("sync", DIRECTORY))
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
    let copied = scan(disk, &found.listing, &found.anchor(), &mut |batch: Batch<'_>| {
        replay(memtable, &batch, meta.checkpoint);
        restart.add(&batch)
    });
    match copied {
        Ok(_) => Ok(restart.finish(room)?),
        Err(error) => {
            restart.abandon(room);
            Err(error.into())
        }
    }
}

pub(super) fn room(
    disk: &Metered,
    options: &EngineOptions,
    store_id: [u8; 16],
    random: fastrand::Rng,
    listing: &Listing,
) -> Room {
    Room::new(Arc::new(disk.clone()), store_id, options.room, random, listing)
}

pub(super) fn random(options: &EngineOptions) -> Result<fastrand::Rng, Error> {
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
