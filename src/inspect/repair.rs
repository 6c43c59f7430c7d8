//! Repair of a store that refuses to open: the only thing here that writes, and only when told to.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::disk::{Disk, RealDisk};
use crate::engine::{Lsn, Repairable, repair, repairable_locked};
use crate::store::Error;

/// What a repair does, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Repair {
    /// Whether there is something to repair: else the store opens as it is.
    pub is_needed: bool,
    /// Why the store refuses to open.
    pub refusal: Option<String>,
    /// The last commit that is kept.
    pub last_lsn: Lsn,
    /// The first commit that is lost, if any.
    pub first_lost: Option<Lsn>,
    /// The last commit that is known to be lost. What was acknowledged behind it no file tells.
    pub last_lost: Option<Lsn>,
    /// Everything up to here was acknowledged as durable, as far as the log tells.
    pub durable_lsn: Lsn,
    /// The segments that are cut, and kept as they were.
    pub cut: Vec<String>,
    /// The directory inside the store's that they are kept in; only once it was made.
    pub kept_in: Option<String>,
}

impl Repair {
    /// What a repair of the store in `path` would do. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where no cut helps: the base itself is damaged or missing.
    /// [`Error::Locked`], [`Error::Missing`], [`Error::Version`], [`Error::Io`].
    pub fn plan(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::plan_on(&RealDisk::new(path.as_ref()))
    }

    /// The same on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Repair::plan`].
    pub fn plan_on(disk: &dyn Disk) -> Result<Self, Error> {
        Ok(Self::of(&repairable_locked(disk)?))
    }

    /// Repairs the store in `path`. The log is cut in front of the first commit that is needed and
    /// cannot be read; what is cut lies in `repair-TIME` inside the store's directory, TIME being `now`
    /// in microseconds. It takes effect in one moment: interrupted before it, the store is as it was,
    /// but for that directory; after it, the store opens.
    ///
    /// # Errors
    ///
    /// As [`Repair::plan`]; then nothing has changed, or only that directory was begun.
    pub fn run(path: impl AsRef<Path>, now: Timestamp) -> Result<Self, Error> {
        Self::run_on(Arc::new(RealDisk::new(path.as_ref())), now)
    }

    /// The same on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Repair::run`].
    pub fn run_on(disk: Arc<dyn Disk>, now: Timestamp) -> Result<Self, Error> {
        let kept = format!("repair-{}", now.as_micros());
        let told = |found: &Repairable| Self::of(found).report();
        let mut repair = Self::of(&repair(&disk, &kept, &told)?);
        repair.kept_in = repair.is_needed.then_some(kept);
        Ok(repair)
    }

    fn of(found: &Repairable) -> Self {
        match found {
            Repairable::Sound => Self {
                is_needed: false,
                refusal: None,
                last_lsn: 0,
                first_lost: None,
                last_lost: None,
                durable_lsn: 0,
                cut: Vec::new(),
                kept_in: None,
            },
            Repairable::Journal { refusal, salvage, .. } => {
                let highest = salvage.highest.max(salvage.durable);
                let is_lost = highest > salvage.last;
                Self {
                    is_needed: true,
                    refusal: Some(refusal.to_string()),
                    last_lsn: salvage.last,
                    first_lost: is_lost.then_some(salvage.last + 1),
                    last_lost: is_lost.then_some(highest),
                    durable_lsn: salvage.durable,
                    cut: salvage.cut.iter().map(|number| format!("{number:020}.wal")).collect(),
                    kept_in: None,
                }
            }
        }
    }

    /// What is written beside the files that were cut.
    fn report(&self) -> String {
        let mut text = String::new();
        // A text takes every line.
        let _ = writeln!(text, "refusal: {}", self.refusal.as_deref().unwrap_or("none"));
        let _ = writeln!(text, "last commit kept: {}", self.last_lsn);
        match (self.first_lost, self.last_lost) {
            (Some(first), Some(last)) => {
                let _ = writeln!(text, "commits lost: {first} to {last}");
            }
            _ => {
                let _ = writeln!(
                    text,
                    "commits lost: not known, no file tells which stood behind the break"
                );
            }
        }
        let _ = writeln!(text, "acknowledged as durable: up to {}", self.durable_lsn);
        self.cut.iter().for_each(|name| {
            let _ = writeln!(text, "cut: journal/{name}");
        });
        text
    }
}
