//! Breaks as they are told, and what the whole log says of what was synced.

use std::sync::Arc;

use crate::engine::Lsn;
use crate::engine::journal::{Break, Fault};
use crate::store::Error;

use super::entry::{BreakVerdict, LogBreak, LogFault};
use super::plan::{self, Planned};

/// A place in a file.
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// What the headers of all segments say: needed only where there is a break.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// D: everything up to here is known to have been synced.
    pub(super) durable: Lsn,
    /// The segments that hold a batch, each with its first LSN: all but the last were synced to their
    /// ends.
    with_batches: Vec<(usize, Lsn)>,
}

impl Whole {
    pub(super) fn of(planned: &[Planned], known: Lsn) -> Result<Self, Error> {
        let mut whole = Self { durable: known, with_batches: Vec::new() };
        for (index, planned) in planned.iter().enumerate() {
            let Some(mut reader) = plan::open(&planned.source, None)? else { continue };
            let vouched = reader.vouched();
            let (durable, first) =
                vouched.map_err(|error| plan::named(error, &planned.source.label))?;
            whole.durable = whole.durable.max(durable);
            whole.with_batches.extend(first.map(|first| (index, first)));
        }
        Ok(whole)
    }

    /// The first LSN in the first segment behind this one that holds a batch.
    pub(super) fn first_behind(&self, index: usize) -> Option<Lsn> {
        self.with_batches.iter().find(|(later, _)| *later > index).map(|(_, first)| *first)
    }
}

/// A break as it is handed out.
pub(super) fn told(found: &Break, file: Arc<str>, verdict: BreakVerdict) -> LogBreak {
    let (fault, checksums) = match found.fault {
        Fault::Header(checksums) => (LogFault::BatchHeader, Some(checksums)),
        Fault::Payload(checksums) => (LogFault::Payload, Some(checksums)),
        Fault::Content => (LogFault::Content, None),
        Fault::NoBatch => (LogFault::NoBatch, None),
        Fault::Gap => (LogFault::Gap, None),
        Fault::Repeated => (LogFault::Repeated, None),
    };
    let first_lost = (found.first != 0 && fault != LogFault::Repeated).then_some(found.first);
    LogBreak {
        file: file.to_string(),
        offset: found.offset,
        bytes: found.bytes,
        fault,
        stored: checksums.map(|checksums| checksums.stored),
        computed: checksums.map(|checksums| checksums.computed),
        first_lost,
        lost: first_lost.zip(found.behind).map(|(first, behind)| behind.saturating_sub(first)),
        verdict,
    }
}
