//! The log backwards: segment by segment, each read once forwards to know where its batches are.

use crate::engine::Lsn;
use crate::engine::journal::Step;
use crate::store::Error;

use super::entry::{BreakVerdict, LogCommit, LogEntry};
use super::{Log, plan};

/// How many bytes of batches are read at once.
const RUN_BYTES: u64 = 256 * 1024;

/// Everything in a log, the newest first. Memory follows the largest batch, as it does forwards.
#[derive(Debug)]
pub struct LogReversed {
    log: Log,
    /// Segments that are not read yet, counted from the first.
    left: usize,
    /// What the present segment has, the last of it to come next.
    items: Vec<Item>,
    /// Commits of the present run, the last of them to come next.
    commits: Vec<LogCommit>,
    is_over: bool,
}

#[derive(Debug)]
enum Item {
    Run(Run),
    Other(LogEntry),
}

/// Batches one after the other, whose commits from `first` to `last` count.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Where the first batch begins.
    from: u64,
    /// Where the last batch begins.
    to: u64,
    first: Lsn,
    last: Lsn,
    behind: Option<BreakVerdict>,
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
                Some(Item::Run(run)) => self.commits = self.commits_of(run)?,
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
                (LogEntry::Commit(commit), Some(Item::Run(run)))
                    if commit.offset - run.from < RUN_BYTES && commit.behind == run.behind =>
                {
                    (run.to, run.last) = (commit.offset, commit.lsn);
                }
                (LogEntry::Commit(commit), _) => items.push(Item::Run(Run {
                    from: commit.offset,
                    to: commit.offset,
                    first: commit.lsn,
                    last: commit.lsn,
                    behind: commit.behind,
                })),
                (other, _) => items.push(Item::Other(other)),
            }
        }
        Ok(items)
    }

    /// The commits of batches that were whole a moment ago; none where the file was used again.
    fn commits_of(&self, run: Run) -> Result<Vec<LogCommit>, Error> {
        let source = &self.log.sources[self.left];
        let mut found = Vec::new();
        let Some(mut reader) = plan::open(source, None)? else { return Ok(found) };
        reader.seek(run.from);
        while reader.offset() <= run.to {
            let step = reader.step().map_err(|error| plan::named(error, &source.label))?;
            match step {
                Step::Commits { offset, header, commits } => {
                    let numbered = (header.first_lsn..).zip(&commits);
                    let counting = numbered.filter(|(lsn, _)| (run.first..=run.last).contains(lsn));
                    found.extend(counting.map(|(lsn, commit)| {
                        LogCommit::new(lsn, commit, (&source.label, offset), run.behind)
                    }));
                }
                Step::Room | Step::Recycled => break,
                Step::End { .. } | Step::Break(_) => {}
            }
        }
        Ok(found)
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
