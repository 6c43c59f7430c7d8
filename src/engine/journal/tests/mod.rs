//! Tests of the journal, and what they have in common: drafts of segments, and stores to open.
//!
//! A *draft* is a segment written down batch by batch, so that a test can say exactly what lies on
//! the disk. Whole stores come from the engine itself, over a [`disk::TestDisk`].

mod base_ahead;
mod damage;
mod disk;
mod format;
mod group;
mod names;
mod recovery_table;
mod room;
mod told;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ManualClock, Timestamp};
use crate::disk::{Disk, MemoryDisk};
use crate::engine::row::RowRef;
use crate::engine::{
    Background, Durability, Engine, EngineOptions, Error as EngineError, Lsn, Table, Tx, open,
};

use super::append::batch_len;
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, CommitHeader, Next, SegmentHeader, VERSION, align,
    encode_commit,
};
use super::segment::{Announcement, Segment, announce, preallocate};
use super::{
    Anchor, DIRECTORY, Error, Findings, Listing, Problem, Purpose, RoomOptions, scan, wal_name,
};

pub(super) const STORE_ID: [u8; 16] = *b"the store's name";
pub(super) const TABLE: Table = Table(7);

/// The salt of every drafted segment follows from its number.
pub(super) fn salt(number: u64) -> u64 {
    0x5a17_0000_0000_0000 | number
}

/// The bytes of a commit whose one row says which LSN it has.
pub(super) fn commit_bytes(lsn: Lsn) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header =
        CommitHeader { time_micros: lsn as i64, synced: true, finishing: false, note: "draft" };
    let number = lsn.to_le_bytes();
    let row = RowRef { table: TABLE, key: &number, row: Some(&number) };
    encode_commit(&mut bytes, &header, [row]);
    bytes
}

/// A segment that is being written down.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) header: SegmentHeader,
    pub(super) bytes: Vec<u8>,
    next_lsn: Lsn,
}

impl Draft {
    /// A segment whose first commit will have LSN `first_lsn`.
    pub(super) fn new(number: u64, first_lsn: Lsn) -> Self {
        let header = SegmentHeader {
            version: VERSION,
            store_id: STORE_ID,
            number,
            salt: salt(number),
            file_len: 0,
            restart_lsn: 0,
        };
        Self { header, bytes: header.encode().to_vec(), next_lsn: first_lsn }
    }

    /// What a recovery writes: everything below `restart_lsn` counts as synced.
    pub(super) fn restart(number: u64, first_lsn: Lsn, restart_lsn: Lsn) -> Self {
        let mut draft = Self::new(number, first_lsn);
        draft.header.restart_lsn = restart_lsn;
        draft.bytes = draft.header.encode().to_vec();
        draft
    }

    /// Where the next batch will stand.
    pub(super) fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// A batch of so many commits.
    pub(super) fn commits(self, count: u32, durable_lsn: Lsn) -> Self {
        let first = self.next_lsn;
        let payload: Vec<u8> = (first..first + Lsn::from(count)).flat_map(commit_bytes).collect();
        self.batch(BatchKind::Commits, count, durable_lsn, payload)
    }

    /// An empty batch that only says what is durable.
    pub(super) fn mark(self, durable_lsn: Lsn) -> Self {
        self.batch(BatchKind::Commits, 0, durable_lsn, Vec::new())
    }

    /// The last batch: it names another draft by its number.
    pub(super) fn leads_to(self, number: u64, durable_lsn: Lsn) -> Self {
        let next = Next::Segment { number, salt: salt(number) };
        self.batch(BatchKind::End, 0, durable_lsn, next.encode().to_vec())
    }

    /// The last batch of a close.
    pub(super) fn closed(self, durable_lsn: Lsn) -> Self {
        self.batch(BatchKind::End, 0, durable_lsn, Next::Closed.encode().to_vec())
    }

    fn batch(mut self, kind: BatchKind, commits: u32, durable_lsn: Lsn, payload: Vec<u8>) -> Self {
        let mut payload = payload;
        payload.resize(align(payload.len() as u64) as usize, 0);
        let header = BatchHeader {
            payload_len: payload.len() as u32,
            first_lsn: self.next_lsn,
            durable_lsn,
            salt: self.header.salt,
            commits,
            payload_crc: crc32fast::hash(&payload),
            kind,
        };
        self.bytes.extend_from_slice(&header.encode());
        self.bytes.extend_from_slice(&payload);
        self.next_lsn += Lsn::from(commits);
        self
    }

    /// The same with one bit flipped.
    pub(super) fn flipped(mut self, offset: u64) -> Self {
        self.bytes[offset as usize] ^= 1;
        self
    }

    /// The same with a part of it as if it had never been written.
    pub(super) fn zeroed(mut self, from: u64, to: u64) -> Self {
        self.bytes[from as usize..to as usize].fill(0);
        self
    }

    /// The file: the header with its right length, the batches, and room that nothing used.
    pub(super) fn file(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(align(bytes.len() as u64) as usize + 256, 0);
        let header = SegmentHeader { file_len: bytes.len() as u64, ..self.header };
        // A draft whose header was damaged on purpose keeps the damage.
        let pristine = self.header.encode();
        for (at, right) in header.encode().into_iter().enumerate() {
            bytes[at] = right ^ (bytes[at] ^ pristine[at]);
        }
        bytes
    }

