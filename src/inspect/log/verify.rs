//! The verdict on a log: every checksum of every segment, and what the next opening would say.

use crate::engine::{Lsn, verdict};
use crate::inspect::{LogEnd, Place};
use crate::store::Error;

use super::{BreakVerdict, Log, LogBase, LogBreak, LogEntry, LogSegment, SegmentEnd};

/// How many breaks are kept in a verdict; the others are counted.
const BREAKS_KEPT: usize = 1_000;

/// What reading all of a log came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogVerdict {
    /// The first commit that counts.
    pub first_lsn: Option<Lsn>,
    /// The last commit that counts.
    pub last_lsn: Option<Lsn>,
    /// How many commits could be read.
    pub commits: u64,
    /// How many rows they write.
    pub rows: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// Everything up to here is known to have been synced.
    pub durable_lsn: Lsn,
    /// The segments, the oldest first.
    pub segments: Vec<LogSegment>,
    /// The breaks in the order of the log, the first thousand of them.
    pub breaks: Vec<LogBreak>,
    /// How many there are.
    pub break_count: u64,
    /// How many commits cannot be read, as far as the log tells.
    pub lost: u64,
    /// What an opening of the store would say.
    pub store: StoreVerdict,
    damaged: bool,
    harmed: bool,
    torn: bool,
}

/// What an opening of the store would say of base and log together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StoreVerdict {
    /// It opens.
    Opens {
        /// Its last commit.
        last_lsn: Lsn,
        /// How its log ends.
        ending: LogEnd,
        /// Damage that is stepped over.
        stepped_over: Vec<Place>,
    },
    /// It refuses: acknowledged data is damaged or missing.
    Refuses {
        /// The file.
        file: String,
        /// Where in it, in bytes.
        offset: Option<u64>,
        /// The first commit that is needed and not there.
        lsn: Option<Lsn>,
        /// What is wrong.
        problem: String,
    },
    /// A process has it open, so only its log was read.
    InUse,
    /// Single segments were read, not a store.
    NotAsked,
}

impl Log {
    /// Reads everything and says what it is worth.
    ///
    /// # Errors
    ///
    /// [`Error::Version`], [`Error::Io`]. Damage is no error but part of the verdict.
    pub fn verify(&self) -> Result<LogVerdict, Error> {
        let mut found = LogVerdict {
            first_lsn: None,
            last_lsn: None,
            commits: 0,
            rows: 0,
            bytes: 0,
            durable_lsn: 0,
            segments: Vec::new(),
            breaks: Vec::new(),
            break_count: 0,
            lost: 0,
            store: StoreVerdict::NotAsked,
            damaged: false,
            harmed: false,
            torn: false,
        };
        for entry in self.entries()? {
            found.add(entry?);
        }
        found.store = self.opening()?;
        found.damaged |= matches!(found.store, StoreVerdict::Refuses { .. });
        found.torn |=
            matches!(found.store, StoreVerdict::Opens { ending: LogEnd::TornTail { .. }, .. });
        Ok(found)
    }

    fn opening(&self) -> Result<StoreVerdict, Error> {
        let Some(disk) = self.store() else { return Ok(StoreVerdict::NotAsked) };
        if *self.base() == LogBase::InUse {
            return Ok(StoreVerdict::InUse);
        }
        match verdict(&**disk).map_err(Error::from) {
            Ok(found) => Ok(StoreVerdict::Opens {
                last_lsn: found.last,
                ending: super::super::ending(&found.ending),
                stepped_over: super::super::stepped_over(&found),
            }),
            Err(Error::Corrupt { file, offset, lsn, source }) => {
                Ok(StoreVerdict::Refuses { file, offset, lsn, problem: source.to_string() })
            }
            Err(Error::Locked { .. }) => Ok(StoreVerdict::InUse),
            Err(Error::Missing { .. }) => Ok(StoreVerdict::NotAsked),
            Err(error) => Err(error),
        }
    }
}

impl LogVerdict {
    /// Whether something that was acknowledged is damaged or missing, and nothing else has it: an
    /// opening refuses.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether something is damaged or missing that the base, or a later segment, has. Nothing is lost by
    /// it; but a disk that loses bytes goes on losing them.
    pub fn has_harmless_damage(&self) -> bool {
        self.harmed
    }

    /// Whether it ends in bytes that were never known to be synced: normal after a power cut.
    pub fn has_torn_tail(&self) -> bool {
        self.torn
    }

    fn add(&mut self, entry: LogEntry) {
        match entry {
            LogEntry::Commit(commit) => {
                self.first_lsn.get_or_insert(commit.lsn);
                self.last_lsn = Some(commit.lsn);
                self.commits += 1;
                self.rows += u64::from(commit.row_count);
                self.bytes += commit.bytes();
            }
            LogEntry::Break(found) => {
                self.break_count += 1;
                self.lost += found.lost.unwrap_or(0);
                self.damaged |= found.verdict == BreakVerdict::Damage;
                self.harmed |= found.verdict == BreakVerdict::Covered;
                self.torn |= found.verdict == BreakVerdict::TornTail;
                if self.breaks.len() < BREAKS_KEPT {
                    self.breaks.push(found);
                }
            }
            LogEntry::Segment(segment) => {
                self.durable_lsn = self.durable_lsn.max(segment.durable_lsn);
                self.torn |= matches!(segment.end, SegmentEnd::TornTail { .. });
                self.segments.push(segment);
            }
        }
    }
}
