//! What lies where in a store's files, read as `docs/format.md` says and by nothing of the library, so
//! that it can judge the library.

use std::collections::BTreeMap;
use std::ops::Range;

use highwater::disk::SimulatedDisk;
use highwater::inspect::Report;
use highwater::{Lsn, ReadOnly};

const SEGMENT_HEADER_LEN: usize = 80;
const BATCH_HEADER_LEN: usize = 48;

/// What some bytes of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    SegmentHeader,
    /// The header of a batch, and what that says.
    Header(Batch),
    Payload(Batch),
    /// Behind the last batch.
    Room,
}

/// What the header of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Where its header begins.
    pub(crate) at: u64,
    pub(crate) first: Lsn,
    pub(crate) commits: u64,
    pub(crate) durable: Lsn,
    pub(crate) is_end: bool,
    /// The segment that an end names.
    next: Option<u64>,
}

/// One segment of the log.
#[derive(Clone, Debug)]
pub(crate) struct SegmentLayout {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) restart_lsn: Lsn,
    pub(crate) parts: Vec<(Range<u64>, Part)>,
}

/// The segments of a store, and what its base says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// By number; only those that a recovery reads.
    pub(crate) segments: BTreeMap<u64, SegmentLayout>,
    /// C.
    pub(crate) checkpoint: Lsn,
    /// The first segment that the base needs, as its description says.
    pub(crate) base_segment: u64,
}

impl Batch {
    pub(crate) fn last(&self) -> Lsn {
        (self.first + self.commits).saturating_sub(1)
    }
}

impl SegmentLayout {
    fn of(name: &str, number: u64, bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..8], b"HWJOURNL", "{name}");
        assert_eq!(crc32fast::hash(&bytes[..76]), u32_at(bytes, 76), "{name}");
        assert_eq!((u32_at(bytes, 8), u64_at(bytes, 32)), (1, number), "{name}");
        let (salt, len) = (u64_at(bytes, 40), u64_at(bytes, 48) as usize);
        let mut parts = vec![(0..SEGMENT_HEADER_LEN as u64, Part::SegmentHeader)];
        let mut at = SEGMENT_HEADER_LEN;
        while let Some((batch, payload_len)) = batch(&bytes[..len], at, salt) {
            let payload = at + BATCH_HEADER_LEN;
            parts.push((at as u64..payload as u64, Part::Header(batch)));
            if payload_len > 0 {
                let end = payload + payload_len;
                parts.push((payload as u64..end as u64, Part::Payload(batch)));
            }
            at = payload + payload_len;
        }
        parts.push((at as u64..len as u64, Part::Room));
        let restart_lsn = u64_at(bytes, 56);
        Self { name: name.to_owned(), number, restart_lsn, parts }
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch> + '_ {
        self.parts.iter().filter_map(|(_, part)| match part {
            Part::Header(batch) => Some(*batch),
            _ => None,
        })
    }

    pub(crate) fn part_at(&self, at: u64) -> Part {
        let part = self.parts.iter().find(|(range, _)| range.contains(&at));
        part.map_or(Part::Room, |(_, part)| *part)
    }
}

/// The batch at `at`, if a whole one of this segment stands there, and the length of its payload.
fn batch(bytes: &[u8], at: usize, salt: u64) -> Option<(Batch, usize)> {
    let header = bytes.get(at..at + BATCH_HEADER_LEN)?;
    if &header[..4] != b"HWB1" || u64_at(header, 24) != salt {
        return None;
    }
    assert_eq!(crc32fast::hash(&header[..44]), u32_at(header, 44), "a sound store");
    let len = u32_at(header, 4) as usize;
    let payload = &bytes[at + BATCH_HEADER_LEN..at + BATCH_HEADER_LEN + len];
    // What the last life did not write to its end is not there.
    if crc32fast::hash(payload) != u32_at(header, 36) {
        return None;
    }
    let is_end = u32_at(header, 40) == 2;
    let batch = Batch {
        at: at as u64,
        first: u64_at(header, 8),
        commits: u64::from(u32_at(header, 32)),
        durable: u64_at(header, 16),
        is_end,
        next: (is_end && u64_at(payload, 16) == 0).then(|| u64_at(payload, 0)),
    };
    Some((batch, len))
}

