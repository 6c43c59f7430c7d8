//! What an operator has to know of the operations that are under way.

use std::time::Duration;

use super::OperationId;
use super::error::Error;
use super::handle::Owner;
use super::life::Life;
use super::row;
use super::status::Status;
use crate::clock::Timestamp;
use crate::engine::Reader;

/// Some operations: how many there are, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SomeOperations {
    /// How many there are.
    pub count: u64,
    /// Those with the smallest numbers, at most [`SomeOperations::NAMED`].
    pub first: Vec<OperationId>,
}

impl SomeOperations {
    /// How many are named at most.
    pub const NAMED: usize = 8;

    fn add(&mut self, operation: OperationId) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(operation);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The operations under way that somebody may have to look at. One may be there several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay {
    /// How many there are, by their status: pending, in progress, failed.
    pub(crate) by_status: [u64; 3],
    /// Of earlier openings, not decided yet.
    pub(crate) orphans: SomeOperations,
    /// Nothing goes on with them until somebody decides.
    pub(crate) needs_attention: SomeOperations,
    /// In progress, and whoever had the handle dropped it.
    pub(crate) forgotten: SomeOperations,
    /// In progress for longer than was said.
    pub(crate) long: SomeOperations,
    /// When the first of those was started.
    pub(crate) oldest_start: Option<Timestamp>,
}

impl UnderWay {
    /// Looks through all that is unfinished, when it is `now`. What has been in progress for more
    /// than `longest` takes long. Without a life, nobody has the store open, and everything is of an
    /// earlier opening.
    pub(crate) fn look(
        reader: &dyn Reader,
        life: Option<&Life>,
        now: Timestamp,
        longest: Duration,
    ) -> Result<Self, Error> {
        let longest = i64::try_from(longest.as_micros()).unwrap_or(i64::MAX);
        let mut found = Self::default();
        for id in row::unfinished(reader) {
            let id = id?;
            let row = row::operation(reader, id)?;
            let at = match row.status {
                Status::Pending => 0,
                Status::InProgress => 1,
                _ => 2,
            };
            found.by_status[at] += 1;
            let ours = life.filter(|life| life.epoch() == row.epoch);
            if ours.is_none() {
                found.orphans.add(id);
            }
            if row.attention.is_some() {
                found.needs_attention.add(id);
            }
            if row.status != Status::InProgress {
                continue;
            }
            if ours.is_some_and(|life| !life.handles().is_alive(&Owner::of(id, &row))) {
                found.forgotten.add(id);
            }
            let started = row.started_at.unwrap_or(row.begun_at);
            if now.as_micros().saturating_sub(started) > longest {
                found.long.add(id);
                let started = row::time(started);
                found.oldest_start =
                    Some(found.oldest_start.map_or(started, |known| known.min(started)));
            }
        }
        Ok(found)
    }
}
