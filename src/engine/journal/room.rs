//! Room for the journal, made ready before it is needed: this is where a full disk is met.
//!
//! A commit is admitted only into room that is already there: the active segment and the segments
//! ready behind it. One spare is set aside as the *reserve*; only writes that finish something may
//! use it, and it is refilled before ordinary writes go on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::disk::Disk;

use super::error::Error;
use super::format::{END_LEN, SEGMENT_HEADER_LEN};
use super::segment::{self, Announcement, Listing, Segment, Spare, old_name, wal_name};

/// How large segments are and how much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomOptions {
    /// The first segment's length; each further one is twice as long, up to `segment_max_bytes`.
    pub(crate) segment_min_bytes: u64,
    pub(crate) segment_max_bytes: u64,
    /// How many bytes of retired segments are kept for inspection.
    pub(crate) keep_bytes: u64,
    /// How long they are kept at most.
    pub(crate) keep_micros: i64,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    len: u64,
    retired_at: Timestamp,
}

/// Everything about segments but the writing of batches.
#[derive(Debug)]
pub(crate) struct Room {
    disk: Arc<dyn Disk>,
    store_id: [u8; 16],
    options: RoomOptions,
    random: fastrand::Rng,
    next_number: u64,
    next_serial: u64,
    next_len: u64,
    /// The segments of the log, with their lengths.
    live: BTreeMap<u64, u64>,
    /// Retired segments, the oldest first.
    kept: VecDeque<Kept>,
    spare: Option<Spare>,
    reserve: Option<Spare>,
}