impl Layout {
    pub(crate) fn of(disk: &SimulatedDisk) -> Self {
        let mut segments = BTreeMap::new();
        for name in disk.names() {
            let digits = name.strip_prefix("journal/").and_then(|name| name.strip_suffix(".wal"));
            if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
                let bytes = disk.read_file(&name).expect("it was listed");
                segments.insert(number, SegmentLayout::of(&name, number, &bytes));
            }
        }
        let report = Report::read_on(disk).expect("a sound store");
        let base_segment = base_segment(disk);
        // Segments below a restart segment, or below what the checkpoint before needs, are leftovers.
        let lowest = segments.values().rev().find(|one| one.restart_lsn > 0).map(|one| one.number);
        let lowest = lowest.expect("every opening but the first starts one");
        segments.retain(|number, _| *number >= lowest);
        Self { segments, checkpoint: report.checkpoint_lsn, base_segment }
    }

    pub(crate) fn named(&self, name: &str) -> Option<&SegmentLayout> {
        self.segments.values().find(|segment| segment.name == name)
    }

    /// D: the highest LSN that any header, but for those in `without`, states to be durable.
    pub(crate) fn durable(&self, without: &[(u64, u64)]) -> Lsn {
        let batches = self.segments.values().flat_map(|segment| {
            segment.batches().map(|batch| ((segment.number, batch.at), batch.durable))
        });
        let stated = batches.filter(|(place, _)| !without.contains(place)).map(|(_, lsn)| lsn);
        let restarts = self.segments.values().map(|segment| segment.restart_lsn.saturating_sub(1));
        stated.chain(restarts).chain([self.checkpoint]).max().unwrap_or(0)
    }

    /// The segment that holds the last batch whose header is not one of `without`.
    pub(crate) fn last_written(&self, without: &[(u64, u64)]) -> u64 {
        let is_whole = |one: &SegmentLayout| {
            one.batches().any(|batch| !without.contains(&(one.number, batch.at)))
        };
        let written = self.segments.values().rev().find(|one| is_whole(one));
        written.map_or(0, |segment| segment.number)
    }

    /// Whether a batch begins behind `end` in the segment of this place, or in a later one.
    pub(crate) fn is_followed(&self, (number, at): (u64, u64), end: u64) -> bool {
        self.segments.values().any(|segment| {
            segment.batches().any(|batch| {
                segment.number > number
                    || (segment.number == number && batch.at > at && batch.at >= end)
            })
        })
    }

    /// Whether the store cannot do without this segment: it is the base's or a later one that holds
    /// commits, or that an end names.
    pub(crate) fn needs(&self, number: u64) -> bool {
        let named = self.segments.values().flat_map(SegmentLayout::batches);
        let is_named = named.filter_map(|batch| batch.next).any(|next| next == number);
        let Some(segment) = self.segments.get(&number) else { return false };
        number >= self.base_segment
            && (number == self.base_segment
                || is_named
                || segment.restart_lsn > 0
                || segment.batches().any(|batch| batch.last() > self.checkpoint))
    }
}

/// The base's own word is in a database that only its library reads; that the store is whole without
/// any lower segment, and is not without this one, says it as well.
fn base_segment(disk: &SimulatedDisk) -> u64 {
    let names = disk.names();
    let numbers = names.iter().filter_map(|name| {
        name.strip_prefix("journal/")?.strip_suffix(".wal")?.parse::<u64>().ok()
    });
    let needed = numbers.filter(|number| {
        let without = disk.fork();
        without.remove_file(&format!("journal/{number:020}.wal"));
        ReadOnly::open_on(&without).is_err()
    });
    needed.min().unwrap_or(u64::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
