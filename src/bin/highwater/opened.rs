//! A store that a command reads, and the words that its errors take from its directory.

use std::path::Path;

use highwater::ReadOnly;

use crate::failure::Failure;
use crate::print::{Form, note};
use crate::store_argument::{StateArgument, StoreArgument};

/// How many rows a table lists where no limit is given; JSON lines have none.
const TABLE_LIMIT: usize = 1_000;

/// A store opened for reading, and one consistent state of it.
pub(crate) struct Opened<'a> {
    directory: &'a Path,
    pub(crate) store: ReadOnly,
}

impl<'a> Opened<'a> {
    pub(crate) fn open(store: &'a StoreArgument) -> Result<Self, Failure> {
        let directory = store.existing_directory()?;
        let store = ReadOnly::open(directory).map_err(Failure::of_store(directory))?;
        Ok(Self { directory, store })
    }

    /// The same as of a commit.
    pub(crate) fn open_at(state: &'a StateArgument) -> Result<Self, Failure> {
        let (directory, store) = state.open()?;
        Ok(Self { directory, store })
    }

    pub(crate) fn checked<T, E: Into<highwater::Error>>(
        &self,
        read: Result<T, E>,
    ) -> Result<T, Failure> {
        read.map_err(Into::into).map_err(Failure::of_store(self.directory))
    }

    /// Shows the last `limit` rows that `is_wanted` holds for, in their order, and says so where there are
    /// more. Without a limit nothing of them is kept.
    pub(crate) fn each<T, E: Into<highwater::Error>>(
        &self,
        rows: impl DoubleEndedIterator<Item = Result<T, E>>,
        limit: usize,
        is_wanted: impl Fn(&T) -> bool,
        mut show: impl FnMut(&T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if limit == usize::MAX {
            for row in rows {
                let row = self.checked(row)?;
                if is_wanted(&row) {
                    show(&row)?;
                }
            }
            return Ok(());
        }
        let (latest, more) = self.latest(rows, limit, is_wanted)?;
        latest.iter().rev().try_for_each(show)?;
        if more {
            note(&format!("the latest {limit} are listed: --limit 0 lists them all"));
        }
        Ok(())
    }

    /// The last `limit` rows that `is_wanted` holds for, the last first, and whether there are more.
    fn latest<T, E: Into<highwater::Error>>(
        &self,
        rows: impl DoubleEndedIterator<Item = Result<T, E>>,
        limit: usize,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, bool), Failure> {
        let mut latest = Vec::new();
        for row in rows.rev() {
            let row = self.checked(row)?;
            if !is_wanted(&row) {
                continue;
            }
            if latest.len() == limit {
                return Ok((latest, true));
            }
            latest.push(row);
        }
        Ok((latest, false))
    }
}

/// How many rows are listed where `--limit` says so: 0 is all, and nothing is a table's worth.
pub(crate) fn limit(asked: Option<usize>, form: Form) -> usize {
    match (asked, form) {
        (Some(0), _) | (None, Form::Json) => usize::MAX,
        (Some(limit), _) => limit,
        (None, Form::Table) => TABLE_LIMIT,
    }
}