    pub(super) fn write_to(&self, disk: &dyn Disk) {
        write_file(disk, &wal_name(self.header.number), &self.file());
    }
}

/// A segment of `len` bytes made as the journal makes them, however small.
pub(super) fn segment(disk: &dyn Disk, number: u64, len: u64) -> Segment {
    let spare = preallocate(disk, number, 0, len).expect("memory has room");
    let what = Announcement { store_id: STORE_ID, number, salt: salt(number), restart_lsn: 0 };
    announce(disk, spare, &what).expect("memory has room")
}

/// Gives the file `name` these bytes.
pub(super) fn write_file(disk: &dyn Disk, name: &str, bytes: &[u8]) {
    let _ = disk.remove(name);
    let file = disk.create(name).expect("memory takes it");
    file.write_at(0, bytes).expect("memory takes it");
}

pub(super) fn read_file(disk: &dyn Disk, name: &str) -> Vec<u8> {
    let file = disk.open_read_only(name).expect("is there");
    let mut bytes = vec![0; file.len().expect("memory knows") as usize];
    file.read_at(0, &mut bytes).expect("inside the file");
    bytes
}

/// A disk with these segments on it.
pub(super) fn disk_with(drafts: &[Draft]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.make_dir(DIRECTORY).expect("memory takes it");
    for draft in drafts {
        draft.write_to(&disk);
    }
    disk
}

/// What a base says whose checkpoint is `checkpoint`, frozen in segment `segment`, and the one
/// before in segment `oldest_segment`.
pub(super) fn anchor(checkpoint: Lsn, segment: u64, oldest_segment: u64) -> Anchor {
    Anchor { store_id: STORE_ID, checkpoint, segment: (segment, salt(segment)), oldest_segment }
}

/// What a scan came to, and the LSNs that it handed on.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) verdict: Result<Findings, Error>,
}

/// Scans, and checks what is true of every scan: each commit says its own LSN, LSNs rise, and those
/// above C are without a hole up to the last.
pub(super) fn read(disk: &dyn Disk, anchor: &Anchor) -> Read {
    let listing = Listing::read(disk).expect("memory lists");
    let mut lsns = Vec::new();
    let verdict = scan(disk, &listing, anchor, &mut |batch| {
        for (lsn, commit) in (batch.header.first_lsn..).zip(batch.commits) {
            if commit.header.note == "draft" {
                let row = commit.rows().next().expect("drafts have one row");
                assert_eq!(row.row, Some(&lsn.to_le_bytes()[..]), "a row of another LSN");
            }
            lsns.push(lsn);
        }
        Ok::<(), Error>(())
    });
    assert!(lsns.is_sorted_by(|a, b| a < b), "out of order: {lsns:?}");
    if let Ok(findings) = &verdict {
        let above: Vec<Lsn> = lsns.iter().copied().filter(|lsn| *lsn > anchor.checkpoint).collect();
        let wanted: Vec<Lsn> = (anchor.checkpoint + 1..=findings.last).collect();
        assert_eq!(above, wanted, "what was handed on is not what was found");
    }
    Read { verdict }
}

/// The place and problem of a refusal.
pub(super) fn refusal(read: Read) -> (String, u64, Lsn, Problem) {
    match read.verdict {
        Err(Error::Corrupt { file, offset, lsn, problem }) => (file, offset, lsn, problem),
        other => panic!("not refused as corrupt: {other:?}"),
    }
}

/// Options for a small store without threads of its own.
pub(super) fn options() -> EngineOptions {
    EngineOptions {
        identity: b"test".to_vec(),
        memtable_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        journal_bytes: 1 << 30,
        snapshot_limit_bytes: 1 << 30,
        sync_interval: Duration::from_millis(5),
        stall_limit: Duration::from_secs(10),
        room: RoomOptions {
            segment_min_bytes: 64 * 1024,
            segment_max_bytes: 256 * 1024,
            keep_bytes: 0,
            keep_micros: i64::MAX,
        },
        background: Background::Manual,
        clock: Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000))),
        seed: Some(7),
    }
}

pub(super) fn open_store(disk: &Arc<dyn Disk>) -> Result<Arc<Engine>, EngineError> {
    open(disk.clone(), options(), true).map(Arc::new)
}

/// One commit of one row, waited for.
pub(super) fn put(
    engine: &Arc<Engine>,
    durability: Durability,
    key: &[u8],
    row: Vec<u8>,
) -> Result<Lsn, EngineError> {
    put_for(engine, durability, Purpose::Ordinary, key, row)
}

pub(super) fn put_for(
    engine: &Arc<Engine>,
    durability: Durability,
    purpose: Purpose,
    key: &[u8],
    row: Vec<u8>,
) -> Result<Lsn, EngineError> {
    let staged = engine.stage(durability, purpose, |tx: &mut Tx| {
        tx.put(TABLE, key, row);
        Ok::<(), EngineError>(())
    })?;
    let lsn = staged.ticket.lsn();
    staged.ticket.wait()?;
    staged.outcome.map(|()| lsn)
}

/// What a batch takes that carries one of [`commit_bytes`].
pub(super) fn one_commit_batch_len() -> u64 {
    let len = batch_len(commit_bytes(1).len() as u64);
    assert!(len > BATCH_HEADER_LEN);
    len
}
