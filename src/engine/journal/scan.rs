//! Reading the journal: what it holds, how it ends, and whether that end can be trusted.
//!
//! Reading never writes. A scan hands every valid batch to its visitor and answers with
//! [`Findings`]; damage to data that was acknowledged is an error. The rule, for a base whose
//! checkpoint is LSN C:
//!
//! - only LSNs above C are needed; a break at or below C is stepped over and reported;
//! - E is the first LSN above C without a valid batch;
//! - D is the highest `durable_lsn` of any batch header that is intact, also behind a break, and at
//!   least what a restart segment vouches for;
//! - E <= D: acknowledged data is damaged or missing, refuse. A segment is synced before the next one
//!   is written to, so a batch of the next one says that all of this one is durable;
//! - E > D, but the batch that should stand there begins at or below C and goes on above it, as its header says:
//!   a checkpoint waits for its last commit to be synced, and with it the whole batch was, so as before;
//! - E > D: the tail was never acknowledged as synced, cut; but what should stand there is at or below C
//!   and no header in it speaks of a later commit: the base has all of it, stepped over.
//!
//! The cases are the variants of [`Ending`] and of [`Problem`]; each has a test of its name.

use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

use super::super::row::Lsn;
use super::error::{Error, Problem};
use super::format::{
    BatchHeader, BatchKind, CommitRef, Next, SEGMENT_HEADER_LEN, SegmentHeader, VERSION,
    decode_commits,
};
use super::segment::{Listing, wal_name};
use super::window::Window;

/// What the base says of the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    pub(crate) store_id: [u8; 16],
    /// C: the last commit that the base holds.
    pub(crate) checkpoint: Lsn,
    /// The segment that was active when the checkpoint was frozen: all later commits are in it or
    /// in later ones.
    pub(crate) segment: (u64, u64),
    /// The lowest segment worth reading: the one that was active at the checkpoint before.
    pub(crate) oldest_segment: u64,
}

/// A valid batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) header: BatchHeader,
    pub(crate) commits: &'a [CommitRef<'a>],
}

/// How the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the end batch of a close.
    Closed,
    /// With a valid batch and nothing behind it: the process ended between two commits.
    Unclosed,
    /// With bytes that were never acknowledged as synced. They count as not written.
    TornTail { file: String, offset: u64, bytes: u64 },
}

/// Damage that does not matter, since the base has what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SteppedOver {
    pub(crate) file: String,
    pub(crate) offset: u64,
}

/// One segment as the scan found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFound {
    pub(crate) number: u64,
    pub(crate) file_len: u64,
    pub(crate) restart_lsn: Lsn,
    /// First and last LSN of its valid batches, if it holds a commit.
    pub(crate) lsns: Option<(Lsn, Lsn)>,
    pub(crate) batches: u64,
}

/// What a scan that found nothing to refuse has to say.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) ending: Ending,
    /// The last commit there is, in base or journal.
    pub(crate) last: Lsn,
    /// D: everything up to here is known to have been synced.
    pub(crate) durable: Lsn,
    pub(crate) stepped_over: Vec<SteppedOver>,
    /// The segments that were read, ascending.
    pub(crate) segments: Vec<SegmentFound>,
}

/// An opened segment whose header was found right.
pub(super) struct Opened {
    pub(super) header: SegmentHeader,
    pub(super) window: Window,
}

