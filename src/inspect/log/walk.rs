//! The walk over all segments of a log: what the segments hold becomes one story.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::disk::Disk;
use crate::engine::Lsn;
use crate::engine::journal::{Break, Next, SegmentReader, Step, wal_name};
use crate::store::Error;

use super::breaks::{self, Place, Whole};
use super::entry::{BreakVerdict, LogBreak, LogCommit, LogEntry, LogFault, LogSegment, SegmentEnd};
use super::plan::{self, Planned};
use super::source::{self, Source};
use super::{Log, LogBase};

/// Everything in a log, the oldest first. Reads as it goes; after an error it yields nothing more.
#[derive(Debug)]
pub struct LogEntries {
    planned: Vec<Planned>,
    store_id: Option<[u8; 16]>,
    index: usize,
    current: Option<Current>,
    queue: VecDeque<LogEntry>,
    /// The LSN behind the last commit that was handed out; 0 before the first.
    next: Lsn,
    /// The LSN that the next segment begins with, where it is not a restart segment.
    position: Lsn,
    durable: Lsn,
    /// The segment that the last end batch names.
    announced: Option<(u64, u64)>,
    whole: Option<Whole>,
    behind: Option<BreakVerdict>,
    checkpoint: Option<(Lsn, u64)>,
    is_in_use: bool,
    store: Option<Arc<dyn Disk>>,
    /// Whether more may come behind the end.
    follows: bool,
    /// Whether there is nothing more for now.
    is_idle: bool,
    is_over: bool,
}

/// The segment that is being read.
#[derive(Debug)]
struct Current {
    reader: SegmentReader,
    segment: LogSegment,
    planned: Planned,
    index: usize,
    /// Whether its end was looked at once more because later segments had commits already.
    was_read_again: bool,
}

/// What to do where a segment has room and no end.
enum AtRoom {
    /// More comes here.
    Wait,
    /// Its end has come since it was looked at.
    Again,
    /// That is all there is of it.
    GoOn,
}

impl LogEntries {
    pub(super) fn new(log: &Log, planned: Vec<Planned>) -> Result<Self, Error> {
        Ok(Self {
            store_id: log.store_id.or_else(|| plan::store_of(&planned)),
            planned,
            index: 0,
            current: None,
            queue: VecDeque::new(),
            next: 0,
            position: 0,
            durable: 0,
            announced: None,
            whole: None,
            behind: None,
            checkpoint: log.checkpoint(),
            is_in_use: *log.base() == LogBase::InUse,
            store: log.store().cloned(),
            follows: false,
            is_idle: false,
            is_over: false,
        })
    }

    /// Does not end where the log ends.
    pub(super) fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Leaves out all segments but one.
    pub(super) fn only(mut self, source: Option<&Source>) -> Self {
        let name = source.map(|source| source.label.clone());
        self.planned.retain(|planned| Some(&planned.source.label) == name.as_ref());
        // What it announces is not looked for.
        self.store = None;
        self
    }

    /// Reads on until something can be handed out; false at the end.
    fn fill(&mut self) -> Result<bool, Error> {
        self.is_idle = false;
        while self.queue.is_empty() {
            if self.is_idle {
                return Ok(false);
            }
            match self.current.take() {
                Some(current) => self.read(current)?,
                None if self.index < self.planned.len() => self.enter()?,
                None if !self.follow_announced()? => return Ok(false),
                None => {}
            }
        }
        Ok(true)
    }

    /// Whoever writes makes the next segments ready ahead. As long as they are empty, what comes next comes into
    /// the one before them; once they are not, that one has its end.
    fn at_room(&mut self, current: &mut Current) -> Result<AtRoom, Error> {
        let is_left = matches!(current.segment.end, SegmentEnd::Continued { .. });
        if is_left || !(self.follows || self.is_in_use) {
            return Ok(AtRoom::GoOn);
        }
        if self.has_more_ahead()? {
            let again = !std::mem::replace(&mut current.was_read_again, true);
            return Ok(if again { AtRoom::Again } else { AtRoom::GoOn });
        }
        if !self.follows {
            return Ok(AtRoom::GoOn);
        }
        // They are found once more by what announces them.
        self.planned.truncate(self.index);
        Ok(AtRoom::Wait)
    }

