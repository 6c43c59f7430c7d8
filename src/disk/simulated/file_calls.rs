//! Calls on open files: reading, writing, growing, cutting and syncing.

use std::io;
use std::sync::Arc;

use super::super::pages::end_of;
use super::crash::{CrashStyle, SECTOR_BYTES, Survival};
use super::directory::FileId;
use super::fault::{Call, Fault, full};
use super::file::{File, Reach};
use super::state::{Course, InFlight, Power, State, power_is_out};

impl State {
    pub(super) fn len(&mut self, file: FileId) -> io::Result<u64> {
        self.check_power()?;
        Ok(self.file(file)?.shown().len())
    }

    pub(super) fn read(&mut self, file: FileId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let name = self.name_of(file)?;
        self.look(Call::Read, &name)?;
        self.file(file)?.shown().read_at(offset, buffer)
    }

    pub(super) fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        end_of(offset, bytes.len())?;
        let name = self.name_of(file)?;
        match self.start(Call::Write, &name)? {
            Course::AsAsked => self.write_what_fits(file, offset, bytes, Reach::Disk),
            Course::PowerCut => {
                let fitting = self.fitting(file, offset, bytes)?;
                self.in_flight = Some(InFlight { file, offset, bytes: fitting.into() });
                Err(power_is_out())
            }
            Course::Hit(fault) => self.write_badly(file, offset, bytes, fault),
        }
    }

    pub(super) fn set_len(&mut self, file: FileId, len: u64) -> io::Result<()> {
        let name = self.name_of(file)?;
        self.atomic(Call::SetLen, &name, |state, reach| {
            if state.largest_len(file, len)? < len {
                return Err(full());
            }
            state.file(file)?.set_len(len, reach);
            Ok(())
        })
    }

    pub(super) fn sync(&mut self, file: FileId) -> io::Result<()> {
        let name = self.name_of(file)?;
        self.counts.syncs += u64::from(self.power == Power::On);
        match self.start(Call::Sync, &name)? {
            Course::AsAsked => self.file(file)?.sync(),
            Course::PowerCut => return Err(power_is_out()),
            Course::Hit(fault) => {
                if let Some(error) = fault.error() {
                    let style =
                        if fault.does_part() { CrashStyle::Random } else { CrashStyle::LoseAll };
                    let mut survival = Survival::new(style, self.rng.fork());
                    self.file(file)?.fail_to_sync(&mut survival);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    pub(super) fn opened(&mut self, file: FileId) -> io::Result<()> {
        self.file(file)?.handles += 1;
        Ok(())
    }

    pub(super) fn closed(&mut self, file: FileId) {
        if let Some(file) = self.files.get_mut(&file) {
            file.handles = file.handles.saturating_sub(1);
        }
    }

    fn write_badly(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        fault: Fault,
    ) -> io::Result<()> {
        if fault == Fault::Misplaced {
            let landing = self.landing(file, offset, bytes.len())?;
            return self.file(file)?.write_misplaced(offset, landing, bytes);
        }
        let Some(error) = fault.error() else {
            return self.write_what_fits(file, offset, bytes, Reach::CacheOnly);
        };
        let done = if fault.does_part() { self.rng.usize(..=bytes.len()) } else { 0 };
        self.write_what_fits(file, offset, &bytes[..done], Reach::Disk)?;
        Err(error)
    }

    /// Another sector boundary of the file, for a write of `len` bytes meant for `offset`.
    fn landing(&mut self, file: FileId, offset: u64, len: usize) -> io::Result<u64> {
        let sector = SECTOR_BYTES as u64;
        let sectors = self.file(file)?.shown().len() / sector;
        let landing = self.rng.u64(..=sectors) * sector;
        if landing != offset && end_of(landing, len).is_ok() {
            return Ok(landing);
        }
        Ok(if offset < sector { sector } else { 0 })
    }

    fn write_what_fits(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        reach: Reach,
    ) -> io::Result<()> {
        let fitting = self.fitting(file, offset, bytes)?;
        self.file(file)?.write(offset, fitting, reach)?;
        if fitting.len() < bytes.len() { Err(full()) } else { Ok(()) }
    }

    /// As many of the first `bytes` as there is room for at `offset`.
    fn fitting<'a>(&mut self, file: FileId, offset: u64, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let end = end_of(offset, bytes.len())?;
        let room = self.largest_len(file, end)?.saturating_sub(offset);
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..fits])
    }

    /// The length nearest to `len` that the file can be given.
    fn largest_len(&mut self, file: FileId, len: u64) -> io::Result<u64> {
        let now = self.file(file)?.shown().len();
        let Some(capacity) = self.capacity.filter(|_| len > now) else {
            return Ok(len);
        };
        let Self { files, directories, .. } = self;
        let named = &directories.shown().files;
        let takes_room =
            |id: &FileId, file: &File| file.handles > 0 || named.values().any(|named| named == id);
        let used = files
            .iter()
            .filter(|(id, file)| takes_room(id, file))
            .fold(0_u64, |used, (_, file)| used.saturating_add(file.shown().len()));
        Ok(len.min(now.saturating_add(capacity.saturating_sub(used))))
    }

    fn file(&mut self, file: FileId) -> io::Result<&mut File> {
        self.files.get_mut(&file).ok_or_else(|| {
            io::Error::other("the power went out since this file was opened; open it again")
        })
    }

    fn name_of(&mut self, file: FileId) -> io::Result<Arc<str>> {
        self.check_power()?;
        Ok(self.file(file)?.name.clone())
    }
}
