//! The names on the simulated disk: which ones are seen, which are durable, and the steps between.
//!
//! Steps that were not synced survive a power cut in any subset that a file system with a log could
//! leave: a step that is kept keeps the earlier ones on the same name, so a renamed file has one of
//! its two names and never none. A name is lost with its directory.
//!
//! This module must not know what is in the files.

use std::collections::{BTreeMap, BTreeSet};

use super::super::name::{directory_of, moved};
use super::crash::Survival;
use super::file::Reach;

/// Identifies a file whatever it is called.
pub(super) type FileId = u64;

/// A set of names at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) files: BTreeMap<String, FileId>,
    pub(super) directories: BTreeSet<String>,
}

/// One change of names; each is atomic.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create { name: String, file: FileId },
    Rename { from: String, to: String, file: FileId },
    Remove { name: String, file: FileId },
    MakeDirectory { name: String },
    RenameDirectory { from: String, to: String },
    RemoveDirectory { name: String },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Directories {
    shown: Names,
    durable: Names,
    unsynced: Vec<Step>,
}

impl Directories {
    /// Directories in which every name is durable.
    pub(super) fn durable(names: Names) -> Self {
        Self { shown: names.clone(), durable: names, unsynced: Vec::new() }
    }

    pub(super) fn shown(&self) -> &Names {
        &self.shown
    }

    pub(super) fn saved(&self) -> &Names {
        &self.durable
    }

    /// Whether a power cut now could change what `name` names.
    pub(super) fn is_unsynced(&self, name: &str) -> bool {
        let directory = directory_of(name);
        self.shown.files.get(name) != self.durable.files.get(name)
            || self.unsynced.iter().any(|step| step.is_about(name))
            || !self.durable.holds_directory(directory)
    }

    pub(super) fn take(&mut self, step: Step, reach: Reach) {
        self.shown.apply(&step);
        if reach == Reach::Disk {
            self.unsynced.push(step);
        }
    }

    /// Makes every step in `directory` durable.
    pub(super) fn sync(&mut self, directory: &str) {
        self.settle(|step| step.names().any(|name| directory_of(name) == directory));
    }

    /// Names `file` so, durably, and makes its directory where it is missing.
    pub(super) fn put(&mut self, name: &str, file: FileId) {
        self.settle(|step| step.is_about(name) || step.is_about(directory_of(name)));
        for names in [&mut self.shown, &mut self.durable] {
            names.files.insert(name.to_owned(), file);
            if !directory_of(name).is_empty() {
                names.directories.insert(directory_of(name).to_owned());
            }
        }
    }

    /// Takes the name away, durably.
    pub(super) fn take_away(&mut self, name: &str) -> Option<FileId> {
        self.settle(|step| step.is_about(name));
        let durable = self.durable.files.remove(name);
        self.shown.files.remove(name).or(durable)
    }

    /// The names that are there if the power goes out now.
    pub(super) fn after_power_cut(&self, survival: &mut Survival) -> Names {
        let kept = with_earlier_ones(&self.unsynced, |_| survival.keeps());
        let mut names = self.durable.clone();
        for (step, kept) in self.unsynced.iter().zip(kept) {
            if kept {
                names.apply(step);
            }
        }
        let Names { files, directories } = &mut names;
        files.retain(|name, _| {
            let directory = directory_of(name);
            directory.is_empty() || directories.contains(directory)
        });
        names
    }

    /// Whether anything still leads to `file`.
    pub(super) fn lead_to(&self, file: FileId) -> bool {
        let named = |names: &Names| names.files.values().any(|named| *named == file);
        named(&self.shown)
            || named(&self.durable)
            || self.unsynced.iter().any(|step| step.file() == Some(file))
    }

    fn settle(&mut self, chosen: impl FnMut(&Step) -> bool) {
        let chosen = with_earlier_ones(&self.unsynced, chosen);
        for (step, chosen) in std::mem::take(&mut self.unsynced).into_iter().zip(chosen) {
            if chosen {
                self.durable.apply(&step);
            } else {
                self.unsynced.push(step);
            }
        }
    }
}

impl Names {
    pub(super) fn holds_directory(&self, directory: &str) -> bool {
        directory.is_empty() || self.directories.contains(directory)
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Create { name, file } => {
                self.files.insert(name.clone(), *file);
            }
            Step::Rename { from, to, file } => {
                self.forget(from, *file);
                self.files.insert(to.clone(), *file);
            }
            Step::Remove { name, file } => self.forget(name, *file),
            Step::MakeDirectory { name } => {
                self.directories.insert(name.clone());
            }
            Step::RenameDirectory { from, to } => self.move_all(from, to),
            Step::RemoveDirectory { name } => {
                self.directories.remove(name);
            }
        }
    }

    fn move_all(&mut self, from: &str, to: &str) {
        let moved = |name: String| moved(&name, from, to).unwrap_or(name);
        self.directories = std::mem::take(&mut self.directories).into_iter().map(moved).collect();
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files.map(|(name, file)| (moved(name), file)).collect();
    }

    /// Whether anything stands in the directory.
    pub(super) fn is_empty(&self, directory: &str) -> bool {
        let mut all = self.files.keys().chain(&self.directories);
        !all.any(|name| directory_of(name) == directory)
    }

    /// Takes the name away if it is that of `file`.
    fn forget(&mut self, name: &str, file: FileId) {
        if self.files.get(name) == Some(&file) {
            self.files.remove(name);
        }
    }
}

impl Step {
    fn names(&self) -> impl Iterator<Item = &str> {
        let (name, other) = match self {
            Self::Rename { from, to, .. } | Self::RenameDirectory { from, to } => (from, Some(to)),
            Self::Create { name, .. } | Self::Remove { name, .. } => (name, None),
            Self::MakeDirectory { name } | Self::RemoveDirectory { name } => (name, None),
        };
        std::iter::once(name.as_str()).chain(other.map(String::as_str))
    }

    fn is_about(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    fn file(&self) -> Option<FileId> {
        match self {
            Self::Create { file, .. } | Self::Rename { file, .. } | Self::Remove { file, .. } => {
                Some(*file)
            }
            Self::MakeDirectory { .. }
            | Self::RenameDirectory { .. }
            | Self::RemoveDirectory { .. } => None,
        }
    }
}

/// Which steps are chosen, when a step cannot be had without the earlier ones on the same name.
/// Asks about the last one first.
fn with_earlier_ones(steps: &[Step], mut chosen: impl FnMut(&Step) -> bool) -> Vec<bool> {
    let mut needed = BTreeSet::new();
    let mut answer = vec![false; steps.len()];
    for (step, answer) in steps.iter().zip(&mut answer).rev() {
        *answer = chosen(step) || step.names().any(|name| needed.contains(name));
        if *answer {
            needed.extend(step.names());
        }
    }
    answer
}
