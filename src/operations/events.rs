//! The events of an operation's life: what was called when, in which attempt, on what evidence.
//!
//! At most 64 are kept: the first 63 and the latest. All are counted.

use super::OperationsMut;
use super::error::Error;
use super::row::{self, EventRow, OperationRow};
use super::status::Call;
use super::{EVENTS, OperationId};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};

/// How many events of one operation are kept.
const MAX_EVENTS: u32 = 64;

/// One event of an operation's life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// Which event of the operation it was, from 0 on. Some are missing where there were many.
    pub number: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What was called.
    pub call: Call,
    /// The attempt it happened in.
    pub attempt: u32,
    /// What the caller had to say to it.
    pub evidence: Option<Box<str>>,
}

impl OperationsMut<'_> {
    /// Stages the operation's row with one more event: every change of an operation goes through
    /// here.
    pub(super) fn put_with_event(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        call: Call,
        evidence: Option<&str>,
    ) {
        let number = row.events;
        row.events = row.events.saturating_add(1);
        let at = self.stored_now();
        let evidence = evidence.map(Box::from);
        let event = EventRow { number, at, call, attempt: row.attempt, evidence };
        let place = row::nth_key(id, number.min(MAX_EVENTS - 1));
        row::put(self.tx(), EVENTS, &place, &event);
        row::put_operation(self.tx(), id, row);
        self.note(call, id);
    }
}

/// The events that are kept of an operation, oldest first.
pub(super) fn of_operation(reader: &dyn Reader, id: OperationId) -> Result<Vec<Event>, Error> {
    let rows = reader.scan(EVENTS, KeyRange::prefix(&row::id_key(id)));
    let events = rows.map(|found| {
        let (key, bytes) = found?;
        let EventRow { number, at, call, attempt, evidence } = row::decode(EVENTS, &key, &bytes)?;
        Ok(Event { number, at: row::time(at), call, attempt, evidence })
    });
    events.collect()
}
