//! What is known of all segments before any is read: which of their commits count, which do not.
//!
//! A recovery copies what it found into a restart segment, and from then on everything before it is
//! ignored. So commits count up to the first one in the next restart segment, and what lies behind
//! the last recovered one was left out for ever.

use std::io;
use std::sync::Arc;

use crate::engine::Lsn;
use crate::engine::journal::{Error as JournalError, SegmentReader};
use crate::store::Error;

use super::source::Source;

/// One segment in the plan.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) source: Source,
    /// From here on commits do not count: a later restart segment has them.
    pub(super) limit: Lsn,
    /// From here on commits were left out by a recovery.
    pub(super) recovered: Lsn,
    pub(super) restart_lsn: Lsn,
    pub(super) store_id: Option<[u8; 16]>,
    pub(super) number: Option<u64>,
}

/// What a restart segment says of those before it.
#[derive(Clone, Copy, Debug)]
struct Restarted {
    store_id: [u8; 16],
    limit: Lsn,
    recovered: Lsn,
}

/// Looks at the headers of all segments. One that is gone meanwhile is left out.
pub(super) fn plan(sources: &[Source]) -> Result<Vec<Planned>, Error> {
    let mut restarted: Option<Restarted> = None;
    let mut planned = Vec::with_capacity(sources.len());
    for source in sources.iter().rev() {
        let Some(mut reader) = open(source, None)? else { continue };
        let header = reader.header().copied();
        let store_id = header.map(|header| header.store_id);
        // Only a segment of the same store says anything of this one.
        let behind = restarted.filter(|behind| store_id.is_none_or(|id| id == behind.store_id));
        planned.push(Planned {
            source: source.clone(),
            limit: behind.map_or(Lsn::MAX, |behind| behind.limit),
            recovered: behind.map_or(Lsn::MAX, |behind| behind.recovered),
            restart_lsn: header.map_or(0, |header| header.restart_lsn),
            store_id,
            number: header.map(|header| header.number).or(source.number),
        });
        let own = |number| source.number.is_none_or(|named| named == number);
        if let Some(header) = header.filter(|header| header.restart_lsn != 0 && own(header.number))
        {
            let recovered = header.restart_lsn;
            let first = reader.first_lsn()?;
            let limit = first.map_or(recovered, |first| first.min(recovered));
            restarted = Some(Restarted { store_id: header.store_id, limit, recovered });
        }
    }
    planned.reverse();
    Ok(planned)
}

/// The store that these segments are of: the one that most of them name.
pub(super) fn store_of(planned: &[Planned]) -> Option<[u8; 16]> {
    let ids = || planned.iter().filter_map(|planned| planned.store_id);
    ids().max_by_key(|id| ids().filter(|other| other == id).count())
}

/// Opens a segment; `None` where it is gone. One that was retired meanwhile has its other name.
pub(super) fn open(source: &Source, salt: Option<u64>) -> Result<Option<SegmentReader>, Error> {
    let names = [source.name.clone(), source.name.replace(".wal", ".old")];
    for name in names {
        match SegmentReader::open(&*source.disk, &name, salt) {
            Ok(reader) => return Ok(Some(reader)),
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(error, &source.label).into()),
        }
    }
    Ok(None)
}

/// The same error under the name that the reader gave the file.
pub(super) fn named(error: JournalError, label: &Arc<str>) -> JournalError {
    let name = label.to_string();
    match error {
        JournalError::Io { action, offset, source, .. } => {
            JournalError::Io { action, file: name, offset, source }
        }
        JournalError::Version { found, supported, .. } => {
            JournalError::Version { file: name, found, supported }
        }
        other => other,
    }
}
