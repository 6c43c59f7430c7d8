//! Calls on names: creating, renaming, removing, listing, and making a directory durable.

use std::io;

use super::super::name;
use super::super::pages::Pages;
use super::directory::{FileId, Step};
use super::fault::Call;
use super::file::{File, Reach};
use super::state::{Power, State};

impl State {
    pub(super) fn create(&mut self, name: &str) -> io::Result<FileId> {
        self.atomic(Call::Create, name, |state, reach| {
            state.check_place(name)?;
            let shown = state.directories.shown();
            if shown.files.contains_key(name) || shown.directories.contains(name) {
                return Err(name::already_exists(name));
            }
            let file = state.add(File::durable(name, Pages::default()));
            state.directories.take(Step::Create { name: name.to_owned(), file }, reach);
            Ok(file)
        })
    }

    pub(super) fn make_directory(&mut self, name: &str) -> io::Result<()> {
        self.atomic(Call::MakeDir, name, |state, reach| {
            state.check_place(name)?;
            let shown = state.directories.shown();
            if shown.files.contains_key(name) {
                return Err(name::already_exists(name));
            }
            if !shown.directories.contains(name) {
                state.directories.take(Step::MakeDirectory { name: name.to_owned() }, reach);
            }
            Ok(())
        })
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.atomic(Call::Rename, to, |state, reach| {
            state.check_place(to)?;
            if state.directories.shown().directories.contains(to) {
                return Err(name::already_exists(to));
            }
            if state.directories.shown().directories.contains(from) {
                return state.rename_directory(from, to, reach);
            }
            let file = state.named(from)?;
            if let Some(renamed) = state.files.get_mut(&file) {
                renamed.name = to.into();
            }
            let step = Step::Rename { from: from.to_owned(), to: to.to_owned(), file };
            state.directories.take(step, reach);
            Ok(())
        })
    }

    fn rename_directory(&mut self, from: &str, to: &str, reach: Reach) -> io::Result<()> {
        if self.directories.shown().files.contains_key(to) {
            return Err(name::already_exists(to));
        }
        for file in self.files.values_mut() {
            if let Some(name) = name::moved(&file.name, from, to) {
                file.name = name.as_str().into();
            }
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        self.directories.take(Step::RenameDirectory { from, to }, reach);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.atomic(Call::Remove, name, |state, reach| {
            let shown = state.directories.shown();
            if shown.directories.contains(name) {
                if !shown.is_empty(name) {
                    return Err(name::not_empty(name));
                }
                state.directories.take(Step::RemoveDirectory { name: name.to_owned() }, reach);
                return Ok(());
            }
            let file = state.named(name)?;
            state.directories.take(Step::Remove { name: name.to_owned(), file }, reach);
            Ok(())
        })
    }

    pub(super) fn sync_directory(&mut self, directory: &str) -> io::Result<()> {
        self.counts.directory_syncs += u64::from(self.power == Power::On);
        self.atomic(Call::SyncDir, directory, |state, reach| {
            if !state.directories.shown().holds_directory(directory) {
                return Err(name::not_found(directory));
            }
            if reach == Reach::Disk {
                state.directories.sync(directory);
                let Self { files, directories, .. } = state;
                files.retain(|id, file| file.handles > 0 || directories.lead_to(*id));
            }
            Ok(())
        })
    }

    pub(super) fn open(&mut self, name: &str) -> io::Result<FileId> {
        self.look(Call::Open, name)?;
        self.named(name)
    }

    pub(super) fn list(&mut self, directory: &str) -> io::Result<Vec<String>> {
        self.look(Call::Open, directory)?;
        let names = self.directories.shown().files.keys();
        let inside = names.filter(|file| name::directory_of(file) == directory);
        Ok(inside.map(|file| name::last_part(file).to_owned()).collect())
    }

    pub(super) fn named(&self, name: &str) -> io::Result<FileId> {
        let file = self.directories.shown().files.get(name).copied();
        file.ok_or_else(|| name::not_found(name))
    }

    fn check_place(&self, name: &str) -> io::Result<()> {
        let directory = name::directory_of(name);
        let there = self.directories.shown().holds_directory(directory);
        if there { Ok(()) } else { Err(name::not_found(directory)) }
    }
}
