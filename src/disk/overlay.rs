//! A file over a file: reads go through, writes stay in memory.
//!
//! redb writes to a file that was not closed as soon as it opens it. Over an overlay it can do so,
//! and be read and judged, without one byte of the real file changing. Memory grows with what is
//! written, by whole pages, never with the size of the file beneath.
//!
//! The file beneath is only ever read, and its length is looked at once, when the overlay is made.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::DiskFile;
use super::pages::{PAGE_BYTES, Pages, end_of};

const PAGE: u64 = PAGE_BYTES as u64;

/// See the module's description. Syncs do nothing: there is nothing that could be made durable.
pub(crate) struct Overlay {
    beneath: Arc<dyn DiskFile>,
    layer: RwLock<Layer>,
}

struct Layer {
    /// The length as it is seen, and every page that was written, whole.
    pages: Pages,
    /// Up to here a page that was not written shows the file beneath, from here on zeros. Every
    /// cut lowers it, so that bytes which were cut away do not come back.
    beneath_len: u64,
}

impl Overlay {
    /// An overlay that shows `file` as it is.
    ///
    /// # Errors
    ///
    /// Where the length of `file` cannot be read.
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let beneath_len = file.len()?;
        let layer = Layer { pages: Pages::zeros(beneath_len), beneath_len };
        Ok(Self { beneath: file, layer: RwLock::new(layer) })
    }

    fn layer(&self) -> RwLockReadGuard<'_, Layer> {
        self.layer.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn layer_mut(&self) -> RwLockWriteGuard<'_, Layer> {
        self.layer.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer {
    /// Where the bytes of `page` and of the pages right behind it, up to `end`, that still come
    /// from beneath, stop; `None` where `page` itself does not come from there.
    fn run_from_beneath(&self, page: u64, end: u64) -> Option<u64> {
        let end = end.min(self.beneath_len);
        let mut behind = page;
        while behind * PAGE < end && !self.pages.holds(behind) {
            behind += 1;
        }
        (behind > page).then(|| end.min(behind * PAGE))
    }

    /// Copies the page around `offset` up from beneath, so that a part of it can be written.
    fn lift(&mut self, beneath: &dyn DiskFile, offset: u64) -> io::Result<()> {
        let page = offset / PAGE;
        let start = page * PAGE;
        if let Some(end) = self.run_from_beneath(page, start.saturating_add(PAGE)) {
            let mut bytes = [0; PAGE_BYTES];
            // A page is 4 KiB, so the difference fits.
            let bytes = &mut bytes[..(end - start) as usize];
            beneath.read_at(start, bytes)?;
            self.pages.write_at(start, bytes)?;
        }
        Ok(())
    }
}

impl DiskFile for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().pages.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let layer = self.layer();
        // Fills in the written pages, and zeros elsewhere; what comes from beneath is laid over it.
        layer.pages.read_at(offset, buffer)?;
        let end = end_of(offset, buffer.len())?;
        let mut at = offset;
        while at < end {
            let page = at / PAGE;
            at = match layer.run_from_beneath(page, end) {
                Some(behind) if behind > at => {
                    // Both lie between `offset` and `end`, so the differences fit a buffer.
                    let range = (at - offset) as usize..(behind - offset) as usize;
                    self.beneath.read_at(at, &mut buffer[range])?;
                    behind
                }
                _ => (page + 1).saturating_mul(PAGE),
            };
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = end_of(offset, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mut layer = self.layer_mut();
        // Only the first and the last page can be written in part.
        layer.lift(&*self.beneath, offset)?;
        layer.lift(&*self.beneath, end - 1)?;
        layer.pages.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut layer = self.layer_mut();
        layer.beneath_len = layer.beneath_len.min(len);
        layer.pages.set_len(len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("beneath", &self.beneath).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, MemoryDisk};
    use super::*;

    fn beneath(bytes: &[u8]) -> (MemoryDisk, Overlay) {
        let disk = MemoryDisk::new();
        disk.create("f").and_then(|file| file.write_at(0, bytes)).expect("memory takes it");
        let file = disk.open_read_only("f").expect("just made");
        let overlay = Overlay::new(file).expect("has a length");
        (disk, overlay)
    }

    fn whole(file: &dyn DiskFile) -> Vec<u8> {
        let mut bytes = vec![0xEE; file.len().expect("has a length") as usize];
        file.read_at(0, &mut bytes).expect("reads to its end");
        bytes
    }

    /// Inspection opens unclean bases over an overlay. Whatever redb writes, cuts or grows has to
    /// read back as on a plain file, and the file beneath must stay as it was.
    #[test]
    fn behaves_like_a_plain_file_and_never_writes() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut model: Vec<u8> = (0..rng.usize(..20_000)).map(|_| rng.u8(1..)).collect();
            let original = model.clone();
            let (disk, overlay) = beneath(&original);
            for _ in 0..40 {
                if rng.u8(..4) == 0 {
                    let len = rng.usize(..24_000);
                    overlay.set_len(len as u64).expect("memory takes it");
                    model.resize(len, 0);
                } else {
                    let offset = rng.usize(..22_000);
                    let bytes = vec![rng.u8(1..); rng.usize(..9_000)];
                    overlay.write_at(offset as u64, &bytes).expect("memory takes it");
                    if !bytes.is_empty() {
                        model.resize(model.len().max(offset + bytes.len()), 0);
                        model[offset..offset + bytes.len()].copy_from_slice(&bytes);
                    }
                }
                let start = rng.usize(..=model.len());
                let end = rng.usize(start..=model.len());
                let mut part = vec![0xEE; end - start];
                overlay.read_at(start as u64, &mut part).expect("inside the file");
                assert!(part == model[start..end], "seed {seed}: bytes {start}..{end} differ");
            }
            overlay.sync().expect("does nothing");
            assert!(whole(&overlay) == model, "seed {seed}: the overlay differs from the model");
            let file = disk.open("f").expect("still there");
            assert!(whole(&*file) == original, "seed {seed}: the file beneath was written");
        }
    }

    /// A base may be as large as the disk: writing one byte into it must not pull it into memory.
    #[test]
    fn memory_follows_what_is_written() {
        let disk = MemoryDisk::new();
        let file = disk.create("f").expect("memory takes it");
        file.set_len(1 << 50).expect("a length takes no memory");
        let overlay = Overlay::new(file).expect("has a length");
        overlay.write_at(1 << 49, b"x").expect("memory takes it");
        let layer = overlay.layer();
        assert!(layer.pages.holds((1 << 49) / PAGE));
        assert!(!layer.pages.holds(0));
    }

    /// The end is the overlay's, not that of the file beneath.
    #[test]
    fn reading_behind_the_end_fails() {
        let (_, overlay) = beneath(b"four");
        overlay.set_len(2).expect("memory takes it");
        let mut bytes = [0; 3];
        let error = overlay.read_at(0, &mut bytes).expect_err("two bytes are left");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(overlay.write_at(u64::MAX, b"xy").is_err());
    }
}