impl Room {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        store_id: [u8; 16],
        options: RoomOptions,
        random: fastrand::Rng,
        listing: &Listing,
    ) -> Self {
        Self {
            disk,
            store_id,
            options,
            random,
            next_number: listing.highest() + 1,
            next_serial: 1,
            next_len: options.segment_min_bytes,
            live: BTreeMap::new(),
            kept: VecDeque::new(),
            spare: None,
            reserve: None,
        }
    }

    /// Gives no number up to this one to a segment.
    pub(crate) fn number_above(&mut self, number: u64) {
        self.next_number = self.next_number.max(number + 1);
    }

    /// Bytes of all segments: those of the log, kept ones and spares.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let kept: u64 = self.kept.iter().map(|kept| kept.len).sum();
        let spares = self.spare.iter().chain(&self.reserve).map(|spare| spare.len);
        self.live.values().sum::<u64>() + kept + spares.sum::<u64>()
    }

    /// Bytes that only finishing writes may use; 0 once they had to.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.reserve.as_ref().map_or(0, |reserve| reserve.len)
    }

    /// Makes a segment that takes a batch of at least `batch_len` bytes, whole and durable.
    pub(crate) fn prepare(&mut self, batch_len: u64) -> Result<Segment, Error> {
        let least = batch_len + SEGMENT_HEADER_LEN + END_LEN;
        let least = least.next_multiple_of(64 * 1024).max(self.options.segment_min_bytes);
        let len = self.next_len.max(least);
        let spare = match self.spare.take_if(|spare| spare.len >= len) {
            Some(spare) => spare,
            None => self.preallocate_or_make_way(len, least)?,
        };
        let what = self.next_announcement(0);
        let segment = self.announce(spare, what)?;
        self.next_len = (self.next_len * 2).min(self.options.segment_max_bytes);
        Ok(segment)
    }

    /// Room of `len` bytes. On a full disk the least will do, and what is kept for inspection has to
    /// give way.
    fn preallocate_or_make_way(&mut self, mut len: u64, least: u64) -> Result<Spare, Error> {
        loop {
            match self.preallocate(0, len) {
                Err(error) if error.is_full() => {
                    if len > least {
                        len = least;
                    } else if let Some(oldest) = self.kept.pop_front() {
                        let name = old_name(oldest.number);
                        self.disk.remove(&name).map_err(Error::io("remove", &name, 0))?;
                    } else {
                        return Err(error);
                    }
                }
                room => return room,
            }
        }
    }

    /// Turns the reserve into a segment, or answers `None` where it is used up or too small.
    pub(crate) fn prepare_from_reserve(
        &mut self,
        batch_len: u64,
    ) -> Result<Option<Segment>, Error> {
        let least = batch_len + SEGMENT_HEADER_LEN + END_LEN;
        match self.reserve.take_if(|reserve| reserve.len >= least) {
            Some(spare) => {
                let what = self.next_announcement(0);
                self.announce(spare, what).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Sets a reserve aside where there is none.
    pub(crate) fn refill_reserve(&mut self) -> Result<(), Error> {
        if self.reserve.is_none() {
            let len = self.options.segment_min_bytes;
            self.reserve = Some(match self.spare.take() {
                Some(spare) if spare.len >= len => spare,
                _ => self.preallocate_or_make_way(len, len)?,
            });
        }
        Ok(())
    }

    /// Room of `len` bytes that has no name yet; what comes before `from` the caller writes.
    pub(crate) fn preallocate(&mut self, from: u64, len: u64) -> Result<Spare, Error> {
        let serial = self.take_serial();
        segment::preallocate(&*self.disk, serial, from, len)
    }

    /// The number and salt of the next segment. They are burnt even if it never comes to be: after
    /// an error the disk may show the name all the same.
    pub(crate) fn next_announcement(&mut self, restart_lsn: u64) -> Announcement {
        let number = self.next_number;
        self.next_number += 1;
        let salt = self.random.u64(..);
        Announcement { store_id: self.store_id, number, salt, restart_lsn }
    }

    /// Gives room its header and its name.
    pub(crate) fn announce(&mut self, spare: Spare, what: Announcement) -> Result<Segment, Error> {
        let segment = segment::announce(&*self.disk, spare, &what)?;
        self.live.insert(segment.number, segment.len);
        Ok(segment)
    }

    pub(crate) fn remove(&self, spare: Spare) -> Result<(), Error> {
        spare.remove(&*self.disk)
    }

    fn take_serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial - 1
    }

    /// Takes notice of a segment of the log that an earlier life of the store wrote.
    pub(crate) fn adopt(&mut self, number: u64, len: u64) {
        self.live.insert(number, len);
    }

    /// Takes notice of a segment that was retired before this opening; ascending by number.
    pub(crate) fn adopt_kept(&mut self, number: u64, len: u64, now: Timestamp) {
        self.kept.push_back(Kept { number, len, retired_at: now });
    }

    /// Retires the segments below `number`, which nothing needs any more: they are kept for
    /// inspection as long as the options say, then become room for new ones.
    pub(crate) fn retire_below(&mut self, number: u64, now: Timestamp) -> Result<(), Error> {
        while let Some((&oldest, &len)) = self.live.first_key_value()
            && oldest < number
        {
            let (from, to) = (wal_name(oldest), old_name(oldest));
            self.disk.rename(&from, &to).map_err(Error::io("rename", &from, 0))?;
            self.live.remove(&oldest);
            // Whoever copied it back left it under both names; now there is one.
            self.kept.retain(|kept| kept.number != oldest);
            self.kept.push_back(Kept { number: oldest, len, retired_at: now });
        }
        self.let_go(now)
    }

    fn let_go(&mut self, now: Timestamp) -> Result<(), Error> {
        let oldest_kept = now.saturating_add_micros(self.options.keep_micros.saturating_neg());
        let mut bytes: u64 = self.kept.iter().map(|kept| kept.len).sum();
        while let Some(oldest) = self.kept.front()
            && (bytes > self.options.keep_bytes || oldest.retired_at < oldest_kept)
        {
            let (name, len) = (old_name(oldest.number), oldest.len);
            bytes -= len;
            self.kept.pop_front();
            // A file of another size would not be used, and a second spare is not needed.
            if self.spare.is_none() && len >= self.next_len {
                let serial = self.take_serial();
                self.spare = Some(segment::recycle(&*self.disk, &name, serial)?);
            } else {
                self.disk.remove(&name).map_err(Error::io("remove", &name, 0))?;
            }
        }
        Ok(())
    }

    /// Gives spares back to the disk: what a close does, so that the next opening finds nothing that
    /// it has to clear away.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        for spare in self.spare.take().into_iter().chain(self.reserve.take()) {
            spare.remove(&*self.disk)?;
        }
        Ok(())
    }
}
