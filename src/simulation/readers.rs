//! Snapshots that somebody keeps while the store goes on: each shows one state for ever.

use super::life::Dispute;
use super::subject::look;
use super::view::View;
use crate::store::{Error, Snapshot};

/// So many are kept at most.
const AT_MOST: usize = 3;

/// The snapshots that are kept, and what each has to show.
#[derive(Default)]
pub(crate) struct Readers {
    kept: Vec<(Snapshot, View)>,
}

/// What reading one came to.
pub(crate) enum Reading {
    Whole,
    Lost,
    Failed(Error),
}

impl Readers {
    pub(crate) fn keep(&mut self, snapshot: Snapshot, shows: View) {
        if self.kept.len() < AT_MOST {
            self.kept.push((snapshot, shows));
        }
    }

    /// Reads all of the one that `nth` counts around to, if there is any.
    pub(crate) fn read(&mut self, nth: usize) -> Option<Result<Reading, Dispute>> {
        let nth = nth.checked_rem(self.kept.len())?;
        let (snapshot, expected) = &self.kept[nth];
        Some(match look::view(snapshot) {
            Ok(shown) => match expected.differences(&shown).as_slice() {
                [] => Ok(Reading::Whole),
                differences => Err(format!("a snapshot changed:\n{}", differences.join("\n"))),
            },
            Err(Error::SnapshotLost) => {
                self.kept.remove(nth);
                Ok(Reading::Lost)
            }
            Err(error) => Ok(Reading::Failed(error)),
        })
    }

    pub(crate) fn drop(&mut self, nth: usize) {
        if let Some(nth) = nth.checked_rem(self.kept.len()) {
            self.kept.remove(nth);
        }
    }

    /// Lets go of all of them, as the end of the process does.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}