/// Reads the journal and hands every valid batch up to the first break that matters to `visit`, in
/// LSN order.
pub(crate) fn scan<E: From<Error>>(
    disk: &dyn Disk,
    listing: &Listing,
    anchor: &Anchor,
    visit: &mut dyn FnMut(Batch<'_>) -> Result<(), E>,
) -> Result<Findings, E> {
    let mut segments = open_segments(disk, listing, anchor)?;
    let mut walk = Walk::new(&segments, anchor);
    for (index, segment) in segments.iter_mut().enumerate() {
        if walk.enter(index, segment)? {
            walk.read(index, segment, visit)?;
        }
        segment.window.release();
    }
    Ok(walk.finish(&mut segments)?)
}

/// Opens the segments that are to be read: from the last restart segment, or from the oldest that
/// matters where there is none.
fn open_segments(
    disk: &dyn Disk,
    listing: &Listing,
    anchor: &Anchor,
) -> Result<Vec<Opened>, Error> {
    let mut opened = Vec::new();
    for number in listing.segments.iter().rev().copied() {
        if number < anchor.oldest_segment {
            break;
        }
        let needed = number >= anchor.segment.0;
        let mut segment = match open_segment(disk, number, anchor) {
            Ok(segment) => segment,
            // It holds nothing above C: with it goes only the fallback to the checkpoint before.
            Err(Error::Corrupt { .. }) if !needed => continue,
            Err(error) => return Err(error),
        };
        // Below the base's segment only those count that end batches link to it: the removal of such
        // segments may have come through in part, and older ones may have come back.
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
    check_anchor(&opened, anchor)?;
    Ok(opened)
}

/// Whether a segment ends with an end batch that names the other.
pub(super) fn leads_to(segment: &mut Opened, other: Option<&Opened>) -> Result<bool, Error> {
    let Some(other) = other else { return Ok(false) };
    let (mut offset, mut last) = (SEGMENT_HEADER_LEN, None);
    while let Some((at, header)) = segment.window.next_header(offset, segment.header.salt)? {
        offset = at + header.batch_len();
        last = Some((at, header));
    }
    let Some((at, header)) = last.filter(|(_, header)| header.kind == BatchKind::End) else {
        return Ok(false);
    };
    let next = segment.window.payload(at, &header)?.and_then(Next::decode);
    let (number, salt) = (other.header.number, other.header.salt);
    Ok(next == Some(Next::Segment { number, salt }))
}

fn check_anchor(opened: &[Opened], anchor: &Anchor) -> Result<(), Error> {
    let (number, salt) = anchor.segment;
    let corrupt =
        |problem| Err(Error::corrupt(&wal_name(number), 0, anchor.checkpoint + 1, problem));
    match opened.iter().find(|segment| segment.header.number >= number) {
        Some(found) if found.header.number == number && found.header.salt != salt => {
            corrupt(Problem::Salt)
        }
        Some(found) if found.header.number > number && found.header.restart_lsn == 0 => {
            corrupt(Problem::MissingSegment)
        }
        Some(_) => Ok(()),
        None => corrupt(Problem::MissingSegment),
    }
}

/// A version, and the store that a file is of where that version is known.
pub(crate) type Stated = (u32, Option<[u8; 16]>);

/// The version that the header of a segment states and, where that is known, whose it is; none where the
/// header is damaged.
pub(crate) fn stated(disk: &dyn Disk, name: &str) -> Result<Option<Stated>, Error> {
    let (file, len) = open_file(disk, name)?;
    let mut window = Window::new(name.to_owned(), file, len);
    let header = window.bytes(0, SEGMENT_HEADER_LEN)?.and_then(SegmentHeader::decode);
    let id = |header: &SegmentHeader| (header.version == VERSION).then_some(header.store_id);
    Ok(header.map(|header| (header.version, id(&header))))
}

/// Opens a segment whose header is right in all respects.
pub(super) fn open_segment(disk: &dyn Disk, number: u64, anchor: &Anchor) -> Result<Opened, Error> {
    let name = wal_name(number);
    let (file, len) = open_file(disk, &name)?;
    let corrupt = |problem| Error::corrupt(&name, 0, anchor.checkpoint + 1, problem);
    let mut window = Window::new(name.clone(), file, len);
    let header = window
        .bytes(0, SEGMENT_HEADER_LEN)?
        .and_then(SegmentHeader::decode)
        .ok_or_else(|| corrupt(Problem::SegmentHeader))?;
    if header.version != VERSION {
        return Err(Error::Version { file: name, found: header.version, supported: VERSION });
    }
    if header.store_id != anchor.store_id {
        return Err(corrupt(Problem::OtherStore));
    }
    if header.number != number {
        return Err(corrupt(Problem::SegmentNumber));
    }
    if header.file_len > len {
        return Err(Error::corrupt(&name, len, anchor.checkpoint + 1, Problem::Short));
    }
    window.cut(header.file_len);
    Ok(Opened { header, window })
}

/// Whether a segment that no base knows of belongs to a store that there was: it holds a batch, or an
/// opening wrote it. The first segment of a creation that was cut short is neither.
pub(crate) fn belongs_to_a_store(disk: &dyn Disk, number: u64) -> Result<bool, Error> {
    let name = wal_name(number);
    let (file, len) = open_file(disk, &name)?;
    let mut window = Window::new(name.clone(), file, len);
    let header = window.bytes(0, SEGMENT_HEADER_LEN)?.and_then(SegmentHeader::decode);
    let header = header.ok_or_else(|| Error::corrupt(&name, 0, 1, Problem::SegmentHeader))?;
    let batch = window.next_header(SEGMENT_HEADER_LEN, header.salt)?;
    Ok(header.restart_lsn != 0 || batch.is_some())
}

/// Opens a file, and measures it.
pub(super) fn open_file(disk: &dyn Disk, name: &str) -> Result<(Arc<dyn DiskFile>, u64), Error> {
    let file = disk.open_read_only(name).map_err(Error::io("open", name, 0))?;
    let len = file.len().map_err(Error::io("measure", name, 0))?;
    Ok((file, len))
}

/// A place in the log: which of the segments being read, and the offset in it.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: usize,
    offset: u64,
}

/// The walk through all segments, batch by batch.
pub(super) struct Walk {
    checkpoint: Lsn,
    /// The base's segment: the first that can hold a commit above the checkpoint.
    base_segment: u64,
    /// The LSN after the last accepted batch; 0 before the first.
    next: Lsn,
    /// Where the first batch that was not accepted should have been.
    place: Place,
    /// The first bytes behind `place` that are no batch which continues the log.
    gap: Option<Place>,
    durable: Lsn,
    last_kind: Option<Next>,
    announced: Option<(u64, u64)>,
    stepped_over: Vec<SteppedOver>,
    found: Vec<SegmentFound>,
}

impl Walk {
    pub(super) fn new(segments: &[Opened], anchor: &Anchor) -> Self {
        let found = segments.iter().map(|segment| SegmentFound {
            number: segment.header.number,
            file_len: segment.header.file_len,
            restart_lsn: segment.header.restart_lsn,
            lsns: None,
            batches: 0,
        });
        let vouched = segments.iter().map(|segment| segment.header.restart_lsn.saturating_sub(1));
        Self {
            checkpoint: anchor.checkpoint,
            base_segment: anchor.segment.0,
            next: 0,
            place: Place { segment: 0, offset: SEGMENT_HEADER_LEN },
            gap: None,
            durable: vouched.max().unwrap_or(0).max(anchor.checkpoint),
            last_kind: None,
            announced: None,
            stepped_over: Vec::new(),
            found: found.collect(),
        }
    }

    /// E, as far as the walk has come: the first LSN above C without a valid batch.
    pub(super) fn needed(&self) -> Lsn {
        self.next.max(self.checkpoint + 1)
    }

    /// D, as far as the walk has come.
    pub(super) fn durable(&self) -> Lsn {
        self.durable
    }

    /// The number of the segment in which the last batch was accepted; 0 where there is none to read.
    pub(super) fn ends_in(&self) -> u64 {
        self.found.get(self.place.segment).map_or(0, |found| found.number)
    }

    fn file(&self, segment: usize) -> String {
        wal_name(self.found[segment].number)
    }

    /// Goes on to a segment; false where it is to be passed by. After an end batch that named a
    /// successor that is the one to come; numbers between were burnt when making a segment failed.
    pub(super) fn enter(&mut self, index: usize, segment: &Opened) -> Result<bool, Error> {
        if let Some((number, salt)) = self.announced {
            let corrupt = |problem| Error::corrupt(&wal_name(number), 0, self.needed(), problem);
            if segment.header.number < number {
                return Ok(false);
            }
            if segment.header.number > number {
                return Err(corrupt(Problem::MissingSegment));
            }
            if segment.header.salt != salt {
                return Err(corrupt(Problem::Salt));
            }
            self.announced = None;
        }
        // What is needed is not below the base's segment, whatever ends there.
        let left = segment.header.number <= self.base_segment
            || self.last_kind.is_some()
            || self.found[self.place.segment].batches == 0;
        if left {
            self.place = Place { segment: index, offset: SEGMENT_HEADER_LEN };
        }
        Ok(true)
    }

    pub(super) fn read<E: From<Error>>(
        &mut self,
        index: usize,
        segment: &mut Opened,
        visit: &mut dyn FnMut(Batch<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let salt = segment.header.salt;
        let mut offset = SEGMENT_HEADER_LEN;
        while let Some((at, header)) = segment.window.next_header(offset, salt)? {
            self.durable = self.durable.max(header.durable_lsn);
            self.found[index].batches += 1;
            if at > offset {
                self.gap.get_or_insert(Place { segment: index, offset });
            }
            offset = at + header.batch_len();
            let accepted = match self.continues(&header) {
                true => self.take(segment, at, &header, visit)?,
                false => false,
            };
            if accepted {
                self.accept(Place { segment: index, offset }, &header);
            } else {
                self.gap.get_or_insert(Place { segment: index, offset: at });
            }
        }
        Ok(())
    }

    /// Whether a batch goes on where the walk is, or skips only what the base has.
    fn continues(&self, header: &BatchHeader) -> bool {
        self.next <= header.first_lsn && header.first_lsn <= self.needed()
    }

    /// Checks a batch's payload and hands it on; answers whether it was whole.
    fn take<E: From<Error>>(
        &mut self,
        segment: &mut Opened,
        offset: u64,
        header: &BatchHeader,
        visit: &mut dyn FnMut(Batch<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(payload) = segment.window.payload(offset, header)? else {
            return Ok(false);
        };
        match header.kind {
            BatchKind::End => {
                let Some(next) = Next::decode(payload) else {
                    return Ok(false);
                };
                self.last_kind = Some(next);
                self.announced = match next {
                    Next::Segment { number, salt } => Some((number, salt)),
                    Next::Closed => None,
                };
            }
            BatchKind::Commits => {
                let Some(commits) = decode_commits(payload, header.commits) else {
                    return Ok(false);
                };
                self.last_kind = None;
                self.announced = None;
                visit(Batch { header: *header, commits: &commits })?;
            }
        }
        Ok(true)
    }

    fn accept(&mut self, behind: Place, header: &BatchHeader) {
        let skipped = self.next != 0 && header.first_lsn > self.next;
        let skipped_at = skipped.then_some(self.place);
        if let Some(place) = self.gap.take().or(skipped_at) {
            self.step_over(place);
        }
        self.next = header.next_lsn();
        self.place = behind;
        if header.commits > 0 {
            let lsns = &mut self.found[behind.segment].lsns;
            let first = lsns.map_or(header.first_lsn, |(first, _)| first);
            *lsns = Some((first, header.next_lsn() - 1));
        }
    }

    fn step_over(&mut self, place: Place) {
        let file = self.file(place.segment);
        self.stepped_over.push(SteppedOver { file, offset: place.offset });
    }

    /// Whether the base has the first commits of a batch and not its last: it was synced as one.
    fn was_synced(&self, header: &BatchHeader) -> bool {
        let first = self.next..=self.checkpoint;
        self.next > 0
            && first.contains(&header.first_lsn)
            && header.next_lsn() > self.checkpoint + 1
    }

    /// The verdict.
    fn finish(mut self, segments: &mut [Opened]) -> Result<Findings, Error> {
        let needed = self.needed();
        if let Some((number, _)) = self.announced {
            return Err(Error::corrupt(&wal_name(number), 0, needed, Problem::MissingSegment));
        }
        let Place { segment, offset } = self.place;
        if needed <= self.durable {
            return Err(Error::corrupt(&self.file(segment), offset, needed, Problem::Batch));
        }
        if let Some(gap) = self.gap.take_if(|gap| gap.segment < segment) {
            self.step_over(gap);
        }
        let opened = &mut segments[segment];
        let salt = opened.header.salt;
        if opened.window.header(offset, salt)?.is_some_and(|header| self.was_synced(&header)) {
            return Err(Error::corrupt(&self.file(segment), offset, needed, Problem::Batch));
        }
        let bytes = opened.window.traces_end(offset, salt, needed)? - offset;
        // What should stand here the base has, and nothing behind it is of a later commit.
        let is_covered = bytes > 0
            && (1..=self.checkpoint).contains(&self.next)
            && !opened.window.reaches(offset, salt, needed)?;
        if is_covered {
            self.step_over(Place { segment, offset });
        }
        let ending = match self.last_kind {
            _ if is_covered => Ending::Unclosed,
            _ if bytes > 0 => Ending::TornTail { file: self.file(segment), offset, bytes },
            Some(Next::Closed) => Ending::Closed,
            _ => Ending::Unclosed,
        };
        Ok(Findings {
            ending,
            last: needed - 1,
            durable: self.durable,
            stepped_over: self.stepped_over,
            segments: self.found,
        })
    }
}
