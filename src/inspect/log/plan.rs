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

/// Looks at the headers of all segments. One that is gone meanwhile is left out.
pub(super) fn plan(sources: &[Source]) -> Result<Vec<Planned>, Error> {
    let (mut limit, mut recovered) = (Lsn::MAX, Lsn::MAX);
    let mut planned = Vec::with_capacity(sources.len());
    for source in sources.iter().rev() {
        let Some(mut reader) = open(source, None)? else { continue };
        let header = reader.header().copied();
        let restart_lsn = header.map_or(0, |header| header.restart_lsn);
        planned.push(Planned {
            source: source.clone(),
            limit,
            recovered,
            restart_lsn,
            store_id: header.map(|header| header.store_id),
            number: header.map(|header| header.number).or(source.number),
        });
        if restart_lsn != 0 {
            limit = reader.first_lsn()?.map_or(restart_lsn, |first| first.min(restart_lsn));
            recovered = restart_lsn;
        }
    }
    planned.reverse();
    Ok(planned)
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