    /// Whether a later segment has anything in it.
    fn has_more_ahead(&self) -> Result<bool, Error> {
        for planned in &self.planned[self.index..] {
            if planned.restart_lsn != 0 {
                return Ok(true);
            }
            let Some(mut reader) = plan::open(&planned.source, None)? else { continue };
            let first = reader.first_lsn();
            if first.map_err(|error| plan::named(error, &planned.source.label))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Nothing more for now in the last segment, unless an opening began a new one meanwhile.
    fn wait_in(&mut self, mut current: Current) -> Result<(), Error> {
        let Some(disk) = &self.store else {
            self.is_idle = true;
            self.current = Some(current);
            return Ok(());
        };
        let mut newer = source::of_store(disk)?;
        newer.retain(|source| source.number > current.planned.number && !source.is_kept);
        let newer = plan::plan(&newer)?;
        let restart = newer.iter().position(|planned| planned.restart_lsn != 0);
        match restart {
            Some(first) => self.planned.extend(newer.into_iter().skip(first)),
            None => {
                current.reader.refresh();
                self.is_idle = true;
            }
        }
        self.current = Some(current);
        Ok(())
    }

    /// At the end of what was listed: the segment that was announced may have come meanwhile, and one
    /// that has not is missing.
    fn follow_announced(&mut self) -> Result<bool, Error> {
        let Some(disk) = self.store.clone() else { return Ok(false) };
        let Some((number, salt)) = self.announced.take() else { return Ok(false) };
        let name = wal_name(number);
        let source = Source {
            disk,
            label: name.as_str().into(),
            name,
            number: Some(number),
            is_kept: false,
        };
        let found = plan::plan(std::slice::from_ref(&source))?;
        if found.is_empty() && self.follows {
            self.announced = Some((number, salt));
            return Ok(false);
        }
        if found.is_empty() {
            let place = Place { file: source.label, offset: 0, bytes: 0 };
            self.push_missing(place, LogFault::MissingSegment, (Some(number), None));
        }
        self.announced = Some((number, salt)).filter(|_| !found.is_empty());
        self.planned.extend(found);
        Ok(true)
    }

    fn enter(&mut self) -> Result<(), Error> {
        let index = self.index;
        let planned = self.planned[index].clone();
        self.index += 1;
        let announced = self.announced;
        let salt = announced.filter(|(number, _)| Some(*number) == planned.number);
        let opened = plan::open(&planned.source, salt.map(|(_, salt)| salt))?;
        let Some(mut reader) = opened else {
            self.lose_place();
            return Ok(());
        };
        let label = planned.source.label.clone();
        let segment = LogSegment {
            file: label.to_string(),
            number: planned.number,
            file_bytes: reader.file_len(),
            used_bytes: 0,
            is_restart: planned.restart_lsn != 0,
            is_kept: planned.source.is_kept,
            first_lsn: None,
            last_lsn: None,
            commits: 0,
            batches: 0,
            superseded: 0,
            durable_lsn: 0,
            breaks: 0,
            end: SegmentEnd::Open,
        };
        if let (Some((number, _)), Some(found)) = (announced, planned.number)
            && self.store.is_some()
            && found > number
            && planned.restart_lsn == 0
        {
            let place = Place { file: wal_name(number).into(), offset: 0, bytes: 0 };
            let first = reader.first_lsn().map_err(|error| plan::named(error, &label))?;
            self.push_missing(place, LogFault::MissingSegment, (Some(number), first));
            // What comes next was told, and is no gap once more.
            self.next = self.next.max(first.unwrap_or(self.next));
            self.position = 0;
        }
        if announced.is_some_and(|(number, _)| planned.number.is_some_and(|n| n >= number)) {
            self.announced = None;
        }
        let goes_on = self.store.is_some() || salt.is_some();
        reader.goes_on_with(if goes_on && planned.restart_lsn == 0 { self.position } else { 0 });
        reader.needs(self.checkpoint.map_or(0, |(lsn, _)| lsn + 1));
        if !goes_on {
            self.next = 0;
        }
        let mut current = Current { reader, segment, planned, index, was_read_again: false };
        for (fault, place) in self.faults_of_header(&current, salt.map(|(_, salt)| salt)) {
            let checksums = current.reader.header_checksums();
            let checksums = checksums.filter(|_| fault == LogFault::SegmentHeader);
            let verdict = self.verdict_on_header(&current);
            current.segment.breaks += 1;
            self.note(verdict);
            self.queue.push_back(LogEntry::Break(LogBreak {
                file: label.to_string(),
                offset: place.0,
                bytes: place.1,
                fault,
                stored: checksums.map(|checksums| checksums.stored),
                computed: checksums.map(|checksums| checksums.computed),
                first_lost: None,
                lost: None,
                verdict,
            }));
            if fault == LogFault::OtherSegment || !current.reader.is_readable() {
                current.segment.end = SegmentEnd::Unreadable;
                self.queue.push_back(LogEntry::Segment(current.segment));
                return Ok(());
            }
        }
        self.current = Some(current);
        Ok(())
    }

    /// What is wrong with a segment before its first batch, and where.
    fn faults_of_header(
        &self,
        current: &Current,
        salt: Option<u64>,
    ) -> Vec<(LogFault, (u64, u64))> {
        let Some(header) = current.reader.header() else {
            let fault = match current.reader.header_checksums() {
                Some(_) => LogFault::SegmentHeader,
                None => LogFault::Short,
            };
            return vec![(fault, (0, current.reader.file_len().min(80)))];
        };
        let other_store = self.store_id.is_some_and(|id| id != header.store_id);
        let other_number = current.planned.source.number.is_some_and(|n| n != header.number);
        let other_salt = salt.is_some_and(|salt| salt != header.salt);
        let mut faults = Vec::new();
        if self.store.is_some() && (other_number || other_salt || other_store) {
            faults.push((LogFault::OtherSegment, (0, 80)));
        }
        let file_len = current.reader.file_len();
        if header.file_len > file_len {
            faults.push((LogFault::Short, (file_len, header.file_len - file_len)));
        }
        faults
    }

    fn read(&mut self, mut current: Current) -> Result<(), Error> {
        let label = current.planned.source.label.clone();
        let step = current.reader.step().map_err(|error| plan::named(error, &label))?;
        match step {
            Step::Commits { offset, header, commits } => {
                self.durable = self.durable.max(header.durable_lsn);
                current.segment.durable_lsn = current.segment.durable_lsn.max(header.durable_lsn);
                current.segment.batches += 1;
                for (lsn, commit) in (header.first_lsn..).zip(&commits) {
                    if lsn >= current.planned.limit || lsn < self.next {
                        current.segment.superseded += 1;
                        continue;
                    }
                    if self.next != 0 && lsn > self.next {
                        let place = Place { file: label.clone(), offset, bytes: 0 };
                        self.push_missing(place, LogFault::Gap, (None, Some(lsn)));
                    }
                    self.next = lsn + 1;
                    let segment = &mut current.segment;
                    segment.first_lsn.get_or_insert(lsn);
                    (segment.last_lsn, segment.commits) = (Some(lsn), segment.commits + 1);
                    let commit = LogCommit::new(lsn, commit, (&label, offset), self.behind(lsn));
                    self.queue.push_back(LogEntry::Commit(commit));
                }
            }
            Step::End { header, next } => {
                self.durable = self.durable.max(header.durable_lsn);
                current.segment.durable_lsn = current.segment.durable_lsn.max(header.durable_lsn);
                current.segment.batches += 1;
                current.segment.end = match next {
                    Next::Segment { number, .. } => SegmentEnd::Continued { number },
                    Next::Closed => SegmentEnd::Closed,
                };
                self.announced = match next {
                    Next::Segment { number, salt } => Some((number, salt)),
                    Next::Closed => None,
                };
            }
            Step::Break(found) => self.take_break(&mut current, &found)?,
            Step::Room => {
                match self.at_room(&mut current)? {
                    AtRoom::Wait => return self.wait_in(current),
                    AtRoom::Again => {
                        current.reader.refresh();
                        self.current = Some(current);
                        return Ok(());
                    }
                    AtRoom::GoOn => {}
                }
                if current.segment.used_bytes == 0 {
                    current.segment.used_bytes = current.reader.offset();
                }
                self.position = current.reader.next_lsn();
                self.queue.push_back(LogEntry::Segment(current.segment));
                return Ok(());
            }
            Step::Recycled => {
                self.lose_place();
                return Ok(());
            }
        }
        self.current = Some(current);
        Ok(())
    }

    /// A segment went while the log was read: the bot let the oldest go. What it held is in the base, and
    /// the story goes on with what is still there.
    fn lose_place(&mut self) {
        (self.next, self.position, self.announced) = (0, 0, None);
    }

    fn take_break(&mut self, current: &mut Current, found: &Break) -> Result<(), Error> {
        let is_tail = found.is_tail;
        let Break { offset, bytes, .. } = *found;
        if is_tail {
            current.segment.used_bytes = offset;
        }
        if is_tail && (self.is_in_use || self.follows) {
            match self.at_room(current)? {
                // What is being appended.
                AtRoom::Wait => {
                    current.reader.seek(offset);
                    current.reader.refresh();
                    self.is_idle = true;
                    return Ok(());
                }
                AtRoom::Again => {
                    current.reader.seek(offset);
                    current.reader.refresh();
                    return Ok(());
                }
                AtRoom::GoOn if !self.has_more_ahead()? => return Ok(()),
                AtRoom::GoOn => {}
            }
        }
        let recovered = current.planned.recovered;
        let is_left_out = found.first >= recovered || is_tail && found.first == 0;
        if recovered != Lsn::MAX && is_left_out {
            if current.segment.end == SegmentEnd::Open {
                current.segment.end = SegmentEnd::LeftOut { offset, bytes };
            }
            return Ok(());
        }
        let verdict = self.verdict(current, found)?;
        // A segment that was left by an end is over there, whatever else it holds.
        let has_ended =
            matches!(current.segment.end, SegmentEnd::Continued { .. } | SegmentEnd::Closed);
        current.segment.end = match (verdict, is_tail) {
            _ if has_ended && verdict != BreakVerdict::Damage => current.segment.end.clone(),
            (BreakVerdict::TornTail, true) => SegmentEnd::TornTail { offset, bytes },
            (_, true) => SegmentEnd::Damaged,
            _ => current.segment.end.clone(),
        };
        current.segment.breaks += 1;
        self.note(verdict);
        // A batch that is damaged as a whole is not missed once more by the one behind it.
        if let Some(behind) = found.behind
            && self.next != 0
        {
            // What a later restart segment has is still to come.
            self.next = self.next.max(behind.min(current.planned.limit));
        }
        let label = current.planned.source.label.clone();
        self.queue.push_back(LogEntry::Break(breaks::told(found, label, verdict)));
        Ok(())
    }

    fn verdict(&mut self, current: &Current, found: &Break) -> Result<BreakVerdict, Error> {
        if self.is_covered(&current.planned) {
            return Ok(BreakVerdict::Covered);
        }
        let checkpoint = self.checkpoint.map_or(0, |(lsn, _)| lsn);
        let known = self.durable.max(checkpoint);
        let whole = match &mut self.whole {
            Some(whole) => whole,
            none => none.insert(Whole::of(&self.planned, known)?),
        };
        let later = whole.first_behind(current.index);
        // At the end of a segment the next one says what is lost.
        let behind = if found.is_tail { later } else { found.behind };
        let is_in_base = match behind {
            Some(behind) => behind <= checkpoint + 1,
            // What is known to have been synced above the checkpoint is missing with it.
            None => !found.is_torn && found.first <= checkpoint && whole.durable <= checkpoint,
        };
        if is_in_base {
            return Ok(BreakVerdict::Covered);
        }
        let needed = found.first.max(checkpoint + 1);
        // A segment has its length before anything is written into it.
        let file_len = current.reader.file_len();
        let is_cut = current.reader.header().is_some_and(|header| header.file_len > file_len);
        let is_acknowledged = needed <= whole.durable || later.is_some() || is_cut;
        Ok(if is_acknowledged { BreakVerdict::Damage } else { BreakVerdict::TornTail })
    }

    fn verdict_on_header(&self, current: &Current) -> BreakVerdict {
        match self.is_covered(&current.planned) {
            true => BreakVerdict::Covered,
            false => BreakVerdict::Damage,
        }
    }

    /// Whether nothing that counts can be in this segment alone.
    fn is_covered(&self, planned: &Planned) -> bool {
        let base = self.checkpoint.map_or(0, |(_, segment)| segment);
        planned.limit != Lsn::MAX
            || self.store.is_some() && planned.source.is_kept
            || planned.number.is_some_and(|number| number < base)
    }

    fn note(&mut self, verdict: BreakVerdict) {
        if verdict != BreakVerdict::Covered {
            self.behind.get_or_insert(verdict);
        }
    }

    /// What the break before a commit means for it: nothing where the base has it.
    fn behind(&self, lsn: Lsn) -> Option<BreakVerdict> {
        self.behind.filter(|_| self.checkpoint.is_none_or(|(checkpoint, _)| lsn > checkpoint))
    }

    /// Commits that no break accounts for: in segment `number`, and up to `behind`, where that is known.
    fn push_missing(
        &mut self,
        place: Place,
        fault: LogFault,
        (number, behind): (Option<u64>, Option<Lsn>),
    ) {
        let (checkpoint, base) = self.checkpoint.unwrap_or((0, 0));
        // No commit above the checkpoint is in a lower segment than the base's.
        let is_covered = behind.is_some_and(|behind| behind <= checkpoint + 1)
            || number.is_some_and(|number| number < base);
        let verdict = if is_covered { BreakVerdict::Covered } else { BreakVerdict::Damage };
        self.note(verdict);
        let first = (self.next != 0).then_some(self.next);
        self.queue.push_back(LogEntry::Break(LogBreak {
            file: place.file.to_string(),
            offset: place.offset,
            bytes: place.bytes,
            fault,
            stored: None,
            computed: None,
            first_lost: first,
            lost: first.zip(behind).map(|(first, behind)| behind.saturating_sub(first)),
            verdict,
        }));
    }
}

impl Iterator for LogEntries {
    type Item = Result<LogEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.fill() {
            Ok(true) => self.queue.pop_front().map(Ok),
            Ok(false) => {
                self.is_over = !self.follows;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}
