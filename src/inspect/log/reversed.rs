//! The log backwards: segment by segment, each read once forwards to know where its batches are.

use crate::engine::Lsn;
use crate::engine::journal::Step;
use crate::store::Error;

use super::entry::{BreakVerdict, LogCommit, LogEntry};
use super::{Log, plan};

/// Everything in a log, the newest first. Memory follows the number of batches in one segment.
#[derive(Debug)]
pub struct LogReversed {
    log: Log,
    /// Segments that are not read yet, counted from the first.
    left: usize,
    /// What the present segment has, the last of it to come next.
    items: Vec<Item>,
    /// Commits of the present batch, the last of them to come next.
    commits: Vec<LogCommit>,
    is_over: bool,
}

#[derive(Debug)]
enum Item {
    /// A batch whose commits from `first` to `last` count.
    Batch {
        offset: u64,
        first: Lsn,
        last: Lsn,
        behind: Option<BreakVerdict>,
    },
    Other(LogEntry),
}

impl LogReversed {
    pub(super) fn new(log: Log) -> Self {
        let left = log.segment_count();
        Self { log, left, items: Vec::new(), commits: Vec::new(), is_over: false }
    }

    fn step(&mut self) -> Result<Option<LogEntry>, Error> {
        loop {
            if let Some(commit) = self.commits.pop() {
                return Ok(Some(LogEntry::Commit(commit)));
            }
            match self.items.pop() {
                Some(Item::Other(entry)) => return Ok(Some(entry)),
                Some(Item::Batch { offset, first, last, behind }) => {
                    self.commits = self.batch(offset, first, last, behind)?;
                }
                None if self.left == 0 => return Ok(None),
                None => {
                    self.left -= 1;
                    self.items = self.items_of(self.left)?;
                }
            }
        }
    }

    fn items_of(&self, index: usize) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for entry in self.log.segment_entries(index)? {
            match (entry?, items.last_mut()) {
                (LogEntry::Commit(commit), Some(Item::Batch { offset, last, .. }))
                    if *offset == commit.offset =>
                {
                    *last = commit.lsn;
                }
                (LogEntry::Commit(commit), _) => items.push(Item::Batch {
                    offset: commit.offset,
                    first: commit.lsn,
                    last: commit.lsn,
                    behind: commit.behind,
                }),
                (other, _) => items.push(Item::Other(other)),
            }
        }
        Ok(items)
    }

    /// The commits of a batch that was whole a moment ago; none where the file was used again.
    fn batch(
        &self,
        offset: u64,
        first: Lsn,
        last: Lsn,
        behind: Option<BreakVerdict>,
    ) -> Result<Vec<LogCommit>, Error> {
        let source = &self.log.sources[self.left];
        let Some(mut reader) = plan::open(source, None)? else { return Ok(Vec::new()) };
        reader.seek(offset);
        let step = reader.step().map_err(|error| plan::named(error, &source.label))?;
        let Step::Commits { header, commits, .. } = step else { return Ok(Vec::new()) };
        let numbered = (header.first_lsn..).zip(&commits);
        let counting = numbered.filter(|(lsn, _)| (first..=last).contains(lsn));
        Ok(counting
            .map(|(lsn, commit)| LogCommit::new(lsn, commit, (&source.label, offset), behind))
            .collect())
    }
}

impl Iterator for LogReversed {
    type Item = Result<LogEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step().transpose();
        self.is_over = !matches!(step, Some(Ok(_)));
        step
    }
}
